"""The constructors of a script's steps; they refuse what could not be waited for or sent."""

from __future__ import annotations

from inspect import iscoroutinefunction
from typing import Any, Final, TypeAlias, cast

from aiohttp import WSMsgType

from ..routing.given import checked_json
from ..routing.values import is_pattern
from ..unset import UNSET, is_any
from .calling import check_call
from .checked import checked_seconds, encode_text
from .steps import (
    BYTES,
    PATIENCE,
    Drop,
    Expect,
    ExpectClose,
    ExpectControl,
    Send,
    SendClose,
    SendControl,
    Step,
    Wait,
    as_message,
)

__all__ = (
    "close",
    "drop",
    "expect",
    "expect_close",
    "expect_ping",
    "expect_pong",
    "ping",
    "pong",
    "send",
    "wait",
)

Bytes: TypeAlias = "bytes | bytearray | memoryview"

_LONGEST_CONTROL: Final = 125  # of a ping's or close's data, in bytes: RFC 6455 section 5.5
_LONGEST_REASON: Final = _LONGEST_CONTROL - 2
_UNSENDABLE: Final = {1005, 1006, 1015}  # RFC 6455 section 7.4.1
_LARGEST_CODE: Final = 65535  # two bytes
_TIMEOUT: Final = "a number of seconds, more than 0, or None"
_NOT_GIVEN: Any = UNSET


def expect(
    message: Any = UNSET, *, json_subset: Any = UNSET, timeout: float | None = PATIENCE
) -> Expect:
    """Wait for a message, which must be as expected.

    Args:
        message: a str is a text; bytes are binary data; a compiled expression is to be found in a
            message of its kind; a function is given the ``Frame`` and tells whether it is right;
            ``ANY`` is any message. Any other value is JSON, whether sent as text or as bytes, in
            which ``ANY`` may stand for parts.
        json_subset: a JSON value that the message contains, at any depth, in place of *message*.
        timeout: how long to wait, in seconds; None is for ever.

    Raises:
        TypeError: an argument is of a wrong type, or what is expected could never come.
        ValueError: *timeout* is not more than 0.
    """
    if (message is UNSET) is (json_subset is UNSET):
        raise TypeError("expect() takes a message or json_subset=; ANY is any message.")
    if iscoroutinefunction(message):
        raise TypeError(f"expect() takes a plain function, not the coroutine function {message!r}.")
    if isinstance(message, (Step, type)):
        raise TypeError(f"expect() takes what is to come, not {message!r}.")
    _check_timeout(timeout)
    if message is UNSET:
        subset = checked_json("json_subset", json_subset)
        return Expect(subset, subset=True, timeout=timeout)
    return Expect(_checked_message(message), timeout=timeout)


def _checked_message(message: Any) -> Any:
    if isinstance(message, BYTES):
        return bytes(cast("bytes", message))
    if isinstance(message, str) or is_pattern(message) or is_any(message):
        return message
    if callable(message):
        check_call(message, "a function given to expect()", "frame")
        return message
    return checked_json("message", message)


def expect_ping(payload: Bytes | str = _NOT_GIVEN, *, timeout: float | None = PATIENCE) -> Step:
    """Wait for a ping, with *payload* if it is given."""
    return _expect_control(WSMsgType.PING, payload, timeout)


def expect_pong(payload: Bytes | str = _NOT_GIVEN, *, timeout: float | None = PATIENCE) -> Step:
    """Wait for a pong, with *payload* if it is given."""
    return _expect_control(WSMsgType.PONG, payload, timeout)


def expect_close(code: int | None = None, *, timeout: float | None = PATIENCE) -> ExpectClose:
    """Wait until the client closes, with *code* if it is given; the script ends here.

    A close without a code has the code 0.
    """
    if code is not None:
        _check_code(code)
        if code != 0 and not 1000 <= code <= _LARGEST_CODE:
            raise ValueError(
                f"code must be one that may come, 1000 to {_LARGEST_CODE}, or 0 for a close "
                f"without one, not {code}"
            )
    _check_timeout(timeout)
    return ExpectClose(code, timeout)


def send(message: Any) -> Send:
    """Send a message.

    Args:
        message: a str is sent as text, bytes as binary data, any other value as JSON. A function
            is given the last ``Frame`` that was received, and returns one of these.

    Raises:
        TypeError: it is no JSON, or a function that takes something else.
        ValueError: it is text that is no UTF-8.
    """
    if isinstance(message, (Step, type)) or is_any(message) or is_pattern(message):
        raise TypeError(f"send() takes what is to be sent, not {message!r}.")
    if iscoroutinefunction(message):
        raise TypeError(f"send() takes a plain function, not the coroutine function {message!r}.")
    if isinstance(message, BYTES):
        message = bytes(cast("bytes", message))
    if isinstance(message, str):
        encode_text("message", message)
    if callable(message):
        check_call(message, "a function given to send()", "frame")
    else:
        as_message(message)
    return Send(message)


def ping(payload: Bytes | str = b"") -> SendControl:
    """Send a ping. The client answers with a pong by itself; ``expect_pong`` waits for it."""
    return SendControl(WSMsgType.PING, _checked_payload(payload))


def pong(payload: Bytes | str = b"") -> SendControl:
    """Send a pong that nobody asked for."""
    return SendControl(WSMsgType.PONG, _checked_payload(payload))


def close(code: int = 1000, reason: str = "") -> SendClose:
    """Close the WebSocket; the script ends here.

    Args:
        code: 1000 is a normal end; 3000 to 4999 are free for applications.
        reason: text of up to 123 bytes in UTF-8.
    """
    _check_code(code)
    if not 1000 <= code <= 4999 or code in _UNSENDABLE:
        lost = " For the abrupt loss that clients call 1006, write drop()." if code == 1006 else ""
        raise ValueError(
            f"code must be one that may be sent, 1000 to 4999 but not 1005, 1006 or 1015, "
            f"not {code}.{lost}"
        )
    if len(encode_text("reason", reason)) > _LONGEST_REASON:
        raise ValueError(f"reason must have at most {_LONGEST_REASON} bytes: {reason!r:.60}")
    return SendClose(code, reason)


def drop() -> Drop:
    """Lose the connection, without a closing frame; the script ends here."""
    return Drop()


def wait(seconds: float) -> Wait:
    """Do nothing for *seconds*."""
    return Wait(checked_seconds("seconds", seconds))


def _expect_control(kind: WSMsgType, payload: Any, timeout: float | None) -> ExpectControl:
    _check_timeout(timeout)
    wanted = UNSET if payload is UNSET else _checked_payload(payload)
    return ExpectControl(kind, wanted, timeout)


def _checked_payload(payload: Any) -> bytes:
    if not isinstance(payload, (str, *BYTES)):
        raise TypeError(f"payload must be bytes, not {type(payload).__name__}: {payload!r:.60}")
    is_text = isinstance(payload, str)
    data = encode_text("payload", payload) if is_text else bytes(cast("bytes", payload))
    if len(data) > _LONGEST_CONTROL:
        raise ValueError(f"payload must have at most {_LONGEST_CONTROL} bytes, not {len(data)}")
    return data


def _check_code(code: Any) -> None:
    if not isinstance(code, int) or isinstance(code, bool):
        raise TypeError(f"code must be an int, not {type(code).__name__}: {code!r}")


def _check_timeout(timeout: Any) -> None:
    if timeout is None:
        return
    if checked_seconds("timeout", timeout, _TIMEOUT) == 0:
        raise ValueError(f"timeout must be {_TIMEOUT}, not {timeout!r}")
