"""knockd as it is, but for its packet process: at each opening that does what is asked for and reports it.

``python -m tests.support.daemons.insider REPORT TASK knockd-argument ...``

The packet process can write no file; its report goes to memory that it shares with the file
REPORT. The first opening of a door does the task; each opening and some other messages report.
"""

from __future__ import annotations

import json
import mmap
import os
import socket
import sys
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any

import knockd.worker.poll as packet_process
from knockd.knocks.events import Opened
from knockd.knocks.session import Session
from knockd.knocks.signed_watch import SignedWatch
from knockd.process import seccomp
from knockd.process.privileges import User
from knockd.process.verbs import Message, Opening, Signed, encode
from knockd.worker.link import Outbox
from knockd.worker.lockdown import lock_down
from knockd_bpf.wire import UDP
from knockd_conf.signed_packet import UNBOUND, MinuteKeys, Request, Verb, select_door

SIZE = 1 << 16

TASKS = ("look", "attack", "attack-without-seccomp", "lie", "forge")
"""Only look; try all attacks, or as on a machine without seccomp; send the keeper nonsense, or an opening of
the second door and signed knocks that never came."""


class HintKeys(MinuteKeys):
    """The keys of a minute for who knows hints, and not whose they are."""

    def hint_of(self, public: bytes) -> bytes:
        """The hint itself."""
        return public


class Insider:
    """What is put into the packet process."""

    def __init__(self, report: mmap.mmap, task: str, config_path: str) -> None:
        self._report = report
        self._task = task
        self._config_path = config_path
        self._keeper = os.getpid()
        self._openings = 0
        self.signed: SignedWatch | None = None
        """What the packet process knows of signed knocks."""
        self._modules: frozenset[str] = frozenset()
        self._captures: tuple[int, ...] = ()
        self._attacks: dict[str, str] = {}
        self._attack: Callable[..., dict[str, str]] | None = None
        if task.startswith("attack"):
            from tests.support.daemons.attacks import attack

            self._attack = attack

    def lock_down(
        self, user: User | None, links: Collection[int], captures: Collection[int], *, required: bool
    ) -> str:
        """Stands in for the product's and calls it: from now on nothing is imported."""
        kept = lock_down(user, links, captures, required=required)
        self._modules = frozenset(sys.modules)
        self._captures = tuple(captures)
        return kept

    def _forge(self, link: socket.socket, event: Opened, stamp: int) -> None:
        """Says that a sequence has opened the second door, and that a packet of each key has come there.

        All that it lacks of them is the signature.
        """
        source, destination = event.source, event.destination
        link.send(encode(Opening(1, source, destination, 1, 0, stamp)))
        assert self.signed is not None
        port = UDP << 16 | self.signed.ports[0].port
        minute = self.signed.minutes[1]
        for hint in minute.hints:
            request = Request(Verb.OPEN, 0, select_door("ssh"), 0, 0, 0, UNBOUND, os.urandom(64))
            packet = HintKeys(minute.minute, minute.key).seal(hint, os.urandom(16), request)
            link.send(encode(Signed(source, destination, 0, stamp, port, packet)))

    def opened(self, outbox: Outbox, event: Opened, stamp: int) -> None:
        """Comes before ``Outbox.send_opening``."""
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
        if self._openings == 1 and self._task == "forge":
            self._forge(link, event, stamp)
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
    real_send_opening, real_send_or_wait = Outbox.send_opening, Outbox.send_or_wait

    def send_opening(outbox: Outbox, event: Opened, interface: int, stamp: int) -> None:
        insider.opened(outbox, event, stamp)
        real_send_opening(outbox, event, interface, stamp)

    real_set_signed = Session.set_signed

    def set_signed(session: Session, signed: SignedWatch) -> None:
        insider.signed = signed
        real_set_signed(session, signed)

    def send_or_wait(outbox: Outbox, message: Message) -> None:
        real_send_or_wait(outbox, message)
        insider.tell()

    Session.set_signed = set_signed  # type: ignore[assignment,method-assign]
    Outbox.send_opening = send_opening  # type: ignore[assignment,method-assign]
    Outbox.send_or_wait = send_or_wait  # type: ignore[assignment,method-assign]
    if task == "attack-without-seccomp":
        seccomp.restrict = lambda links, captures: False  # noqa: ARG005
    from knockd.cli import main as knockd

    return knockd(arguments)


if __name__ == "__main__":
    sys.exit(main())
