"""Leases over restarts, boots and reloads: what is taken over, and which command closes what."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from knockd.leases.earlier_runs import MOST_NAMED
from knockd.leases.journal import Record, State
from knockd.leases.table import RETRIES, Leases
from knockd.leases.values import Ended, Forget, KeepAll, Log, Note, Recovered, Stop, Verb
from knockd_conf.model import Reknock
from tests.support.doubles.playbook import (
    DOOR,
    NOT_RUN,
    STARTED,
    STOP_FAILED,
    STOPPED,
    UNENDED,
    End,
    Playbook,
    Wait,
    knock,
    opened,
    play,
    without_stop,
    words,
)
from tests.support.samples.journals import record

HERE = replace(DOOR, name="ssh")
"""The door of the records, as the configuration has it now."""

CLOSE = "stop close %IP%; sync"
OVER = f"{CLOSE}, time over"


def found(*records: Record, same_boot: bool = True, running: Verb | None = None) -> Recovered:
    """A journal with these leases; ``running``: the command of the first that still runs."""
    return Recovered(records, same_boot, {} if running is None else {records[0].id: running})


def recovered(one: Record, *, same_boot: bool = True, running: Verb | None = None) -> Playbook:
    """A playbook that begins at 1000 with a lease of an earlier run."""
    return play(last=one.id) >> found(one, same_boot=same_boot, running=running)


def tries(book: Playbook) -> object:
    """How often the stop command failed, as the log hears it now."""
    told = book.asked[0]
    assert isinstance(told, Log)
    return told.fields["tries"]


class Journal:
    """What is noted, as the next run finds it."""

    def __init__(self) -> None:
        self.records: dict[str, Record] = {}

    def write(self, book: Playbook) -> None:
        """Notes what the last event has asked for."""
        for command in book.asked:
            if isinstance(command, Note):
                self.records[command.record.id] = command.record
            elif isinstance(command, Forget):
                del self.records[command.lease]


def record_in(book: Playbook) -> Record:
    """The record that the last event has asked to note."""
    (noted,) = (command for command in book.asked if isinstance(command, Note))
    return noted.record


def test_record() -> None:
    """A record holds all that the end of a lease needs."""
    at = replace(DOOR, name="ssh", occurrence=2, command_deadline=5.0)
    book = play() >> knock(at) << "note starting" << "start open" >> STARTED << "note open"
    assert record_in(book) == Record(
        id="run.1",
        door="ssh",
        occurrence=2,
        source="192.0.2.1",
        destination="10.0.0.1",
        interface="eth0",
        state=State.OPEN,
        deadline=1_010.0,
        failures=0,
        stop="close",
        cmd_timeout=10.0,
        command_deadline=5.0,
        max_commands=8,
        opened=1_000.0,
    )


def test_provisional_deadline() -> None:
    """While the start command runs the record has the time that holds if its end is never heard of."""
    one = record_in(play() >> knock() << "note starting" << "start open")
    assert one.state is State.STARTING
    assert one.deadline == 1_010.0


def test_record_of_ipv6() -> None:
    """The stop command of a record is the one for the knocker's IP version."""
    at = replace(DOOR, stop_command_6="close six")
    assert record_in(play() >> knock(at, "2001:db8::1", 6)).stop == "close six"


def test_stays_open_until_its_deadline() -> None:
    """What is open at a restart stays so until its time is over, and is closed then."""
    book = recovered(record(deadline=1_006.0)) << "log recovered" << "note open"
    assert book.asked[0] == Log("recovered", {"ip": "192.0.2.1", "door": "ssh", "seconds": 6.0})
    assert book >> Wait(5.9) >> Wait(0.1) << OVER >> STOPPED << "forget"
    assert len(book.leases) == 0


@pytest.mark.parametrize(
    "state", [State.OPEN, State.STARTING, State.RETRYING, State.RENEWING, State.STOPPING]
)
@pytest.mark.parametrize("running", [None, "start"])
def test_a_deadline_beyond_all_reason(state: State, running: Verb | None) -> None:
    """A lease of an earlier run lasts no longer than its own Cmd_Timeout, whatever the clock said then."""
    book = recovered(record(state=state, deadline=1_000_007.0), running=running)
    assert record_in(book).deadline == 1_010.0
    (said,) = (command for command in book.asked if isinstance(command, Log))
    assert said.fields.get("seconds", 10.0) == 10.0


@pytest.mark.parametrize("state", [State.OPEN, State.STARTING, State.RENEWING, State.STOPPING])
def test_past_its_deadline(state: State) -> None:
    """What is over at a restart is closed at once, whatever was going on."""
    assert recovered(record(state=state, deadline=999.0)) << "log recovered" << "note open" >> Wait(0) << OVER


