"""Where the other libraries are installed: not all of them can be with the same aiohttp.

``python -m benchmarks.environments`` makes what is missing under ``.venv-peers``, with the Python
that runs it; ``make bench`` does that first. A library that cannot be installed does not keep the
others from it: the benchmarks leave it out, and say so.
"""

from __future__ import annotations

import importlib.util
import subprocess
import sys
import venv
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from .harness import LeftOutError

__all__ = ("HOMES", "Home", "python_of")

ROOT: Final = Path(__file__).parents[1] / ".venv-peers"


@dataclass(frozen=True)
class Home:
    """Where a library lives.

    Attributes:
        environment: the name of a directory.
        requirement: what pip is told to install.
        module: what is imported.
    """

    environment: str
    requirement: str
    module: str


# aioresponses 0.7.9 answers nothing on a newer aiohttp than this.
_LAST_FOR_AIORESPONSES: Final = "aiohttp-3.13.5"

SHARED: Final = ("pytest", "pytest-asyncio", "uvloop; sys_platform != 'win32'")
"""What every environment has beside its libraries."""

HOMES: Final = {
    "aiointercept": Home("newest", "aiointercept", "aiointercept"),
    "aioresponses": Home(_LAST_FOR_AIORESPONSES, "aioresponses==0.7.9", "aioresponses"),
    "aioresponses-ng": Home("newest", "aioresponses-ng", "aioresponses"),
    "aresponses": Home("newest", "aresponses", "aresponses"),
    "asyncly.srvmocker": Home("newest", "asyncly", "asyncly"),
    "mocket": Home("newest", "mocket", "mocket"),
    "pytest-httpserver": Home("newest", "pytest-httpserver", "pytest_httpserver"),
    "vcrpy": Home("newest", "vcrpy", "vcr"),
}
"""Where each peer lives."""


def python_of(peer: str) -> str:
    """Return the interpreter that has *peer*: its environment's, or else this one.

    Raises:
        LeftOutError: none has.
    """
    home = HOMES[peer]
    python = _python_in(home.environment)
    if python.exists():
        if _stamp(peer).exists():
            return str(python)
        raise LeftOutError(f"`pip install {home.requirement}` failed")
    if peer not in _ELSEWHERE_ALONE and importlib.util.find_spec(home.module) is not None:
        return sys.executable
    raise LeftOutError("not installed: `python -m benchmarks.environments` does it")


# Of the same name as each other: what is installed here may be either, and not work.
_ELSEWHERE_ALONE: Final = frozenset({"aioresponses", "aioresponses-ng"})


def make() -> None:
    """Make the environments that are missing, and install what is missing in them."""
    for name in dict.fromkeys(home.environment for home in HOMES.values()):
        made = ROOT / name / "made.stamp"
        if not made.exists():
            print(f"Setting up .venv-peers/{name} ...", flush=True)
            venv.create(ROOT / name, clear=True, with_pip=True)
            aiohttp = "aiohttp" if name == "newest" else name.replace("-", "==")
            if _install(name, aiohttp, *SHARED):
                made.touch()
    for peer, home in HOMES.items():
        if not _stamp(peer).exists():
            if _install(home.environment, home.requirement):
                _stamp(peer).touch()
            else:
                print(f"{peer} is left out: pip could not install it.", flush=True)


def _install(environment: str, *requirements: str) -> bool:
    pip = [str(_python_in(environment)), "-m", "pip", "--disable-pip-version-check", "--quiet"]
    ran = subprocess.run([*pip, "install", *requirements], check=False)  # noqa: S603 - our own pip
    return ran.returncode == 0


def _python_in(environment: str) -> Path:
    scripts = ROOT / environment / ("Scripts" if sys.platform == "win32" else "bin")
    return scripts / "python"


def _stamp(peer: str) -> Path:
    return ROOT / HOMES[peer].environment / f"{peer}.stamp"


if __name__ == "__main__":
    make()
