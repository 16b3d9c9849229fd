"""Who has opened a door."""

from __future__ import annotations

import pytest

from knockd.ctl import openers
from knockd.ctl.openers import Openers
from knockd.review.entries import Entry


def entry(event: str, ip: str) -> Entry:
    """An event of an address."""
    return Entry(0, event, ip, "ssh", "", {}, 1)


def test_openers_are_known_with_their_entry() -> None:
    """An address is an opener from its opening on, and all entries are handed on."""
    known = Openers()
    seen = [
        (one.ip, one.ip in known.addresses)
        for one in known.watch_entries([entry("stage", "a"), entry("open", "a"), entry("stage", "b")])
    ]
    assert [("a", False), ("a", True), ("b", False)] == seen


def test_an_opening_by_hand_is_one() -> None:
    """Whose door was opened by hand is an opener, too."""
    known = Openers()
    assert len(list(known.watch_entries([entry("opened-by-hand", "a")]))) == 1
    assert known.addresses == {"a"}


def test_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only so many addresses are remembered."""
    monkeypatch.setattr(openers, "MOST", 2)
    known = Openers()
    assert len(list(known.watch_entries([entry("open", ip) for ip in "abc"]))) == 3
    assert {"a", "b"} == known.addresses
