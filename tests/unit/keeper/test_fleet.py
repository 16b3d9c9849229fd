"""The fleet as the keeper sees it, with a child whose part a test plays."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from typing import Any, cast

import pytest

from knockd.fleet import verbs
from knockd.fleet.child import FleetChild
from knockd.fleet.verbs import MAX_MESSAGE, Overview, Report, Verdict
from knockd.keeper.fleet import BUDGET, MOST_PENDING, PATIENCE, USED, Fleet
from knockd.keeper.fleet_link import RETRY
from knockd.keeper.fleet_setup import Burnt, FleetSetup
from knockd.process.link import pair
from knockd_conf.model import Config, Door, FleetEndpoint, FleetKind, Service
from knockd_conf.protocol import Protocol
from tests.support.doubles.lease_manager import DOOR, PlayedManager, configuration, knock

ALICE = "192.0.2.1"
SIX = "2001:db8::1"
NO_PID = 2**22 + 1
"""No process has it."""

ENDPOINT = FleetEndpoint(FleetKind.SINGLE, False, "store.example", 6379, "", 0, "")
SHARED = replace(DOOR, fleet_share=True, fleet_required=False)
PLACES = {"wan0": [bytes([10, 0, 0, 2])], "lan0": [b"\x20\x01\x0d\xb8" + bytes(11) + b"\2"]}
KNOCK = Burnt("one-time ssh 1:tcp", 60, tell=True)


def fleet_config(*doors: Door, **options: Any) -> Config:
    """A configuration with a fleet."""
    values = {"fleet": (ENDPOINT,), "fleet_key": "/etc/knockd/fleet.key", **options}
    return replace(configuration(**values), doors=doors or (SHARED,))


class Played:
    """A fleet whose child is ours; ``said`` are the lines of the log, ``answers`` those about knocks."""

    def __init__(self, config: Config | None = None) -> None:
        self.leases = PlayedManager()
        self.loop = self.leases.loop
        self.said: list[str] = []
        self.answers: list[str | None] = []
        self.struck: list[tuple[str, str]] = []
        self.places: dict[str, list[bytes]] = dict(PLACES)
        self.error: OSError | None = None
        self.ends: list[socket.socket] = []
        self.setup = FleetSetup(
            self.loop.loop, self.log, self.leases.manager, lambda: self.places, lambda: None
        )
        self.setup.struck = lambda door, value: self.struck.append((door, value))
        self.watched: Iterable[tuple[str, str]] = ()
        self.setup.watched = lambda: self.watched
        self.fleet = Fleet(
            self.loop.loop,
            self.log,
            self.leases.manager,
            lambda: self.places,
            lambda: None,
            self.setup,
            cast(Callable[..., FleetChild], self.start),
        )
        self.setup.made = self.fleet
        MADE.append(self)
        self.fleet.adopt(config or fleet_config())
        self.loop.turn()

    def log(self, event: str, **fields: Any) -> None:
        """A line: the event and its fields."""
        self.said.append(" ".join((event, *map(str, fields.values()))))

    def start(self, *_: Any) -> FleetChild:
        """Starts a child, or raises ``error``."""
        if self.error is not None:
            raise self.error
        ours, theirs = pair()
        self.ends.append(theirs)
        return FleetChild(NO_PID, ours)

    def orders(self) -> list[verbs.Order]:
        """What the child was told since the last look."""
        found: list[verbs.Order] = []
        while True:
            try:
                data = self.ends[-1].recv(MAX_MESSAGE)
            except BlockingIOError:
                return found
            if not data:
                return found
            found.append(verbs.read_order(data))

    def report(self, *reports: Report | bytes) -> None:
        """The child says something."""
        for one in reports:
            self.ends[-1].send(one if isinstance(one, bytes) else verbs.write(one))
        self.loop.deliver()
        self.loop.turn()

    def reach(self) -> None:
        """The store is reached."""
        self.report(verbs.StoreIs("store.example:6379", ""))
        self.orders()

    def admit(self, door: Door = SHARED, burnt: Burnt | None = KNOCK) -> None:
        """A knock asks."""
        self.fleet.admit(door, burnt, self.answers.append)

    def fire(self, seconds: float) -> None:
        """The timers of so many seconds fire."""
        for timer in [one for one in self.loop.timers if one.seconds == seconds and not one.cancelled]:
            timer.cancel()
            timer.callback()
        self.loop.turn()

    @property
    def states(self) -> list[tuple[str, float]]:
        """Who has a door, and the seconds that are left."""
        manager = self.leases.manager
        return [(lease.knock.source, lease.due - manager.now) for lease in manager.ask.all()]


MADE: list[Played] = []


@pytest.fixture(autouse=True)
def ends() -> Iterator[None]:
    """Closes all links."""
    yield
    while MADE:
        played = MADE.pop()
        played.fleet.stop()
        for end in played.ends:
            end.close()


@pytest.fixture
def made() -> Played:
    """A fleet whose store is reached."""
    played = Played()
    played.reach()
    return played


REQUIRED = replace(SHARED, fleet_required=True)


def test_a_fresh_knock(made: Played) -> None:
    """It opens as soon as the store has said so, and no earlier."""
    made.admit()
    assert made.orders() == [verbs.Burn(1, KNOCK.value, 60, tell=True)]
    assert made.answers == []
    made.report(verbs.Answered(1, Verdict.FRESH))
    assert made.answers == [None]
    assert made.loop.waiting == []


@pytest.mark.parametrize("door", [SHARED, REQUIRED])
def test_a_used_knock(made: Played, door: Door) -> None:
    """It is refused at any door."""
    made.admit(door)
    made.report(verbs.Answered(1, Verdict.USED))
    assert made.answers == [USED]
    assert made.fleet.refused == {"used": 1}


def test_no_answer(made: Played) -> None:
    """Where the fleet is required it is refused, else it opens; what comes too late does nothing."""
    made.admit(REQUIRED)
    made.admit()
    made.report(verbs.Answered(2, Verdict.UNREACHABLE))
    assert made.answers == [None]
    made.fire(BUDGET)
    assert made.answers[1:] == ["the store of the fleet does not answer (within 150 ms)"]
    made.report(verbs.Answered(1, Verdict.FRESH))
    assert len(made.answers) == 2
    assert made.fleet.refused == {"unreachable": 1}


def test_a_plain_door(made: Played) -> None:
    """A knock that is not used up asks whether the store answers, where the fleet is required."""
    made.admit(REQUIRED, None)
    assert made.orders() == [verbs.Reach(1)]
    made.report(verbs.Answered(1, Verdict.FRESH))
    assert made.answers == [None]


def test_the_reason(made: Played) -> None:
    """Why the store does not answer is said where it is known."""
    made.report(verbs.StoreIs("store.example:6379", "Connection refused"))
    made.admit(REQUIRED)
    made.report(verbs.Answered(1, Verdict.UNREACHABLE))
    assert made.answers == ["the store of the fleet does not answer (Connection refused)"]
    assert made.said[-1] == "fleet-unreachable Connection refused"
    made.report(verbs.StoreIs("store.example:6379", ""))
    assert made.said[-1] == "fleet-reached store.example:6379"


def test_the_same_reason_again(made: Played) -> None:
    """A reason is logged once, and again with another one."""
    for reason in ("no answer in time", "store.example:6379: no answer in time", "WRONGPASS"):
        made.report(verbs.StoreIs("store.example:6379", reason))
    said = [line for line in made.said if line.startswith("fleet-unreachable")]
    assert said == ["fleet-unreachable no answer in time", "fleet-unreachable WRONGPASS"]


def test_too_many_wait(made: Played) -> None:
    """More count as if the store did not answer."""
    for _ in range(MOST_PENDING + 1):
        made.admit(REQUIRED)
    assert len(made.answers) == 1


def test_the_child_ends(made: Played) -> None:
    """Who waits is answered; another child follows, later each time, and knows what is open."""
    made.admit(REQUIRED)
    made.leases.open(knock(at=SHARED))
    made.leases.end()
    made.ends[-1].close()
    made.loop.deliver()
    assert made.answers == ["the store of the fleet does not answer (it has ended)"]
    assert made.said[-1] == "fleet-child-ended it has ended 1.0"
    made.admit(REQUIRED)
    assert len(made.answers) == 2
    made.fire(RETRY[0])
    assert verbs.Hold("ssh", ALICE, 10.0) in made.orders()
    made.ends[-1].close()
    made.loop.deliver()
    assert made.said[-1] == "fleet-child-ended it has ended 2.0"


def test_the_child_says_what_is_wrong() -> None:
    """A file that it cannot use is the reason."""
    played = Played()
    played.report(verbs.StoreIs("", "/etc/knockd/fleet.key: No such file or directory"))
    played.ends[-1].close()
    played.loop.deliver()
    assert played.said[-1].startswith("fleet-child-ended /etc/knockd/fleet.key: No such file")


def test_no_child() -> None:
    """Where it cannot be started it is tried again."""
    played = Played()
    played.error = OSError(11, "Resource temporarily unavailable")
    played.ends[-1].close()
    played.loop.deliver()
    played.fire(RETRY[0])
    assert "Resource temporarily unavailable" in played.said[-1]


@pytest.mark.parametrize(
    "said",
    [b"", b"{", b'["Opened"]', b'["Opened","b","ssh","$(reboot)",5]', b'["Burn",1,"x",60,true]', b"[[]]"][1:],
)
def test_nonsense(made: Played, said: bytes) -> None:
    """A child that says what it may not is ended."""
    made.report(said)
    assert made.said[-1].startswith("fleet-child-ended a message of another form")
    assert made.states == []


# Openings.


def test_told(made: Played) -> None:
    """What is opened, given more time and closed here the others hear of."""
    made.leases.open(knock(at=SHARED))
    made.leases.end()
    (lease,) = made.leases.manager.ask.all()
    made.leases.manager.extend(lease.id, 5.0)
    made.leases.manager.close_leases([lease.id])
    assert made.orders() == [
        verbs.Open("ssh", ALICE, 10.0),
        verbs.Open("ssh", ALICE, 15.0),
        verbs.Close("ssh", ALICE),
    ]


def test_not_shared() -> None:
    """A door without Fleet_Share is this gateway's own, whatever the others say."""
    played = Played(fleet_config(replace(SHARED, fleet_share=False)))
    played.reach()
    played.leases.open(knock())
    played.leases.end()
    played.report(verbs.Opened("north", "ssh", "192.0.2.9", 60.0), verbs.Closed("north", "ssh", ALICE))
    assert played.orders() == []
    assert [who for who, _ in played.states] == [ALICE]


