"""Leases over restarts, boots and reloads: what is taken over, and which command closes what."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from knockd.engine.journal import Record, State
from knockd.engine.lease import Verb
from knockd.engine.leases import RETRIES, Leases
from knockd_conf.model import Reknock
from tests.support.journals import record
from tests.support.leasing import DOOR, UNENDED, Story, knock

HERE = replace(DOOR, name="ssh")
"""The door of the records, as the configuration has it now."""


def recovered(one: Record, *, same_boot: bool = True, running: Verb | None = None) -> tuple[Story, list[str]]:
    """A story that begins at 1000 with a lease of an earlier run, and what is to be done at once."""
    story = Story(last=1)
    runs = story.leases.recover(one, story.now, same_boot=same_boot, running=running)
    return story, story.noted(runs)


def after_restart(story: Story) -> Story:
    """The same leases in the next run of the daemon, by way of their records."""
    following = Story(Leases(run="next"), now=story.now)
    for one in story.leases.records():
        following.noted(following.leases.recover(one, story.now, same_boot=True, running=None))
    return following


def test_record() -> None:
    """A record holds all that the end of a lease needs."""
    story = Story()
    story.knock(replace(DOOR, name="ssh", occurrence=2, command_deadline=5.0))
    story.started()
    assert story.leases.records() == (
        Record(
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
        ),
    )


def test_provisional_deadline() -> None:
    """While the start command runs the record has the time that holds if its end is never heard of."""
    story = Story()
    story.knock()
    (one,) = story.leases.records()
    assert (one.state, one.deadline) == (State.STARTING, 1_010.0)


def test_record_of_ipv6() -> None:
    """The stop command of a record is the one for the knocker's IP version."""
    story = Story()
    story.knock(replace(DOOR, stop_command_6="close six"), source="2001:db8::1", version=6)
    assert story.leases.records()[0].stop == "close six"


def test_stays_open_until_its_deadline() -> None:
    """What is open at a restart stays so until its time is over, and is closed then."""
    story, now = recovered(record(deadline=1_006.0))
    steps = [story.wait(5.9), story.wait(0.1), story.stopped()]
    assert (now, steps, len(story.leases)) == ([], [[], ["close %IP%; sync (time over)"], []], 0)


@pytest.mark.parametrize("state", [State.OPEN, State.STARTING, State.RENEWING, State.STOPPING])
def test_past_its_deadline(state: State) -> None:
    """What is over at a restart is closed at once, whatever was going on."""
    story, _ = recovered(record(state=state, deadline=999.0))
    assert story.wait(0) == ["close %IP%; sync (time over)"]


def test_start_that_was_cut_short() -> None:
    """Of a start command whose end nobody heard the provisional deadline holds."""
    story, _ = recovered(record(state=State.STARTING, deadline=1_006.0))
    assert [story.wait(5.9), story.wait(0.1)] == [[], ["close %IP%; sync (time over)"]]


def test_start_that_still_runs() -> None:
    """The time of a start command that still runs counts from its end: nothing opens after its stop."""
    story, _ = recovered(record(state=State.STARTING, deadline=900.0), running="start")
    steps = [story.wait(500), story.knock(HERE), orphan_ended(story, "start"), story.wait(9), story.wait(1)]
    assert steps == [[], [UNENDED], [], [], ["close %IP%; sync (time over)"]]


def orphan_ended(story: Story, verb: Verb) -> list[str]:
    """A command of the earlier run ends."""
    return story.noted(story.leases.orphan_ended(1, verb, story.now))


@pytest.mark.parametrize("state", [State.OPEN, State.STARTING, State.RENEWING, State.RETRYING])
def test_stop_that_still_runs(state: State) -> None:
    """A stop command that still runs is waited for, and then run again: nobody knows whether it worked."""
    story, now = recovered(record(state=state, deadline=900.0), running="stop")
    steps = [story.wait(50), orphan_ended(story, "stop"), story.stopped()]
    assert (now, steps, len(story.leases)) == ([], [[], ["close %IP%; sync"], []], 0)


def test_leftover_stop_that_still_runs() -> None:
    """The same for one that a reboot had left; it is gone whether that worked or not."""
    story, now = recovered(record(state=State.LEFTOVER), running="stop")
    steps = [orphan_ended(story, "stop"), story.stopped(worked=False)]
    assert (now, steps, len(story.leases)) == ([], [["close %IP%; sync"], []], 0)


def test_knock_while_a_stop_still_runs() -> None:
    """A knock while a stop command of the earlier run is going on opens after our own stop command."""
    story, _ = recovered(record(deadline=900.0), running="stop")
    steps = [story.knock(HERE), orphan_ended(story, "stop"), story.stopped(), story.started()]
    assert steps == [[], ["close %IP%; sync"], ["open"], []]


