from __future__ import annotations

import pkgutil
from importlib import import_module
from types import ModuleType

import pytest

from aiointercept_connector import replies


def test_names() -> None:
    """Every name of the namespace is there, and listed."""
    assert sorted(replies.__all__) == sorted(replies._HOME)
    for name in replies.__all__:
        assert not isinstance(getattr(replies, name), ModuleType)
        assert name in dir(replies)


def test_no_module_in_the_way() -> None:
    """No module of the package has one of these names: once imported, it would hide the other."""
    modules = [module.name for module in pkgutil.iter_modules(replies.__path__)]
    for module in modules:
        import_module(f"{replies.__name__}.{module}")
    assert not set(modules) & set(replies.__all__)


def test_unknown_name() -> None:
    """A name that is not there is an `AttributeError`, as of any module."""
    with pytest.raises(AttributeError, match=r"replies' has no attribute 'jsn'$"):
        replies.jsn  # noqa: B018 - on purpose
