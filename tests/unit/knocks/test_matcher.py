"""The rules of the matcher, each with a trace that shows it."""

from __future__ import annotations

from ipaddress import ip_address

import pytest

from knockd.knocks.events import Expired, Guarded, Opened, Spoiled, Stage
from knockd.knocks.matcher import Matcher
from knockd_conf.model import Door, FlagRule
from tests.support.doubles.played import (
    ALICE,
    BOB,
    LOCAL,
    OURS,
    SYN,
    door,
    matching,
    packet,
    pending,
    play,
)

ROUTED = ip_address("198.51.100.7")
ALICE6 = ip_address("2001:db8::1")
ACK, FIN = 0x10, 0x01

TRACES = [
    ("1", "1", ["opened 1"]),
    ("1", "1 1", ["opened 1", "opened 1"]),
    ("1 2", "1 2", ["stage 1", "opened 2"]),
    ("1 2 3", "1 2 3", ["stage 1", "stage 2", "opened 3"]),
    ("1u 2 3u", "1u 2 3u", ["stage 1", "stage 2", "opened 3"]),
    ("1 1u", "1 1u", ["stage 1", "opened 2"]),
    # Packets that are none of the door's steps.
    ("1 2 3", "9 8 7", []),
    ("1 2 3", "1 9 2 9 3", ["stage 1", "stage 2", "opened 3"]),
    ("1 2 3", "1u 2u 3u", []),
    ("1 2 3", "2 3", []),
    # A step that is done changes nothing, however long ago it was done.
    ("1 2 3", "1 1 1 2 2 3", ["stage 1", "stage 2", "opened 3"]),
    ("1 2 3", "1 2 3 3", ["stage 1", "stage 2", "opened 3"]),
    ("1 2 3", "1 2 1 3", ["stage 1", "stage 2", "opened 3"]),
    ("1 2 3 4", "1 2 3 2 1 4", ["stage 1", "stage 2", "stage 3", "opened 4"]),
    ("1 2 3", "1 2 1 2 3", ["stage 1", "stage 2", "opened 3"]),
    # A step that is not due yet.
    ("1 2 3", "1 3", ["stage 1", "spoiled 1"]),
    ("1 2 3", "1 3 2 3", ["stage 1", "spoiled 1"]),
    ("1 2 3 4", "1 2 4 3 4", ["stage 1", "stage 2", "spoiled 2"]),
    ("1 2 3 4", "1 2 1 4", ["stage 1", "stage 2", "spoiled 2"]),
    ("1 2 3", "1 3 1 2 3", ["stage 1", "spoiled 1", "stage 1", "stage 2", "opened 3"]),
    # After an opening all starts from the beginning.
    ("1 2", "1 2 2 1 2", ["stage 1", "opened 2", "stage 1", "opened 2"]),
    # Sequences that ask for a port again.
    ("1 1", "1 1", ["stage 1", "opened 2"]),
    ("1 1 1", "1 1 1", ["stage 1", "stage 2", "opened 3"]),
    ("1 2 1", "1 2 1", ["stage 1", "stage 2", "opened 3"]),
    ("1 2 1 3", "1 2 1 3", ["stage 1", "stage 2", "stage 3", "opened 4"]),
    ("1 2 1 3", "1 2 2 1 3", ["stage 1", "stage 2", "stage 3", "opened 4"]),
    ("1 2 1 3", "1 2 1 2 1 3", ["stage 1", "stage 2", "stage 3", "opened 4"]),
    ("1 1 2", "1 1 1 2", ["stage 1", "stage 2", "opened 3"]),
    ("1 1 2", "1 2 1 1 2", ["stage 1", "spoiled 1", "stage 1", "stage 2", "opened 3"]),
    # An opening ends the younger attempts too, and its packet begins none.
    ("1 2 1", "1 2 1 2 1", ["stage 1", "stage 2", "opened 3", "stage 1"]),
    ("1 1", "1 1 1", ["stage 1", "opened 2", "stage 1"]),
    ("1 1 1", "1 1 1 1 1 1", ["stage 1", "stage 2", "opened 3"] * 2),
    ("3000 2000 3000", "3000 2000 3000 2000 3000", ["stage 1", "stage 2", "opened 3", "stage 1"]),
]


