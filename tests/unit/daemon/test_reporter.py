"""Log events on their way: with -l an address waits for its name, and its lines stay in order."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from typing import Any, cast

import pytest
import structlog
from structlog.testing import capture_logs

from knockd.edge.lookup import Names
from knockd.keeper.reporter import MAX_WAITING_LINES, Reporter

ALICE, BOB = "192.0.2.1", "192.0.2.2"


class Resolver:
    """Look-ups that a test answers."""

    def __init__(self) -> None:
        self.names: dict[str, str] = {}
        self.asked: dict[str, Callable[[str], None]] = {}
        self.is_full = False

    def known(self, address: str) -> str | None:
        """What Names says."""
        return self.names.get(address)

    def full(self) -> bool:
        """What Names says."""
        return self.is_full

    def ask(self, address: str, answer: Callable[[str], None]) -> None:
        """Notes who asks."""
        assert address not in self.asked, "asked twice"
        self.asked[address] = answer

    def answer(self, address: str, name: str) -> None:
        """The name of an address is known now."""
        self.names[address] = name
        self.asked.pop(address)(name)


@pytest.fixture
def resolver() -> Resolver:
    """A resolver that has not been asked."""
    return Resolver()


@pytest.fixture
def log() -> Iterator[list[Any]]:
    """What was logged, as structlog's own entries."""
    with capture_logs() as entries:
        yield entries


def reporter(resolver: Resolver | None = None) -> Reporter:
    """A reporter, with -l when there is a resolver."""
    return Reporter(structlog.get_logger(), cast(Names | None, resolver))


def test_without_names(log: list[Any]) -> None:
    """Without -l an event is logged at once, with its level and fields and no name."""
    reporter().say("open", ip=ALICE, door="ssh")
    reporter().say("refused", level="warning", ip=ALICE, door="ssh", reason="full")
    assert log == [
        {"event": "open", "log_level": "info", "ip": ALICE, "door": "ssh"},
        {"event": "refused", "log_level": "warning", "ip": ALICE, "door": "ssh", "reason": "full"},
    ]


def test_without_address(log: list[Any], resolver: Resolver) -> None:
    """An event about no address waits for nothing."""
    reporter(resolver).say("stopping")
    assert (log, resolver.asked) == ([{"event": "stopping", "log_level": "info"}], {})


def test_waits_for_the_name(log: list[Any], resolver: Resolver) -> None:
    """The lines of an address wait for its name and come in order with it; it is asked for once."""
    made = reporter(resolver)
    made.say("stage", ip=ALICE, door="ssh", stage=1)
    made.say("open", level="warning", ip=ALICE, door="ssh")
    before = list(log)
    resolver.answer(ALICE, "alice.example")
    assert (before, log) == (
        [],
        [
            {
                "event": "stage",
                "log_level": "info",
                "ip": ALICE,
                "door": "ssh",
                "stage": 1,
                "host": "alice.example",
            },
            {"event": "open", "log_level": "warning", "ip": ALICE, "door": "ssh", "host": "alice.example"},
        ],
    )


def test_known_name(log: list[Any], resolver: Resolver) -> None:
    """Once the name is known nothing waits."""
    resolver.names[ALICE] = "alice.example"
    reporter(resolver).say("open", ip=ALICE)
    assert [entry["host"] for entry in log] == ["alice.example"]


def test_no_name(log: list[Any], resolver: Resolver) -> None:
    """An address without a name is logged with an empty one."""
    reporter(resolver).say("open", ip=ALICE)
    resolver.answer(ALICE, "")
    assert [entry["host"] for entry in log] == [""]


def test_others_do_not_wait(log: list[Any], resolver: Resolver) -> None:
    """Lines of other addresses, and of none, pass those that wait."""
    made = reporter(resolver)
    resolver.names[BOB] = "bob.example"
    made.say("stage", ip=ALICE)
    made.say("stage", ip=BOB)
    made.say("reading")
    assert [entry["event"] + entry.get("ip", "") for entry in log] == [f"stage{BOB}", "reading"]


def test_look_ups_are_full(log: list[Any], resolver: Resolver) -> None:
    """When too many look-ups run an address is logged without a name, at once."""
    resolver.is_full = True
    reporter(resolver).say("open", ip=ALICE)
    assert (log, resolver.asked) == ([{"event": "open", "log_level": "info", "ip": ALICE}], {})


def test_waiting_lines_are_bounded(log: list[Any], resolver: Resolver) -> None:
    """A source that never stops knocking cannot make lines pile up: further ones come without a name."""
    made = reporter(resolver)
    for number in range(MAX_WAITING_LINES + 3):
        made.say("stage", ip=ALICE, stage=number)
    early = [entry["stage"] for entry in log]
    resolver.answer(ALICE, "alice.example")
    late = [entry["stage"] for entry in log[len(early) :]]
    assert (early, late) == (
        list(range(MAX_WAITING_LINES, MAX_WAITING_LINES + 3)),
        list(range(MAX_WAITING_LINES)),
    )


def test_the_end(log: list[Any], resolver: Resolver) -> None:
    """At the end nothing waits any more, and a name that comes late changes nothing."""
    made = reporter(resolver)
    made.say("stage", ip=ALICE)
    made.say("open", ip=ALICE)
    made.hurry()
    made.say("stopping")
    made.say("command", ip=BOB)
    resolver.answer(ALICE, "alice.example")
    assert [entry["event"] + entry.get("host", "") for entry in log] == [
        "stage",
        "open",
        "stopping",
        "command",
    ]


def test_faults(log: list[Any], caplog: pytest.LogCaptureFixture) -> None:
    """What nobody has thought of is in the log and on standard error, once as long as it is the same."""
    reported = reporter()

    async def act() -> None:
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(reported.fault)
        for problem in (ValueError("one"), ValueError("one"), KeyError("two")):
            loop.call_soon(_raise, problem)
        await asyncio.sleep(0)
        loop.call_exception_handler({"message": "a task is left"})

    asyncio.run(act())
    reasons = ["ValueError: one", "KeyError: 'two'", "a task is left"]
    assert [(entry["log_level"], entry["reason"]) for entry in log] == [("error", one) for one in reasons]
    assert len(caplog.records) == len(reasons)


def _raise(problem: Exception) -> None:
    raise problem
