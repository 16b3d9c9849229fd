"""Leases: every arrow of the state diagram, what a repeated knock does, bounds."""

from __future__ import annotations

from dataclasses import replace

import pytest

from knockd.engine.leases import RETRIES, Leases
from knockd_conf.model import Reknock
from tests.support.leasing import DOOR, UNENDED, Story


@pytest.fixture
def story() -> Story:
    """No lease yet."""
    return Story()


@pytest.fixture
def opened(story: Story) -> Story:
    """A lease that is OPEN for ten seconds from now."""
    story.knock()
    story.started()
    return story


@pytest.fixture
def stopping(opened: Story) -> Story:
    """A lease whose stop command runs since its time was over."""
    opened.wait(10)
    return opened


@pytest.fixture
def failed(stopping: Story) -> Story:
    """A lease whose stop command failed for good."""
    for pause in RETRIES:
        stopping.stopped(worked=False)
        stopping.wait(pause)
    stopping.stopped(worked=False)
    return stopping


def test_open_and_close(story: Story) -> None:
    """A door opens at once, closes when its time is over, and nothing is left."""
    story_told = [story.knock(), story.started(), story.wait(10), story.stopped(), story.wait(99)]
    assert (story_told, len(story.leases)) == ([["open"], [], ["close (time over)"], [], []], 0)


def test_time_counts_from_the_end_of_the_start_command(story: Story) -> None:
    """Cmd_Timeout begins when the start command has returned, however long it took."""
    story.knock()
    waiting = story.wait(500)
    story.started()
    assert (waiting, story.leases.next_deadline()) == ([], story.now + 10)


def test_nothing_is_due_too_early(opened: Story) -> None:
    """Before its deadline a door stays open."""
    assert opened.wait(9.9) == []


def test_failed_start(story: Story) -> None:
    """A start command that failed may have done half its work: the stop command runs all the same."""
    story.knock()
    story.started(worked=False)
    assert story.wait(10) == ["close (time over)"]


def test_start_that_was_not_run(story: Story) -> None:
    """When the start command could not be run there is no lease, and a new knock opens."""
    story.knock()
    story.leases.not_started(story.last, story.now)
    assert (len(story.leases), story.leases.next_deadline(), story.knock()) == (0, None, ["open"])


def test_renewal_that_was_not_run(opened: Story) -> None:
    """When the start command of a renewal could not be run the door is closed: there is no lease."""
    opened.knock()
    opened.stopped()
    opened.leases.not_started(opened.last, opened.now)
    opened.leases.not_started(opened.last, opened.now)
    assert (len(opened.leases), opened.wait(99)) == (0, [])


def test_no_stop_command(story: Story) -> None:
    """A door without stop command makes no lease: its command runs at each opening."""
    plain = replace(DOOR, stop_command=None)
    assert (story.knock(plain), story.knock(plain), len(story.leases)) == (["open"], ["open"], 0)


def test_no_command(story: Story) -> None:
    """A door without any command does nothing."""
    assert story.knock(replace(DOOR, start_command=None, stop_command=None)) == []


def test_only_a_stop_command(story: Story) -> None:
    """A door without start command is open at once and closes when its time is over."""
    only_stop = replace(DOOR, start_command=None)
    assert (story.knock(only_stop), story.wait(10)) == ([], ["close (time over)"])


@pytest.mark.parametrize("reknock", [Reknock.RENEW, Reknock.EXTEND])
def test_knock_while_starting(story: Story, reknock: Reknock) -> None:
    """A knock while the start command runs changes nothing, and says why."""
    at = replace(DOOR, reknock=reknock)
    assert (story.knock(at), story.knock(at), len(story.leases)) == (["open"], [UNENDED], 1)


def test_renew(opened: Story) -> None:
    """A repeated knock stops, then starts, and the door has its whole time again."""
    opened.now += 7
    steps = [opened.knock(), opened.stopped(), opened.started(), opened.wait(9), opened.wait(1)]
    assert steps == [["close"], ["open"], [], [], ["close (time over)"]]


def test_renew_after_a_flushed_firewall(opened: Story) -> None:
    """The stop command of a renewal may fail (the rule is gone already): the start command runs."""
    opened.knock()
    assert opened.stopped(worked=False) == ["open"]


def test_knock_while_renewing(opened: Story) -> None:
    """A knock while a renewal is under way changes nothing, and says why."""
    opened.knock()
    assert (opened.knock(), opened.stopped()) == ([UNENDED], ["open"])


def test_renewing_has_no_deadline(opened: Story) -> None:
    """While a renewal is under way no time runs out."""
    opened.knock()
    assert (opened.wait(99), opened.leases.next_deadline()) == ([], None)


def test_extend(story: Story) -> None:
    """With Reknock = extend a repeated knock gives more time and runs nothing."""
    at = replace(DOOR, reknock=Reknock.EXTEND)
    story.knock(at)
    story.started()
    story.now += 7
    steps = [story.knock(at), story.wait(9.9), story.wait(0.1)]
    assert steps == [[], [], ["close (time over)"]]


def test_repeat(story: Story) -> None:
    """With Reknock = repeat each knock has its own start and stop, as in 0.8."""
    at = replace(DOOR, reknock=Reknock.REPEAT)
    first = story.knock(at)
    story.started()
    story.now += 5
    second = story.knock(at)
    story.started()
    assert (first, second, story.wait(5), story.wait(5)) == (
        ["open"],
        ["open"],
        ["close (time over)"],
        ["close (time over)"],
    )


def test_knock_while_stopping(stopping: Story) -> None:
    """A knock while the stop command runs opens again when that has ended."""
    assert (stopping.knock(), stopping.stopped(), stopping.started()) == ([], ["open"], [])


