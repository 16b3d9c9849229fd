"""What other gateways hear of leases: opened, given more time, closed early; nothing that came from them."""

from __future__ import annotations

from dataclasses import replace

import pytest

from knockd.leases.opened_by import by_fleet
from knockd.leases.sharing import CLOSED_ELSEWHERE, Shared
from knockd.leases.values import Knock
from knockd_conf.model import Door, Reknock, Service
from knockd_conf.protocol import Protocol
from tests.support.doubles.lease_manager import DOOR, PlayedManager, knock

ALICE = "192.0.2.1"
IDLE = replace(DOOR, close_when_idle=30.0, service=(Service(22, 22, Protocol.TCP),))


class Told:
    """A manager whose leases others hear of; ``told`` takes what they have heard."""

    def __init__(self) -> None:
        self.played = PlayedManager()
        self.all: list[Shared] = []
        self.played.manager.sharing.tell = self.all.append

    def told(self) -> list[float | None]:
        """The seconds of each message since the last look; all are about one door and address."""
        said, self.all[:] = list(self.all), []
        assert {one[:2] for one in said} <= {("ssh", ALICE)}
        return [one.seconds for one in said]

    def open(self, door: Door = DOOR, by: str = "") -> Knock:
        """Somebody knocks, and what the door runs ends well."""
        made = knock(at=door)._replace(by=by)
        self.played.open(made)
        while self.played.runner.running:
            self.played.end()
        return made

    def lease(self) -> str:
        """The one lease there is."""
        (lease,) = self.played.manager.ask.all()
        return lease.id


@pytest.fixture
def made() -> Told:
    """Nothing is open."""
    return Told()


def test_an_opening(made: Told) -> None:
    """It is told once, with the time that it has."""
    made.open()
    assert made.told() == [10.0]


def test_an_opening_that_nothing_closes(made: Told) -> None:
    """It has no time."""
    made.open(replace(DOOR, stop_command=None))
    assert made.told() == [None]


def test_an_opening_of_another_gateway(made: Told) -> None:
    """It is not told again."""
    made.open(by=by_fleet("north"))
    assert made.told() == []


@pytest.mark.parametrize("reknock", [Reknock.RENEW, Reknock.EXTEND])
def test_a_repeated_knock(made: Told, reknock: Reknock) -> None:
    """It is told again: it has more time. So it is where another gateway had opened."""
    door = replace(DOOR, reknock=reknock)
    made.open(door, by=by_fleet("north"))
    made.open(door)
    assert made.told() == [10.0]
    made.open(door)
    assert made.told() == [10.0]


def test_refused(made: Told) -> None:
    """What does not open is not told."""
    made.open(replace(DOOR, expires="2020-01-01"))
    assert made.told() == []


def test_a_renewal(made: Told) -> None:
    """A signed knock that renews is told."""
    door = replace(DOOR, reknock=Reknock.EXTEND)
    made.open(door)
    made.told()
    made.played.manager.renew(knock(at=door))
    assert made.told() == [10.0]


def test_more_time_by_hand(made: Told) -> None:
    """It is told with what is left; not when another gateway has given it."""
    made.open()
    made.told()
    made.played.now += 4
    made.played.manager.extend(made.lease(), 60.0)
    assert made.told() == [66.0]
    made.played.manager.extend(made.lease(), 60.0, elsewhere=True)
    assert made.told() == []


def test_closed_by_hand(made: Told) -> None:
    """It is told; not when another gateway has closed it."""
    made.open()
    made.told()
    made.played.manager.close_leases([made.lease()])
    assert made.told() == [0]
    made.played.end()
    made.open()
    made.told()
    made.played.manager.close_leases([made.lease()], CLOSED_ELSEWHERE)
    assert made.told() == []


def test_its_time_is_over(made: Told) -> None:
    """Each gateway has a clock: that is not told. Nor is the end of the daemon."""
    made.open()
    made.told()
    made.played.wait()
    made.played.end()
    assert made.told() == []
    made.open()
    made.told()
    made.played.manager.close(20.0, lambda _: None)
    assert made.told() == []


def test_in_use(made: Told) -> None:
    """A connection that keeps it open is told once a third of Close_When_Idle; that it has left, too."""
    made.open(replace(IDLE, cmd_timeout=60.0))
    assert made.told() == [60.0]
    lease, manager = made.lease(), made.played.manager
    sharing, due = manager.sharing, manager.ask.get(lease)
    assert due is not None
    for seconds, expected in ((40.0, [40.0]), (41.0, []), (50.0, [50.0])):
        due.held, due.in_use, due.due = True, True, made.played.now + seconds
        sharing.note_looked([due], made.played.now)
        assert made.told() == expected
    sharing.note_left("ssh", ALICE)
    assert made.told() == [0]


def test_nobody_listens() -> None:
    """Without a fleet nothing is told, and nothing fails."""
    played = PlayedManager()
    played.opened()
    (lease,) = played.manager.ask.all()
    played.manager.extend(lease.id, 60.0)
    played.manager.close_leases([lease.id])
    assert played.manager.sharing.tell is None