def test_stop_that_still_runs_at_a_handover() -> None:
    """Whoever hands over while a stop command of an earlier run is going on runs none: the next one does."""
    story, _ = recovered(record(deadline=900.0), running="stop")
    story.leases.keep_all()
    steps = [story.leases.settled(), orphan_ended(story, "stop"), story.leases.settled()]
    assert (steps, [one.state for one in story.leases.records()]) == ([False, [], True], [State.OPEN])


def test_orphan_of_nobody() -> None:
    """The end of a command whose lease is gone changes nothing."""
    assert orphan_ended(Story(), "stop") == []


def test_retry_goes_on() -> None:
    """A stop command that failed is tried on after a restart where it was."""
    story, _ = recovered(record(state=State.RETRYING, deadline=1_004.0, failures=4))
    steps = [story.wait(3.9), story.wait(0.1), story.stopped(worked=False), story.wait(RETRIES[4])]
    story.stopped(worked=False)
    assert (steps, len(story.leases.failed())) == ([[], ["close %IP%; sync"], [], ["close %IP%; sync"]], 1)


def test_failed_is_tried_anew() -> None:
    """What failed for good is tried again after a restart, as often as at first."""
    story, _ = recovered(record(state=State.FAILED, failures=5))
    steps = [story.wait(0), story.stopped(worked=False)]
    assert (steps, story.leases.next_deadline()) == ([["close %IP%; sync"], []], 1_000 + RETRIES[0])


@pytest.mark.parametrize("state", list(State))
@pytest.mark.parametrize("worked", [True, False])
def test_other_boot(state: State, worked: bool) -> None:
    """After a reboot every lease is stopped once, at once, and is gone whether that worked or not."""
    story, now = recovered(record(state=state, deadline=1e9), same_boot=False)
    story.stopped(worked)
    assert (now, len(story.leases), story.wait(1e9)) == (["close %IP%; sync"], 0, [])


def test_other_boot_and_another_restart() -> None:
    """A lease of another boot whose stop command was cut short is stopped once more, and no more."""
    story, _ = recovered(record(), same_boot=False)
    again = after_restart(story)
    again.stopped(worked=False)
    assert (len(story.leases), len(again.leases)) == (1, 0)


def test_knock_while_leftover_stops() -> None:
    """A knock while the lease of another boot is being stopped opens after that."""
    story, _ = recovered(record(), same_boot=False)
    assert [story.knock(HERE), story.stopped(worked=False), story.started()] == [[], ["open"], []]


def test_knock_renews_what_was_recovered() -> None:
    """A knock renews a lease of an earlier run: its own stop command, then the door's start command."""
    story, _ = recovered(record())
    steps = [story.knock(HERE), story.stopped(), story.started(), story.wait(10)]
    assert steps == [["close %IP%; sync"], ["open"], [], ["close (time over)"]]


@pytest.mark.parametrize("other", [{"name": "web"}, {"occurrence": 1}])
def test_other_door(other: dict[str, object]) -> None:
    """A door of another name, or the second of this name, has leases of its own."""
    story, _ = recovered(record())
    assert (story.knock(replace(HERE, **other)), len(story.leases)) == (["open"], 2)  # type: ignore[arg-type]


def test_recovered_twice() -> None:
    """A lease that is in two journals is one."""
    story, _ = recovered(record())
    story.leases.recover(record(), story.now, same_boot=True, running=None)
    assert len(story.leases) == 1


@pytest.mark.parametrize("same_boot", [True, False])
def test_found_late(same_boot: bool) -> None:
    """A journal that is found late takes no lease of this run from its knocker: a knock renews that one."""
    story = Story()
    story.knock(HERE)
    story.started()
    ours = story.last
    runs = story.leases.recover(record(deadline=1e6), story.now, same_boot=same_boot, running=None)
    assert (len(runs), story.knock(HERE), story.last) == (not same_boot, ["close"], ours)


@pytest.mark.parametrize("order", [(1_005.0, 1_009.0), (1_009.0, 1_005.0)])
def test_two_of_one_knocker(order: tuple[float, float]) -> None:
    """Of two recovered leases of one knocker at one door a knock renews the one that lasts longer."""
    story = Story()
    for number, deadline in enumerate(order):
        one = record(deadline=deadline)._replace(id=f"last.{number}")
        story.leases.recover(one, story.now, same_boot=True, running=None)
    held = story.leases.held_by(knock(HERE))
    assert held is not None
    assert (held.deadline, len(story.leases)) == (1_009.0, 2)


