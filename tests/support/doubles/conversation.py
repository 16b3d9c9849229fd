"""A state machine in conversation: events go in with ``>>``, the commands expected of each come with ``<<``.

    assert Conversation(life.handle) >> Begin() << Look() >> Pause(60) >> Ended(1) << Kill(1)

Commands are compared exactly and in order; an event with nothing behind it asks for nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Self


@dataclass(frozen=True)
class Pause:
    """So many seconds pass before the next event."""

    seconds: float


class Conversation:
    """What was said so far, and what the last event has asked for that is not expected yet."""

    def __init__(self, handle: Callable[[Any, float], Sequence[object]], now: float = 100.0) -> None:
        self.now = now
        self._handle = handle
        self._left: list[object] = []
        self._story: list[str] = []

    def __rshift__(self, event: object) -> Self:
        """An event comes."""
        self._check(not self._left, f"not expected: {self._left}")
        self._story.append(f">> {event}")
        self._left = list(self.answer(event))
        return self

    def __lshift__(self, command: object) -> Self:
        """The next command is to be this one."""
        self._check(bool(self._left), f"expected {command}, and nothing was asked for")
        found = self._left.pop(0)
        same = type(found) is type(command) and found == command
        self._check(same, f"expected {command}\nfound    {found}")
        self._story.append(f"<< {found}")
        return self

    def __bool__(self) -> bool:
        self._check(not self._left, f"not expected: {self._left}")
        return True

    def answer(self, event: Any) -> Sequence[object]:
        """What the machine asks for after an event; a machine with events of its own overrides it."""
        if isinstance(event, Pause):
            self.now += event.seconds
            return ()
        return self._handle(event, self.now)

    def skip(self) -> Self:
        """Leaves out whatever the last event has asked for."""
        self._left.clear()
        return self

    def _check(self, holds: bool, problem: str) -> None:
        assert holds, "\n".join((*self._story, problem))
