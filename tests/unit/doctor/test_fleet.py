"""What keeps a host from the store that its fleet shares."""

from __future__ import annotations

from knockd.checks.fleet_surprises import NO_STORE
from knockd.doctor.fleet import look_at_fleet
from knockd_conf.errors import Note, Problem


def test_without_valkey() -> None:
    """A daemon that runs goes on, and the next start fails."""
    missing = Problem("/etc/knockd.conf", 7, "Fleet", "expected valkey, got none: install it: pip install x")
    looked = look_at_fleet((), missing)
    assert "fleet" == looked.subject
    (finding,) = looked.findings
    assert ("no-valkey", "expected valkey, got none", "install it: pip install x") == finding[:3]
    assert "/etc/knockd.conf:7" == finding.place


def test_a_file_that_cannot_be_used() -> None:
    """It locks people out, with the reason and what to do."""
    note = Note("/etc/knockd.conf", 8, "Fleet_Key", f"/k: is not a regular file: {NO_STORE}")
    (finding,) = look_at_fleet([note], None).findings
    assert ("fleet-unusable", note.message, "mend it, then run 'knockctl reload'") == finding[:3]
    assert "/etc/knockd.conf:8" == finding.place


def test_nothing_is_missing() -> None:
    """There is nothing to say."""
    assert () == look_at_fleet((), None).findings