@pytest.mark.parametrize(("sequence", "trace", "expected"), TRACES)
def test_trace(sequence: str, trace: str, expected: list[str]) -> None:
    """A trace of packets of one source makes exactly these events."""
    assert play(matching(door(sequence)), trace) == expected


def test_longest_sequence() -> None:
    """A door of 32 steps opens at the last of them."""
    trace = " ".join(str(port) for port in range(100, 132))
    expected = [f"stage {number}" for number in range(1, 32)] + ["opened 32"]
    assert play(matching(door(trace)), trace) == expected


def test_stage_event() -> None:
    """A stage says door, source and number of steps done."""
    matcher = matching(door("9"), door("1 2"))
    assert matcher.feed(packet("1"), LOCAL, 1.0) == [Stage(1, ALICE, 1)]


def test_opened_event() -> None:
    """An opening says the address that was knocked at too."""
    matcher = matching(door("1 2"))
    play(matcher, "1")
    assert matcher.feed(packet("2"), LOCAL, 100.0) == [Opened(0, ALICE, OURS, 2)]


def test_opened_event_ipv6() -> None:
    """IPv6 knocks are matched like IPv4 ones."""
    ours = ip_address("fd00::1").packed
    knock = packet("1", ALICE6.packed, destination=ours)
    assert matching(door("1")).feed(knock, frozenset({ours}), 1.0) == [Opened(0, ALICE6.packed, ours, 1)]


def test_spoiled_event() -> None:
    """A spoiled attempt is reported with the stage it had reached."""
    matcher = matching(door("1 2 3"))
    play(matcher, "1")
    assert matcher.feed(packet("3"), LOCAL, 100.0) == [Spoiled(0, ALICE, 1)]


def test_sources_are_independent() -> None:
    """Packets of one source do nothing to the attempt of another."""
    matcher = matching(door("1 2 3"))
    alice, bob = play(matcher, "1 2"), play(matcher, "1 3", BOB)
    assert (alice, bob, play(matcher, "3")) == (
        ["stage 1", "stage 2"],
        ["stage 1", "spoiled 1"],
        ["opened 3"],
    )


def test_doors_are_independent() -> None:
    """A packet for another door's port does nothing to an attempt at this one."""
    matcher = matching(door("1 2"), door("3 4"))
    assert play(matcher, "1 3 2 4") == ["stage 1", "1: stage 1", "opened 2", "1: opened 2"]


def test_one_packet_for_two_doors() -> None:
    """A port of two doors is judged for each."""
    matcher = matching(door("1 2"), door("1 2 3"))
    expected = ["stage 1", "1: stage 1", "opened 2", "1: stage 2", "1: opened 3"]
    assert play(matcher, "1 2 3") == expected


PAIR = door("7 8 9"), door("9 8 7")
"""Open and close, as 0.8 is packaged."""

BOTH = ["stage 2", "1: stage 2", "opened 3", "1: opened 3"]


@pytest.mark.parametrize(
    ("doors", "trace", "expected"),
    [
        (PAIR, "7 8 9", ["stage 1", "stage 2", "opened 3"]),
        (PAIR, "7 8 9 8 7", ["stage 1", "stage 2", "opened 3", "stage 1"]),
        (PAIR, "9 8 7", ["1: stage 1", "1: stage 2", "1: opened 3"]),
        (PAIR, "7 7 8 7 9", ["stage 1", "stage 2", "opened 3"]),
        ((door("4 2 1"), door("5 3 1")), "4 5 2 3 1", ["stage 1", "1: stage 1", *BOTH]),
        ((door("1 2 1"), door("1 3 1")), "1 2 3 1", ["stage 1", "1: stage 1", *BOTH]),
        ((door("5 1"), door("1 2")), "5 1 2", ["stage 1", "opened 2"]),
        ((door("1 2"), door("5 1")), "5 1 2", ["1: stage 1", "1: opened 2"]),
        ((door("5 1"), door("6 1")), "5 6 1", ["stage 1", "1: stage 1", "opened 2", "1: opened 2"]),
    ],
)
def test_an_opening_begins_no_attempt(doors: tuple[Door, ...], trace: str, expected: list[str]) -> None:
    """The packet that ends a knock begins none at any door, whichever door comes first."""
    assert play(matching(*doors), trace) == expected


