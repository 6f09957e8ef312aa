"""The state of a mock's scenarios: names and their values, changed by routes as they answer."""

from __future__ import annotations

from collections.abc import Iterator, MutableMapping
from typing import Any

__all__ = ("State",)


class State(MutableMapping[str, Any]):
    """A mapping in which a name that was never set is ``None``."""

    def __init__(self) -> None:
        self._values: dict[str, Any] = {}

    def __getitem__(self, name: str) -> Any:
        return self._values.get(name)

    def __setitem__(self, name: str, value: Any) -> None:
        self._values[name] = value

    def __delitem__(self, name: str) -> None:
        self._values.pop(name, None)

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def __repr__(self) -> str:
        return f"<State {self._values!r}>"

    def holds(self, condition: tuple[str, Any] | None) -> bool:
        """Tell whether the name of *condition* has its value."""
        return condition is None or self[condition[0]] == condition[1]

    def set(self, change: tuple[str, Any]) -> None:
        """Give the name of *change* its value."""
        name, value = change
        self._values[name] = value
