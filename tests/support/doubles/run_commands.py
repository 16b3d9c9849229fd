"""A runner on its own event loop, for tests that run real commands one after the other."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable

from knockd.leases.runner import CommandLine, Result, Runner
from knockd_conf.model import CommandOutput
from tests.support.doubles.driven_loop import DrivenLoop


class CommandRuns:
    """Takes commands, and says in ``started``, ``ended`` and ``dropped`` what became of them."""

    def __init__(self) -> None:
        self.loop = DrivenLoop()
        self.runner = Runner(self.loop)
        self.loop.add_signal_handler(signal.SIGCHLD, self.runner.reap)
        self.started: list[str] = []
        self.ended: list[tuple[str, Result]] = []
        self.dropped: list[str] = []

    def close(self) -> None:
        """The loop is not used any more."""
        self.runner.stop()
        self.loop.close()

    def run(
        self,
        line: str,
        *,
        door: object = "door",
        slots: int = 8,
        deadline: float = 0.0,
        urgent: bool = False,
        output: CommandOutput = CommandOutput.LOG,
        environment: dict[str, str] | None = None,
        on_drop: Callable[[], object] = lambda: None,
    ) -> bool:
        """Submits a command; returns whether the runner took it."""
        command = CommandLine(
            door=door,
            slots=slots,
            line=line,
            environment=lambda: dict(os.environ) if environment is None else environment,
            deadline=deadline,
            urgent=urgent,
            output=output,
        )

        def dropped() -> None:
            self.dropped.append(line)
            on_drop()

        return self.runner.run(
            command,
            lambda: self.started.append(line),
            lambda ended: self.ended.append((line, ended)),
            dropped,
        )

    def wait(self, count: int = 1) -> list[Result]:
        """How the first ``count`` commands that end have ended."""
        self.until(lambda: len(self.ended) >= count)
        return [ended for _, ended in self.ended[:count]]

    def until(self, true: Callable[[], object]) -> None:
        """Lets the loop run until something is true."""
        self.loop.until(true)
