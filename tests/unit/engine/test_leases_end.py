"""Leases when the daemon ends, and which commands IPv6 knockers get."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from knockd.engine.leases import RETRIES
from knockd_conf.model import Door
from tests.support.leasing import DOOR, Story

SIX = replace(DOOR, start_command_6="open six", stop_command_6="close six")


def starting(story: Story) -> None:
    """The start command runs."""
    story.knock()


def opened(story: Story) -> None:
    """The door is open."""
    story.knock()
    story.started()


def renewing(story: Story) -> None:
    """The stop command of a renewal runs."""
    opened(story)
    story.knock()


def stopping(story: Story) -> None:
    """The stop command runs."""
    opened(story)
    story.wait(10)


def retrying(story: Story) -> None:
    """The stop command failed and waits for its next try."""
    stopping(story)
    story.stopped(worked=False)


def failed(story: Story) -> None:
    """The stop command failed for good."""
    stopping(story)
    for pause in RETRIES:
        story.stopped(worked=False)
        story.wait(pause)
    story.stopped(worked=False)


@pytest.mark.parametrize("state", [opened, retrying, failed])
@pytest.mark.parametrize(("worked", "left"), [(True, 0), (False, 1)])
def test_what_waits_is_stopped(state: Callable[[Story], None], worked: bool, left: int) -> None:
    """What is open, waits for a retry or failed is stopped once; if that fails it is left to the next run."""
    story = Story()
    state(story)
    steps = [story.close_all(), story.stopped(worked), story.wait(1e6)]
    assert (steps, story.leases.settled(), len(story.leases.records())) == ([["close"], [], []], True, left)


@pytest.mark.parametrize("state", [renewing, stopping])
def test_what_stops_is_waited_for(state: Callable[[Story], None]) -> None:
    """A stop command that runs already is the last one: nothing starts after it."""
    story = Story()
    state(story)
    assert (story.close_all(), story.stopped(), len(story.leases)) == ([], [], 0)


def test_what_starts_is_stopped_after() -> None:
    """A start command that runs is left alone; when it has ended the stop command runs at once."""
    story = Story()
    starting(story)
    steps = [story.close_all(), story.started(), story.wait(0), story.stopped()]
    assert (steps, len(story.leases)) == ([[], [], ["close"], []], 0)


def test_renewal_that_starts() -> None:
    """The start command of a renewal counts like any other."""
    story = Story()
    renewing(story)
    story.stopped()
    steps = [story.close_all(), story.started(), story.wait(0), story.stopped()]
    assert (steps, len(story.leases)) == ([[], [], ["close"], []], 0)


def test_every_lease_is_stopped() -> None:
    """All knockers' leases are stopped."""
    story = Story()
    for number in range(3):
        story.knock(source=f"192.0.2.{number}")
        story.started()
    assert story.close_all() == ["close"] * 3


@pytest.mark.parametrize("door", [DOOR, replace(DOOR, stop_command=None)], ids=["lease", "no lease"])
def test_nothing_opens_any_more(door: Door) -> None:
    """A knock while the daemon ends is refused."""
    story = Story()
    story.close_all()
    assert story.knock(door) == ["shutting down"]


@pytest.mark.parametrize(
    ("version", "commands"),
    [(4, [["open"], ["close (time over)"]]), (6, [["open six"], ["close six (time over)"]])],
)
def test_commands_by_version(version: int, commands: list[list[str]]) -> None:
    """IPv6 knockers get the *_6 commands, IPv4 knockers the plain ones."""
    story = Story()
    begin = story.knock(SIX, version=version)
    story.started()
    assert [begin, story.wait(10)] == commands


def test_plain_commands_serve_ipv6() -> None:
    """Without *_6 commands the plain ones serve IPv6 knockers too."""
    story = Story()
    assert story.knock(DOOR, version=6) == ["open"]


def test_empty_stop_command_6() -> None:
    """An empty Stop_Command_6 means that an IPv6 knocker's opening is never stopped: no lease."""
    story = Story()
    begin = story.knock(replace(DOOR, stop_command_6=""), version=6)
    assert (begin, len(story.leases)) == (["open"], 0)


def test_empty_start_command_6() -> None:
    """An empty Start_Command_6 runs nothing for an IPv6 knocker; the stop command comes in its time."""
    story = Story()
    begin = story.knock(replace(DOOR, start_command_6=""), version=6)
    assert (begin, story.wait(10)) == ([], ["close (time over)"])


def test_only_commands_for_ipv6() -> None:
    """A door with *_6 commands alone does nothing for IPv4 knockers."""
    story = Story()
    six_only = replace(SIX, start_command=None, stop_command=None)
    assert (story.knock(six_only, version=4), story.knock(six_only, version=6)) == ([], ["open six"])
