"""What loading the plugin costs those who do not use it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.plugin.running import ROOT, run_pytest


def test_the_package_does_not_import_pytest() -> None:
    """Whoever uses the package without pytest needs none."""
    program = "import sys, aiointercept_connector; sys.exit('pytest' in sys.modules)"
    subprocess.run([sys.executable, "-c", program], cwd=ROOT, check=True)


def test_the_plugin_imports_little(tmp_path: Path) -> None:
    """A run that asks for none of the fixtures has two modules beside the package itself."""
    source = """
import subprocess, sys

def ours(modules):
    return {name for name in modules if name.startswith("aiointercept_connector")}

def test_loaded():
    program = "import sys, aiointercept_connector; print(*sys.modules)"
    printed = subprocess.check_output([sys.executable, "-c", program], text=True)
    assert ours(sys.modules) - ours(printed.split()) == {
        "aiointercept_connector.pytest_plugin",
        "aiointercept_connector.seed_fixtures",
    }
"""
    assert run_pytest(tmp_path, source).outcomes == {"passed": 1}
