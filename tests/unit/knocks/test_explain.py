"""What is said of each packet of a source: kinds, stages and numbers."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from knockd.knocks.explain import Explainer
from knockd.knocks.verdicts import Kind, Verdict
from knockd.knocks.watch import Watch
from knockd_conf.model import FlagRule
from tests.support.doubles.played import LOCAL, SYN, door, packet, watched

ACK = 0x10


def explaining(sequence: str, guards: str = "", **values: Any) -> Explainer:
    """The explainer of one door."""
    return Explainer(watched(door(sequence, **values), guards=[guards]))


def say(explainer: Explainer, trace: str, *, now: float = 100.0) -> list[str]:
    """The kinds of verdicts on packets, all at ``now``, those of other doors with their place in front."""
    return [
        f"{f'{verdict.door}: ' if verdict.door else ''}{verdict.kind.name}"
        for word in trace.split()
        for verdict in explainer.explain(packet(word), LOCAL, now)
    ]


def judge(explainer: Explainer, word: str, *, now: float = 100.0) -> Verdict:
    """The verdict of the only watch on one packet."""
    (verdict,) = explainer.explain(packet(word), LOCAL, now)
    return verdict


def test_a_knock() -> None:
    """Step after step, and the last one opens."""
    assert ["BEGINS", "NEXT", "OPENS"] == say(explaining("1 2 3"), "1 2 3")


def test_other_ports() -> None:
    """A packet to a port of no door has to do with none."""
    assert [] == say(explaining("1 2 3"), "4 1u")


@pytest.mark.parametrize(
    ("trace", "last"),
    [("1 2 1", "REPEAT"), ("1 2 2", "REPEAT"), ("1 1", "REPEAT"), ("1 3", "WRONG"), ("3", "UNBEGUN")],
)
def test_steps_out_of_turn(trace: str, last: str) -> None:
    """A step that is done is a repeat, one that is not due is wrong, or begins nothing."""
    assert last == say(explaining("1 2 3"), trace)[-1]


def test_repeated_first_step() -> None:
    """It begins an attempt besides the one that there is."""
    explainer = explaining("1 2 3")
    say(explainer, "1 2")
    verdict = judge(explainer, "1")
    assert verdict.begins
    assert (2, 2) == (verdict.before, verdict.stage)


def test_elsewhere() -> None:
    """A packet to an address that the door does not watch does not count."""
    explainer = explaining("1 2")
    (verdict,) = explainer.explain(packet("1", destination=b"\x09\x09\x09\x09"), LOCAL, 100.0)
    assert Kind.ELSEWHERE is verdict.kind


def test_flags() -> None:
    """A packet whose flags do not fit does not count; UDP has none."""
    explainer = explaining("1 2u", flags=FlagRule(SYN, ACK))
    (verdict,) = explainer.explain(packet("1", flags=SYN | ACK), LOCAL, 100.0)
    assert Kind.FLAGS is verdict.kind
    assert ["BEGINS", "OPENS"] == say(explainer, "1 2u")


def test_guard() -> None:
    """A guard ends the attempt, and the source is ignored for Seq_Timeout, anew with each touch."""
    explainer = explaining("1 2 3", "7", seq_timeout=10.0)
    say(explainer, "1 2", now=100.0)
    verdict = judge(explainer, "7", now=101.0)
    assert (Kind.GUARD, 2, 111.0) == (verdict.kind, verdict.before, verdict.until)
    ignored = judge(explainer, "3", now=105.0)
    assert (Kind.IGNORED, 111.0) == (ignored.kind, ignored.until)
    again = judge(explainer, "7", now=110.0)
    assert (Kind.GUARD_AGAIN, 120.0) == (again.kind, again.until)
    assert ["BEGINS"] == say(explainer, "1", now=120.0)


def test_cooldown() -> None:
    """After an opening the source is ignored for Seq_Cooldown."""
    explainer = explaining("1 2", seq_cooldown=60.0)
    say(explainer, "1 2", now=100.0)
    verdict = judge(explainer, "1", now=130.0)
    assert (Kind.COOLDOWN, 160.0) == (verdict.kind, verdict.until)
    assert ["BEGINS"] == say(explainer, "1", now=160.0)


def test_too_late() -> None:
    """What is too old has ended when the next packet comes: it is said by how much."""
    explainer = explaining("1 2 3", seq_timeout=10.0)
    say(explainer, "1", now=100.0)
    say(explainer, "2", now=105.0)
    verdict = judge(explainer, "3", now=114.25)
    assert (Kind.UNBEGUN, 2, 4.25) == (verdict.kind, verdict.expired, verdict.late)
    assert 0 == verdict.before


def test_just_in_time() -> None:
    """At Seq_Timeout itself a packet is in time; slack is added to it."""
    explainer = explaining("1 2", seq_timeout=10.0)
    say(explainer, "1", now=100.0)
    assert ["OPENS"] == say(explainer, "2", now=110.0)
    slow = Explainer(watched(door("1 2", seq_timeout=10.0)), slack=0.5)
    say(slow, "1", now=100.0)
    assert ["OPENS"] == say(slow, "2", now=110.5)


def test_end_of_another_knock() -> None:
    """The packet that opens one door is not the first step at another one."""
    explainer = Explainer(watched(door("1 2"), door("2 1")))
    assert ["BEGINS", "1: UNBEGUN", "OPENS", "1: ENDS_ANOTHER"] == say(explainer, "1 2")
    assert ["BEGINS", "1: UNBEGUN"] == say(explainer, "1")


def test_used_up() -> None:
    """A sequence that can be used once means nothing after it has opened, for whoever knocked."""
    (watch,) = watched(door("1 2"))
    explainer = Explainer([replace(watch, once=True)])
    assert ["BEGINS", "OPENS", "USED_UP"] == say(explainer, "1 2 1")
    other = Explainer([replace(watch, once=True)])
    say(other, "1")
    other.use_up(0)
    assert ["USED_UP"] == say(other, "2")


def test_several_watches_of_a_door() -> None:
    """An opening by one ends the attempts at all of its door."""
    first, second = (Watch(0, one.steps) for one in watched(door("1 2"), door("1 3 4")))
    explainer = Explainer([first, second])
    say(explainer, "1 3 2")
    assert ["UNBEGUN"] == say(explainer, "4")


def test_without_steps() -> None:
    """A watch without steps has to do with no packet, not even at its guards."""
    assert [] == say(Explainer([Watch(0, (), guards=watched(door("7"))[0].steps)]), "7")
