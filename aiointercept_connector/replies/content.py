"""Replies of known content: JSON, text, HTML, bytes, forms, and what a serializer makes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Final, TypedDict, cast
from urllib.parse import urlencode

from .checked import check_mapping, checked_list, encode_text
from .cookies import Cookies, with_cookies
from .serializers import JSON, Serializer
from .static import StaticReply, static_reply

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from .encoding import EncodedReply, Encoding
    from .framed import Interim, Trailers

__all__ = ("ContentOptions", "bytes", "form", "html", "json", "serialized", "text")

_UTF_8: Final = "; charset=utf-8"
_FIELDS: Final = "a mapping, or a list of (name, value) pairs"
_Bytes = bytes  # the built-in one, which the function of that name hides below


class ContentOptions(TypedDict, total=False):
    """What every reply of known content takes beside the content and the status.

    Attributes:
        headers: response headers; a multidict may repeat a name.
        cookies: cookies to set: names and values. A value is text, a dict with ``value`` and
            attributes (``max_age``, ``httponly``, …), or a ``Morsel``.
        content_type: the ``Content-Type``, unless *headers* has one.
        reason: the reason phrase, if not the usual one of the status.
        encoding: ``"gzip"``, ``"deflate"``, ``"br"`` or ``"zstd"``: the body is compressed for
            clients that accept it.
        interim: responses to send before this one, as ``[(103, {"Link": …})]``.
        trailers: fields to send behind the body, which is sent in chunks then.
    """

    headers: Mapping[str, str] | None
    cookies: Cookies | None
    content_type: str | None
    reason: str | None
    encoding: Encoding | None
    interim: Interim
    trailers: Trailers | None


def json(
    value: Any, status: int = 200, **options: Unpack[ContentOptions]
) -> StaticReply | EncodedReply:
    """Answer with *value* as JSON; ``None`` is JSON null.

    Args:
        value: what can be serialised as JSON.
        status: the status code, 100 to 599.
        **options: see ``ContentOptions``.

    Raises:
        TypeError: *value* cannot be serialised, or an option is of a wrong type or unknown.
        ValueError: the reply cannot be sent as HTTP.

    Example:
        ``mock.get(url, reply=replies.json({"id": 1}, cookies={"session": "s"}))``
    """
    return serialized(value, JSON, status, **options)


def serialized(
    value: Any, serializer: Serializer, status: int = 200, **options: Unpack[ContentOptions]
) -> StaticReply | EncodedReply:
    """Answer with *value* in the format of *serializer*; see ``json``.

    Args:
        value: what the serializer takes.
        serializer: one of ``replies.JSON``, ``MSGPACK``, ``YAML`` and ``TOML``, or your own
            ``Serializer(dumps, content_type)``.
        status: the status code, 100 to 599.
        **options: see ``ContentOptions``.

    Raises:
        ImportError: the serializer needs a package that is missing; the message says which.
    """
    if not isinstance(serializer, Serializer):
        raise TypeError(
            f"serializer must be a Serializer, not {type(serializer).__name__}: {serializer!r:.60}"
        )
    return _reply(serializer.serialize(value), serializer.content_type, status, **options)


def text(
    body: str, status: int = 200, **options: Unpack[ContentOptions]
) -> StaticReply | EncodedReply:
    """Answer with text, sent as UTF-8; see ``json``."""
    return _reply(encode_text("body", body), "text/plain" + _UTF_8, status, **options)


def html(
    body: str, status: int = 200, **options: Unpack[ContentOptions]
) -> StaticReply | EncodedReply:
    """Answer with an HTML page, sent as UTF-8; see ``json``."""
    return _reply(encode_text("body", body), "text/html" + _UTF_8, status, **options)


def bytes(  # noqa: A001 - it is read as `replies.bytes`
    body: _Bytes | bytearray | memoryview, status: int = 200, **options: Unpack[ContentOptions]
) -> StaticReply | EncodedReply:
    """Answer with bytes; see ``json``."""
    if not isinstance(body, (_Bytes, bytearray, memoryview)):
        raise TypeError(f"body must be bytes, not {type(body).__name__}: {body!r:.60}")
    return _reply(_Bytes(body), "application/octet-stream", status, **options)


def form(
    fields: Mapping[str, Any] | Iterable[tuple[str, Any]],
    status: int = 200,
    **options: Unpack[ContentOptions],
) -> StaticReply | EncodedReply:
    """Answer with the fields of a form, URL-encoded; see ``json``.

    Args:
        fields: names and values, as a mapping or as pairs; a list is a value for each of its items.
            A value is text, bytes or a number.
        status: the status code, 100 to 599.
        **options: see ``ContentOptions``.
    """
    given: Any = fields
    if isinstance(fields, Mapping):
        given = cast("Mapping[str, Any]", fields).items()
    pairs = [_pair(one) for one in checked_list("fields", given, _FIELDS)]
    body = urlencode([(name, value) for name, values in pairs for value in values])
    return _reply(body.encode(), "application/x-www-form-urlencoded", status, **options)


def _pair(pair: Any) -> tuple[str, list[Any]]:
    """Return the name and the values of a field."""
    match pair:
        case (str() as name, value) if not isinstance(pair, str):
            encode_text("fields: a name", name)
            argument = f"fields[{name!r}]"
        case _:
            raise TypeError(f"fields must be {_FIELDS}; a pair is not {pair!r:.60}")
    values = list(cast("list[Any]", value)) if isinstance(value, (list, tuple)) else [value]
    for one in values:
        _check_field(argument, one)
    return name, values


def _check_field(argument: str, value: Any) -> None:
    if isinstance(value, str):
        encode_text(argument, value)
    elif isinstance(value, bool) or not isinstance(value, (_Bytes, int, float)):
        raise TypeError(
            f"{argument} must be str, bytes, int or float, or a list of these, "
            f"not {type(value).__name__}: {value!r:.60}"
        )


def _reply(
    body: _Bytes,
    kind: str,
    status: int,
    *,
    headers: Mapping[str, str] | None = None,
    cookies: Cookies | None = None,
    content_type: str | None = None,
    reason: str | None = None,
    encoding: Encoding | None = None,
    interim: Interim = (),
    trailers: Trailers | None = None,
) -> StaticReply | EncodedReply:
    reply = static_reply(
        status=status,
        body=body,
        headers=headers if cookies is None else with_cookies(headers, cookies),
        content_type=kind if content_type is None else content_type,
        reason=reason,
    )
    interim = checked_list("interim", interim, "a list of (status, headers) pairs")
    if trailers is not None:
        check_mapping("trailers", trailers)
    if encoding is None:
        return _framed(reply, interim, trailers)
    from .encoding import EncodedReply, both_ways

    plain, encoded = both_ways(reply, encoding)
    return EncodedReply(
        encoding, _framed(plain, interim, trailers), _framed(encoded, interim, trailers)
    )


def _framed(reply: StaticReply, interim: Interim, trailers: Trailers | None) -> StaticReply:
    if not interim and not trailers:
        return reply
    from .framed import FramedReply

    return FramedReply(reply, interim, trailers)
