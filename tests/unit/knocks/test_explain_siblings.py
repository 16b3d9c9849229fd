"""What is said of a packet at doors with several sequences, and of sources that are not admitted."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_network

import pytest

from knockd.knocks.explain import Explainer
from knockd.knocks.verdicts import Kind, Verdict
from knockd.knocks.watch import Watch
from knockd_conf.access import Access, make_networks
from tests.support.doubles.played import BOB, LOCAL, packet, steps

FIRST = Watch(0, steps("1 2 3"), serial=1, key=1, guards=steps("4 5 6 9"), ignore_time=120.0)
SECOND = replace(FIRST, steps=steps("4 5 6"), serial=2, guards=steps("1 2 3 9"))
LATER = Watch(0, steps("7 8"), serial=3, key=1, opens=False)
WATCHES = [FIRST, SECOND, LATER]


def judge(explainer: Explainer, trace: str, now: float = 100.0) -> list[Verdict]:
    """The verdicts on the last packet of a trace."""
    verdicts: list[Verdict] = []
    for word in trace.split():
        verdicts = explainer.explain(packet(word), LOCAL, now)
    return verdicts


def kinds(explainer: Explainer, trace: str, now: float = 100.0) -> list[Kind]:
    """Their kinds, in the order of the watches."""
    return [verdict.kind for verdict in judge(explainer, trace, now)]


def test_not_admitted() -> None:
    """A packet of a source that may not knock counts neither as a step nor as a guard."""
    access = Access((), make_networks([ip_network("192.0.2.2")]))
    explainer = Explainer([replace(FIRST, access=access)])
    for word in ("1", "9"):
        (verdict,) = explainer.explain(packet(word, BOB), LOCAL, 100.0)
        assert Kind.NOT_ADMITTED is verdict.kind
    assert [Kind.BEGINS] == kinds(explainer, "1")


def test_step_and_guard() -> None:
    """A step of one sequence is a guard of the other, for its ignore time."""
    begins, guard = judge(Explainer(WATCHES), "1")
    assert (Kind.BEGINS, Kind.GUARD, 220.0) == (begins.kind, guard.kind, guard.until)


def test_opening_forgives() -> None:
    """Who opens has touched no guard at the other sequences of the door."""
    explainer = Explainer(WATCHES)
    assert Kind.OPENS in kinds(explainer, "1 2 3")
    assert Kind.OPENS in kinds(explainer, "4 5 6")


def test_used() -> None:
    """A sequence that has opened, or a later one of its key, is used until the watches are set."""
    explainer = Explainer(WATCHES)
    judge(explainer, "4 5 6")
    assert Kind.USED in kinds(explainer, "1 2 3")
    assert all(verdict.silent for verdict in judge(explainer, "1") if verdict.watch == 0)
    explainer.set_watches(WATCHES, 300.0)
    assert Kind.OPENS in kinds(explainer, "1 2 3", 300.0)


def test_stale() -> None:
    """A whole sequence that opens nothing is stale, and its steps are not worth a word."""
    verdicts = judge(Explainer(WATCHES), "7 8")
    assert [(Kind.STALE, 2, True)] == [(one.kind, one.stage, one.silent) for one in verdicts]


@pytest.mark.parametrize(("before", "expected"), [("1 2 3", Kind.BEGINS), ("9 1 2 3", Kind.IGNORED)])
def test_stale_forgives(before: str, expected: Kind) -> None:
    """The steps of a whole sequence that opens nothing are no guards that were touched."""
    explainer = Explainer([replace(FIRST, opens=False, guards=()), SECOND])
    judge(explainer, before)
    assert expected is judge(explainer, "4")[-1].kind


@pytest.mark.parametrize(("touched", "expected"), [("1 2", Kind.BEGINS), ("1 9", Kind.IGNORED)])
def test_rotation(touched: str, expected: Kind) -> None:
    """When the sequences change, steps of one other sequence are forgiven and a guard is not."""
    explainer = Explainer(WATCHES)
    judge(explainer, touched)
    explainer.set_watches([SECOND, replace(LATER, opens=True)], 130.0)
    assert expected is judge(explainer, "4", 130.0)[0].kind


def test_sequence_that_opens_no_more() -> None:
    """An attempt at it goes on, and comes to nothing."""
    explainer = Explainer(WATCHES)
    judge(explainer, "1 2")
    explainer.set_watches([replace(FIRST, opens=False, guards=()), SECOND], 100.0)
    assert Kind.STALE in kinds(explainer, "3")