def test_opened_elsewhere(made: Played) -> None:
    """The door's own command runs, for as long as is left; nothing is told of it."""
    made.report(verbs.Opened("north", "ssh", ALICE, 42.0))
    assert made.leases.runner.lines == [f"open {ALICE}"]
    made.leases.end()
    assert made.states == [(ALICE, 42.0)]
    assert made.said[-1] == "fleet-opened 192.0.2.1 ssh north"
    assert made.orders() == []
    (lease,) = made.leases.manager.ask.all()
    assert lease.knock[2:] == (4, "10.0.0.2", "wan0", "gateway north")


def test_opened_elsewhere_over_ipv6(made: Played) -> None:
    """The interface is one with such an address."""
    made.report(verbs.Opened("north", "ssh", SIX, 42.0))
    (lease,) = made.leases.manager.ask.all()
    assert lease.knock[1:5] == (SIX, 6, "2001:db8::2", "lan0")


def test_more_time_elsewhere(made: Played) -> None:
    """It has the later of two ends; nothing runs."""
    made.leases.open(knock(at=SHARED))
    made.leases.end()
    made.report(verbs.Opened("north", "ssh", ALICE, 30.0))
    assert made.states == [(ALICE, 30.0)]
    made.report(verbs.Opened("north", "ssh", ALICE, 3.0))
    assert made.states == [(ALICE, 30.0)]
    assert made.leases.runner.lines == [f"open {ALICE}"]


