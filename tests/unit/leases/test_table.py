"""Leases: every row of the table of transitions, and what a repeated knock does."""

from __future__ import annotations

from dataclasses import replace

import pytest

from knockd.leases.table import RETRIES, Leases
from knockd.leases.values import CloseAll, Ended, Log, NotStarted, Start, Stop
from knockd_conf.model import Door, Reknock
from tests.support.doubles.playbook import (
    DOOR,
    NOT_RUN,
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
    without_stop,
)


def failed() -> Playbook:
    """A lease whose stop command failed for good."""
    book = stopping()
    for pause in RETRIES:
        assert book >> STOP_FAILED << "note retrying" >> Wait(pause) << "stop close"
    assert book >> STOP_FAILED << "log stop-failed" << "note failed"
    return book


def unopened(at: Door = DOOR) -> Playbook:
    """A lease whose start command failed."""
    return play() >> knock(at) << "note starting" << "start open" >> START_FAILED << "note open"


def test_open_and_close() -> None:
    """A door opens when its lease is noted, closes when its time is over, and nothing is left."""
    book = play()
    assert (
        book
        >> knock()
        << "note starting"
        << "start open"
        >> STARTED
        << "note open"
        >> Wait(10)
        << "stop close, time over"
        >> STOPPED
        << "forget"
        >> Wait(99)
    )
    assert len(book.leases) == 0


def test_commands_are_of_the_lease() -> None:
    """A start and a stop command say what they run, for whom and for which lease."""
    book = play() >> knock() << "note starting" << "start open"
    assert book.asked[-1] == Start("open", knock().knock, "run.1")
    assert book >> STARTED << "note open" >> Wait(10) << "stop close, time over"
    assert book.asked == [Stop("close", knock().knock, "run.1", expired=True)]


def test_time_counts_from_the_end_of_the_start_command() -> None:
    """Cmd_Timeout begins when the start command has returned, however long it took."""
    book = play() >> knock() << "note starting" << "start open" >> Wait(500) >> STARTED << "note open"
    assert book.leases.next_deadline() == book.now + 10


def test_nothing_is_due_too_early() -> None:
    """Before its deadline a door stays open."""
    assert opened() >> Wait(9.9)


def test_a_time_that_is_over_is_noted_already() -> None:
    """A stop command whose lease's time is over needs no note: what the record says is enough."""
    assert opened() >> Wait(10) << "stop close, time over"


def test_failed_start() -> None:
    """A start command that failed may have done half its work: the stop command runs all the same."""
    book = unopened() >> Wait(10) << "stop close, time over" >> STOPPED << "forget"
    assert len(book.leases) == 0


def test_failed_start_is_not_open() -> None:
    """A door whose start command failed is not counted as open; one whose start command works is."""
    assert (unopened().leases.ask.count_opened(), opened().leases.ask.count_opened()) == (0, 1)


def test_failed_start_is_given_up() -> None:
    """When the stop command fails too it is tried as often as any, then nothing asks for it any more."""
    book = unopened() >> Wait(10) << "stop close, time over"
    for pause in RETRIES:
        assert book >> STOP_FAILED << "note retrying" >> Wait(pause) << "stop close"
    assert book >> STOP_FAILED << "log stop-failed" << "forget" >> Wait(1e6)
    assert len(book.leases) == 0


def test_failed_start_at_the_end() -> None:
    """When the daemon ends before, the one try that it allows is the last."""
    book = unopened() >> CloseAll() << "note stopping" << "stop close"
    assert book >> STOP_FAILED << "log stop-failed" << "forget"
    assert book.leases.is_settled()


@pytest.mark.parametrize("reknock", [Reknock.RENEW, Reknock.EXTEND])
def test_knock_after_a_failed_start(reknock: Reknock) -> None:
    """A knock undoes first what the start command did by halves, and then opens; nothing is extended."""
    at = replace(DOOR, reknock=reknock)
    book = unopened(at)
    assert book.leases.ask.closes_first(knock(at).knock)
    book = book >> knock(at) << "note renewing" << "stop close" >> STOP_FAILED
    assert book << "note starting" << "start open" >> STARTED << "note open"
    assert book.leases.ask.count_opened() == 1
    assert book >> Wait(10) << "stop close, time over" >> STOP_FAILED << "note retrying"


def test_start_that_was_not_run() -> None:
    """When the start command could not be run there is no lease, and a new knock opens."""
    book = play() >> knock() << "note starting" << "start open" >> NOT_RUN << "forget"
    assert len(book.leases) == 0
    assert book.leases.next_deadline() is None
    assert book >> knock() << "note starting" << "start open"


def test_renewal_that_was_not_run() -> None:
    """When the start command of a renewal could not be run the door is closed: there is no lease."""
    book = (
        opened() >> knock() << "note renewing" << "stop close" >> STOPPED << "note starting" << "start open"
    )
    assert book >> NOT_RUN << "forget" >> NOT_RUN >> Wait(99)
    assert len(book.leases) == 0


