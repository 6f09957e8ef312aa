"""Makes ``import aioresponses`` give ours, so that a suite can be tried without an edit.

For pytest, ``-p aiointercept_connector.takeover --takeover=aioresponses``, on the command line or
in ``addopts``; elsewhere, ``takeover("aioresponses")`` before the first import of that name. It
makes no difference whether the library is installed.
"""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Iterable, Iterator
from importlib import import_module
from pkgutil import walk_packages
from types import ModuleType
from typing import TYPE_CHECKING, Any, Final, NamedTuple

if TYPE_CHECKING:
    import pytest

__all__ = ("LIBRARIES", "takeover")

_COMPAT: Final = f"{__name__.rpartition('.')[0]}.compat"
_PLUGIN: Final = ".pytest_plugin"


class Library(NamedTuple):
    """What is known of a library whose name is taken.

    Attributes:
        name: the name that it is imported by, which may be that of a part of a larger package.
        plugin: its module that is a pytest plugin, if it has one, as the library's entry point
            names it.
        entry_point: the name of that entry point.
        package: our package in ``compat``, if it has not the name that the option takes.
    """

    name: str
    plugin: str | None = None
    entry_point: str | None = None
    package: str | None = None


LIBRARIES: Final[dict[str, Library]] = {
    "aiointercept": Library("aiointercept", "aiointercept.pytest_plugin", "aiointercept"),
    "aioresponses": Library("aioresponses"),
    "aiohttpretty": Library("aiohttpretty", "aiohttpretty.plugin"),
    "aresponses": Library("aresponses", "aresponses.main", "aresponses"),
    "asyncly": Library("asyncly.srvmocker", "asyncly.pytest_plugin", "asyncly", "srvmocker"),
}
"""The libraries whose names can be taken."""

_taken: Final[list[str]] = []


def takeover(*names: str) -> None:
    """Make the imports of these libraries give ours, in this process, from here on.

    What took names from the original before keeps them: call it before anything imports that.

    Raises:
        ValueError: there is no library of ours for a name.
    """
    for name in names:
        if name not in LIBRARIES:
            raise ValueError(f"takeover: {name!r} is none of {', '.join(sorted(LIBRARIES))}")
        library = LIBRARIES[name]
        _replace(library, import_module(f"{_COMPAT}.{library.package or name}"))
        if name not in _taken:
            _taken.append(name)


def _replace(library: Library, package: ModuleType) -> None:
    name, plugin = library.name, library.plugin
    parent, _, last = name.rpartition(".")
    if parent:
        setattr(_imported(parent), last, package)
    for imported in [one for one in sys.modules if one == name or one.startswith(f"{name}.")]:
        del sys.modules[imported]
    sys.modules[name] = package
    for found in walk_packages(package.__path__, f"{package.__name__}."):
        if found.name.endswith(_PLUGIN) and "pytest" not in sys.modules:
            continue
        suffix = found.name.removeprefix(package.__name__)
        module = sys.modules[f"{name}{suffix}"] = import_module(found.name)
        if suffix == _PLUGIN and plugin is not None:
            # In the original it may be elsewhere.
            sys.modules[plugin] = module
    getattr(package, "taken_over", _nothing)()


def _nothing() -> None:
    """Do nothing."""


def _imported(package: str) -> ModuleType:
    """Return the larger package that a library is a part of, an empty one if there is none."""
    try:
        return import_module(package)
    except ModuleNotFoundError as exc:
        if exc.name is None or not f"{package}.".startswith(f"{exc.name}."):
            raise
    empty = sys.modules[package] = ModuleType(package)
    empty.__path__ = []
    return empty


def pytest_addoption(parser: pytest.Parser, pluginmanager: pytest.PytestPluginManager) -> None:
    """Declare the option, and do at once what it asks: plugins that come later may import."""
    parser.getgroup("aiointercept_connector").addoption(
        "--takeover",
        action="append",
        default=[],
        metavar="LIBRARY",
        help=f"make imports of LIBRARY give ours: {', '.join(sorted(LIBRARIES))}",
    )
    try:
        takeover(*_asked(pluginmanager.get_plugin("pytestconfig")))
    except ValueError as exc:
        import pytest

        raise pytest.UsageError(str(exc)) from None


def _asked(config: Any) -> list[str]:
    """Return the libraries that the options will name, before pytest has parsed them."""
    if config is None:
        return []
    given = [*_options_elsewhere(config), *config.invocation_params.args]
    # In a worker of pytest-xdist they are known already.
    return [*getattr(config.option, "takeover", ()), *_values(given)]


def _options_elsewhere(config: pytest.Config) -> list[str]:
    variable = shlex.split(os.environ.get("PYTEST_ADDOPTS", ""))
    return [*config.getini("addopts"), *variable]


def _values(arguments: Iterable[object]) -> Iterator[str]:
    """Return the values of our option among *arguments*."""
    rest = iter(map(str, arguments))
    for argument in rest:
        option, equals, value = argument.partition("=")
        if option == "--takeover":
            yield value if equals else next(rest, "")


def pytest_load_initial_conftests(early_config: pytest.Config) -> None:
    """Put our fixtures in the place of the original's, if its plugin came before this one."""
    take_fixtures(early_config.pluginmanager)


def take_fixtures(manager: pytest.PytestPluginManager) -> None:
    """Put the plugins of ours in the place of those whose names were taken."""
    for name in _taken:
        library = LIBRARIES[name]
        if library.plugin is None:
            continue
        ours = import_module(library.plugin)
        # It may have been registered by its entry point, or by `-p` or `pytest_plugins`.
        names = [one for one in (library.entry_point, library.plugin) if one is not None]
        place = library.plugin
        for one in names:
            theirs = manager.get_plugin(one)
            if theirs is not None and theirs is not ours:
                manager.unregister(theirs)
                place = one
        if not manager.is_registered(ours):
            # Where whoever asks for the original's finds it.
            manager.register(ours, place)
        for one in (*names, ours.__name__):
            if manager.get_plugin(one) is None:
                manager.set_blocked(one)


def pytest_configure(config: pytest.Config) -> None:
    """Have the workers of pytest-xdist do the same.

    They get our option in time; but ``-p`` is read there when the conftest files have been, and a
    variable is read before.
    """
    if getattr(config.option, "tx", None):
        known = os.environ.get(_VARIABLE)
        os.environ[_VARIABLE] = f"{known},{__name__}" if known else __name__
        config.add_cleanup(lambda: _restore(known))


_VARIABLE: Final = "PYTEST_PLUGINS"


def _restore(known: str | None) -> None:
    if known is None:
        del os.environ[_VARIABLE]
    else:
        os.environ[_VARIABLE] = known


def pytest_report_header(config: pytest.Config) -> list[str]:
    """Say what was taken over."""
    names: list[str] = config.option.takeover
    taken = [LIBRARIES[name].name for name in dict.fromkeys(names)]
    return [f"takeover: {name} is {sys.modules[name].__name__}" for name in taken]
