"""The daemon's event loop, run by a test until something is true."""

from __future__ import annotations

from collections.abc import Callable

from knockd.process.loop import EventLoop
from tests.support.lab import waiting

PATIENCE = 60.0 * waiting.PATIENCE
"""Seconds after which a test is given up: on a busy machine a fork takes long."""


class DrivenLoop(EventLoop):
    """The loop; ``faults`` has what callbacks raised."""

    def __init__(self) -> None:
        self.faults: list[Exception] = []
        super().__init__(self.faults.append)

    def until(self, true: Callable[[], object], seconds: float = PATIENCE) -> None:
        """Runs until something is true; raises TimeoutError when it is not in time."""
        end = self.time() + seconds

        def look() -> None:
            if true() or self.time() > end:
                self.stop()
            else:
                self.call_later(0.001, look)

        self.call_soon(look)
        self.run()
        if not true():
            raise TimeoutError(f"not true within {seconds} s")

    def wait(self, seconds: float) -> None:
        """Runs for so long."""
        self.call_later(seconds, self.stop)
        self.run()
