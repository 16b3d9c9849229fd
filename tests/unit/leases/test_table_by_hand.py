"""Leases by hand: closed, given more time, and given up."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from knockd.leases.journal import Record, State
from knockd.leases.table import RETRIES
from knockd.leases.values import (
    Close,
    CloseAll,
    Ended,
    Extend,
    GiveUp,
    Granted,
    KeepAll,
    Knocked,
    Note,
    Recovered,
    Refuse,
)
from knockd_conf.model import Reknock
from tests.support.doubles.playbook import (
    DOOR,
    NOT_RUN,
    START_FAILED,
    STARTED,
    STOP_FAILED,
    STOPPED,
    Playbook,
    Wait,
    knock,
    opened,
    play,
    stopping,
    without_stop,
)
from tests.support.samples.journals import record

Made = Callable[[], Playbook]
CLOSE, EXTEND, GIVE_UP = Close(("run.1",)), Extend("run.1", 60.0), GiveUp("run.1")
EXTENDED = replace(DOOR, reknock=Reknock.EXTEND)
BY_HAND = "by hand, root"


def starting() -> Playbook:
    """The start command runs."""
    return play() >> knock() << "note starting" << "start open"


def unopened() -> Playbook:
    """The start command failed."""
    return starting() >> START_FAILED << "note open"


def renewing() -> Playbook:
    """The stop command of a renewal runs."""
    return opened() >> knock() << "note renewing" << "stop close"


def retrying() -> Playbook:
    """The stop command failed and waits for its next try."""
    return stopping() >> STOP_FAILED << "note retrying"


def failed() -> Playbook:
    """The stop command failed for good."""
    book = retrying()
    for pause in RETRIES[1:]:
        assert book >> Wait(pause) << "stop close" >> STOP_FAILED << "note retrying"
    assert book >> Wait(RETRIES[-1]) << "stop close" >> STOP_FAILED << "log stop-failed" << "note failed"
    return book


def leftover() -> Playbook:
    """The stop command for the boot before this one runs."""
    one = record(id="old.1", stop="close")
    return play() >> Recovered((one,), False, {}) << "log recovered" << "note leftover" << "stop close"


def record_in(book: Playbook) -> Record:
    """The record that the last event has asked to note."""
    (noted,) = (command for command in book.asked if isinstance(command, Note))
    return noted.record


@pytest.mark.parametrize("made", [opened, unopened, retrying])
def test_close(made: Made) -> None:
    """What is open, or waits for its next try, is stopped at once, and then nothing is left."""
    book = made().pass_time(2) >> CLOSE << "note stopping" << "stop close"
    assert record_in(book).deadline == book.now
    assert book >> STOPPED << "forget" >> Wait(1e6)
    assert len(book.leases) == 0


def test_close_what_failed() -> None:
    """A stop command that has failed for good is tried once more."""
    book = failed() >> CLOSE << "stop close"
    assert book >> STOP_FAILED << "log stop-failed" << "note failed" >> CLOSE << "stop close"
    assert book >> STOPPED << "forget"


def test_close_that_fails() -> None:
    """A stop command that fails is tried again, as one whose time has come."""
    book = opened() >> CLOSE << "note stopping" << "stop close" >> STOP_FAILED << "note retrying"
    assert book >> Wait(RETRIES[0]) << "stop close" >> STOPPED << "forget"


def test_close_while_starting() -> None:
    """A start command that runs comes to its end, then the stop command runs at once."""
    book = starting().pass_time(3) >> CLOSE << "note starting"
    assert record_in(book).deadline == book.now
    assert book >> STARTED << "note open" >> Wait(0) << "stop close" >> STOPPED << "forget"


def test_close_while_starting_that_fails() -> None:
    """A start command that fails, or is not run, changes nothing of that."""
    book = starting() >> CLOSE << "note starting" >> START_FAILED << "note open"
    assert book >> Wait(0) << "stop close" >> STOPPED << "forget"
    assert starting() >> CLOSE << "note starting" >> NOT_RUN << "forget"


def test_close_while_renewing() -> None:
    """A renewal ends with its stop command: who has knocked is refused."""
    book = renewing() >> CLOSE << "refuse: it is closed by hand" << "note stopping"
    refused = book.asked[0]
    assert isinstance(refused, Refuse)
    assert refused.knock == knock().knock
    assert book >> STOPPED << "forget"


@pytest.mark.parametrize(("made", "lease"), [(stopping, "run.1"), (leftover, "old.1")])
def test_close_while_stopping(made: Made, lease: str) -> None:
    """A stop command that runs is not run twice."""
    assert made() >> Close((lease,)) >> STOPPED << "forget"


def test_close_some() -> None:
    """Only what is named is closed; what is not there is no error."""
    book = opened() >> knock(source="192.0.2.2") << "note starting" << "start open" >> STARTED << "note open"
    assert book >> Close(("run.2", "run.9")) << "note stopping" << "stop close" >> STOPPED << "forget"
    assert [lease.id for lease in book.leases.ask.all()] == ["run.1"]


def test_knock_after_close() -> None:
    """Who knocks while their door is being closed gets it again, for its time."""
    book = opened() >> CLOSE << "note stopping" << "stop close" >> knock() << "note renewing"
    assert book >> STOPPED << "note starting" << "start open" >> STARTED << "note open"
    assert book >> Wait(9.9) >> Wait(0.1) << "stop close, time over"


def test_close_is_remembered_by_the_next_run() -> None:
    """After a kill a door that was being closed while it started has no time left."""
    book = starting() >> CLOSE << "note starting"
    again = play(now=book.now) >> Recovered((record_in(book)._replace(id="old.1"),), True, {})
    assert again << "log recovered" << "note open" >> Wait(0) << "stop close, time over"


@pytest.mark.parametrize("end", [CloseAll(), KeepAll()])
def test_nothing_by_hand_after_the_last_stop(end: CloseAll | KeepAll) -> None:
    """When the daemon has stopped everything, or leaves it, closing by hand changes nothing."""
    book = opened() >> end
    if isinstance(end, CloseAll):
        book = book << "note stopping" << "stop close"
    assert book >> CLOSE >> EXTEND >> GIVE_UP


def test_extend() -> None:
    """More time is added to what is left, and noted."""
    book = opened().pass_time(4) >> EXTEND << "note open"
    assert record_in(book).deadline == 1_070.0
    assert book >> Wait(65.9) >> Wait(0.1) << "stop close, time over"


def test_extend_what_is_over() -> None:
    """What should have been closed already, and was not yet, gets its time from now."""
    book = opened().pass_time(100) >> EXTEND << "note open"
    assert record_in(book).deadline == book.now + 60.0


@pytest.mark.parametrize("made", [starting, unopened, renewing, stopping, retrying, failed])
def test_extend_what_is_not_open(made: Made) -> None:
    """What is not simply open gets no time: least of all when its stop command runs."""
    book = made()
    due = book.leases.next_deadline()
    (lease,) = book.leases.ask.all()
    assert lease.find_why_not_open() is not None
    assert book >> EXTEND
    assert book.leases.next_deadline() == due


def test_extend_what_is_being_closed() -> None:
    """What is closed by hand as soon as it is open gets no time."""
    book = starting() >> CLOSE << "note starting" >> STARTED << "note open" >> EXTEND
    assert book >> Wait(0) << "stop close"


def test_no_knock_takes_time_away() -> None:
    """With Reknock = extend a knock never shortens what was given by hand."""
    book = opened(EXTENDED) >> EXTEND << "note open" >> knock(EXTENDED) << "note open" << "granted"
    assert book.leases.next_deadline() == 1_070.0


@pytest.mark.parametrize("made", [retrying, failed])
def test_give_up(made: Made) -> None:
    """What could not be closed is given up: nothing of it is left, and no command runs."""
    book = made()
    (lease,) = book.leases.ask.all()
    assert lease.find_why_kept() is None
    assert book >> GIVE_UP << "forget" >> Wait(1e6)
    assert len(book.leases) == 0


@pytest.mark.parametrize("made", [starting, opened, unopened, renewing, stopping])
def test_give_up_what_can_be_closed(made: Made) -> None:
    """Nothing else can be given up."""
    book = made()
    (lease,) = book.leases.ask.all()
    assert lease.find_why_kept() is not None
    assert book >> GIVE_UP
    assert len(book.leases) == 1


@pytest.mark.parametrize("event", [EXTEND, GIVE_UP, CLOSE])
def test_nobody(event: Extend | GiveUp | Close) -> None:
    """What is not there can neither be closed nor extended nor given up."""
    assert play() >> event


def test_since_when() -> None:
    """A lease is open since its start command has ended; a renewal begins anew."""
    book = starting().pass_time(5) >> STARTED << "note open"
    assert record_in(book).opened == 1_005.0
    assert (
        book
        >> Wait(2)
        >> knock()
        << "note renewing"
        << "stop close"
        >> STOPPED
        << "note starting"
        << ("start open")
    )
    assert record_in(book).opened == 0.0
    assert book >> STARTED << "note open"
    assert record_in(book).opened == 1_007.0


def test_since_never() -> None:
    """A door whose start command failed was never open."""
    assert record_in(unopened()).opened == 0.0


def test_by_whom() -> None:
    """A lease says how it was opened; a renewal how that was."""
    by_hand = Knocked(knock().knock._replace(by=BY_HAND))
    book = play() >> by_hand << "note starting" << "start open"
    assert record_in(book).by == BY_HAND
    assert book >> STARTED << "note open" >> knock() << "note renewing" << "stop close"
    assert record_in(book).by == BY_HAND
    assert book >> STOPPED << "note starting" << "start open"
    assert record_in(book).by == ""


@pytest.mark.parametrize(
    ("door", "made"),
    [
        (EXTENDED, lambda: opened(EXTENDED)),
        (replace(DOOR, start_command=None), play),
        (without_stop(replace(DOOR, start_command=None)), play),
    ],
    ids=["extended", "no start command", "no command"],
)
def test_granted_at_once(door: object, made: Made) -> None:
    """An opening that runs no start command is granted at once."""
    one = replace(DOOR, **{}) if door is None else door
    book = made()
    book.answer(Knocked(knock().knock._replace(door=one)))  # type: ignore[arg-type]
    assert [command for command in book.asked if isinstance(command, Granted)] == [
        Granted(knock().knock._replace(door=one))  # type: ignore[arg-type]
    ]


def test_granted_after_a_stop() -> None:
    """A renewal without a start command is granted when the stop command has ended."""
    only_stop = replace(DOOR, start_command=None)
    book = (
        play()
        >> knock(only_stop)
        << "note open"
        << "granted"
        >> knock(only_stop)
        << "note renewing"
        << ("stop close")
    )
    assert book >> STOPPED << "note open" << "granted"


def test_granted_after_the_door_has_changed() -> None:
    """A renewal at a door that has no command any more is granted, and its lease ends."""
    bare = without_stop(replace(DOOR, start_command=None))
    book = opened() >> knock(bare) << "note renewing" << "stop close"
    assert book >> STOPPED << "granted" << "forget"


def test_stop_of_nobody_knows() -> None:
    """A stop command of an earlier run that ended somehow is run again, also when it is closed by hand."""
    one = record(state=State.STOPPING, stop="close")
    book = play(last=one.id) >> Recovered((one,), True, {one.id: "stop"})
    book = book << "log recovered" << "note stopping"
    assert book >> Close((one.id,)) >> Ended(one.id, "stop", None) << "stop close" >> STOPPED << "forget"
