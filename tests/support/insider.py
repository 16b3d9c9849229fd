"""knockd as it is, but for its packet process: at each opening that does what is asked for and reports it.

``python -m tests.support.insider REPORT TASK knockd-argument ...``

The packet process can write no file; its report goes to memory that it shares with the file
REPORT. The first opening of a door does the task; each opening and some other messages report.
"""

from __future__ import annotations

import json
import mmap
import os
import sys
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any

import knockd.worker.worker as packet_process
from knockd.edge import seccomp
from knockd.edge.link import Message
from knockd.edge.privileges import User
from knockd.engine.events import Opened
from knockd.worker.lockdown import lock_down
from knockd.worker.outbox import Outbox

SIZE = 1 << 16

TASKS = ("look", "attack", "attack-without-seccomp", "lie")
"""Only look; try all attacks, or as on a machine without seccomp; send the keeper nonsense."""


class Insider:
    """What is put into the packet process."""

    def __init__(self, report: mmap.mmap, task: str, config_path: str) -> None:
        self._report = report
        self._task = task
        self._config_path = config_path
        self._keeper = os.getpid()
        self._openings = 0
        self._modules: frozenset[str] = frozenset()
        self._captures: tuple[int, ...] = ()
        self._attacks: dict[str, str] = {}
        self._attack: Callable[..., dict[str, str]] | None = None
        if task.startswith("attack"):
            from tests.support.attacks import attack

            self._attack = attack

    def lock_down(self, user: User | None, link: int, captures: Collection[int], *, required: bool) -> str:
        """Stands in for the product's and calls it: from now on nothing is imported."""
        kept = lock_down(user, link, captures, required=required)
        self._modules = frozenset(sys.modules)
        self._captures = tuple(captures)
        return kept

    def opened(self, outbox: Outbox) -> None:
        """Comes before ``Outbox.opened``."""
        self._openings += 1
        link = outbox._link
        if self._openings == 1 and self._attack is not None:
            self._attacks = self._attack(
                link=link.fileno(),
                captures=self._captures,
                config_path=self._config_path,
                keeper=self._keeper,
                gently=self._task == "attack-without-seccomp",
            )
        if self._openings == 1 and self._task == "lie":
            link.send(b"nonsense")
        self.tell()

    def tell(self) -> None:
        """Reports; what a packet process before this one has imported stays in it."""
        modules = frozenset(sys.modules) - self._modules if self._modules else frozenset()
        modules |= frozenset(_read(self._report[:])["modules"])
        said = {"openings": self._openings, "modules": sorted(modules), "attacks": self._attacks}
        self._report[:] = json.dumps(said).encode().ljust(SIZE, b"\0")


def read_report(path: Path) -> dict[str, Any]:
    """What insiders have reported so far."""
    return _read(path.read_bytes() if path.exists() else b"")


def _read(data: bytes) -> dict[str, Any]:
    text = data.rstrip(b"\0")
    return json.loads(text) if text else {"openings": 0, "modules": [], "attacks": {}}


def main() -> int:
    """Runs knockd with an insider."""
    path, task, *arguments = sys.argv[1:]
    assert task in TASKS
    with open(path, "wb+") as file:
        file.truncate(SIZE)
        report = mmap.mmap(file.fileno(), SIZE)
    insider = Insider(report, task, arguments[arguments.index("-c") + 1])
    packet_process.lock_down = insider.lock_down  # type: ignore[attr-defined]
    packet_process.DROPS_EVERY = 0.5  # the kernel's drop counters are read soon
    real_opened, real_insist = Outbox.opened, Outbox.insist

    def opened(outbox: Outbox, event: Opened, interface: int, stamp: int) -> None:
        insider.opened(outbox)
        real_opened(outbox, event, interface, stamp)

    def insist(outbox: Outbox, message: Message) -> None:
        real_insist(outbox, message)
        insider.tell()

    Outbox.opened = opened  # type: ignore[assignment,method-assign]
    Outbox.insist = insist  # type: ignore[assignment,method-assign]
    if task == "attack-without-seccomp":
        seccomp.restrict = lambda link, captures: False  # noqa: ARG005
    from knockd.cli import main as knockd

    return knockd(arguments)


if __name__ == "__main__":
    sys.exit(main())
