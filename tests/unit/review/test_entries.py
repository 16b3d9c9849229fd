"""Entries: what one line says."""

from __future__ import annotations

from knockd.review.entries import Entry


def test_fields_are_apart() -> None:
    """Who and where stand beside the other fields of the event."""
    entry = Entry(0.0, "stage", "192.0.2.1", "ssh", "", {"stage": 1}, 60.0)
    assert (entry.ip, entry.door) == ("192.0.2.1", "ssh")
    assert entry.fields == {"stage": 1}