def test_start_that_was_cut_short() -> None:
    """Of a start command whose end nobody heard the provisional deadline holds."""
    book = recovered(record(state=State.STARTING, deadline=1_006.0)) << "log recovered" << "note open"
    assert book >> Wait(5.9) >> Wait(0.1) << OVER


def test_start_that_still_runs() -> None:
    """The time of a start command that still runs counts from its end: nothing opens after its stop."""
    book = recovered(record(state=State.STARTING, deadline=900.0), running="start")
    assert (
        book
        << "log recovered-starting"
        << "note starting"
        >> Wait(500)
        >> knock(HERE)
        << UNENDED
        >> End("start", worked=None)
        << "note open"
        >> Wait(9)
        >> Wait(1)
        << OVER
    )


@pytest.mark.parametrize("state", [State.OPEN, State.STARTING, State.RENEWING])
def test_stop_that_still_runs(state: State) -> None:
    """A stop command that still runs is waited for, and then run again: nobody knows whether it worked."""
    book = recovered(record(state=state, deadline=900.0), running="stop")
    assert book << "log recovered" << "note stopping" >> Wait(50)
    assert book >> End("stop", worked=None) << CLOSE >> STOPPED << "forget"
    assert len(book.leases) == 0


def test_retry_that_still_runs() -> None:
    """The same for one that has failed before."""
    book = recovered(record(state=State.RETRYING, deadline=900.0), running="stop")
    assert book << "log recovered-failed" << "note stopping" >> End("stop", worked=None) << CLOSE


def test_leftover_stop_that_still_runs() -> None:
    """The same for one that a reboot had left; it is gone whether that worked or not."""
    book = recovered(record(state=State.LEFTOVER), running="stop") << "log recovered" << "note leftover"
    assert book >> End("stop", worked=None) << "note leftover" << CLOSE >> STOP_FAILED << "forget"
    assert len(book.leases) == 0


def test_knock_while_a_stop_still_runs() -> None:
    """A knock while a stop command of the earlier run is going on opens after our own stop command."""
    book = recovered(record(deadline=900.0), running="stop") << "log recovered" << "note stopping"
    assert (
        book
        >> knock(HERE)
        << "note renewing"
        >> End("stop", worked=None)
        << CLOSE
        >> STOPPED
        << "note starting"
        << "start open"
        >> STARTED
        << "note open"
    )


def test_stop_that_still_runs_at_a_handover() -> None:
    """Whoever hands over while a stop command of an earlier run is going on runs none: the next one does."""
    book = recovered(record(deadline=900.0), running="stop") << "log recovered" << "note stopping"
    book >>= KeepAll()
    assert not book.leases.is_settled()
    assert book >> End("stop", worked=None) << "note open"
    assert book.leases.is_settled()


def test_end_of_nobody_s_command() -> None:
    """The end of a command whose lease is gone changes nothing."""
    assert play() >> Ended("a1b2.1", "stop", worked=None)


def test_retry_goes_on() -> None:
    """A stop command that failed is tried on after a restart where it was."""
    book = recovered(record(state=State.RETRYING, deadline=1_004.0, failures=4))
    assert book << "log recovered-failed" << "note retrying" >> Wait(3.9) >> Wait(0.1) << CLOSE
    assert book >> STOP_FAILED << "note retrying" >> Wait(RETRIES[4]) << CLOSE
    assert book >> STOP_FAILED << "log stop-failed" << "note failed"


def test_failed_is_tried_once_more() -> None:
    """What failed for good is tried once more after a restart, not as often as at first."""
    book = recovered(record(state=State.FAILED, deadline=900.0, failures=6))
    assert book << "log recovered-failed" << "note retrying" >> Wait(0) << CLOSE
    assert book >> STOP_FAILED << "log stop-failed" << "note failed"
    assert tries(book) == 7
    assert book >> Wait(1e6)


def test_what_failed_at_the_end_has_the_tries_that_are_left() -> None:
    """The one try that the end of a run allows is not the last: the next run goes on counting."""
    book = recovered(record(state=State.FAILED, deadline=900.0, failures=1))
    assert book << "log recovered-failed" << "note retrying" >> Wait(0) << CLOSE
    assert book >> STOP_FAILED << "note retrying"
    assert book.leases.next_deadline() == 1_000 + RETRIES[1]


@pytest.mark.parametrize("state", [State.OPEN, State.STOPPING, State.RENEWING])
def test_unopened_stays_so(state: State) -> None:
    """A lease whose start command failed is still undone after a restart, given up and never counted."""
    one = record(state=state, deadline=900.0, failures=5, unopened=True)
    book = recovered(one) << "log recovered-unopened" << "note open"
    assert book.leases.ask.count_opened() == 0
    assert book >> Wait(0) << OVER >> STOP_FAILED << "log stop-failed" << "forget"
    assert len(book.leases) == 0


