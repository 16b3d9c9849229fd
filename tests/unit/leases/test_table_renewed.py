"""Renewals that open nothing: more time for what is open, as the door's Reknock says."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from knockd.leases.values import Close, CloseAll, Granted, KeepAll, Knocked, Renewed
from knockd_conf.model import Door, Reknock
from tests.support.doubles.playbook import (
    DOOR,
    START_FAILED,
    STARTED,
    STOP_FAILED,
    STOPPED,
    UNENDED,
    Playbook,
    Wait,
    knock,
    opened,
    play,
    stopping,
)

NOTHING = "refuse: nothing is open that could be renewed"
EXTENDED, REPEATED = (replace(DOOR, reknock=one) for one in (Reknock.EXTEND, Reknock.REPEAT))


def renew(at: Door = DOOR, source: str = "192.0.2.1") -> Renewed:
    """Somebody wants more time."""
    return Renewed(knock(at, source).knock)


def opened_at(at: Door) -> Playbook:
    """A door is open."""
    return play() >> knock(at) << "note starting" << "start open" >> STARTED << "note open"


def test_renew() -> None:
    """What is open is closed and opened again, for whoever renews it."""
    book = opened().pass_time(4) >> renew() << "note renewing" << "stop close" >> STOPPED
    book = book << "note starting" << "start open" >> STARTED << "note open"
    assert book >> Wait(9.5) >> Wait(0.5) << "stop close, time over" >> STOPPED << "forget"


def test_extend() -> None:
    """With Reknock = extend no command runs, and the end is not earlier than before."""
    one = renew(EXTENDED)
    book = opened_at(EXTENDED).pass_time(4) >> one << "note open" << "granted"
    assert book.asked[1:] == [Granted(one.knock)]
    assert book >> Wait(6) >> Wait(4) << "stop close, time over"


def test_repeat() -> None:
    """With Reknock = repeat it makes no lease of its own: what was opened last is renewed."""
    book = opened_at(REPEATED) >> renew(REPEATED) << "note renewing" << "stop close" >> STOPPED
    assert book << "note starting" << "start open" >> STARTED << "note open"
    assert len(book.leases) == 1


def unopened() -> Playbook:
    """The start command has failed."""
    return play() >> knock() << "note starting" << "start open" >> START_FAILED << "note open"


def retrying() -> Playbook:
    """The stop command has failed."""
    return stopping() >> STOP_FAILED << "note retrying"


def closing() -> Playbook:
    """It is closed as soon as its start command has ended."""
    book = play() >> knock() << "note starting" << "start open"
    return book >> Close(("run.1",)) << "note starting"


@pytest.mark.parametrize("made", [play, stopping, unopened, retrying, closing])
def test_nothing_is_open(made: Callable[[], Playbook]) -> None:
    """It opens nothing: not what is closed, nor what closes or was never opened."""
    assert made() >> renew() << NOTHING


def test_of_others() -> None:
    """What is open for another address, or at another door, is not renewed."""
    assert opened() >> renew(source="192.0.2.2") << NOTHING
    assert opened() >> renew(replace(DOOR, name="other")) << NOTHING


def test_while_commands_run() -> None:
    """What is being opened needs no renewal."""
    starting = play() >> knock() << "note starting" << "start open"
    assert starting >> renew() << UNENDED
    renewing = opened() >> knock() << "note renewing" << "stop close"
    assert renewing >> renew() << UNENDED


@pytest.mark.parametrize("end", [CloseAll(), KeepAll()])
def test_at_the_end(end: CloseAll | KeepAll) -> None:
    """At the end nothing is renewed."""
    book = opened()
    book.leases.handle(end, book.now)
    assert book >> renew() << NOTHING


def test_why_a_close_refuses() -> None:
    """Who would have opened it again is told who has closed it."""
    first = Knocked(knock().knock)
    book = opened() >> first << "note renewing" << "stop close"
    assert (
        book
        >> Close(("run.1",), "its key has closed it")
        << "refuse: its key has closed it"
        << "note stopping"
    )
