"""What the log says of the daemon."""

from __future__ import annotations

from knockd.review.daemon_events import MOST_EVENTS, DaemonEvents
from tests.support.samples.entries import entry


def test_lines_as_they_were() -> None:
    """An event is kept with its classic line."""
    events = DaemonEvents()
    events.add(entry(0, "starting", door="", interface="eth0"), True)
    events.add(entry(1, "listening", door="", interface="eth0"), True)
    (only,) = events.events()
    assert (only.text, only.restart) == ("starting up, listening on eth0", False)


def test_restarts() -> None:
    """A start without an end before it, and a packet process that was lost, are restarts."""
    events = DaemonEvents()
    for event in ("starting", "stopping", "starting", "starting", "worker-lost", "worker-failed", "starting"):
        events.add(entry(0, event, door="", interface="eth0", reason="x", seconds=1.0), True)
    assert [one.restart for one in events.events()] == [False, False, False, True, True, False, False]


def test_a_start_before_the_selection() -> None:
    """What is not selected is not kept, but the daemon has run."""
    events = DaemonEvents()
    assert events.add(entry(0, "starting", door="", interface="eth0"), False) is None
    found = events.add(entry(9, "starting", door="", interface="eth0"), True)
    assert found is not None
    assert found.restart


def test_counts() -> None:
    """Lines that were held back or lost and packets that were dropped are summed; a wrong count is none."""
    events = DaemonEvents()
    for event in ("held-back", "door-held-back", "dropped", "log-lost"):
        for count in (3, 4, "many"):
            events.add(entry(0, event, count=count, interface="eth0", sink="x", reason="y"), True)
    assert (events.held_back, events.dropped, events.lost) == (14, 7, 7)
    for _ in range(MOST_EVENTS + 9):
        events.add(entry(0, "stopping", door=""), True)
    assert len(events.events()) == MOST_EVENTS
    assert events.count == MOST_EVENTS + 12


def test_fields_that_do_not_fit() -> None:
    """An event with fields of another type, or a hostile one, is printable text all the same."""
    events = DaemonEvents()
    for one in (entry(0, "recovered", "192.0.2.7", seconds="soon"), entry(0, "novel", door="\x1b[2J")):
        events.add(one, True)
    first, second = events.events()
    assert first.text == "recovered: seconds=soon ip=192.0.2.7 door=ssh"
    assert second.text == r"novel: door=\x1b[2J"
