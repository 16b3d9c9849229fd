"""A knock that is followed at the server's end, with doubles for captures and client."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from ipaddress import ip_address

import pytest

from knockd.doctor import knock_walk
from knockd.doctor.knock_plan import Link, Way
from knockd.doctor.knock_walk import Knocked, Outcome, walk
from knockd.doctor.lab import SERVER, LabError
from knockd.knocks.events import Opened
from knockd.knocks.prefilter import SNAPLEN
from knockd.net.interface import Interface
from knockd.net.rtnetlink import Link as NetLink
from knockd_bpf.instruction import pack
from knockd_bpf.layout import ETHERNET
from knockd_bpf.source import source_program
from knockd_conf.model import Config, Options
from tests.support.doubles.captures import FakeCapture
from tests.support.doubles.lab_ends import LabEnds
from tests.support.doubles.listened import frame
from tests.support.doubles.played import ALICE, OURS, door, watched

LINK = Link(4, str(ip_address(OURS)), str(ip_address(ALICE)))
DOOR = replace(door("7 8", "ssh"), start_command="open")
AT = Knocked(Config("/f", Options(), (DOOR,), "host", ("/f",)), watched(DOOR), 0, ipv6=True)
WAY = Way(LINK, DOOR.steps, None)
PASSED = "left, arrived, passed the filter: "


@pytest.fixture
def ends() -> Iterator[LabEnds]:
    """The server's side, and the client's, which a test is; it has an address already."""
    made = LabEnds()
    made.say(joined=True)
    yield made
    made.close()


class World:
    """What the captures will give: ``filtered`` behind the filter, ``heard`` all of the client's."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.filtered: list[list[bytes]] = []
        self.heard: list[list[bytes]] = []
        self.captures: list[FakeCapture] = []
        self.joined: list[tuple[object, ...]] = []
        self.lines: list[str] = []
        one = Interface(NetLink(2, SERVER, 1, up=True), frozenset({OURS}))
        monkeypatch.setattr(knock_walk, "read_interfaces", lambda: {SERVER: one})
        monkeypatch.setattr(knock_walk, "join", lambda *given: self.joined.append(given))
        monkeypatch.setattr(knock_walk, "open_capture", self._open)
        monkeypatch.setattr(knock_walk, "ARRIVES_WITHIN", 0.2)

    def _open(self, name: str, **_: object) -> FakeCapture:
        batches = self.heard if self.captures else self.filtered
        self.captures.append(FakeCapture(name, *batches))
        return self.captures[-1]

    def tell(self, head: str, text: str) -> None:
        """A line is told."""
        self.lines.append(head[:6] + text)

    def walk(self, ends: LabEnds) -> Outcome:
        """What comes of the knock."""
        return walk(ends.peer, WAY, AT, 50, self.tell)


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    """Nothing arrives yet."""
    return World(monkeypatch)


def test_opens(world: World, ends: LabEnds) -> None:
    """The client is told to knock, and what arrives opens the door; both captures are closed."""
    both = [frame("7"), frame("8")]
    world.filtered, world.heard = [both], [both]
    for message in ({"left": 0}, {"left": 1}, {"done": True}):
        ends.say(**message)
    assert world.walk(ends) == Outcome(Opened(0, ALICE, OURS, 2), "", passed=2)
    assert world.joined == [(SERVER, LINK.server, LINK.client, 4)]
    joined, asked = ends.heard()
    assert joined == {"join": {"mine": LINK.client, "other": LINK.server, "version": 4}}
    assert asked["knock"]["ports"] == ["7:tcp", "8:tcp"]
    assert asked["knock"]["delay"] == 50
    filtered, heard = world.captures
    assert f"filter attached: {len(filtered.filters[0]) // 8} instructions" == world.lines[0]
    assert world.lines[1:] == [
        f"   1  {PASSED}step 1 of 2",
        f"   2  {PASSED}step 2 of 2: the door would open",
    ]
    assert heard.filters == [pack(source_program(ALICE, ETHERNET, SNAPLEN))]
    assert filtered.closed
    assert heard.closed


def test_does_not_open(world: World, ends: LabEnds) -> None:
    """What is lost on the way is waited for so long; then it is said what to change."""
    world.filtered, world.heard = [[frame("7")]], [[frame("7")]]
    for message in ({"left": 0}, {"left": 1}, {"done": True}):
        ends.say(**message)
    outcome = world.walk(ends)
    assert outcome.opened is None
    assert outcome.advice.startswith("After step 1 of 2 of ssh nothing came to 8:tcp")
    assert world.lines[-1] == "   2  left, did not arrive"


def test_what_could_not_leave(world: World, ends: LabEnds) -> None:
    """A packet that the client cannot send is told of."""
    ends.say(unsent=0, reason="Network is unreachable")
    ends.say(unsent=1, reason="Network is unreachable")
    ends.say(done=True)
    outcome = world.walk(ends)
    assert outcome.opened is None
    assert world.lines[1:] == [f"   {n}  could not be sent: Network is unreachable" for n in (1, 2)]


def test_flags_that_cannot_be_sent(world: World, ends: LabEnds) -> None:
    """A knock that needs what is not there is not tried."""
    ends.say(unavailable="impacket is missing")
    assert world.walk(ends) == Outcome(None, "impacket is missing", tried=False)


def test_a_filter_that_drops(world: World, ends: LabEnds) -> None:
    """Where the kernel lets through what we do not expect, that is a fault of ours, and said."""
    both = [frame("7"), frame("8")]
    world.filtered, world.heard = [both[:1]], [both]
    for message in ({"left": 0}, {"left": 1}, {"done": True}):
        ends.say(**message)
    outcome = world.walk(ends)
    assert outcome.opened is None
    assert outcome.advice == (
        "the kernel's filter let 1 packets through, and 2 should have passed:"
        " a fault of knockd, please report it."
    )


def test_no_address(world: World) -> None:
    """An address that the client cannot have is its reason."""
    ends = LabEnds()
    ends.say(failed="'ip -6 address add' failed")
    with pytest.raises(LabError, match="'ip -6 address add' failed"):
        world.walk(ends)
    assert world.captures == []
    ends.close()
