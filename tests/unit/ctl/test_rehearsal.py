"""What a knock would run, as lines."""

from __future__ import annotations

from typing import Any

from knockd.ctl.rehearsal import format_rehearsal, read_rehearsal


def run(command: str, words: list[str] | None, **fields: Any) -> dict[str, Any]:
    """A command that would be run."""
    return {
        "command": command,
        "words": words,
        "environment": {"KNOCKD_IP": "::1", "KNOCKD_DOOR": "ssh"},
        "user": "root",
        "deadline": 30.0,
        "obstacle": None,
        **fields,
    }


def test_both_commands() -> None:
    """Start and stop command, each with words, user and environment; nothing is cut."""
    reply = {
        "start": run('ufw allow from ::1 comment "a b"', ["ufw", "allow", "from", "::1", "comment", "a b"]),
        "stop": run("ufw status | grep ::1", None),
        "seconds": 10.0,
        "obstacle": None,
    }
    assert [
        "A knock of ::1 at ssh would run this; nothing was run.",
        "",
        "At once:",
        '  command      ufw allow from ::1 comment "a b"',
        '  words        "ufw" "allow" "from" "::1" "comment" "a b"',
        "  as user      root",
        "  at most      30 s",
        "  environment  KNOCKD_DOOR=ssh",
        "               KNOCKD_IP=::1",
        "",
        "After 10 s:",
        "  command      ufw status | grep ::1",
        "  run by       /bin/sh -c",
        "  as user      root",
        "  at most      30 s",
        "  environment  KNOCKD_DOOR=ssh",
        "               KNOCKD_IP=::1",
    ] == format_rehearsal(read_rehearsal(reply), "ssh", "::1")


def test_no_commands() -> None:
    """A door may have neither."""
    lines = format_rehearsal(read_rehearsal({"seconds": 0}), "ssh", "::1")
    assert "  nothing: the door has no start command" in lines
    assert "Later: nothing, as the door has no stop command" == lines[-1]


def test_obstacles() -> None:
    """Why it would not work comes first, each reason once."""
    reply = {
        "start": run("a", ["a"], obstacle="a: no such program"),
        "stop": run("a", ["a"], obstacle="a: no such program"),
        "seconds": 10,
        "obstacle": "the door takes IPv4 only",
    }
    found = read_rehearsal(reply)
    assert ["the door takes IPv4 only", "a: no such program"] == found.obstacles
    assert "It would not work: the door takes IPv4 only" == format_rehearsal(found, "ssh", "::1")[2]


def test_hostile_texts() -> None:
    """No text reaches the terminal as it is."""
    text = "\x1b[2J\n\u202e"
    hostile = run(text, [text], environment={text: text}, user=text, obstacle=text)
    reply = {"start": hostile, "stop": hostile, "seconds": 1, "obstacle": text}
    assert all(line.isprintable() for line in format_rehearsal(read_rehearsal(reply), text, "::1"))


def test_no_limit() -> None:
    """A deadline of 0 is none."""
    lines = format_rehearsal(read_rehearsal({"start": run("a", None, deadline=0), "seconds": 0}), "a", "::1")
    assert "  at most      as long as it takes" in lines