def test_ours_is_not_recovered() -> None:
    """A lease of this run that turns up in an old journal is known, or closed since."""
    story = Story()
    runs = story.leases.recover(record(id="run.7"), story.now, same_boot=True, running=None)
    assert (runs, len(story.leases)) == ([], 0)


def test_recovered_beyond_the_bound() -> None:
    """However many leases may be open, none of an earlier run is left out."""
    story = Story(Leases(bound=1))
    for number in (1, 2, 3):
        story.leases.recover(record(number), story.now, same_boot=True, running=None)
    assert (len(story.leases), story.knock(source="192.0.2.9")) == (3, ["1 leases are open"])


def test_restart_in_every_state() -> None:
    """Every lease that is in the table is in the next run's too, and is stopped there."""
    story = Story()
    for number in range(4):
        story.knock(source=f"192.0.2.{number}")
        if number:
            story.started()
    story.now += 5
    story.knock(source="192.0.2.3")
    following = after_restart(story)
    assert (len(story.leases), len(following.leases), len(following.wait(10))) == (4, 4, 4)


def test_door_changed_by_a_reload() -> None:
    """What the old door opened is closed with its stop command; then the new door's commands count."""
    story = Story()
    story.knock()
    story.started()
    changed = replace(DOOR, stop_command="shut", start_command="unlock", line=7)
    steps = [story.knock(changed), story.stopped(), story.started(), story.wait(10)]
    assert steps == [["close"], ["unlock"], [], ["shut (time over)"]]


def test_changed_door_extends() -> None:
    """With Reknock = extend a changed door gives its time, and the old stop command closes."""
    story = Story()
    story.knock()
    story.started()
    changed = replace(DOOR, stop_command="shut", reknock=Reknock.EXTEND, cmd_timeout=99.0)
    assert [story.knock(changed), story.wait(98), story.wait(1)] == [[], [], ["close (time over)"]]


@pytest.mark.parametrize("reknock", [Reknock.RENEW, Reknock.EXTEND])
def test_door_that_closes_no_more(reknock: Reknock) -> None:
    """A door that has lost its stop command closes what it opened before, and then opens for good."""
    story = Story()
    story.knock()
    story.started()
    steps = [story.knock(replace(DOOR, stop_command=None, reknock=reknock)), story.stopped(), story.wait(99)]
    assert (steps, len(story.leases)) == ([["close"], ["open"], []], 0)


def test_stop_that_failed_before_a_start_that_was_not_run() -> None:
    """When the stop of a renewal fails and nothing is started after it, the stop is tried again."""
    story = Story()
    story.knock()
    story.started()
    story.knock()
    story.stopped(worked=False)
    story.leases.not_started(story.last, story.now)
    assert [story.wait(RETRIES[0]), story.stopped(), len(story.leases)] == [["close"], [], 0]


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
    story, at = Story(), replace(DOOR, reknock=reknock)
    told = [story.leases.closes_first(knock(at))]
    steps: tuple[Callable[[], object], ...] = (
        lambda: story.knock(at),
        story.started,
        lambda: story.wait(10),
    )
    for step in steps:
        step()
        told.append(story.leases.closes_first(knock(at)))
    assert told == expected


def test_keep() -> None:
    """Leases that are kept are not stopped any more, and nothing opens."""
    story = Story()
    story.knock()
    story.started()
    story.leases.keep_all()
    told = [story.knock(), story.wait(99), story.leases.next_deadline(), story.leases.settled()]
    assert (told, len(story.leases)) == ([["shutting down"], [], None, True], 1)


def test_keep_waits_for_what_runs() -> None:
    """Commands that run come to their end before leases are kept: a renewal opens again."""
    story = Story()
    story.knock()
    story.started()
    story.knock()
    story.leases.keep_all()
    steps = [story.leases.settled(), story.stopped(), story.leases.settled(), story.started()]
    assert (steps, story.leases.settled()) == ([False, ["open"], False, []], True)


def test_closing_leaves_no_time() -> None:
    """What is being closed at the end is over: the next start does not keep it open."""
    story = Story()
    story.knock()
    story.started()
    story.leases.close_all(1_003.0)
    assert [(one.state, one.deadline) for one in story.leases.records()] == [(State.STOPPING, 1_003.0)]


def test_changed() -> None:
    """Whatever changes a record is to be written down, and nothing else is: a time that is over is known."""
    story = Story()
    seen = []
    for step in (
        story.knock,
        story.started,
        lambda: story.wait(1),
        story.leases.records,
        lambda: story.wait(9),
        story.stopped,
        lambda: story.knock(replace(DOOR, stop_command=None)),
    ):
        story.leases.changed = False
        step()
        seen.append(story.leases.changed)
    assert seen == [True, True, False, False, False, True, False]
