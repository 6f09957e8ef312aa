"""Puts an error where its reader looks for it: at the line of the test that it is about."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Callable
from types import CodeType, FunctionType
from typing import Any, Final, TypeVar

__all__ = ("placed_at",)

E = TypeVar("E", bound=BaseException)


def placed_at(test: Callable[..., Any], error: E) -> E:
    """Return *error* with the traceback that it had if the ``def`` of *test* had raised it.

    Test runners show, count and link a failure by the last frame of its traceback.
    """
    code = getattr(inspect.unwrap(test), "__code__", None)
    if not isinstance(code, CodeType):
        return error
    raising = _RAISE.replace(
        co_filename=code.co_filename, co_firstlineno=_line_of_def(code), co_name=code.co_name
    )
    try:
        FunctionType(raising, {"error": error})()
    except type(error) as raised:
        here = raised.__traceback__
        return error.with_traceback(here and here.tb_next)
    return error


def _line_of_def(code: CodeType) -> int:
    """Return the line that names the function: its code begins at the first of its decorators."""
    try:
        lines, _ = inspect.getsourcelines(code)
    except OSError:
        return code.co_firstlineno
    defs = (at for at, line in enumerate(lines) if line.lstrip().startswith(("def ", "async def ")))
    return code.co_firstlineno + next(defs, 0)


def _raise_statement() -> CodeType:
    """Return the code of ``raise error``, whose one line is what ``co_firstlineno`` says it is."""
    module = ast.parse("raise error")
    for node in ast.walk(module):
        if isinstance(node, (ast.stmt, ast.expr)):
            # No columns: a traceback would underline them in the line of the test.
            node.col_offset = node.end_col_offset = -1
    return compile(module, __file__, "exec")


_RAISE: Final = _raise_statement()
