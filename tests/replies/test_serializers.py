from __future__ import annotations

import json
import sys
from importlib import import_module
from typing import Any

import msgspec
import pytest
import tomli_w

from aiointercept_connector import replies
from tests.replies.support import asked_of

# Without types, or with another name in another version.
yaml: Any = import_module("yaml")
tomllib: Any = import_module("tomllib" if sys.version_info >= (3, 11) else "tomli")

pytestmark = pytest.mark.anyio

VALUE = {"name": "zoë", "sizes": [1, 2.5], "deep": {"ok": True}}

FORMATS = [
    pytest.param(replies.JSON, "application/json", json.loads, id="JSON"),
    pytest.param(replies.MSGPACK, "application/msgpack", msgspec.msgpack.decode, id="MSGPACK"),
    pytest.param(replies.YAML, "application/yaml", yaml.safe_load, id="YAML"),
    pytest.param(
        replies.TOML, "application/toml", lambda body: tomllib.loads(body.decode()), id="TOML"
    ),
]


@pytest.mark.parametrize(("serializer", "kind", "loads"), FORMATS)
async def test_formats(serializer: Any, kind: str, loads: Any, wire: str) -> None:
    """A value arrives as it was, by the judgement of a reader of the format."""
    answer = await asked_of(replies.serialized(VALUE, serializer), wire)
    assert answer.content_type == kind
    assert loads(answer.body) == VALUE


def test_yaml_is_readable() -> None:
    """YAML keeps the order of keys, and letters as they are."""
    assert replies.YAML.serialize({"b": "ë", "a": 1}) == "b: ë\na: 1\n".encode()


@pytest.mark.parametrize(
    ("serializer", "package", "module", "extra"),
    [
        (replies.MSGPACK, "msgspec", "msgspec.msgpack", "msgpack"),
        (replies.YAML, "yaml", "yaml", "yaml"),
        (replies.TOML, "tomli_w", "tomli_w", "toml"),
    ],
)
def test_missing_package(
    serializer: Any, package: str, module: str, extra: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where a package is missing, the error of making the reply says what to install."""
    monkeypatch.setitem(sys.modules, module, None)  # which is how Python marks it as missing
    with pytest.raises(ImportError) as raised:
        replies.serialized({}, serializer)
    assert str(raised.value) == (
        f"{package!r} is not installed, which this needs: "
        f"pip install 'aiointercept-connector[{extra}]'"
    )


@pytest.mark.parametrize(
    ("serializer", "value", "kind"),
    [
        (replies.JSON, {1}, "application/json"),
        (replies.MSGPACK, object(), "application/msgpack"),
        (replies.YAML, object(), "application/yaml"),
        (replies.TOML, {"a": None}, "application/toml"),
        (replies.TOML, [1], "application/toml"),
    ],
)
def test_not_serialisable(serializer: Any, value: Any, kind: str) -> None:
    """What the format does not have is a `TypeError` that names it."""
    with pytest.raises(TypeError, match=f"^value cannot be sent as {kind}: "):
        replies.serialized(value, serializer)


def test_bad_dumps() -> None:
    """A serializer that returns neither text nor bytes is told so."""
    with pytest.raises(TypeError, match=r"^dumps must return str or bytes, not int: 5$"):
        replies.serialized(1, replies.Serializer(lambda value: 5, "a/b"))  # type: ignore[arg-type,return-value] # on purpose


def test_value() -> None:
    """A serializer is a value with a short repr."""
    assert replies.Serializer(tomli_w.dumps, "a/b") == replies.Serializer(tomli_w.dumps, "a/b")
    assert repr(replies.JSON) == "<Serializer application/json>"