def test_no_stop_command() -> None:
    """A door without stop command makes no lease: its command runs at each opening, and nothing is noted."""
    plain = without_stop()
    book = play() >> knock(plain) << "start open" >> knock(plain) << "start open"
    assert book.asked == [Start("open", knock(plain).knock, None)]
    assert len(book.leases) == 0


def test_no_command() -> None:
    """A door without any command does nothing."""
    assert play() >> knock(replace(DOOR, start_command=None, stop_command=None)) << "granted"


def test_only_a_stop_command() -> None:
    """A door without start command is open at once and closes when its time is over."""
    only_stop = replace(DOOR, start_command=None)
    assert play() >> knock(only_stop) << "note open" << "granted" >> Wait(10) << "stop close, time over"


@pytest.mark.parametrize("reknock", [Reknock.RENEW, Reknock.EXTEND])
def test_knock_while_starting(reknock: Reknock) -> None:
    """A knock while the start command runs changes nothing, and says why."""
    at = replace(DOOR, reknock=reknock)
    book = play() >> knock(at) << "note starting" << "start open" >> knock(at) << UNENDED
    assert book
    assert len(book.leases) == 1


def test_renew() -> None:
    """A repeated knock stops, then starts, and the door has its whole time again."""
    assert (
        opened().pass_time(7)
        >> knock()
        << "note renewing"
        << "stop close"
        >> STOPPED
        << "note starting"
        << "start open"
        >> STARTED
        << "note open"
        >> Wait(9)
        >> Wait(1)
        << "stop close, time over"
    )


def test_renew_after_a_flushed_firewall() -> None:
    """The stop command of a renewal may fail (the rule is gone already): the start command runs."""
    book = opened() >> knock() << "note renewing" << "stop close"
    assert book >> STOP_FAILED << "note starting" << "start open"


def test_knock_while_renewing() -> None:
    """A knock while a renewal is under way changes nothing, and says why."""
    book = opened() >> knock() << "note renewing" << "stop close"
    assert book >> knock() << UNENDED >> STOPPED << "note starting" << "start open"


def test_renewing_has_no_deadline() -> None:
    """While a renewal is under way no time runs out."""
    book = opened() >> knock() << "note renewing" << "stop close" >> Wait(99)
    assert book
    assert book.leases.next_deadline() is None


def test_extend() -> None:
    """With Reknock = extend a repeated knock gives more time and runs nothing."""
    at = replace(DOOR, reknock=Reknock.EXTEND)
    book = opened(at).pass_time(7) >> knock(at) << "note open" << "granted"
    assert book >> Wait(9.9) >> Wait(0.1) << "stop close, time over"


def test_repeat() -> None:
    """With Reknock = repeat each knock has its own start and stop, as in 0.8."""
    at = replace(DOOR, reknock=Reknock.REPEAT)
    assert (
        opened(at).pass_time(5)
        >> knock(at)
        << "note starting"
        << "start open"
        >> STARTED
        << "note open"
        >> Wait(5)
        << "stop close, time over"
        >> Wait(5)
        << "stop close, time over"
    )


def test_knock_while_stopping() -> None:
    """A knock while the stop command runs opens again when that has ended."""
    assert (
        stopping()
        >> knock()
        << "note renewing"
        >> STOPPED
        << "note starting"
        << "start open"
        >> STARTED
        << "note open"
    )


def test_extend_while_stopping() -> None:
    """What is closing cannot be extended: it is opened again."""
    at = replace(DOOR, reknock=Reknock.EXTEND)
    book = opened(at) >> Wait(10) << "stop close, time over"
    assert book >> knock(at) << "note renewing" >> STOPPED << "note starting" << "start open"


def test_stop_is_retried() -> None:
    """A stop command that fails is tried again five times in ten minutes, and the log hears of the end."""
    book = stopping()
    for pause in (10, 30, 60, 180, 300):
        assert book >> STOP_FAILED << "note retrying" >> Wait(pause - 0.1) >> Wait(0.1) << "stop close"
    assert book >> STOP_FAILED << "log stop-failed" << "note failed"
    assert book.asked[0] == Log(
        "stop-failed", {"ip": "192.0.2.1", "door": "door", "tries": 6, "command": "close"}
    )
    assert sum(RETRIES) <= 600
    assert book.leases.next_deadline() is None


def test_retry_that_works() -> None:
    """A retry that works ends the lease."""
    assert stopping() >> STOP_FAILED << "note retrying" >> Wait(10) << "stop close" >> STOPPED << "forget"


def test_failed_is_kept() -> None:
    """A stop command that failed for good is kept and never tried again by itself."""
    book = failed()
    assert book >> Wait(1e6)
    assert book.leases.ask.count_failed() == 1


def test_knock_after_failed() -> None:
    """A failed stop never blocks a knock: it is tried once more, then the door opens."""
    book = failed()
    assert (
        book
        >> knock()
        << "stop close"
        >> STOP_FAILED
        << "note starting"
        << "start open"
        >> STARTED
        << "note open"
        >> Wait(10)
        << "stop close, time over"
    )
    assert book.leases.ask.count_failed() == 0


