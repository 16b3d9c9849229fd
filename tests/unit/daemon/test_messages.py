"""What the log says of each message of the packet process."""

from __future__ import annotations

import pytest
from structlog import get_logger
from structlog.testing import capture_logs

from knockd.edge.link import Kind, Message, pair
from knockd.keeper.messages import log_message
from knockd.keeper.reporter import Reporter
from knockd.worker.process import WorkerProcess
from tests.support.house import CONFIG, NOBODY
from tests.support.played import ALICE


def said(message: Message, *, failures: bool = True) -> list[dict[str, object]]:
    """The log entries of one message."""
    ours, theirs = pair()
    with ours, theirs, capture_logs() as log:
        worker = WorkerProcess(NOBODY, ours, CONFIG, ("eth0", "tun0"))
        log_message(Reporter(get_logger()), worker, message, failures=failures)
    return [dict(entry) for entry in log]


DOOR = CONFIG.doors[0].name
WHO = {"ip": "192.0.2.1", "door": DOOR, "stage": 1}
LINES = {
    Kind.STAGE: [{"event": "stage", "log_level": "info", **WHO}],
    Kind.EXPIRED: [{"event": "expired", "log_level": "info", **WHO}],
    Kind.SPOILED: [{"event": "spoiled", "log_level": "info", **WHO}],
    Kind.GUARDED: [{"event": "guarded", "log_level": "info", "seconds": 25.0, **WHO}],
}


@pytest.mark.parametrize("kind", LINES, ids=lambda kind: kind.name)
def test_about_a_source(kind: Kind) -> None:
    """Lines about a source name it, the door and the stage."""
    assert said(Message(kind, stage=1, source=ALICE, destination=bytes(4))) == LINES[kind]


def test_without_failures() -> None:
    """Without Log_Failures spoiled attempts and guard hits are left out, timeouts stay as in 0.8."""
    messages = [Message(kind, stage=1, source=ALICE, destination=bytes(4)) for kind in LINES]
    assert [entry["event"] for message in messages for entry in said(message, failures=False)] == [
        "stage",
        "expired",
    ]


FIGURES = {
    "held back": (Message(Kind.HELD_BACK, count=7), [("held-back", {"count": 7})]),
    "dropped": (
        Message(Kind.DROPPED, count=9, interface=1),
        [("dropped", {"interface": "tun0", "count": 9})],
    ),
    "ring": (Message(Kind.SMALL_RING, count=64), [("small-ring", {"interface": "eth0", "kib": 64})]),
    "widened": (Message(Kind.WIDENED, count=250_000), [("widened", {"interface": "eth0", "share": 0.25})]),
    "addresses too": (
        Message(Kind.WIDENED, count=0, stage=1),
        [("widened", {"interface": "eth0", "share": 0.0}), ("addresses-widened", {"interface": "eth0"})],
    ),
}


@pytest.mark.parametrize(("message", "expected"), FIGURES.values(), ids=FIGURES)
def test_figures(message: Message, expected: list[tuple[str, dict[str, object]]]) -> None:
    """Counts are warnings with their figure, those of an interface with its name."""
    assert said(message) == [{"event": event, "log_level": "warning", **fields} for event, fields in expected]
