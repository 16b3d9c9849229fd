"""The daemon's answers as values."""

from __future__ import annotations

import pytest

from knockd.control import interface
from knockd.control.idl import check_fields, read_interface
from knockd.ctl.fields import UnknownReply
from knockd.ctl.reply import Problem, Rotation, Sharing, Store, read_problem, read_run, read_status
from tests.support.samples.fleets import store
from tests.support.samples.statuses import BUSY, UNWELL, door, sharing, status


def test_status() -> None:
    """Every field of a status is read."""
    found = read_status(BUSY)
    assert found.leases[1].address == "2001:db8:aa00:17::c0de"
    assert found.leases[1].in_use
    assert found.interfaces[1].dropped == 12
    assert not found.doors[2].closes
    assert found.attempts[0].stage == 2
    assert found.journal.lasts
    assert read_status(UNWELL).refused[0].line == 7


@pytest.mark.parametrize("reply", [status(), BUSY, UNWELL])
def test_samples_are_what_the_interface_says(reply: dict[str, object]) -> None:
    """What the tests here read could be said by a daemon."""
    known = read_interface(interface.DESCRIPTION)
    check_fields(known, known.methods["Status"].answers, reply)


@pytest.mark.parametrize("name", sorted(status()))
def test_another_version(name: str) -> None:
    """A field that is of another type is named."""
    with pytest.raises(UnknownReply):
        read_status(status(**{name: [object()]}))


def test_door_with_keys() -> None:
    """Its keys are read, and why it waits."""
    rotation = {"keys": ["anne"], "keys_total": 9, "period": 30, "seconds_left": 17.5}
    reply = status(doors=[door("ssh", rotation=rotation, waiting="no clock")])
    known = read_interface(interface.DESCRIPTION)
    check_fields(known, known.methods["Status"].answers, reply)
    (found,) = read_status(reply).doors
    assert (found.waiting, found.rotation) == ("no clock", Rotation(("anne",), 9, 30, 17.5))


def test_fleet() -> None:
    """Its store is read, and what a door has of it."""
    reply = status(fleet=store(problem="no route"), doors=[door("ssh", fleet=sharing("no store"))])
    known = read_interface(interface.DESCRIPTION)
    check_fields(known, known.methods["Status"].answers, reply)
    found = read_status(reply)
    assert found.fleet == Store("store.example:6379", "no route", 3_600.0, 1)
    assert found.doors[0].fleet == Sharing(shared=True, required=False, waiting="no store")


def test_more_than_is_known() -> None:
    """A newer daemon may say more."""
    assert read_status(status(new=1)).pid == 812


def test_run() -> None:
    """A command, with or without words."""
    run = {"command": "a b", "words": None, "environment": {"A": "1"}, "user": "root", "deadline": 30}
    assert read_run(run).words is None
    assert read_run({**run, "words": ["a", "b"]}).words == ("a", "b")
    assert read_run(run).obstacle is None


@pytest.mark.parametrize(
    ("problem", "expected"),
    [
        (Problem("/k.conf", 7, "expected 1"), "/k.conf:7: expected 1"),
        (Problem("/k.conf", None, "no such file"), "/k.conf: no such file"),
        (Problem("/k.conf", 7, "/k.conf:7: expected 1"), "/k.conf:7: expected 1"),
        (Problem("", None, "expected 1"), "expected 1"),
    ],
)
def test_problems(problem: Problem, expected: str) -> None:
    """The place is said once."""
    assert expected == str(problem)
    assert problem == read_problem(problem._asdict())
