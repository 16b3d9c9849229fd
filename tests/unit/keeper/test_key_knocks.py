"""Whole knocks at doors with keys: what the keeper makes of what a packet process says of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from knockd.keeper.key_knocks import KeyKnocks
from knockd.knocks.events import Expired, Stage, Stale
from knockd.leases.values import Knock
from knockd.log.logger import Logger
from knockd.process.verbs import HeldBack, Message
from knockd.sequences.live_periods import find_period
from knockd_conf.model import Door
from tests.support.doubles.keyed import NOON, KeyedHost, keyed_door
from tests.support.doubles.played import ALICE, door

NOW = find_period(NOON, 30)
PLAIN, SSH = door("1 2", name="plain"), keyed_door()
KNOWN = [PLAIN, SSH]
KNOCK = Knock(SSH, "192.0.2.1", 4, "10.0.0.1", "eth0")


class Said(Logger):
    """A logger that keeps what is logged."""

    def __init__(self) -> None:
        self.said: list[tuple[str, dict[str, Any]]] = []

    def log(self, event: str, **fields: Any) -> None:
        """Keeps an event."""
        self.said.append((event, fields))


class Knocks:
    """Knocks at a host with one door and two keys."""

    def __init__(self, directory: Path) -> None:
        self.host = KeyedHost(directory)
        self.host.begin()
        self.logger = Said()
        self.knocks = KeyKnocks(self.logger, self.host.setup())

    def serial(self, period: int, key: str = "anne") -> int:
        """The number of a sequence."""
        return self.host.doors.serial_of(SSH, key, period)

    def hear(self, message: Message, *, failures: bool = True) -> list[tuple[str, dict[str, Any]]]:
        """What is logged for a message."""
        self.logger.said.clear()
        self.knocks.hear(message, KNOWN, failures=failures)
        return list(self.logger.said)

    def noted(self) -> str:
        """What is noted where it lasts."""
        return (self.host.directory / "state/used-periods").read_text()


@pytest.fixture
def knocks(tmp_path: Path) -> Knocks:
    """Knocks at noon."""
    return Knocks(tmp_path)


WHO = {"ip": "192.0.2.1", "door": "ssh"}


def test_granted(knocks: Knocks) -> None:
    """It opens by the key; the sequence is noted as used before anything else is done."""
    opened = knocks.knocks.open(KNOCK, knocks.serial(NOW))
    assert opened is not None
    knock, burnt = opened
    assert knock == KNOCK._replace(by="key anne")
    assert (burnt.value.split()[:2], burnt.seconds, burnt.tell) == (["rotating", "ssh"], 210, False)
    assert '"used", "ssh", "anne"' in knocks.noted()
    knocks.knocks.log_opened(knock)
    assert knocks.logger.said == [("key-opened", {**WHO, "key": "anne"})]


def test_used(knocks: Knocks) -> None:
    """The second time it is a line; very many are counted."""
    serial = knocks.serial(NOW)
    knocks.knocks.open(KNOCK, serial)
    assert [None] * 200 == [knocks.knocks.open(KNOCK, serial) for _ in range(200)]
    assert knocks.host.said == ["key-used 192.0.2.1 ssh anne 30.0"] * 100
    knocks.host.doors.stop()
    assert knocks.host.said[-1] == "held-back 100"


def test_clock_that_is_not_trusted(knocks: Knocks) -> None:
    """It is refused, with the reason."""
    serial = knocks.serial(NOW)
    knocks.host.clocks.wall -= 7_200
    assert knocks.knocks.open(KNOCK, serial) is None
    assert knocks.host.said[-1].startswith("refused 192.0.2.1 ssh the clock is 2 h earlier")


@pytest.mark.parametrize(
    ("period", "event", "seconds"),
    [(NOW - 2, "key-behind", 45.0), (NOW + 3, "key-ahead", 105.0)],
)
def test_stale(knocks: Knocks, period: int, event: str, seconds: float) -> None:
    """The line says whose clock is how wrong; without Log_Failures there is none."""
    message = Stale(1, ALICE, knocks.serial(period, "bob"))
    assert knocks.hear(message) == [(event, {**WHO, "key": "bob", "seconds": seconds})]
    assert knocks.hear(message, failures=False) == []


def test_before_the_start(tmp_path: Path) -> None:
    """What may have been used before the start is a line of its own."""
    knocks = Knocks(tmp_path)
    host = KeyedHost(tmp_path / "new")
    host.in_memory = True
    host.begin()
    knocks.knocks = KeyKnocks(knocks.logger, host.setup())
    message = Stale(1, ALICE, host.doors.serial_of(SSH, "anne", NOW - 1))
    assert knocks.hear(message) == [("key-before-start", {**WHO, "key": "anne", "seconds": 30.0})]


def test_unknown_serial(knocks: Knocks) -> None:
    """A packet process that makes one up opens nothing, whatever it says."""
    assert knocks.knocks.open(KNOCK, 4_711) is None
    assert knocks.hear(Stale(1, ALICE, 4_711), failures=False) == [
        ("refused", {**WHO, "reason": "its sequence is not known any more"})
    ]
    assert knocks.hear(Stale(0, ALICE, knocks.serial(NOW)))[0][0] == "refused"


@pytest.mark.parametrize(
    ("message", "notes"),
    [
        (Stage(1, ALICE, 2), True),
        (Stage(1, ALICE, 3), True),
        (HeldBack(5), True),
        (Stage(1, ALICE, 1), False),
        (Stage(0, ALICE, 2), False),
        (Expired(1, ALICE, 3), False),
    ],
)
def test_half_a_knock(knocks: Knocks, message: Message, *, notes: bool) -> None:
    """When somebody is half the way at a door with a key, or may be, the time is noted."""
    knocks.host.sleep(7)
    knocks.host.doors.open(SSH, 0)  # looks at the clock
    before = knocks.noted()
    assert knocks.hear(message) == []
    assert (f'["newest", {NOON + 7}]' in knocks.noted().removeprefix(before)) is notes


def test_other_doors(knocks: Knocks) -> None:
    """A door without a key cannot be opened by one."""
    plain: Door = PLAIN
    assert knocks.knocks.open(KNOCK._replace(door=plain), knocks.serial(NOW)) is None
