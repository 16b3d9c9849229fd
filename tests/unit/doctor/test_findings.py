"""Kinds of findings, and when all is well."""

from __future__ import annotations

from knockd.doctor.findings import KINDS, Finding, Looked, Severity, from_note, is_well
from knockd_conf.errors import Note, Place

NOTE = Finding("config-note", "a", "")


def test_severity() -> None:
    """A finding is as severe as its kind; each kind says in a sentence what it means."""
    assert Severity.NOTE is NOTE.severity
    assert Severity.LOCKS_OUT is Finding("no-daemon", "", "").severity
    assert [] == [meaning for _, meaning in KINDS.values() if not meaning.endswith(".")]


def test_well() -> None:
    """Notes, and what could not be looked at, are nothing wrong."""
    assert is_well([])
    assert is_well([Looked("a", (NOTE,)), Looked("b", (), ("run it as root",))])
    assert not is_well([Looked("a", (NOTE, Finding("ufw-off", "a", "b")))])


def test_note() -> None:
    """What stands behind the first colon of a note says what to do; its place is file, line and key."""
    note = Note("/etc/knockd.conf", 7, "Start_Command", "no program x: expected: one", (Place("/a", 1),))
    place = "/etc/knockd.conf:7: Start_Command"
    assert Finding("program-unusable", "no program x", "expected: one", place) == from_note(
        "program-unusable", note
    )
    bare = from_note("program-unusable", Note("/k", None, None, "no program x"))
    assert "correct it, then check it with 'knockd -t'" == bare.cure
    assert Finding("config-note", "odd", "", "/k") == from_note("config-note", Note("/k", None, None, "odd"))
