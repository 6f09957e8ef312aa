"""Path templates: paths with holes, ``{name}`` and ``{name:regex}``, and how they are written."""

from __future__ import annotations

import re
from typing import NamedTuple
from urllib.parse import unquote

from yarl import URL

__all__ = ("PathTemplate", "Segment", "parse_template")


class Segment(NamedTuple):
    """What stands between two slashes: a literal, or with a hole in it what comes before that."""

    start: str
    is_literal: bool


class PathTemplate(NamedTuple):
    """A path with holes: ``{name}`` is a segment, or part of one, ``{name:regex}`` what it says.

    Attributes:
        text: the template as it was written.
        regex: what a whole path must match, percent-encoded.
        shape: its segments, one by one.
        spans: whether a hole may contain a slash; *shape* then ends before it.
    """

    text: str
    regex: re.Pattern[str]
    shape: tuple[Segment, ...]
    spans: bool

    def values(self, path: str) -> dict[str, str] | None:
        """Return what stands in the holes, decoded, or None if the path does not fit."""
        found = self.regex.fullmatch(path)
        if found is None:
            return None
        return {name: unquote(value or "") for name, value in found.groupdict().items()}

    def __eq__(self, other: object) -> bool:
        return isinstance(other, PathTemplate) and self.regex == other.regex

    def __hash__(self) -> int:
        return hash(self.regex)

    def __repr__(self) -> str:
        return f"PathTemplate({self.text!r})"


_SEGMENT = "[^/]+"
# Expressions of digits, words, simple classes and quantifiers: they cannot match a slash.
_STAYS_IN_SEGMENT = re.compile(
    r"(?:\\[dw]|\[\^/\]|\[(?:\\[dw]|\w-\w|\w)+-?\]|\w|-|\||\(\?:|\)|[+*?]|\{\d+(?:,\d*)?\})+"
)
# Stand for holes while a template is cut into segments; no URL contains them.
_HOLE, _SPANNING_HOLE = "\0", "\1"


def parse_template(text: str) -> PathTemplate:
    """Return the template that *text*, a path, describes.

    Raises:
        ValueError: a brace is left open, or a name or expression is wrong.
    """
    expression = marked = ""
    holes: list[tuple[str, str]] = []
    for piece in re.split(r"(\0\d+\0)", _numbered(text, holes)):
        if piece.startswith(_HOLE):
            name, inner = holes[int(piece.strip(_HOLE))]
            expression += f"(?P<{name}>{inner})"
            stays = inner == _SEGMENT or _STAYS_IN_SEGMENT.fullmatch(inner)
            marked += _HOLE if stays else _SPANNING_HOLE
        else:
            literal = _quoted(piece)
            expression += re.escape(literal)
            marked += literal
    decided, spanning, _ = marked.partition(_SPANNING_HOLE)
    segments = decided.split("/")[: -1 if spanning else None]
    shape = tuple(Segment(one.partition(_HOLE)[0], _HOLE not in one) for one in segments)
    return PathTemplate(text, _compiled(text, expression), shape, bool(spanning))


def _numbered(text: str, holes: list[tuple[str, str]]) -> str:
    """Return *text* with its holes numbered, and put their names and expressions into *holes*."""
    result, depth, start = "", 0, 0
    for at, char in enumerate(text):
        if char == "{":
            depth += 1
            start = at if depth == 1 else start
        elif char == "}":
            depth -= 1
            if depth == 0:
                result += f"{_HOLE}{len(holes)}{_HOLE}"
                holes.append(_hole(text, text[start + 1 : at]))
                continue
        if depth < 0:
            break
        if depth == 0:
            result += char
    if depth != 0:
        raise ValueError(f"url: the braces of the path template {text!r} do not match")
    return result


def _hole(text: str, hole: str) -> tuple[str, str]:
    name, colon, inner = hole.partition(":")
    if not name.isidentifier() or (colon and not inner):
        raise ValueError(
            f"url: {{{hole}}} in the path template {text!r} must be {{name}} or {{name:regex}}. "
            f"To mean the braces themselves, give a yarl.URL."
        )
    return name, inner or _SEGMENT


def _quoted(literal: str) -> str:
    # Between letters a dot is no segment of its own, to be taken away.
    return URL(f"http://h/x{literal}x").raw_path[2:-1]


def _compiled(text: str, expression: str) -> re.Pattern[str]:
    try:
        return re.compile(expression)
    except re.error as exc:
        raise ValueError(f"url: the path template {text!r} is wrong: {exc.msg}") from exc
