"""Packets of a knock: told in their order, once it is known what became of each."""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import ip_address

import pytest

from knockd.doctor.knock_plan import Link, Way
from knockd.doctor.knock_story import Story
from knockd.explanation.accounts import Place, Sighting
from knockd.explanation.signed_accounts import SignedExplainer
from knockd.knocks.events import Opened
from knockd.replay.signed_times import SignedTimes
from knockd_bpf.wire import DLT_EN10MB
from knockd_conf.model import Door
from tests.support.doubles.listened import BEGIN, HERE, Listened, frame
from tests.support.doubles.played import ALICE, OURS, door, steps
from tests.support.doubles.signed_replays import PORT, SSH, means_of, signed_frame, signed_packet
from tests.support.samples.signed_vectors import KEYS

NAMED = f"alice@laptop ({KEYS['alice'].fingerprint})"
PASSED = "left, arrived, passed the filter: "


class Told:
    """A story of a knock at the first of some doors, and the lines of it so far."""

    def __init__(self, trace: str, *doors: Door, secret: str = "", signed: SignedTimes | None = None) -> None:
        listened = Listened(*doors, signed=None if signed is None else SignedExplainer(signed))
        self.lines: list[str] = []
        way = Way(Link(4, "10.0.0.1", "192.0.2.1"), tuple(steps(trace)), None, secret)
        self.story = Story(way, listened.listener, listened.doors, 0, self._tell)

    def _tell(self, head: str, text: str) -> None:
        self.lines.append(head + text)

    def arrive(self, *words: str, at: float = 0.0, passes: bool = True, place: Place = HERE) -> None:
        """Packets arrive."""
        for word in words:
            stamp = BEGIN + round(at * 1e6)
            self.story.hear(Sighting(DLT_EN10MB, frame(word), stamp, at, passes), place)


@pytest.fixture
def told() -> Told:
    """A knock at a door of two steps."""
    return Told("7 8", door("7 8", "ssh"))


def texts(lines: Sequence[str]) -> list[str]:
    """The lines without number and port."""
    return [line[21:] for line in lines]


def test_in_order(told: Told) -> None:
    """Each packet is told of when it has left and arrived, in whatever order that is heard."""
    told.arrive("7")
    assert told.lines == []
    told.story.leave(0)
    assert texts(told.lines) == [f"{PASSED}step 1 of 2"]
    told.story.leave(1)
    told.arrive("8")
    assert told.lines == [
        f"   1  7:tcp syn      {PASSED}step 1 of 2",
        f"   2  8:tcp syn      {PASSED}step 2 of 2: the door would open",
    ]
    assert told.story.is_complete
    assert told.story.passed == 2
    assert told.story.find_opening() == Opened(0, ALICE, OURS, 2)


@pytest.mark.parametrize(
    ("verb", "text", "opened"),
    [
        ("open", f"signed by {NAMED}: the door would open", Opened(0, ALICE, OURS, 1)),
        ("renew", f"signed by {NAMED}: what is open for its address would be renewed", None),
    ],
)
def test_signed(verb: str, text: str, opened: Opened | None) -> None:
    """What a signed knock does is told; it opens where it asks for that."""
    times = SignedTimes((SSH,), means_of())
    one = signed_frame(1.0, signed_packet(verb=verb), str(ip_address(ALICE)), to=str(ip_address(OURS)))
    times.move_to(one.stamp)
    told = Told(f"{PORT}u", SSH, signed=times)
    told.story.leave(0)
    told.story.hear(Sighting(DLT_EN10MB, one.data, one.stamp, 1.0, True), HERE)
    assert told.lines == [f"   1  {PORT}:udp      {PASSED}{text}"]
    assert told.story.find_opening() == opened


def test_door_with_a_key() -> None:
    """Of a knock with a key no port is shown, of packets that arrive and of others."""
    told = Told("7 8u", door("7 8u", "ssh"), secret="ssh")
    told.arrive("7")
    told.story.leave(0)
    told.story.tell_rest()
    assert told.lines == [
        f"   1  tcp syn        {PASSED}step 1 of 2",
        "   2  udp            was not sent",
    ]


def test_what_does_not_arrive(told: Told) -> None:
    """At the end it is said of the others what is known."""
    told.story.leave(0)
    told.story.tell_rest()
    told.story.tell_rest()
    assert told.lines == ["   1  7:tcp          left, did not arrive", "   2  8:tcp          was not sent"]
    assert not told.story.is_complete
    assert told.story.find_opening() is None
    assert told.story.advise().startswith("Nothing of 192.0.2.1 arrived")


def test_what_cannot_be_sent(told: Told) -> None:
    """A packet that could not leave is told of with the reason, and is not waited for."""
    told.story.keep(0, "Network is unreachable")
    told.story.leave(1)
    told.arrive("8")
    assert told.story.is_complete
    assert texts(told.lines) == [
        "could not be sent: Network is unreachable",
        f"{PASSED}wrong step: there is no attempt, 7:tcp comes first",
    ]


def test_dropped_by_the_filter(told: Told) -> None:
    """What the filter drops arrives and does not count."""
    told.story.leave(0)
    told.arrive("7", passes=False)
    assert texts(told.lines) == ["left, arrived: the kernel's filter drops it"]
    assert told.story.passed == 0


def test_a_step_that_comes_twice() -> None:
    """A sequence may have one port twice: the packets are told apart by their order."""
    told = Told("7 8 7", door("7 8 7", "ssh"))
    for number, word in enumerate(("7", "8", "7")):
        told.story.leave(number)
        told.arrive(word)
    assert texts(told.lines)[2] == f"{PASSED}step 3 of 3: the door would open"


def test_other_doors() -> None:
    """What a packet is at another door is said below what it is at ours, and opens only that."""
    told = Told("7 8", door("7 8 9", "ssh"), door("7 8", "web"))
    told.story.leave(0)
    told.story.leave(1)
    told.arrive("7", "8")
    assert texts(told.lines) == [
        f"{PASSED}step 1 of 3",
        "at door web: step 1 of 2",
        f"{PASSED}step 2 of 3",
        "at door web: step 2 of 2: the door would open",
    ]
    assert told.story.find_opening() is None


def test_what_has_to_do_with_no_door(told: Told) -> None:
    """Other packets are not told of."""
    told.arrive("99")
    told.story.tell_rest()
    assert len(told.lines) == 2