@pytest.mark.parametrize(
    "doors", [PAIR, (door("4 4 4"),), (door("3 2 3"),)], ids=["pair", "one port", "3 2 3"]
)
def test_nothing_is_left_after_an_opening(doors: tuple[Door, ...]) -> None:
    """A knock that opened leaves no attempt, so none that expires later."""
    matcher = matching(*doors)
    trace = " ".join(str(step.port) for step in doors[0].steps)
    assert play(matcher, trace)[-1] == "opened 3"
    assert (matcher.expire(1_000.0), pending(matcher)) == ([], 0)


@pytest.mark.parametrize("doors", [(door("1"), door("1 2 3")), (door("1 2 3"), door("1"))])
def test_a_door_of_one_step_keeps_nobody_out_of_another(doors: tuple[Door, ...]) -> None:
    """A packet that is a whole knock by itself begins a longer one as well, as in 0.8."""
    opened = [word[-8:] for word in play(matching(*doors), "1 2 3") if "opened" in word]
    assert opened == ["opened 1", "opened 3"]


@pytest.mark.parametrize(
    ("rule", "flags", "counts"),
    [
        (None, 0, True),
        (None, ACK, True),
        (FlagRule(SYN, 0), SYN, True),
        (FlagRule(SYN, 0), SYN | ACK, True),
        (FlagRule(SYN, 0), ACK, False),
        (FlagRule(SYN, ACK), SYN | ACK, False),
        (FlagRule(SYN, ACK), SYN | FIN, True),
        (FlagRule(0, SYN), FIN, True),
        (FlagRule(0, SYN), SYN, False),
    ],
)
def test_flags(rule: FlagRule | None, flags: int, counts: bool) -> None:
    """A TCP packet concerns a door only when its flags fit the door's rule."""
    matcher = matching(door("1", flags=rule))
    assert bool(matcher.feed(packet("1", flags=flags), LOCAL, 1.0)) == counts


def test_unfit_flags_do_not_spoil() -> None:
    """A packet whose flags do not fit neither advances nor spoils an attempt."""
    matcher = matching(door("1 2 3", flags=FlagRule(SYN, ACK)))
    play(matcher, "1")
    ignored = matcher.feed(packet("3", flags=ACK), LOCAL, 100.0)
    assert (list(ignored), play(matcher, "2")) == ([], ["stage 2"])


def test_flags_are_nothing_to_udp() -> None:
    """The flag rule of a door does not apply to its UDP steps."""
    assert play(matching(door("1u", flags=FlagRule(SYN, 0))), "1u") == ["opened 1"]


@pytest.mark.parametrize(
    ("target", "destination", "counts"),
    [
        ((), OURS, True),
        ((), ROUTED.packed, False),
        ((ROUTED,), ROUTED.packed, True),
        ((ROUTED,), OURS, False),
        ((ROUTED, ALICE6), ALICE6.packed, True),
    ],
)
def test_destination(target: tuple[object, ...], destination: bytes, counts: bool) -> None:
    """A packet concerns a door when it goes to the interface's address, or to the door's Target instead."""
    matcher = matching(door("1", target=target))
    assert bool(matcher.feed(packet("1", destination=destination), LOCAL, 1.0)) == counts


def test_no_addresses() -> None:
    """On an interface without an address nothing concerns a door without Target."""
    assert list(matching(door("1")).feed(packet("1"), frozenset(), 1.0)) == []


@pytest.mark.parametrize(
    ("seconds", "expected"), [(25.0, ["opened 2"]), (25.1, ["expired 1"])], ids=["in time", "late"]
)
def test_seq_timeout(seconds: float, expected: list[str]) -> None:
    """An attempt lives Seq_Timeout seconds; a packet after that finds it expired."""
    matcher = matching(door("1 2", seq_timeout=25.0))
    play(matcher, "1", now=100.0)
    assert play(matcher, "2", now=100.0 + seconds) == expected