def test_unopened_that_was_being_retried() -> None:
    """The same for one whose stop command has failed before."""
    book = recovered(record(state=State.RETRYING, deadline=900.0, failures=5, unopened=True))
    assert book << "log recovered-failed" << "note retrying" >> Wait(0) << CLOSE
    assert book >> STOP_FAILED << "log stop-failed" << "forget"
    assert len(book.leases) == 0


@pytest.mark.parametrize("state", list(State))
@pytest.mark.parametrize("end", [STOPPED, STOP_FAILED], ids=["worked", "failed"])
def test_other_boot(state: State, end: End) -> None:
    """After a reboot every lease is stopped once, at once, and is gone whether that worked or not."""
    book = recovered(record(state=state, deadline=1e9), same_boot=False)
    assert book << "log recovered" << "note leftover" << CLOSE >> end << "forget" >> Wait(1e9)
    assert len(book.leases) == 0


def test_other_boot_and_another_restart() -> None:
    """A lease of another boot whose stop command was cut short is stopped once more, and no more."""
    book = recovered(record(), same_boot=False) << "log recovered" << "note leftover" << CLOSE
    again = play(Leases(run="next")) >> found(record_in(book))
    assert again << "log recovered" << "note leftover" << CLOSE >> STOP_FAILED << "forget"


def test_knock_while_leftover_stops() -> None:
    """A knock while the lease of another boot is being stopped opens after that."""
    book = recovered(record(), same_boot=False) << "log recovered" << "note leftover" << CLOSE
    assert book >> knock(HERE) << "note renewing" >> STOP_FAILED << "note starting" << "start open"


def test_the_log_hears_of_all_before_any_is_stopped() -> None:
    """The lines about what is recovered come first, then the commands."""
    book = play() >> found(record(1), record(2), same_boot=False)
    assert book << "log recovered" << "log recovered" << "note leftover" << CLOSE << "note leftover" << CLOSE


def test_knock_renews_what_was_recovered() -> None:
    """A knock renews a lease of an earlier run: its own stop command, then the door's start command."""
    book = recovered(record()) << "log recovered" << "note open"
    assert (
        book
        >> knock(HERE)
        << "note renewing"
        << CLOSE
        >> STOPPED
        << "note starting"
        << "start open"
        >> STARTED
        << "note open"
        >> Wait(10)
        << "stop close, time over"
    )


@pytest.mark.parametrize("other", [{"name": "web"}, {"occurrence": 1}])
def test_other_door(other: dict[str, object]) -> None:
    """A door of another name, or the second of this name, has leases of its own."""
    book = recovered(record()) << "log recovered" << "note open"
    at = replace(HERE, **other)  # type: ignore[arg-type]
    assert book >> knock(at) << "note starting" << "start open"
    assert len(book.leases) == 2


def test_recovered_twice() -> None:
    """A lease that is in two journals, or twice in one, is one."""
    book = play() >> found(record(), record()) << "log recovered" << "note open" >> found(record())
    assert book
    assert len(book.leases) == 1


@pytest.mark.parametrize("same_boot", [True, False])
def test_found_late(same_boot: bool) -> None:
    """A journal that is found late takes no lease of this run from its knocker: a knock renews that one."""
    book = opened(HERE) >> found(record(deadline=1e6), same_boot=same_boot) << "log recovered"
    book = book << "note open" if same_boot else book << "note leftover" << CLOSE
    assert book >> knock(HERE) << "note renewing" << "stop close"
    assert book.last == "run.1"


@pytest.mark.parametrize("order", [(1_005.0, 1_009.0), (1_009.0, 1_005.0)])
def test_two_of_one_knocker(order: tuple[float, float]) -> None:
    """Of two recovered leases of one knocker at one door a knock renews the one that lasts longer."""
    book = play()
    for number, deadline in enumerate(order):
        one = record(deadline=deadline)._replace(id=f"last.{number}")
        assert book >> found(one) << "log recovered" << "note open"
    held = book.leases.ask.lease_of(knock(HERE).knock)
    assert held is not None
    assert held.deadline == 1_009.0
    assert len(book.leases) == 2


def test_ours_is_not_recovered() -> None:
    """A lease of this run that turns up in an old journal is known, or closed since."""
    book = play() >> found(record(id="run.7"))
    assert book
    assert len(book.leases) == 0


def test_recovered_beyond_the_bound() -> None:
    """However many leases may be open, none of an earlier run is left out."""
    book = play(Leases(bound=1)) >> found(record(1), record(2), record(3))
    for _ in range(3):
        book <<= "log recovered"
    for _ in range(3):
        book <<= "note open"
    assert book >> knock(source="192.0.2.9") << "refuse: 1 leases are open"
    assert len(book.leases) == 3