def test_opened_elsewhere_while_the_command_runs(made: Played) -> None:
    """More time is given when the command has ended."""
    made.leases.open(knock(at=SHARED))
    made.report(verbs.Opened("north", "ssh", ALICE, 30.0))
    made.leases.end()
    made.fire(1.0)
    assert made.states == [(ALICE, 29.0)]


def test_opened_elsewhere_at_the_start(made: Played) -> None:
    """What is opened before an interface is listened on is opened then."""
    made.places.clear()
    made.report(verbs.Opened("north", "ssh", ALICE, 30.0))
    assert made.states == []
    made.places.update(PLACES)
    made.fire(1.0)
    assert [who for who, _ in made.states] == [ALICE]


def test_who_may_not_knock_here(made: Played) -> None:
    """The rules of this gateway hold."""
    made.fleet.adopt(fleet_config(replace(SHARED, expires="2020-01-01")))
    made.report(verbs.Opened("north", "ssh", ALICE, 30.0), verbs.Opened("north", "none", ALICE, 30.0))
    assert made.states == []


def test_without_an_end(made: Played) -> None:
    """A door that nothing closes runs its command; one that is closed here does not open for ever."""
    made.report(verbs.Opened("north", "ssh", ALICE, None))
    assert made.leases.runner.lines == []
    made.fleet.adopt(fleet_config(replace(SHARED, stop_command=None)))
    made.report(verbs.Opened("north", "ssh", ALICE, None))
    assert made.leases.runner.lines == [f"open {ALICE}"]


