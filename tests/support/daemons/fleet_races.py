"""Knocks that are used up by opening, each sent at two gateways of a fleet at the same instant.

Each knock comes from an address of its own, which the command of whoever opens notes: so it is known of each
how often it has opened.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from hashlib import sha256
from pathlib import Path
from typing import Final

from knockd_conf.classes import NamedTuple
from knockd_conf.key_file import NamedKey
from knockd_conf.timed import Rule
from tests.support.daemons.fleet import FleetLab, wait_joined
from tests.support.daemons.keyed import KeyedDoor, send_step, wait_live
from tests.support.daemons.signed import SignedHost, wait_signed
from tests.support.lab.waiting import WaitTimeout, wait_until

KEYS: Final = 25
"""Keys of the door: each has a sequence a period."""

TOGETHER: Final = 5
"""Knocks that are sent without a pause."""

PERIOD: Final = 30
"""Seconds for which a rotating sequence is the one of now."""

UNANSWERED: Final = ("the store of the fleet does not answer", "clock of the knocker")
"""What a gateway says that is late: it has no answer of the store in time, or not the sequences of now."""


class Race(NamedTuple):
    """Of so many ``knocks`` those that opened, that opened more than once, that opened nowhere because a
    gateway was late (UNANSWERED), and that opened nowhere without a reason."""

    knocks: int
    opened: int
    twice: int
    unanswered: int
    lost: int


class _Track:
    """Two gateways, and a client with an address for each knock."""

    def __init__(self, fleet: FleetLab, knocks: int, *sections: str, **options: object) -> None:
        fleet.store.start()
        self.gateways = [fleet.add_gateway() for _ in range(2)]
        self.client, _ = fleet.add_client(0, knocks)
        self._noted = _noted(fleet)
        self._noted.touch()
        for number, gateway in enumerate(self.gateways, 1):
            own = [section.replace("GATEWAY", str(number)) for section in sections]
            gateway.start(*own, Fleet_Share="no", Clock="trust", **options)
        wait_joined(self.gateways)

    def source(self, number: int) -> str:
        """The address that the knock with this number comes from."""
        return f"10.9.{100 + number // 250}.{number % 250 + 1}"

    def send(self, number: int, steps: Iterable[str]) -> None:
        """Knocks at both, step by step."""
        for step in steps:
            for gateway in self.gateways:
                send_step(self.client, gateway.address, step, self.source(number))

    def settled(self, number: int) -> bool:
        """Whether a knock has opened, or was not answered."""
        source = self.source(number)
        return source in self._openings() or source in self._unanswered()

    def wait(self, number: int, again: Callable[[], None]) -> None:
        """Waits until a knock has opened, or was not answered; after half a second it is sent ``again``."""
        for _ in range(20):
            again()
            try:
                wait_until(lambda: self.settled(number), 0.5)
            except WaitTimeout:
                continue
            return

    def result(self, knocks: int) -> Race:
        """What became of the knocks."""
        time.sleep(2)  # an opening too many would have come by then
        openings, unanswered = self._openings(), self._unanswered()
        missing = [source for number in range(knocks) if (source := self.source(number)) not in openings]
        silent = sum(source in unanswered for source in missing)
        twice = sum(count > 1 for count in openings.values())
        return Race(knocks, len(openings), twice, silent, len(missing) - silent)

    def _openings(self) -> Counter[str]:
        return Counter(self._noted.read_text().split())

    def _unanswered(self) -> set[str]:
        lines = [line for one in self.gateways for line in one.daemon.log_lines()]
        return {line.partition(":")[0] for line in lines if any(one in line for one in UNANSWERED)}


def _noted(fleet: FleetLab) -> Path:
    return fleet.directory / "noted"


def race_signed(fleet: FleetLab, knocks: int) -> Race:
    """Signed packets, each a datagram at either gateway."""
    host = SignedHost(fleet.directory)
    section = host.section(Start_Command=f"echo %IP% >> {_noted(fleet)}")
    options = {"Signed_Port": host.port, "Authorized_Keys": host.keys_path}
    track = _Track(fleet, knocks, section, Knock_Secret=host.secret_path, **options)
    for gateway in track.gateways:
        wait_signed(gateway.daemon)
    for number in range(knocks):
        packet = host.packet()

        def send() -> None:
            for gateway in track.gateways:
                host.send(track.client, packet, to=gateway.address, source=track.source(number))  # noqa: B023

        track.wait(number, send)
    return track.result(knocks)


def race_rotating(fleet: FleetLab, knocks: int) -> Race:
    """Rotating sequences of many keys, each used once a period."""
    keys = [NamedKey(f"k{number}", sha256(b"%d" % number).digest()) for number in range(KEYS)]
    door = KeyedDoor(fleet.directory, rule=Rule(period=PERIOD))
    door.write(*keys)
    track = _Track(fleet, knocks, door.section(Start_Command=f"echo %IP% >> {_noted(fleet)}"))
    for gateway in track.gateways:
        wait_live(gateway.daemon)
    number = 0
    while number < knocks:
        period = door.wait_for_period(left=PERIOD / 2)
        for key in keys[: knocks - number]:
            track.send(number, door.steps(key, period))
            number += 1
            if number % TOGETHER == 0:
                track.wait(number - 1, lambda: None)
            if door.now() % PERIOD > PERIOD - 3:
                break
        track.wait(number - 1, lambda: None)
        wait_until(lambda: door.period() != period, 2 * PERIOD)  # noqa: B023
    return track.result(knocks)


def race_one_time(fleet: FleetLab, knocks: int) -> Race:
    """One-time sequences, the same file at both."""
    lines = [f"{2000 + number},{12000 + number},{22000 + number}" for number in range(knocks)]
    for number in (1, 2):
        path = fleet.directory / f"once{number}"
        path.touch(0o600)
        path.write_text("".join(f"{line}\n" for line in lines))
    section = f"[once]\nOne_Time_Sequences = {fleet.directory}/onceGATEWAY\nStart_Command = echo %IP% >> "
    track = _Track(fleet, knocks, f"{section}{_noted(fleet)}\n\n")
    for number, line in enumerate(lines):
        track.wait(number, lambda: track.send(number, line.split(",")))  # noqa: B023
    return track.result(knocks)


RACES: Final[Mapping[str, Callable[[FleetLab, int], Race]]] = {
    "signed": race_signed,
    "rotating": race_rotating,
    "one-time": race_one_time,
}
