"""Faults on the wire, as scripts: what the server writes, and how it ends the connection.

Each is given the fault, for its arguments, and a question: what the request is.
"""

from __future__ import annotations

import base64
import hashlib
import math
from collections.abc import Mapping
from typing import Final

from aiohttp import hdrs
from multidict import CIMultiDict

from ..replies.static import default_reason, is_bodiless, serialise_head
from .kind import Fault
from .playing import End, Pass, Question, Read, Script

__all__ = ("head", "response")

_DECLARED: Final = 100
_RESERVED_OPCODE: Final = b"\x83\x00"
_WEBSOCKET_GUID: Final = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"  # RFC 6455 section 1.3
_SURPLUS: Final = b"HTTP/1.1 500 Surplus\r\n\r\n"
_GET: Final = Question()
_HEAD: Final = Question(hdrs.METH_HEAD)
# What says how long a body is: one of them, and not the other (RFC 9112 section 6.3).
_FRAMING: Final = frozenset({hdrs.CONTENT_LENGTH, hdrs.TRANSFER_ENCODING})


def response(fault: Fault, body: bytes = b"", question: Question = _GET, **headers: str) -> bytes:
    """Return a response with the fault's status and headers, and a body of known length."""
    if not body and is_bodiless(fault["status"]):
        return head(fault, _named(headers))
    _check_allows_body(fault)
    framing = {hdrs.CONTENT_LENGTH: str(len(body)), **_named(headers)}
    return head(fault, framing) + _asked(body, question)


def head(fault: Fault, framing: Mapping[str, str]) -> bytes:
    """Return the head of a response with the fault's status and headers.

    Raises:
        ValueError: the fault's headers say what *framing* says.
    """
    status = fault["status"]
    headers: CIMultiDict[str] = CIMultiDict(framing)
    given: CIMultiDict[str] = CIMultiDict(fault["headers"] or {})
    for name in {*framing, *(_FRAMING if _FRAMING & framing.keys() else ())}:
        if name in given:
            raise ValueError(
                f"headers: faults.{fault.kind.name}() says itself what it is about: "
                f"leave out {name}."
            )
    headers.extend(given)
    return serialise_head(status, default_reason(status), headers) + b"\r\n"


def _named(headers: Mapping[str, str]) -> dict[str, str]:
    return {name.replace("_", "-"): value for name, value in headers.items()}


def _asked(body: bytes, question: Question) -> bytes:
    return body if question.wants_body else b""


def _check_allows_body(fault: Fault) -> None:
    if is_bodiless(fault["status"]):
        raise ValueError(
            f"status={fault['status']}: HTTP allows no body with it, and "
            f"faults.{fault.kind.name}() has one. Take another status, such as 200 or 500."
        )


def _part_of_head(fault: Fault) -> bytes:
    given: CIMultiDict[str] = CIMultiDict(fault["headers"] or {})
    framed = any(name in given for name in _FRAMING) or is_bodiless(fault["status"])
    framing: dict[str, str] = {} if framed else {hdrs.CONTENT_LENGTH: str(_DECLARED)}
    whole = head(fault, framing)
    if fault["after"] >= len(whole):
        raise ValueError(
            f"after={fault['after']}: the head of this response has {len(whole)} bytes, and "
            f"faults.{fault.kind.name}() happens before its end. For the body there are "
            f"faults.truncated(), faults.reset_body() and faults.stall_body()."
        )
    after: int = fault["after"]
    return whole[:after]


def _part_of_body(fault: Fault, question: Question) -> bytes:
    _check_allows_body(fault)
    size: int = fault["after"]
    if fault.get("chunked", False):
        return _part_in_chunks(fault, question)
    framing: dict[str, str] = {hdrs.CONTENT_LENGTH: str(size + _DECLARED)}
    return head(fault, framing) + _asked(b"x" * size, question)


def _part_in_chunks(fault: Fault, question: Question, then: bytes = b"") -> bytes:
    size: int = fault["after"]
    chunk = b"%x\r\n%b\r\n" % (size, b"x" * size) if size else b""
    return head(fault, {hdrs.TRANSFER_ENCODING: "chunked"}) + _asked(chunk + then, question)


# Of the request.


def stall_request(fault: Fault, _: Question) -> Script:
    yield Read(fault["after"])
    yield Pass(fault.lasts, fault["virtual"])
    yield Read(None)
    yield response(fault)
    yield End.KEEP


def reset_request(fault: Fault, _: Question) -> Script:
    yield Read(fault["after"])
    yield End.RESET


def answer_early(fault: Fault, _: Question) -> Script:
    yield response(fault, Connection="close")
    yield End.CLOSE


# Of the head.


def close_before_answer(fault: Fault, _: Question) -> Script:
    yield _part_of_head(fault)
    yield End.CLOSE


def reset_before_answer(fault: Fault, _: Question) -> Script:
    yield _part_of_head(fault)
    yield End.RESET


def stall_before_answer(fault: Fault, question: Question) -> Script:
    part = _part_of_head(fault)
    yield part
    yield Pass(fault.lasts, fault["virtual"])
    if fault.lasts < math.inf:
        body = b"" if is_bodiless(fault["status"]) else b"x" * _DECLARED
        yield response(fault, body, question)[len(part) :]
    yield End.KEEP


