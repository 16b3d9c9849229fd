"""The packets of one knock in their order, each told once it is known what became of it.

Pure.
"""

from __future__ import annotations

from collections.abc import Callable

from knockd.doctor.knock_plan import Way
from knockd.doctor.knock_words import describe_packet
from knockd.explanation.accounts import Account, Listener, Place, Sighting
from knockd.explanation.advice import Heard, advise
from knockd.explanation.words import Doors
from knockd.knocks.events import Opened
from knockd.knocks.verdicts import Kind
from knockd_conf.model import Step
from knockd_conf.protocol import Protocol

Tell = Callable[[str, str], None]
"""Shows a text behind a head of the first line."""


class Story:
    """What is known of each packet of a knock at the door ``door``."""

    def __init__(self, way: Way, listener: Listener, doors: Doors, door: int, tell: Tell) -> None:
        self._way = way
        self._listener = listener
        self._doors = doors
        self._door = door
        self._tell = tell
        self._left: set[int] = set()
        self._unsent: dict[int, str] = {}
        self._arrived: dict[int, Account] = {}
        self._told = 0
        self._accounts: list[Account] = []
        self.passed = 0
        """Packets that the filter lets through, by our own reading of it."""

    @property
    def is_complete(self) -> bool:
        """Whether every packet has arrived, or could not leave."""
        return len(self._arrived) + len(self._unsent) == len(self._way.steps)

    def leave(self, number: int) -> None:
        """A packet has left the client."""
        self._left.add(number)
        self._tell_known()

    def keep(self, number: int, reason: str) -> None:
        """A packet could not leave the client."""
        self._unsent[number] = f"could not be sent: {reason}"
        self._tell_known()

    def hear(self, sighting: Sighting, place: Place) -> None:
        """A frame of the client has arrived."""
        self.passed += sighting.passes
        account = self._listener.hear(sighting, place)
        if account is None:
            return
        self._accounts.append(account)
        step = None if account.port is None else Step(account.port, Protocol(account.protocol))
        for number, wanted in enumerate(self._way.steps):
            if wanted == step and number not in self._arrived and number not in self._unsent:
                self._arrived[number] = account
                break
        self._tell_known()

    def tell_rest(self) -> None:
        """Tells of the packets that have not arrived, too."""
        for number in range(self._told, len(self._way.steps)):
            self._tell_of(number)
        self._told = len(self._way.steps)

    def find_opening(self) -> Opened | None:
        """The opening that the knock leads to."""
        for account in self._accounts:
            if account.signed is not None and account.signed.opens:
                return Opened(self._door, self._doors.source, account.destination or b"", 1)
            for verdict in account.verdicts:
                if verdict.kind is Kind.OPENS and verdict.door == self._door:
                    destination = account.destination or b""
                    return Opened(verdict.door, self._doors.source, destination, verdict.stage)
        return None

    def advise(self) -> str:
        """What to change, so that the knock opens."""
        heard = Heard(self._listener.packets, self._listener.other_ports, self._accounts)
        return advise(heard, self._doors)

    def _tell_known(self) -> None:
        while (number := self._told) < len(self._way.steps):
            if number not in self._unsent and not (number in self._left and number in self._arrived):
                return
            self._tell_of(number)
            self._told += 1

    def _tell_of(self, number: int) -> None:
        if number in self._arrived:
            account, secret = self._arrived[number], bool(self._way.secret)
            lines = describe_packet(number + 1, account, self._doors, self._door, secret=secret)
            for head, text in lines:
                self._tell(head, text)
            return
        text = "left, did not arrive" if number in self._left else self._unsent.get(number, "was not sent")
        self._tell(f"  {number + 1:>2}  {self._way.show_step(number):<14} ", text)
