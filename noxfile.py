"""The suite over every Python and aiohttp that is promised to work: `nox --list`."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import nox

PYTHONS = ["3.10", "3.11", "3.12", "3.13"]
AIOHTTPS = ["3.10.11", "3.11.18", "3.12.15", "3.13.5", "newest"]

# The lower bounds of pyproject.toml.
OLDEST = ["aiohttp==3.10.11", "multidict==6.0.*", "wrapt==1.14.*", "yarl==1.13.*"]
# Named, so that `--upgrade` reaches them in a venv that is used again.
NEWEST = ["aiohttp", "multidict", "wrapt", "yarl"]
# The last versions of what `compat` stands in for.
ORIGINALS = ["aiointercept==1.0.0", "aioresponses==0.7.9", "aresponses==3.0.0", "asyncly==0.10.1"]

nox.needs_version = ">=2025.2.9"
nox.options.sessions = ["lint", "tests"]
nox.options.default_venv_backend = "virtualenv"
nox.options.reuse_venv = "yes"
nox.options.error_on_missing_interpreters = False
nox.options.download_python = "never"


def pyenv_root() -> Path | None:
    """Return the directory that pyenv keeps its interpreters under, if there is a pyenv."""
    if root := os.environ.get("PYENV_ROOT"):
        return Path(root)
    if pyenv := shutil.which("pyenv"):
        return Path(subprocess.check_output([pyenv, "root"], text=True).strip())
    return None


def reach_pyenv_pythons(root: Path) -> None:
    """Put pyenv's interpreters on PATH: its shims refuse the versions that are not selected."""
    for python in PYTHONS:
        # Only plain patch releases: not 3.13.0t, 3.13-dev or 3.13.0rc1.
        patches = [p.name.split(".")[-1] for p in (root / "versions").glob(f"{python}.*")]
        if latest := max(filter(str.isdigit, patches), key=int, default=None):
            binaries = root / "versions" / f"{python}.{latest}" / "bin"
            os.environ["PATH"] = f"{binaries}{os.pathsep}{os.environ['PATH']}"


if root := pyenv_root():
    reach_pyenv_pythons(root)


def run_suite(session: nox.Session, *pins: str, arguments: tuple[str, ...] = ()) -> None:
    """Install the package, its extras and the pinned versions, then run pytest."""
    groups = nox.project.dependency_groups(nox.project.load_toml("pyproject.toml"), "test")
    session.install("--upgrade", "-e", ".[all]", *groups, *pins)
    session.run("python", "-m", "pytest", "--numprocesses=auto", *arguments, *session.posargs)


@nox.session(python=PYTHONS)
@nox.parametrize("aiohttp", AIOHTTPS)
def tests(session: nox.Session, aiohttp: str) -> None:
    """Run the suite on one Python with one aiohttp."""
    run_suite(session, "aiohttp" if aiohttp == "newest" else f"aiohttp=={aiohttp}")


@nox.session(python=PYTHONS[0])
def oldest(session: nox.Session) -> None:
    """Run the suite on the oldest Python with the oldest of every core dependency."""
    run_suite(session, *OLDEST)


@nox.session(python=PYTHONS[-1])
def newest(session: nox.Session) -> None:
    """Run the suite on the newest Python with the newest of every core dependency."""
    run_suite(session, *NEWEST)


@nox.session(python="3.11")
def originals(session: nox.Session) -> None:
    """Run the tests of `compat` over the libraries whose API it is, where these still run."""
    run_suite(session, "aiohttp==3.13.5", *ORIGINALS, arguments=("tests/compat",))


@nox.session(python=False)
def lint(session: nox.Session) -> None:
    """Run what `make lint` runs."""
    session.run("make", "lint", external=True)
