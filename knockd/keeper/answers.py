"""Answers that packet processes owe the keeper: how many, and until when. No timer runs when none is due."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from knockd.worker.process import WorkerProcess


@dataclass(slots=True)
class _Due:
    patience: deque[float] = field(default_factory=deque)
    """Seconds for each answer, the next one first: they come in the order of the questions."""
    timer: asyncio.TimerHandle | None = None


class Answers:
    """What is due of each packet process; ``late`` is called with one that is silent, and its seconds."""

    def __init__(self, loop: asyncio.AbstractEventLoop, late: Callable[[WorkerProcess, float], None]) -> None:
        self._loop = loop
        self._late = late
        self._due: dict[int, _Due] = {}

    def expect(self, worker: WorkerProcess, seconds: float) -> None:
        """One more answer is due, at most ``seconds`` after the one before it."""
        due = self._due.setdefault(worker.link.fileno(), _Due())
        due.patience.append(seconds)
        if due.timer is None:
            self._wait(worker, due)

    def came(self, worker: WorkerProcess) -> bool:
        """An answer came; False: none was due."""
        due = self._due.get(worker.link.fileno())
        if due is None:
            return False
        due.patience.popleft()
        if due.timer is not None:
            due.timer.cancel()
        if due.patience:
            self._wait(worker, due)
        else:
            del self._due[worker.link.fileno()]
        return True

    def forget(self, worker: WorkerProcess) -> None:
        """Nothing more is due; call it before the link is closed."""
        due = self._due.pop(worker.link.fileno(), None)
        if due is not None and due.timer is not None:
            due.timer.cancel()

    def _wait(self, worker: WorkerProcess, due: _Due) -> None:
        # In two halves: a keeper that was held up itself has heard nobody, and waits for the second one.
        half = due.patience[0] / 2
        due.timer = self._loop.call_later(half, self._wait_on, worker, due, half)

    def _wait_on(self, worker: WorkerProcess, due: _Due, half: float) -> None:
        due.timer = self._loop.call_later(half, self._late, worker, 2 * half)
