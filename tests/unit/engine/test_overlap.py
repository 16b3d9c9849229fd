"""Which openings of a new packet process the one before it has told already."""

from __future__ import annotations

import pytest

from knockd.engine.overlap import MAX_TOLD, SAME_PACKET, Overlap
from tests.support.played import ALICE, BOB

NOON = 1_790_000_000_000_000


@pytest.fixture
def overlap() -> Overlap:
    """Alice has opened ssh at noon while a packet process was starting."""
    made = Overlap()
    made.tell("ssh", ALICE, NOON)
    made.change()
    return made


@pytest.mark.parametrize("apart", [0, 3, -3, SAME_PACKET - 1, 1 - SAME_PACKET])
def test_one_packet(overlap: Overlap, apart: int) -> None:
    """Stamps of one packet in two captures are less than a millisecond apart."""
    assert overlap.told("ssh", ALICE, NOON + apart)


@pytest.mark.parametrize("apart", [SAME_PACKET, -SAME_PACKET, 5_000, -5_000, 3_600_000_000])
def test_two_packets(overlap: Overlap, apart: int) -> None:
    """Stamps further apart are those of two packets, before as after."""
    assert not overlap.told("ssh", ALICE, NOON + apart)


def test_another_door_or_source(overlap: Overlap) -> None:
    """Only the same source at the same door can have sent the same packet."""
    assert (False, False) == (overlap.told("web", ALICE, NOON), overlap.told("ssh", BOB, NOON))


def test_every_knock_is_remembered() -> None:
    """One who knocks without pause has all of his openings told once, not just the last."""
    overlap = Overlap()
    stamps = [NOON + 2_500 * number for number in range(50)]
    for stamp in stamps:
        overlap.tell("ssh", ALICE, stamp)
    overlap.change()
    assert [True, False] * 50 == [
        overlap.told("ssh", ALICE, stamp) for one in stamps for stamp in (one + 7, one + 1_250)
    ]


def test_only_the_one_before(overlap: Overlap) -> None:
    """What a packet process has told itself it may tell again, and after two changes all is new."""
    overlap.tell("web", BOB, NOON)
    itself = overlap.told("web", BOB, NOON)
    overlap.change()
    assert (False, True, False) == (
        itself,
        overlap.told("web", BOB, NOON),
        overlap.told("ssh", ALICE, NOON),
    )


def test_nothing_told() -> None:
    """Without a change nothing has been told before."""
    assert not Overlap().told("ssh", ALICE, NOON)


@pytest.mark.parametrize("stamp", [0, 1, 2**64 - 1])
def test_every_stamp(stamp: int) -> None:
    """Whatever a packet process says for a stamp is a number to compare."""
    overlap = Overlap()
    overlap.tell("ssh", ALICE, stamp)
    overlap.change()
    assert overlap.told("ssh", ALICE, stamp)


def test_bounded() -> None:
    """A storm during a change leaves a bounded memory: the youngest."""
    overlap = Overlap()
    for number in range(5 * MAX_TOLD):
        overlap.tell("ssh", number.to_bytes(4, "big"), NOON)
    overlap.change()
    known = [overlap.told("ssh", number.to_bytes(4, "big"), NOON) for number in range(5 * MAX_TOLD)]
    assert all(known[-MAX_TOLD // 4 :])
    assert sum(known) <= MAX_TOLD
