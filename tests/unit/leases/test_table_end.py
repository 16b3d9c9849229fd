"""Leases when the daemon ends, and which commands IPv6 knockers get."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from knockd.leases.journal import State
from knockd.leases.table import RETRIES
from knockd.leases.values import CloseAll, KeepAll, Log, Note
from knockd_conf.model import Door
from tests.support.doubles.playbook import (
    DOOR,
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

SIX = replace(DOOR, start_command_6="open six", stop_command_6="close six")
Made = Callable[[], Playbook]


def starting() -> Playbook:
    """The start command runs."""
    return play() >> knock() << "note starting" << "start open"


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


@pytest.mark.parametrize(("made", "noted"), [(opened, True), (retrying, True), (failed, False)])
def test_what_waits_is_stopped(made: Made, noted: bool) -> None:
    """What is open, waits for a retry or failed is stopped once; a time that is over needs no note."""
    book = made() >> CloseAll()
    if noted:
        book <<= "note stopping"
    assert book << "stop close" >> STOPPED << "forget" >> Wait(1e6)
    assert book.leases.is_settled()
    assert len(book.leases) == 0


@pytest.mark.parametrize(("made", "noted"), [(opened, True), (retrying, True), (failed, False)])
def test_what_fails_at_the_end_is_left(made: Made, noted: bool) -> None:
    """A stop command that fails while the daemon ends is not tried again but told, and its lease is left."""
    book = made() >> CloseAll()
    if noted:
        book <<= "note stopping"
    assert book << "stop close" >> STOP_FAILED << "log stop-failed" << "note failed" >> Wait(1e6)
    assert book.leases.is_settled()
    assert len(book.leases) == 1


def test_tries_at_the_end() -> None:
    """The log says that a stop command which failed while the daemon ends was tried once."""
    book = opened() >> CloseAll() << "note stopping" << "stop close" >> STOP_FAILED
    told = book.asked[0]
    assert isinstance(told, Log)
    assert told.fields["tries"] == 1


@pytest.mark.parametrize("made", [renewing, stopping])
def test_what_stops_is_waited_for(made: Made) -> None:
    """A stop command that runs already is the last one: nothing starts after it."""
    book = made() >> CloseAll()
    assert not book.leases.is_settled()
    assert book >> STOPPED << "forget"
    assert len(book.leases) == 0


def test_what_starts_is_stopped_after() -> None:
    """A start command that runs is left alone; when it has ended the stop command runs at once."""
    book = (
        starting() >> CloseAll() >> STARTED << "note open" >> Wait(0) << "stop close" >> STOPPED << "forget"
    )
    assert book
    assert len(book.leases) == 0


def test_renewal_that_starts() -> None:
    """The start command of a renewal counts like any other."""
    book = renewing() >> STOPPED << "note starting" << "start open"
    assert book >> CloseAll() >> STARTED << "note open" >> Wait(0) << "stop close" >> STOPPED << "forget"


def test_every_lease_is_stopped() -> None:
    """All knockers' leases are stopped."""
    book = play()
    for number in range(3):
        by = knock(source=f"192.0.2.{number}")
        assert book >> by << "note starting" << "start open" >> STARTED << "note open"
    book >>= CloseAll()
    for _ in range(3):
        book = book << "note stopping" << "stop close"
    assert book


def test_closing_leaves_no_time() -> None:
    """What is being closed at the end is over: the next start does not keep it open."""
    book = opened().pass_time(3) >> CloseAll() << "note stopping" << "stop close"
    noted = book.asked[0]
    assert isinstance(noted, Note)
    assert noted.record.state is State.STOPPING
    assert noted.record.deadline == 1_003.0


@pytest.mark.parametrize("door", [DOOR, without_stop()], ids=["lease", "no lease"])
@pytest.mark.parametrize("end", [CloseAll(), KeepAll()], ids=["close", "keep"])
def test_nothing_opens_any_more(door: Door, end: CloseAll | KeepAll) -> None:
    """A knock while the daemon ends is refused."""
    assert play() >> end >> knock(door) << "refuse: shutting down"


def test_keep() -> None:
    """Leases that are kept are not stopped any more."""
    book = opened() >> KeepAll() >> Wait(99)
    assert book
    assert book.leases.next_deadline() is None
    assert book.leases.is_settled()
    assert len(book.leases) == 1


def test_keep_waits_for_what_runs() -> None:
    """Commands that run come to their end before leases are kept: a renewal opens again."""
    book = renewing() >> KeepAll()
    assert not book.leases.is_settled()
    assert book >> STOPPED << "note starting" << "start open"
    assert not book.leases.is_settled()
    assert book >> STARTED << "note open"
    assert book.leases.is_settled()


@pytest.mark.parametrize(
    ("version", "start", "stop"),
    [(4, "start open", "stop close, time over"), (6, "start open six", "stop close six, time over")],
)
def test_commands_by_version(version: int, start: str, stop: str) -> None:
    """IPv6 knockers get the *_6 commands, IPv4 knockers the plain ones."""
    book = play() >> knock(SIX, version=version) << "note starting" << start
    assert book >> STARTED << "note open" >> Wait(10) << stop


def test_plain_commands_serve_ipv6() -> None:
    """Without *_6 commands the plain ones serve IPv6 knockers too."""
    assert play() >> knock(version=6) << "note starting" << "start open"


def test_empty_stop_command_6() -> None:
    """An empty Stop_Command_6 means that an IPv6 knocker's opening is never stopped: no lease."""
    book = play() >> knock(replace(DOOR, stop_command_6=""), version=6) << "start open"
    assert book
    assert len(book.leases) == 0


def test_empty_start_command_6() -> None:
    """An empty Start_Command_6 runs nothing for an IPv6 knocker; the stop command comes in its time."""
    book = play() >> knock(replace(DOOR, start_command_6=""), version=6) << "note open" << "granted"
    assert book >> Wait(10) << "stop close, time over"


def test_only_commands_for_ipv6() -> None:
    """A door with *_6 commands alone does nothing for IPv4 knockers."""
    six_only = replace(SIX, start_command=None, stop_command=None)
    book = play() >> knock(six_only) << "granted"
    assert book >> knock(six_only, version=6) << "note starting" << "start open six"
