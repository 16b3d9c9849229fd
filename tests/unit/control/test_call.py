"""One call: answers, errors, and a client that leaves."""

from __future__ import annotations

import json
from typing import Any

import pytest

from knockd.control.call import Call, Caller
from knockd.control.protocol import MAX_ANSWER


class Sent:
    """A call, and what was answered."""

    def __init__(self, *, more: bool = False) -> None:
        self.answers: list[tuple[Any, bool]] = []
        self.left = 0
        self.call = Call({}, Caller(0, 0, 1), self._note, more=more)
        self.call.on_gone = self._leave

    def _note(self, data: bytes, last: bool) -> None:
        self.answers.append((json.loads(data[:-1]), last))

    def _leave(self) -> None:
        self.left += 1


def test_reply() -> None:
    """One answer; after it nobody waits any more."""
    sent = Sent()
    sent.call.reply({"a": 1})
    assert sent.call.gone
    sent.call.reply({"a": 2})
    assert [({"parameters": {"a": 1}}, True)] == sent.answers


def test_fail() -> None:
    """An error of our interface has its name in front."""
    sent = Sent()
    sent.call.fail("NoSuchDoor", door="a", doors=[])
    expected = {"error": "org.knockd.Control.NoSuchDoor", "parameters": {"door": "a", "doors": []}}
    assert [(expected, True)] == sent.answers


def test_more() -> None:
    """Who asks for more gets answers until the last one."""
    sent = Sent(more=True)
    sent.call.reply({"a": 1}, continues=True)
    sent.call.reply({"a": 2})
    assert [
        ({"parameters": {"a": 1}, "continues": True}, False),
        ({"parameters": {"a": 2}}, True),
    ] == sent.answers


def test_more_than_was_asked_for() -> None:
    """Who did not ask for more gets one answer."""
    sent = Sent()
    sent.call.reply({"a": 1}, continues=True)
    sent.call.reply({"a": 2}, continues=True)
    assert [({"parameters": {"a": 1}}, True)] == sent.answers


def test_leave() -> None:
    """Who answers hears once that the client has left, and answers go nowhere."""
    sent = Sent(more=True)
    sent.call.leave()
    sent.call.leave()
    sent.call.reply({})
    assert (1, []) == (sent.left, sent.answers)


def test_leave_after_the_last_answer() -> None:
    """Then nobody has to hear of it."""
    sent = Sent()
    sent.call.reply({})
    sent.call.leave()
    assert 0 == sent.left


@pytest.mark.parametrize("more", [False, True])
def test_an_answer_that_is_too_long(more: bool) -> None:
    """It is refused, and is the last one."""
    sent = Sent(more=more)
    sent.call.reply({"a": "x" * MAX_ANSWER}, continues=True)
    ((answer, last),) = sent.answers
    assert last
    assert "org.knockd.Control.Refused" == answer["error"]
    assert f"more than {MAX_ANSWER}; ask for less" in answer["parameters"]["reason"]
