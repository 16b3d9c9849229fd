"""The life of the packet process: it says how it is when it is asked, and nothing unasked."""

from __future__ import annotations

import pytest

from knockd.keeper.worker_events import (
    Alive,
    Arm,
    Count,
    Ended,
    FiguresAsked,
    FiguresTold,
    HandOver,
    Kill,
    Log,
    Said,
    SendView,
    State,
    Wait,
)
from knockd.keeper.worker_life import HAND_OVER
from knockd.knocks.events import Underway
from knockd.process.figures import Counted, Figure, Totals, count_figures
from knockd.process.view import View
from tests.support.doubles.played import ALICE
from tests.support.doubles.worker_lives import LIVES, PONG, READY, done, due, moved, play, replacing, up

COUNTED, UNDERWAY, TOTALS = Counted(0, 1, 9, 0, 40, 12), Underway(0, ALICE, 1, 7), Totals(1, 1, 0, 0, 0, 0)
ASK = SendView(1, View(figures=True))


def test_asked() -> None:
    """It is asked with a view, and the answer to that ends what it says."""
    assert (
        play(up())
        >> FiguresAsked()
        << ASK
        << due(1)
        >> Said(1, COUNTED)
        << Count(1, COUNTED)
        >> Said(1, UNDERWAY)
        << Count(1, UNDERWAY)
        >> Said(1, TOTALS)
        << Count(1, TOTALS)
        >> Said(1, PONG)
        << done(1)
        << FiguresTold()
        << Alive()
    )


def test_asked_once() -> None:
    """While an answer is due it is not asked again."""
    assert play(up()) >> FiguresAsked() << ASK << due(1) >> FiguresAsked()


@pytest.mark.parametrize("state", [State.NONE, State.STARTING, State.WAITING, State.TAKING_OVER])
def test_nobody_to_ask(state: State) -> None:
    """Where nobody captures, or hands over, nothing is waited for."""
    assert play(LIVES[state]()) >> FiguresAsked() << FiguresTold()


@pytest.mark.parametrize(
    ("figure", "name"), [(COUNTED, "COUNTED"), (UNDERWAY, "UNDERWAY"), (TOTALS, "TOTALS")]
)
def test_unasked(figure: Figure, name: str) -> None:
    """A packet process that says it unasked is stopped."""
    commands = up().handle(Said(1, figure), 100.0)
    assert commands[1:3] == [Log("worker-malformed", {"reason": f"{name} that nobody asked for"}), Kill(1)]


def test_too_much() -> None:
    """One that says more than an answer can have is stopped."""
    life = up().tell(FiguresAsked(), *[Said(1, UNDERWAY)] * count_figures(1))
    assert Log("worker-malformed", {"reason": "more figures than there are"}) in life.handle(
        Said(1, UNDERWAY), 100.0
    )


def test_the_last_ones() -> None:
    """One that hands over says how much it has counted."""
    assert (
        play(replacing())
        >> Said(2, READY)
        << moved(State.REPLACING, State.TAKING_OVER)
        << done(2)
        << HandOver(1)
        << Arm(Wait.ANSWER, HAND_OVER / 2, 1)
        >> Said(1, COUNTED)
        << Count(1, COUNTED)
        >> Said(1, TOTALS)
        << Count(1, TOTALS)
    )


def test_ended_meanwhile() -> None:
    """Of one that ends before it answers nothing more is due."""
    life = up().tell(FiguresAsked(), Ended(1))
    assert life.handle(Said(1, COUNTED), 100.0) == []
