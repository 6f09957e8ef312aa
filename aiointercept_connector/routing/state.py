"""The state of a mock's scenarios: names and their values, changed by routes as they answer."""

from __future__ import annotations

import threading
from collections.abc import Iterator, MutableMapping
from typing import Any

__all__ = ("State", "StateValue")

StateValue = tuple[str, Any]
"""A name of the state, and a value that it has or gets."""


class State(MutableMapping[str, Any]):
    """A mapping in which a name that was never set is ``None``.

    Attributes:
        lock: held while a route looks at the state and changes it; may be entered again.
        version: counts the changes.
    """

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.version = 0
        self._values: dict[str, Any] = {}

    def __getitem__(self, name: str) -> Any:
        return self._values.get(name)

    def __setitem__(self, name: str, value: Any) -> None:
        with self.lock:
            self._values[name] = value
            self.version += 1

    def __delitem__(self, name: str) -> None:
        with self.lock:
            self._values.pop(name, None)
            self.version += 1

    def __contains__(self, name: object) -> bool:
        return name in self._values

    def __iter__(self) -> Iterator[str]:
        return iter(tuple(self._values))

    def __len__(self) -> int:
        return len(self._values)

    def __repr__(self) -> str:
        return f"<State {self._values!r}>"

    def get(self, name: str, default: Any = None) -> Any:
        """Return the value of *name*, or *default* if it was never set."""
        return self._values.get(name, default)

    def clear(self) -> None:
        """Forget every name."""
        with self.lock:
            self.version += len(self._values)
            self._values.clear()

    def setdefault(self, name: str, default: Any = None) -> Any:
        """Return the value of *name*, which becomes *default* if it was never set."""
        with self.lock:
            if name not in self:
                self[name] = default
            return self[name]

    def pop(self, name: str, default: Any = None) -> Any:
        """Forget *name*, and return the value it had, or *default*."""
        with self.lock:
            value = self.get(name, default)
            del self[name]
            return value

    def holds(self, condition: StateValue | None) -> bool:
        """Tell whether the name of *condition* has its value."""
        return condition is None or bool(self[condition[0]] == condition[1])