def test_extend_while_stopping(story: Story) -> None:
    """What is closing cannot be extended: it is opened again."""
    at = replace(DOOR, reknock=Reknock.EXTEND)
    story.knock(at)
    story.started()
    story.wait(10)
    assert (story.knock(at), story.stopped()) == ([], ["open"])


def test_stop_is_retried(stopping: Story) -> None:
    """A stop command that fails is tried again five times in ten minutes."""
    pauses = []
    for _ in RETRIES:
        stopping.stopped(worked=False)
        deadline = stopping.leases.next_deadline()
        assert deadline is not None
        pauses.append(deadline - stopping.now)
        assert stopping.wait(pauses[-1]) == ["close"]
    stopping.stopped(worked=False)
    assert (pauses, sum(pauses) <= 600, stopping.leases.next_deadline()) == (
        [10, 30, 60, 180, 300],
        True,
        None,
    )


def test_retry_that_works(stopping: Story) -> None:
    """A retry that works ends the lease."""
    stopping.stopped(worked=False)
    stopping.wait(10)
    stopping.stopped()
    assert len(stopping.leases) == 0


def test_failed_is_kept(failed: Story) -> None:
    """A stop command that failed for good is kept and never tried again by itself."""
    assert (failed.wait(1e6), [lease.knock.source for lease in failed.leases.failed()]) == ([], ["192.0.2.1"])


def test_knock_after_failed(failed: Story) -> None:
    """A failed stop never blocks a knock: it is tried once more, then the door opens."""
    steps = [failed.knock(), failed.stopped(worked=False), failed.started(), failed.wait(10)]
    assert (steps, failed.leases.failed()) == ([["close"], ["open"], [], ["close (time over)"]], [])


def test_failed_takes_nobody_s_place() -> None:
    """Leases whose stop failed for good do not count against the bound, and are bounded themselves."""
    story = Story(Leases(bound=1))
    for number in range(3):
        opened = story.knock(source=f"192.0.2.{number}")
        story.started()
        story.wait(10)
        for pause in RETRIES:
            story.stopped(worked=False)
            story.wait(pause)
        story.stopped(worked=False)
        assert opened == ["open"]
    assert [lease.knock.source for lease in story.leases.failed()] == ["192.0.2.2"]


def test_knock_between_retries(stopping: Story) -> None:
    """A knock between two tries of the stop command stops and opens now."""
    stopping.stopped(worked=False)
    assert (stopping.knock(), stopping.stopped(worked=False), stopping.started()) == (["close"], ["open"], [])


def test_retries_start_anew_after_a_knock(failed: Story) -> None:
    """After a new opening the stop command has all its tries again."""
    failed.knock()
    failed.stopped()
    failed.started()
    failed.wait(10)
    failed.stopped(worked=False)
    assert failed.leases.next_deadline() == failed.now + RETRIES[0]


def test_sources_have_their_own_leases(story: Story) -> None:
    """A second knocker at an open door opens it for himself."""
    assert (story.knock(), story.knock(source="192.0.2.2"), len(story.leases)) == (["open"], ["open"], 2)


def test_doors_have_their_own_leases(story: Story) -> None:
    """One knocker at two doors has two leases."""
    story.knock()
    assert (story.knock(replace(DOOR, name="other")), len(story.leases)) == (["open"], 2)


def test_bound() -> None:
    """Beyond the bound an opening is refused; the leases that are open stay."""
    story = Story(Leases(bound=2))
    told = [story.knock(source=f"192.0.2.{n}") for n in range(3)]
    assert (told, len(story.leases)) == ([["open"], ["open"], ["2 leases are open"]], 2)


def test_a_flood_leaves_room_for_those_who_know() -> None:
    """Doors that a single packet opens take three quarters; the rest is for doors with a secret."""
    story = Story(Leases(bound=8))
    anybody = replace(DOOR, name="wol", steps=DOOR.steps[:1])
    flood = [story.knock(anybody, source=f"192.0.2.{n}") for n in range(8)]
    known = [story.knock(source=f"198.51.100.{n}") for n in range(3)]
    assert flood == 6 * [["open"]] + 2 * [["6 leases of doors with one step are open"]]
    assert known == [["open"], ["open"], ["8 leases are open"]]


def test_a_door_with_one_step_has_room_beside_others() -> None:
    """Leases of other doors are not held against those with one step."""
    story = Story(Leases(bound=8))
    anybody = replace(DOOR, name="wol", steps=DOOR.steps[:1])
    for n in range(6):
        story.knock(source=f"198.51.100.{n}")
    assert story.knock(anybody) == ["open"]


def test_bound_does_not_stop_renewing() -> None:
    """At the bound a knocker who has a lease may renew it."""
    story = Story(Leases(bound=1))
    story.knock()
    story.started()
    assert story.knock() == ["close"]


def test_bound_does_not_count_doors_without_lease() -> None:
    """At the bound a door without stop command opens."""
    story = Story(Leases(bound=1))
    story.knock()
    assert story.knock(replace(DOOR, name="other", stop_command=None)) == ["open"]


def test_bound_counts_repeats() -> None:
    """With Reknock = repeat every knock counts."""
    story = Story(Leases(bound=1))
    at = replace(DOOR, reknock=Reknock.REPEAT)
    assert (story.knock(at), story.knock(at)) == (["open"], ["1 leases are open"])


def test_end_of_an_unknown_lease(story: Story) -> None:
    """The end of a command whose lease is gone changes nothing."""
    assert (story.leases.ended(7, "stop", True, 0.0), len(story.leases)) == ([], 0)
