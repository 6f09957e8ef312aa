"""Notes on exceptions: what is to be said of a failure beside the failure itself."""

from __future__ import annotations

import sys
from collections.abc import Iterable

__all__ = ("add_notes",)


def add_notes(exc: BaseException, texts: Iterable[str]) -> None:
    """Note *texts* on *exc*, but for those that it has already.

    A traceback of Python 3.10 shows no notes, so that they are printed there as well.
    """
    noted: list[str] = getattr(exc, "__notes__", [])
    new = [text for text in texts if text not in noted]
    if not new:
        return
    # Python 3.10 has no add_note(); its attribute is read by pytest all the same.
    exc.__notes__ = [*noted, *new]  # type: ignore[attr-defined]  # as above
    if sys.version_info < (3, 11):
        sys.stderr.write("".join(f"{text}\n" for text in new))