def bad_status_line(_: Fault, __: Question) -> Script:
    yield b"HTTP/9.9 banana\r\n\r\n"
    yield End.HOLD


def bad_header(fault: Fault, _: Question) -> Script:
    yield head(fault, {}).removesuffix(b"\r\n") + b"Bad Header\r\n\r\n"
    yield End.HOLD


def header_too_long(fault: Fault, _: Question) -> Script:
    yield head(fault, {"X-Long": "a" * fault["after"], hdrs.CONTENT_LENGTH: "0"})
    yield End.HOLD


def wrong_content_length(fault: Fault, question: Question) -> Script:
    length, body = fault["length"], fault["body"]
    if length is None:
        yield head(fault, {hdrs.CONTENT_LENGTH: "banana"})
        yield End.HOLD
        return
    _check_allows_body(fault)
    if length == len(body):
        raise ValueError(
            f"length={length}: that many bytes the body has, and faults.{fault.kind.name}() is to "
            f"say something else. Give another length, or another body."
        )
    yield head(fault, {hdrs.CONTENT_LENGTH: str(length)}) + _asked(body, question)
    if length > len(body) and question.wants_body:
        # The server has sent all that it has.
        yield Pass(math.inf, fault["virtual"])
    yield End.KEEP


def unknown_encoding(fault: Fault, question: Question) -> Script:
    body = b"x" * 10
    if fault["content"]:
        yield response(fault, body, question, Content_Encoding="banana")
        yield End.KEEP
        return
    _check_allows_body(fault)
    yield head(fault, {hdrs.TRANSFER_ENCODING: "banana"}) + _asked(body, question)
    yield End.CLOSE


# Of the body. HEAD gets the head alone, and the connection ends as it would have ended; where the
# server would have kept the client waiting, there is nothing to wait for.


def truncated(fault: Fault, question: Question) -> Script:
    yield _part_of_body(fault, question)
    yield End.CLOSE


def reset_body(fault: Fault, question: Question) -> Script:
    yield _part_of_body(fault, question)
    yield End.RESET


def stall_body(fault: Fault, question: Question) -> Script:
    yield _part_of_body(fault, question)
    if question.wants_body:
        yield Pass(fault.lasts, fault["virtual"])
        yield b"0\r\n\r\n" if fault["chunked"] else b"x" * _DECLARED
    yield End.KEEP


def bad_chunk(fault: Fault, question: Question) -> Script:
    _check_allows_body(fault)
    # In one piece. Of what comes later aiohttp tells nobody, and its caller waits for a timeout.
    yield _part_in_chunks(fault, question, then=b"ZZ\r\n")
    yield End.HOLD if question.wants_body else End.KEEP


def corrupt_gzip(fault: Fault, question: Question) -> Script:
    # The magic number is right, and nothing else.
    yield response(fault, b"\x1f\x8b" + b"\0" * 18, question, Content_Encoding="gzip")
    yield End.KEEP


def extra_bytes(fault: Fault, question: Question) -> Script:
    yield response(fault, fault["body"], question) + _SURPLUS
    yield End.KEEP


def slow(fault: Fault, question: Question) -> Script:
    body, speed = fault["body"], fault["bytes_per_second"]
    size = max(1, math.floor(speed))
    yield response(fault, body, _HEAD)
    for start in range(0, len(_asked(body, question)), size):
        piece = body[start : start + size]
        yield Pass(len(piece) / speed, fault["virtual"])
        yield piece
    yield End.KEEP


def close_after(fault: Fault, question: Question) -> Script:
    yield response(fault, fault["body"], question)
    yield End.CLOSE


# Of time.


def expire_total(fault: Fault, _: Question) -> Script:
    yield Pass(math.inf, fault["virtual"], "total")


def expire_sock_read(fault: Fault, _: Question) -> Script:
    yield Pass(math.inf, fault["virtual"], "sock_read")


# Of a WebSocket.


def ws_refused(fault: Fault, _: Question) -> Script:
    yield response(fault)
    yield End.KEEP


def ws_lost(_: Fault, question: Question) -> Script:
    yield _accepted(question)
    yield End.RESET


def ws_bad_frame(_: Fault, question: Question) -> Script:
    yield _accepted(question)
    yield _RESERVED_OPCODE
    yield End.HOLD


def ws_bad_close(fault: Fault, question: Question) -> Script:
    yield _accepted(question)
    yield b"\x88\x02" + fault["code"].to_bytes(2, "big")
    yield End.HOLD


def ws_no_pong(_: Fault, question: Question) -> Script:
    yield _accepted(question)
    yield End.HOLD


def _accepted(question: Question) -> bytes:
    """Return the server's side of a WebSocket handshake (RFC 6455 section 4.2.2)."""
    key = question.headers.get(hdrs.SEC_WEBSOCKET_KEY, "").encode()
    digest = base64.b64encode(hashlib.sha1(key + _WEBSOCKET_GUID, usedforsecurity=False).digest())
    return (
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: upgrade\r\n"
        b"Sec-WebSocket-Accept: " + digest + b"\r\n\r\n"
    )