def test_seq_timeout_counts_from_the_first_packet() -> None:
    """Neither a later step nor a repeat of one gives an attempt more time."""
    matcher = matching(door("1 2 3", seq_timeout=10.0))
    play(matcher, "1", now=100.0)
    play(matcher, "2 2", now=109.0)
    assert play(matcher, "3", now=110.5) == ["expired 2"]


def test_repeat_of_the_first_step_starts_anew() -> None:
    """A first step sent again is the first packet of a younger attempt."""
    matcher = matching(door("1 2", seq_timeout=10.0))
    play(matcher, "1", now=100.0)
    assert play(matcher, "1", now=109.0) + play(matcher, "2", now=118.0) == ["opened 2"]


def test_late_first_step() -> None:
    """A first step after the time is both: the end of an attempt and the start of another."""
    matcher = matching(door("1 2", seq_timeout=10.0))
    play(matcher, "1", now=100.0)
    assert play(matcher, "1", now=120.0) == ["expired 1", "stage 1"]


def test_slack() -> None:
    """Slack is added to every Seq_Timeout: a packet may have waited for its batch."""
    matcher = matching(door("1 2", seq_timeout=10.0), slack=0.5)
    play(matcher, "1", now=100.0)
    assert play(matcher, "2", now=110.4) == ["opened 2"]


def test_seq_timeout_of_zero() -> None:
    """A door without time opens only to packets of one moment."""
    doors: list[Door] = [door("1 2", seq_timeout=0.0)]
    assert play(matching(*doors), "1 2") == ["stage 1", "opened 2"]


@pytest.fixture
def guarded() -> Matcher:
    """A door with the guard ports 7 and 8u."""
    return matching(door("1 2 3", seq_timeout=10.0), door("1 9"), guards=["7 8u"])


def test_guard_port(guarded: Matcher) -> None:
    """A guard port drops the attempt at its door, which then ignores the source."""
    assert play(guarded, "1 2 7 3 1 2 3 9") == [
        "stage 1",
        "1: stage 1",
        "stage 2",
        "guarded 2",
        "ignored 10",
        "1: opened 2",
    ]


def test_guard_event() -> None:
    """Touching a guard port without an attempt is reported with stage 0."""
    matcher = matching(door("1 2"), guards=["7"])
    assert matcher.feed(packet("7"), LOCAL, 100.0) == [Guarded(0, ALICE, 0, 6 << 16 | 7)]


def test_guard_after_the_deadline() -> None:
    """An attempt that was too old when its source touched a guard expired before."""
    matcher = matching(door("1 2 3", seq_timeout=10.0), guards=["7"])
    play(matcher, "1 2", now=100.0)
    assert play(matcher, "7", now=110.1) == ["expired 2", "guarded 0"]


@pytest.mark.parametrize(("seconds", "expected"), [(9.9, ["ignored 1"]), (10.0, ["stage 1"])])
def test_guard_time(seconds: float, expected: list[str]) -> None:
    """The source is ignored at that door for Seq_Timeout seconds."""
    matcher = matching(door("1 2", seq_timeout=10.0), guards=["7"])
    play(matcher, "7", now=100.0)
    assert play(matcher, "1", now=100.0 + seconds) == expected


def test_guard_time_is_prolonged(guarded: Matcher) -> None:
    """A guard port touched again starts the time anew, and is not reported again."""
    first, again = play(guarded, "7", now=100.0), play(guarded, "7", now=109.0)
    assert (first, again, play(guarded, "2", now=115.0)) == (["guarded 0"], [], [])


def test_guard_of_others(guarded: Matcher) -> None:
    """A guard port touched by one source does nothing to another's attempt."""
    play(guarded, "1 2")
    play(guarded, "7", BOB)
    assert play(guarded, "3") == ["opened 3"]


def test_expired_event() -> None:
    """An expired attempt is reported with the foremost stage it had reached."""
    matcher = matching(door("1 2 3", seq_timeout=10.0))
    play(matcher, "1 2", now=100.0)
    assert matcher.expire(200.0) == [Expired(0, ALICE, 2)]
