"""What each source did, in bounded memory."""

from __future__ import annotations

from knockd.knocks.events import Expired, Guarded, Ignored, Opened, Spoiled, Stage
from knockd.replay.sources import MOST_SOURCES, Sources

A, B = b"\1\2\3\4", b"\5\6\7\x08"


def test_furthest() -> None:
    """How far a source came is the greatest share of a door's steps."""
    sources = Sources((4, 2))
    for event in (Stage(0, A, 1), Stage(1, A, 1), Stage(0, A, 2)):
        sources.count_event(event)
    row = sources.find(A)
    assert (1, 1) == (row.door, row.stage)


def test_openings_and_guards() -> None:
    """Openings and guard hits are counted, and the latest failure is kept."""
    sources = Sources((2,))
    for event in (Opened(0, A, B, 2), Guarded(0, A, 0, 7), Expired(0, A, 1), Spoiled(0, A, 1)):
        sources.count_event(event)
    row = sources.find(A)
    assert (1, 1, Spoiled(0, A, 1)) == (row.openings, row.guards, row.failure)


def test_ignored_knocks() -> None:
    """One within Seq_Cooldown is the latest failure; behind a guard hit that is."""
    sources, touch = Sources((2,)), Guarded(0, B, 0, 7)
    for event in (Opened(0, A, B, 2), Ignored(0, A, opened=True, left=9), touch, Ignored(0, B, False, 9)):
        sources.count_event(event)
    assert sources.find(A).failure == Ignored(0, A, opened=True, left=9)
    assert sources.find(B).failure == touch


def test_order() -> None:
    """Who opened a door comes first, then who came far, then who sent much."""
    sources = Sources((2,))
    sources.find(b"much").packets = 9
    sources.find(b"less").packets = 8
    sources.count_event(Stage(0, b"far.", 1))
    sources.count_event(Opened(0, b"open", B, 2))
    assert [b"open", b"far.", b"much", b"less"] == [address for address, _ in sources.ranked()]


def test_bound() -> None:
    """Those that did least make room, and are counted; who opened a door stays."""
    sources = Sources((2,))
    sources.count_event(Opened(0, A, B, 2))
    for number in range(MOST_SOURCES):
        sources.find(number.to_bytes(4, "big")).packets += 1
    assert MOST_SOURCES // 2 == sources.left_out
    assert len(sources.ranked()) <= MOST_SOURCES
    assert 1 == sources.find(A).openings


def test_signed_knocks() -> None:
    """One that opens counts as an opening and ends what was wrong; the latest that does nothing is told."""
    sources = Sources((0,))
    sources.note_refused(A, "wrong signature")
    assert sources.find(A).refused == "wrong signature"
    sources.note_granted(A, opened=False)
    assert (sources.find(A).openings, sources.find(A).refused) == (0, "")
    sources.note_granted(A, opened=True)
    assert sources.find(A).openings == 1
