"""Lines that 0.8 and ours have really written, into files, by syslog and by the journal: all are read."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from knockd.review.entries import Entry
from knockd.review.lines import LineReader
from tests.support.samples.recorded_logs import FOLDER, SAMPLES, ZONE

WRITTEN = 1_796_000_000.0
"""After all of them, within a year."""

WORDS = {
    "starting": "starting up, listening on",
    "stage": ": Stage ",
    "open": ": OPEN SESAME",
    "command": ": running command: ",
    "command-failed": ": command returned non-zero status code (",
    "command-timeout": ": command timeout",
    "expired": ": sequence timeout (stage ",
    "reading": "re-reading config file: ",
    "reopening": "re-opening log file: ",
    "stopping": "shutting down",
    "spoiled": ": wrong knock, starting over (stage ",
    "guarded": ": guard port, ignored for ",
    "refused": ": not opened: ",
}
"""What stands in the lines of each event, and in no others. (Of ``listening`` there are none alone.)"""

FORMS = {
    "rsyslog": "syslog",
    "rsyslog-iso": "iso",
    "rsyslog-rfc5424": "rfc5424",
    "busybox": "syslog",
    "journal-short": "syslog",
    "journal-short-iso": "iso",
    "journal-short-iso-precise": "iso",
    "journal-short-full": "journal",
}


@pytest.fixture(autouse=True)
def _zone(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The time zone that the samples are of."""
    monkeypatch.setenv("TZ", ZONE)
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


def read(path: Path) -> tuple[LineReader, list[Entry], list[bytes]]:
    """The reader when it is done, the entries of a file, and the lines that could not be read."""
    unread: list[bytes] = []
    reader = LineReader(year_hint=WRITTEN, unread=lambda _, line: unread.append(line))
    with path.open("rb") as lines:
        return reader, list(reader.read_entries(lines)), unread


def entries(name: str) -> list[Entry]:
    """The entries of a file."""
    return read(FOLDER / f"{name}.log")[1]


each_sample = pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.stem)


@each_sample
def test_nothing_is_unread(path: Path) -> None:
    """Every line of a real log is an entry, blank, or of another program."""
    reader, found, unread = read(path)
    assert [] == unread
    assert reader.total == path.read_bytes().count(b"\n")
    assert len(found) + reader.blank + reader.other == reader.total
    assert [] == reader.steps_back


@each_sample
def test_no_event_is_missed(path: Path) -> None:
    """As many entries of an event are read as there are lines with its words."""
    counts = Counter(entry.event for entry in read(path)[1])
    text = "".join(line for line in path.read_text().splitlines(keepends=True) if " cron" not in line)
    marks = {event: f'"event": "{event}"' for event in WORDS} if "json" in path.stem else WORDS
    if path.stem.endswith("-debug"):
        assert counts.keys() <= {"worker-state"}
        return
    assert {event: text.count(mark) for event, mark in marks.items()} == {
        event: counts[event] for event in WORDS
    }
    assert counts["open"] == 5
    assert counts["stage"] == 5 * 2 + 3 + 4


@each_sample
def test_format(path: Path) -> None:
    """All entries of a file are of one format."""
    daemon, _, what = path.stem.partition("-")
    expected = FORMS.get(what, "json" if daemon == "json" else "classic")
    reader, found, _ = read(path)
    assert len(found) == reader.by_format[expected]


@pytest.mark.parametrize("daemon", ["old", "ours", "json"])
@pytest.mark.parametrize(
    ("one", "other"),
    [("rsyslog", "rsyslog-iso"), ("rsyslog", "rsyslog-rfc5424")]
    + [("journal-short", f"journal-short-{form}") for form in ("iso", "iso-precise", "full")],
)
def test_formats_agree(daemon: str, one: str, other: str) -> None:
    """The same run says the same in each format, and at the same time."""
    for first, second in zip(entries(f"{daemon}-{one}"), entries(f"{daemon}-{other}"), strict=True):
        assert first[1:6] == second[1:6]
        assert abs(first.time - second.time) < 1


@pytest.mark.parametrize("daemon", ["old", "ours", "json"])
def test_who_and_where(daemon: str) -> None:
    """With -l names stand beside addresses, and doors have the names that they were given."""
    found = entries(f"{daemon}-file-names")
    openings = [entry[2:5] for entry in found if entry.event == "open"]
    alice, bob = ("192.0.2.7", "ssh", "alice.example"), ("192.0.2.8", "ssh", "")
    carol = [("2001:db8::7", door, "carol.example.org") for door in ("web: admin page", "once")]
    assert [alice, bob, *carol, alice] == openings


@pytest.mark.parametrize("daemon", ["old", "ours"])
def test_a_file_has_what_syslog_has(daemon: str) -> None:
    """Log file and syslog of a run say the same, but that 0.8 re-opens its file in silence."""
    by_syslog = [entry[1:6] for entry in entries(f"{daemon}-rsyslog")]
    in_file = [entry[1:6] for entry in entries(f"{daemon}-file")]
    assert in_file == [one for one in by_syslog if daemon == "ours" or one[0] != "reopening"]
