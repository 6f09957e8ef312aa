"""The frames of a recorded request that became a WebSocket."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Any, Final, cast

from aiohttp.web_request import Request

if TYPE_CHECKING:
    from ..replies.steps import Step
    from .frames import Conversation, Frame

__all__ = ("Conversing",)

_NOTHING: Final = nullcontext()


class Conversing(Request):
    """A request that may become a WebSocket."""

    _conversation: Conversation | None = None

    def begin_conversation(self, conversation: Conversation | None = None) -> Conversation:
        """Begin to keep the frames of a WebSocket, with the record of the client's call."""
        # Imported at its use: most requests are no WebSockets.
        from .frames import Conversation

        self._conversation = conversation or Conversation()
        return self._conversation

    def overhearing(self) -> AbstractContextManager[None]:
        """Keep the frames of a WebSocket that is begun, in a block, by somebody else than us."""
        if not self._message.upgrade:
            return _NOTHING
        # Not imported: what is of the connection, the connection does.
        listening: AbstractContextManager[None] = cast("Any", self._protocol).overhearing(self)
        return listening

    @property
    def conversation(self) -> Conversation | None:
        """What is known of the WebSocket that it became, if it became one."""
        return self._conversation

    @property
    def frames(self) -> list[Frame]:
        """The frames of a WebSocket, both ways, in order."""
        return [] if self._conversation is None else self._conversation.frames

    @property
    def received_frames(self) -> list[Frame]:
        """The frames of a WebSocket that came from the client."""
        return [frame for frame in self.frames if frame.direction == "received"]

    @property
    def sent_frames(self) -> list[Frame]:
        """The frames of a WebSocket that were sent to the client."""
        return [frame for frame in self.frames if frame.direction == "sent"]

    def assert_frames(self, expected: Iterable[Step]) -> None:
        """Assert what went over a WebSocket, both ways.

        Args:
            expected: the conversation as a script has it: ``expect(...)`` for what came from the
                client, ``send(...)`` for what was sent to it. Pings, pongs and closes are compared
                only if some of their kind are given.

        Raises:
            AssertionError: it was another one; the message shows both side by side. Or its frames
                are not all kept.
        """
        from .frames import assert_frames

        if self._conversation is not None and self._conversation.cut:
            raise AssertionError(
                f"The frames of {self.method} {self.url} cannot be compared: "
                f"{self._conversation.cut}"
            )
        assert_frames(self.frames, expected, f"{self.method} {self.url}")