def test_closed_elsewhere(made: Played) -> None:
    """It is closed here, too, and that is not told again."""
    made.leases.open(knock(at=SHARED))
    made.leases.end()
    made.orders()
    made.report(verbs.Closed("north", "ssh", "192.0.2.2"))
    assert len(made.leases.runner.lines) == 1
    made.report(verbs.Closed("north", "ssh", ALICE))
    assert made.leases.runner.lines[1:] == [f"close {ALICE}; sync"]
    assert made.said[-1] == "fleet-closed 192.0.2.1 ssh north"
    assert made.orders() == []


def test_closed_elsewhere_and_in_use_here(made: Played) -> None:
    """Who is connected through this gateway stays in."""
    door = replace(SHARED, close_when_idle=30.0, service=(Service(22, 22, Protocol.TCP),))
    made.leases.open(knock(at=door))
    made.leases.end()
    (lease,) = made.leases.manager.ask.all()
    lease.held, lease.in_use = True, True
    made.report(verbs.Closed("north", "ssh", ALICE))
    assert len(made.leases.runner.lines) == 1


# Others.


def test_used_elsewhere(made: Played) -> None:
    """Live one-time sequences are watched; one that is used elsewhere is struck out."""
    made.watched = [("ssh", "one-time ssh 1:tcp")]
    made.fleet.look()
    made.fleet.look()
    assert made.orders() == [verbs.Watch("ssh", "one-time ssh 1:tcp")]
    made.report(verbs.UsedUp("ssh", "one-time ssh 1:tcp"))
    assert made.struck == [("ssh", "one-time ssh 1:tcp")]


def test_gateways(made: Played) -> None:
    """They come, leave and die; two may have one name."""
    made.report(verbs.Came("north"), verbs.Came("north"), verbs.Came("south"))
    made.report(verbs.Left("north", silent=False), verbs.Left("south", silent=True))
    assert made.fleet.gateways == {"north": 1}
    assert made.said[-2:] == ["fleet-left north", "fleet-silent south"]


def test_an_overview(made: Played) -> None:
    """Its parts are handed on together; without an answer there are none."""
    found: list[list[Overview]] = []
    made.fleet.ask(found.append)
    part = Overview(1, {"name": "here"}, (("north", "ab", 1.0, 0.5, 0.01),), (), more=True)
    made.report(part)
    assert found == []
    made.report(part._replace(more=False, openings=(("ssh", ALICE, 5.0, "north"),)))
    assert [len(parts) for parts in found] == [2]
    made.fleet.ask(found.append)
    made.fire(PATIENCE)
    assert found[1] == []


def test_reload(made: Played) -> None:
    """Another door is no other child; another key, store or name is; and none is none."""
    made.fleet.adopt(fleet_config(SHARED, REQUIRED))
    assert len(made.ends) == 1
    made.fleet.adopt(fleet_config(fleet_name="other"))
    assert len(made.ends) == 2
    made.fleet.adopt(replace(fleet_config(), options=configuration().options))
    made.admit(replace(SHARED, fleet_required=False))
    assert made.answers == [None]
    assert made.leases.manager.sharing.tell is None
    made.fleet.adopt(fleet_config())
    assert len(made.ends) == 3


def test_stop(made: Played) -> None:
    """The child hears of the end, and nobody of what is closed then."""
    made.fleet.stop()
    assert made.ends[-1].recv(10) == b""
    assert made.leases.manager.sharing.tell is None
