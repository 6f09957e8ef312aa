"""Measures in a process of its own what can be done once in each, or must not meet the others."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Mapping
from pathlib import Path

from .harness import WrongAnswerError

__all__ = ("measured",)


async def measured(
    program: str,
    *arguments: str,
    environment: Mapping[str, str] | None = None,
    where: Path | None = None,
    python: str = sys.executable,
) -> float:
    """Run a Python program, and return the figure that it prints last.

    Raises:
        WrongAnswerError: the program failed; the last line that it has printed says why.
    """
    process = await asyncio.create_subprocess_exec(
        python,
        "-c",
        program,
        *arguments,
        stdout=asyncio.subprocess.PIPE,
        env={**os.environ, **(environment or {})},
        cwd=where,
    )
    output, _ = await process.communicate()
    last = output.decode().strip().rpartition("\n")[2]
    if process.returncode:
        raise WrongAnswerError(f"{' '.join(arguments)} ended with {process.returncode}: {last}")
    return float(last)
