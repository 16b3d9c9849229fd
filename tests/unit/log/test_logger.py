"""Log events on their way: with -l an address waits for its name, and its lines stay in order."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, cast

import pytest
import structlog
from structlog.testing import capture_logs

from knockd.log.logger import MAX_WAITING_LINES, Logger
from knockd.log.names import Names

ALICE, BOB = "192.0.2.1", "192.0.2.2"


class Resolver:
    """Look-ups that a test answers."""

    def __init__(self) -> None:
        self.names: dict[str, str] = {}
        self.asked: dict[str, Callable[[str], None]] = {}
        self.too_many = False

    def known_name(self, address: str) -> str | None:
        """What Names says."""
        return self.names.get(address)

    def is_full(self) -> bool:
        """What Names says."""
        return self.too_many

    def look_up(self, address: str, answer: Callable[[str], None]) -> None:
        """Notes the look-up."""
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


def logger(resolver: Resolver | None = None) -> Logger:
    """A logger, with -l when there is a resolver."""
    return Logger(structlog.get_logger(), cast(Names | None, resolver))


def test_without_names(log: list[Any]) -> None:
    """Without -l an event is logged at once, with its level and fields and no name."""
    logger().log("open", ip=ALICE, door="ssh")
    logger().log("refused", ip=ALICE, door="ssh", reason="full")
    assert log == [
        {"event": "open", "log_level": "info", "ip": ALICE, "door": "ssh"},
        {"event": "refused", "log_level": "warning", "ip": ALICE, "door": "ssh", "reason": "full"},
    ]


def test_without_address(log: list[Any], resolver: Resolver) -> None:
    """An event about no address waits for nothing."""
    logger(resolver).log("stopping")
    assert (log, resolver.asked) == ([{"event": "stopping", "log_level": "info"}], {})


def test_waits_for_the_name(log: list[Any], resolver: Resolver) -> None:
    """The lines of an address wait for its name and come in order with it; it is asked for once."""
    made = logger(resolver)
    made.log("stage", ip=ALICE, door="ssh", stage=1, steps=3)
    made.log("open", ip=ALICE, door="ssh")
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
                "steps": 3,
                "host": "alice.example",
            },
            {"event": "open", "log_level": "info", "ip": ALICE, "door": "ssh", "host": "alice.example"},
        ],
    )


def test_known_name(log: list[Any], resolver: Resolver) -> None:
    """Once the name is known nothing waits."""
    resolver.names[ALICE] = "alice.example"
    logger(resolver).log("open", ip=ALICE, door="ssh")
    assert [entry["host"] for entry in log] == ["alice.example"]


def test_no_name(log: list[Any], resolver: Resolver) -> None:
    """An address without a name is logged with an empty one."""
    logger(resolver).log("open", ip=ALICE, door="ssh")
    resolver.answer(ALICE, "")
    assert [entry["host"] for entry in log] == [""]


def test_others_do_not_wait(log: list[Any], resolver: Resolver) -> None:
    """Lines of other addresses, and of none, pass those that wait."""
    made = logger(resolver)
    resolver.names[BOB] = "bob.example"
    made.log("stage", ip=ALICE, door="ssh", stage=1, steps=3)
    made.log("stage", ip=BOB, door="ssh", stage=1, steps=3)
    made.log("reading", path="/etc/knockd.conf")
    assert [entry["event"] + entry.get("ip", "") for entry in log] == [f"stage{BOB}", "reading"]


def test_look_ups_are_full(log: list[Any], resolver: Resolver) -> None:
    """When too many look-ups run an address is logged without a name, at once."""
    resolver.too_many = True
    logger(resolver).log("open", ip=ALICE, door="ssh")
    assert (log, resolver.asked) == ([{"event": "open", "log_level": "info", "ip": ALICE, "door": "ssh"}], {})


def test_waiting_lines_are_bounded(log: list[Any], resolver: Resolver) -> None:
    """A source that never stops knocking cannot make lines pile up: further ones come without a name."""
    made = logger(resolver)
    for number in range(MAX_WAITING_LINES + 3):
        made.log("stage", ip=ALICE, door="ssh", stage=number, steps=3)
    early = [entry["stage"] for entry in log]
    resolver.answer(ALICE, "alice.example")
    late = [entry["stage"] for entry in log[len(early) :]]
    assert (early, late) == (
        list(range(MAX_WAITING_LINES, MAX_WAITING_LINES + 3)),
        list(range(MAX_WAITING_LINES)),
    )


def test_the_end(log: list[Any], resolver: Resolver) -> None:
    """At the end nothing waits any more, and a name that comes late changes nothing."""
    made = logger(resolver)
    made.log("stage", ip=ALICE, door="ssh", stage=1, steps=3)
    made.log("open", ip=ALICE, door="ssh")
    made.release_waiting()
    made.log("stopping")
    made.log("command", ip=BOB, door="ssh", command="open", verb="start")
    resolver.answer(ALICE, "alice.example")
    assert [entry["event"] + entry.get("host", "") for entry in log] == [
        "stage",
        "open",
        "stopping",
        "command",
    ]


@pytest.mark.parametrize(
    ("event", "fields", "error"),
    [
        ("opened", {"ip": ALICE, "door": "ssh"}, KeyError),
        ("open", {"ip": ALICE}, TypeError),
        ("open", {"ip": ALICE, "door": "ssh", "stage": 1}, TypeError),
    ],
    ids=["unknown event", "missing field", "extra field"],
)
def test_what_the_catalogue_does_not_have(
    log: list[Any], event: str, fields: dict[str, Any], error: type[Exception]
) -> None:
    """An event or fields that the catalogue does not have are an error of the caller; nothing is logged."""
    with pytest.raises(error):
        logger().log(event, **fields)
    assert [] == log


def test_openings_of_a_limited_door(log: list[Any]) -> None:
    """A line about openings is logged only where its door's limit allows; other lines are not asked about."""
    logger_ = logger()
    logger_.allow = lambda door: door == "ssh"
    for door in ("lamp", "ssh"):
        logger_.log("open", ip=ALICE, door=door)
        logger_.log("refused", ip=ALICE, door=door, reason="full")
    logger_.log("stopping")
    said = [(entry["event"], entry.get("door")) for entry in log]
    assert [("refused", "lamp"), ("open", "ssh"), ("refused", "ssh"), ("stopping", None)] == said