def test_failed_takes_nobody_s_place() -> None:
    """Leases whose stop failed for good do not count against the bound, and are bounded themselves."""
    book = play(Leases(bound=1))
    for number in range(3):
        by = knock(source=f"192.0.2.{number}")
        assert book >> by << "note starting" << "start open" >> STARTED << "note open"
        assert book >> Wait(10) << "stop close, time over"
        for pause in RETRIES:
            assert book >> STOP_FAILED << "note retrying" >> Wait(pause) << "stop close"
        book = book >> STOP_FAILED << "log stop-failed" << "note failed"
        if number:
            book <<= "forget"
    assert book
    assert book.leases.ask.count_failed() == 1
    assert book.leases.ask.lease_of(knock(source="192.0.2.2").knock) is not None


def test_knock_between_retries() -> None:
    """A knock between two tries of the stop command stops and opens now."""
    book = stopping() >> STOP_FAILED << "note retrying"
    assert (
        book
        >> knock()
        << "note renewing"
        << "stop close"
        >> STOP_FAILED
        << "note starting"
        << "start open"
        >> STARTED
        << "note open"
    )


def test_retries_start_anew_after_a_knock() -> None:
    """After a new opening the stop command has all its tries again."""
    book = failed() >> knock() << "stop close" >> STOPPED << "note starting" << "start open"
    assert book >> STARTED << "note open" >> Wait(10) << "stop close, time over"
    assert book >> STOP_FAILED << "note retrying"
    assert book.leases.next_deadline() == book.now + RETRIES[0]


def test_sources_have_their_own_leases() -> None:
    """A second knocker at an open door opens it for himself."""
    book = opened() >> knock(source="192.0.2.2") << "note starting" << "start open"
    assert book
    assert len(book.leases) == 2


def test_doors_have_their_own_leases() -> None:
    """One knocker at two doors has two leases."""
    book = opened() >> knock(replace(DOOR, name="other")) << "note starting" << "start open"
    assert book
    assert len(book.leases) == 2


def test_bound() -> None:
    """Beyond the bound an opening is refused; the leases that are open stay."""
    book = play(Leases(bound=2))
    for number in range(2):
        assert book >> knock(source=f"192.0.2.{number}") << "note starting" << "start open"
    assert book >> knock(source="192.0.2.2") << "refuse: 2 leases are open"
    assert len(book.leases) == 2


def test_bound_does_not_stop_renewing() -> None:
    """At the bound a knocker who has a lease may renew it."""
    book = opened()
    book.leases.bound = 1
    assert book >> knock() << "note renewing" << "stop close"


def test_bound_does_not_count_doors_without_lease() -> None:
    """At the bound a door without stop command opens."""
    book = opened()
    book.leases.bound = 1
    assert book >> knock(without_stop(replace(DOOR, name="other"))) << "start open"


def test_bound_counts_repeats() -> None:
    """With Reknock = repeat every knock counts."""
    at = replace(DOOR, reknock=Reknock.REPEAT)
    book = play(Leases(bound=1)) >> knock(at) << "note starting" << "start open"
    assert book >> knock(at) << "refuse: 1 leases are open"


def test_end_of_an_unknown_lease() -> None:
    """The end of a command whose lease is gone changes nothing."""
    book = play() >> Ended("run.7", "stop", worked=True) >> NotStarted("run.7")
    assert book
    assert len(book.leases) == 0


WIDE = replace(DOOR, open_prefix=(24, 56))
ALICE, BOB, CAROL = "192.0.2.1", "192.0.2.99", "198.51.100.1"


def test_a_network_has_one_lease() -> None:
    """A knock from another address of the network renews its lease; then the lease is the newer knocker's."""
    book = opened(WIDE) >> Wait(5) >> knock(WIDE, BOB) << "note renewing" << "stop close"
    assert book >> STOPPED << "note starting" << "start open" >> STARTED << "note open"
    (lease,) = book.leases.ask.all()
    assert lease.knock.source == BOB
    assert book >> Wait(10) << "stop close, time over" >> STOPPED << "forget"
    assert len(book.leases) == 0


def test_a_network_is_extended() -> None:
    """With Reknock = extend such a knock gives the network more time."""
    extended = replace(WIDE, reknock=Reknock.EXTEND)
    book = opened(extended) >> Wait(5) >> knock(extended, BOB) << "note open" << "granted"
    (lease,) = book.leases.ask.all()
    assert (lease.knock.source, lease.due) == (ALICE, book.now + 10)


def test_networks_are_apart() -> None:
    """A knock from another network, or over the other IP version, opens a second lease."""
    book = opened(WIDE) >> knock(WIDE, CAROL) << "note starting" << "start open"
    assert book >> knock(WIDE, "2001:db8::1", 6) << "note starting" << "start open"
    assert len(book.leases) == 3
