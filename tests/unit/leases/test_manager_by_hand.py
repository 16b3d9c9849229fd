"""Openings and leases by hand: what the lease manager answers, and what it notes."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from knockd.leases.opened_by import by_key, by_signature, find_key
from knockd.leases.values import Knock
from knockd_conf.model import Door, Reknock
from tests.support.doubles.lease_manager import DOOR, PLAIN, PlayedManager, knock

FULL = "No space left on device"


class Asked:
    """A lease manager, and its answers to openings."""

    def __init__(self, **options: Any) -> None:
        self.played = PlayedManager(**options)
        self.answers: list[tuple[str, str | None]] = []
        self.played.manager.answered = lambda knock, reason: self.answers.append((knock.by, reason))

    def open(self, by: str, door: Door = DOOR) -> Knock:
        """Somebody opens a door."""
        one = knock(door)._replace(by=by)
        self.played.open(one)
        return one

    def only_lease(self) -> str:
        """The id of the only lease."""
        (lease,) = self.played.manager.ask.all()
        return lease.id


def test_answer() -> None:
    """An opening is answered when its start command has worked: then its lease is open."""
    asked = Asked()
    asked.open("alice")
    assert asked.answers == []
    asked.played.end()
    assert asked.answers == [("alice", None)]


def test_answer_without_lease() -> None:
    """The same holds at a door that nothing closes."""
    asked = Asked()
    asked.open("alice", PLAIN)
    assert asked.answers == []
    asked.played.end()
    assert asked.answers == [("alice", None)]


def test_answer_of_a_renewal() -> None:
    """An opening that closes first is answered after its own start command."""
    asked = Asked()
    asked.open("alice")
    asked.played.end()
    asked.open("bob")
    asked.played.end()
    assert asked.answers == [("alice", None)]
    asked.played.end()
    assert asked.answers == [("alice", None), ("bob", None)]


def test_answer_of_an_extension() -> None:
    """An opening that only gives more time is answered at once."""
    asked = Asked()
    at = replace(DOOR, reknock=Reknock.EXTEND)
    asked.open("alice", at)
    asked.played.end()
    asked.open("bob", at)
    assert asked.answers == [("alice", None), ("bob", None)]


def test_answer_of_each_repetition() -> None:
    """With Reknock = repeat each opening is answered."""
    asked = Asked()
    at = replace(DOOR, reknock=Reknock.REPEAT)
    asked.open("alice", at)
    asked.open("bob", at)
    asked.played.end()
    asked.played.end()
    assert asked.answers == [("alice", None), ("bob", None)]


def test_refused() -> None:
    """A start command that fails, one that runs already, and what cannot be noted, are reasons."""
    asked = Asked()
    asked.open("alice")
    asked.open("bob")
    assert asked.answers == [("bob", "its start command has not ended yet")]
    asked.played.end(1)
    assert asked.answers[1:] == [("alice", "its start command failed")]
    required = Asked(state_required=True)
    required.played.journal.reason = FULL
    required.open("carol")
    assert required.answers == [("carol", f"State_Required, and StateDir cannot be written ({FULL})")]


def test_close_leases() -> None:
    """The stop command of a lease runs at once."""
    asked = Asked()
    asked.open("alice")
    asked.played.end()
    asked.played.manager.close_leases([asked.only_lease()])
    assert asked.played.runner.lines[1:] == ["close 192.0.2.1; sync"]
    asked.played.end()
    assert not asked.played.manager.ask.all()


def test_extend_is_noted() -> None:
    """More time is in the journal when it has been given."""
    asked = Asked()
    asked.open("alice")
    asked.played.end()
    asked.played.manager.extend(asked.only_lease(), 50.0)
    assert [one.deadline for one in asked.played.journal.commits[-1]] == [1_060.0]


def test_give_up_is_noted() -> None:
    """What is given up is in the journal no more."""
    asked = Asked()
    asked.open("alice")
    asked.played.end()
    asked.played.manager.close_leases([asked.only_lease()])
    asked.played.end(1)
    asked.played.manager.give_up(asked.only_lease())
    assert asked.played.journal.commits[-1] == ()
    assert not asked.played.manager.ask.all()


def test_preview() -> None:
    """A preview has both commands as they would be run, and runs nothing."""
    asked = Asked()
    found = asked.played.manager.preview(knock())
    assert found.obstacle is None
    assert found.start is not None
    assert found.stop is not None
    (start, _), (stop, _) = found.start, found.stop
    assert start.line == "open 192.0.2.1"
    assert start.words == ["open", "192.0.2.1"]
    assert start.deadline == 7.0
    assert start.environment()["KNOCKD_DOOR"] == "ssh"
    assert stop.line == "close 192.0.2.1; sync"
    assert stop.words is None
    assert stop.deadline == 60.0
    assert asked.played.runner.lines == []


def test_preview_of_what_is_not_run() -> None:
    """What the door does not have is not shown."""
    found = Asked().played.manager.preview(knock(PLAIN))
    assert found.start is not None
    assert found.stop is None


BY = by_signature("laptop", "SHA256:" + "x" * 43)
KEY = find_key(BY) or ""


def test_renew() -> None:
    """What is open is renewed; where nothing is, nothing is opened."""
    asked = Asked()
    asked.open("")
    asked.played.end()
    asked.played.manager.renew(knock()._replace(by=BY))
    asked.played.end()
    asked.played.end()
    assert asked.played.runner.lines == ["open 192.0.2.1", "close 192.0.2.1; sync", "open 192.0.2.1"]
    assert asked.answers == [("", None), (BY, None)]
    asked.played.manager.renew(knock(source="192.0.2.2"))
    assert asked.answers[2:] == [("", "nothing is open that could be renewed")]


def test_renew_behind_a_bar() -> None:
    """Who may not knock any more renews nothing."""
    asked = Asked()
    asked.open("")
    asked.played.end()
    asked.played.manager.renew(knock(replace(DOOR, expires="2000-01-01")))
    assert asked.answers[1:] == [("", "it has expired: its last day was 2000-01-01")]
    assert len(asked.played.runner.lines) == 1


def test_renew_what_cannot_be_noted() -> None:
    """With State_Required what is open stays so while nothing can be noted, also with Reknock = repeat."""
    for reknock in (Reknock.RENEW, Reknock.REPEAT):
        asked = Asked(state_required=True)
        at = replace(DOOR, reknock=reknock)
        asked.open("", at)
        asked.played.end()
        asked.played.journal.reason = FULL
        asked.played.manager.renew(knock(at))
        assert asked.answers[1:] == [("", f"State_Required, and StateDir cannot be written ({FULL})")]
        assert len(asked.played.runner.lines) == 1


def test_opened_by_a_key() -> None:
    """What a key has opened at a door is found, from every address; once it closes it is not."""
    asked = Asked()
    for number, by in enumerate((BY, BY, "", by_key("anne"), BY)):
        at = DOOR if number < 4 else replace(DOOR, name="web")
        asked.played.open(knock(at, f"192.0.2.{number}")._replace(by=by))
        asked.played.end()
    manager = asked.played.manager
    manager.close_leases(manager.ask.find_opened_by(DOOR, KEY))
    assert [line for line in asked.played.runner.lines if line.startswith("close")] == [
        "close 192.0.2.0; sync",
        "close 192.0.2.1; sync",
    ]
    assert manager.ask.find_opened_by(DOOR, KEY) == ()
    assert manager.ask.find_opened_by(DOOR, "SHA256:other") == ()


def test_opened_again_by_another_one() -> None:
    """What somebody else opens again is theirs; who opens again hears who has closed it."""
    asked = Asked()
    asked.open(BY)
    asked.played.end()
    asked.open("key anne")
    manager = asked.played.manager
    assert manager.ask.find_opened_by(DOOR, KEY) == ()
    manager.close_leases(manager.ask.find_opened_by(DOOR, "anne"), "its key has closed it")
    assert asked.answers[1:] == [("key anne", "its key has closed it")]