def test_restart_in_every_state() -> None:
    """Every lease that is in the table is in the next run's too, and is stopped there."""
    book, journal = play(), Journal()

    def tell(*events: object) -> None:
        for event in events:
            journal.write(book.skip() >> event)

    for number in range(4):
        tell(knock(source=f"192.0.2.{number}"))
        if number:
            tell(STARTED)
    tell(Wait(5), knock(source="192.0.2.3"))
    states = [one.state for one in journal.records.values()]
    following = play(Leases(run="next"), now=book.now) >> found(*journal.records.values())
    stops = _stops(following.skip() >> Wait(10))
    assert states == [State.STARTING, State.OPEN, State.OPEN, State.RENEWING]
    assert len(stops) == len(following.leases) == 4


def _stops(book: Playbook) -> Sequence[str]:
    return [words(one) for one in book.asked if isinstance(one, Stop)]


def test_door_changed_by_a_reload() -> None:
    """What the old door opened is closed with its stop command; then the new door's commands count."""
    changed = replace(DOOR, stop_command="shut", start_command="unlock", line=7)
    assert (
        opened()
        >> knock(changed)
        << "note renewing"
        << "stop close"
        >> STOPPED
        << "note starting"
        << "start unlock"
        >> STARTED
        << "note open"
        >> Wait(10)
        << "stop shut, time over"
    )


def test_changed_door_extends() -> None:
    """With Reknock = extend a changed door gives its time, and the old stop command closes."""
    changed = replace(DOOR, stop_command="shut", reknock=Reknock.EXTEND, cmd_timeout=99.0)
    book = opened() >> knock(changed) << "note open" << "granted"
    assert book >> Wait(98) >> Wait(1) << "stop close, time over"


@pytest.mark.parametrize("reknock", [Reknock.RENEW, Reknock.EXTEND])
def test_door_that_closes_no_more(reknock: Reknock) -> None:
    """A door that has lost its stop command closes what it opened before, and then opens for good."""
    book = opened() >> knock(without_stop(replace(DOOR, reknock=reknock))) << "note renewing" << "stop close"
    assert book >> STOPPED << "start open" << "forget" >> Wait(99)
    assert len(book.leases) == 0


def test_stop_that_failed_before_a_start_that_was_not_run() -> None:
    """When the stop of a renewal fails and nothing is started after it, the stop is tried again."""
    book = opened() >> knock() << "note renewing" << "stop close"
    assert book >> STOP_FAILED << "note starting" << "start open" >> NOT_RUN << "note retrying"
    assert book >> Wait(RETRIES[0]) << "stop close" >> STOPPED << "forget"


@pytest.mark.parametrize(
    ("reknock", "expected"),
    [
        (Reknock.RENEW, [False, False, True, False]),
        (Reknock.EXTEND, [False, False, False, False]),
        (Reknock.REPEAT, [False, False, False, False]),
    ],
)
def test_closes_first(reknock: Reknock, expected: list[bool]) -> None:
    """Only a renewal of what is open closes first: not a first knock, nor one while a command runs."""
    at = replace(DOOR, reknock=reknock)
    book, seen = play(), []

    def look() -> None:
        seen.append(book.leases.ask.closes_first(knock(at).knock))

    look()
    assert book >> knock(at) << "note starting" << "start open"
    look()
    assert book >> STARTED << "note open"
    look()
    assert book >> Wait(10) << "stop close, time over"
    look()
    assert seen == expected


def test_more_than_anybody_reads() -> None:
    """The log names so many leases of an earlier run, and says how many more there are."""
    book = play() >> found(*(record(number, deadline=2_000.0) for number in range(MOST_NAMED + 2)))
    said = [command for command in book.asked if isinstance(command, Log)]
    assert book.asked[: len(said)] == said
    assert len(said) == MOST_NAMED + 1
    assert said[-1] == Log("recovered-more", {"count": 2})
    assert len(book.leases) == MOST_NAMED + 2


def test_a_network_is_found_again() -> None:
    """After a restart another address of the network renews the lease that the journal has of it."""
    wide = replace(HERE, open_prefix=(24, 56), start_command="open %NET%", stop_command="close %NET%")
    one = record(source="192.0.2.1", prefix=24, stop="close %NET%")
    book = recovered(one) << "log recovered" << "note open"
    assert book >> knock(wide, "192.0.2.200") << "note renewing" << "stop close %NET%"
    assert book >> STOPPED << "note starting" << "start open %NET%" >> STARTED << "note open"
    (lease,) = book.leases.ask.all()
    assert lease.id == one.id
