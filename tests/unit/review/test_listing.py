"""One line an event."""

from __future__ import annotations

from knockd.review.entries import Entry
from knockd.review.listing import describe_entry, format_entry
from knockd.review.moments import show_moment


def entry(event: str, fields: dict[str, str | int | float], host: str = "") -> Entry:
    """What happened at the door ssh."""
    return Entry(1793646785.0, event, "192.0.2.7", "ssh", host, fields, 1.0)


def test_line() -> None:
    """Time and classic text, with the name of the host where the log has one."""
    line = format_entry(entry("stage", {"stage": 2}, "h.example"), set(), colour=False)
    assert f"{show_moment(1793646785.0)}  192.0.2.7 (h.example): ssh: Stage 2" == line


def test_hostile_text() -> None:
    """What a command printed reaches no terminal as it is."""
    hostile = "\x1b[2J\x9b31m\u202e\n\u2028"
    text = describe_entry(entry("command-output", {"line": hostile}))
    assert text.isprintable()
    assert r"ssh: command said: \x1b[2J\x9b31m\u202e\n\u2028" == text


def test_missing_fields() -> None:
    """A line of another version that lacks a field is shown as what it has."""
    assert "command-output: ip=192.0.2.7 door=ssh" == describe_entry(entry("command-output", {}))


def test_colours() -> None:
    """Openings, owners' failures, strangers and what failed differ; without colour there is no escape."""
    fields: dict[str, str | int | float] = {"stage": 1, "command": "x", "status": 1}
    shown = {
        (event, bool(openers)): format_entry(entry(event, fields), openers, colour=True)
        for event in ("open", "expired", "command-failed", "command")
        for openers in ({"192.0.2.7"}, set[str]())
    }
    codes = {key: line[: line.index("2026")] for key, line in shown.items()}
    assert (
        codes["open", True]
        != codes["expired", True]
        != codes["expired", False]
        != codes["command-failed", True]
    )
    assert "" == codes["command", True]
    assert all(line.endswith("\x1b[0m") for key, line in shown.items() if codes[key])
