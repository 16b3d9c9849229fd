"""Which openings of a new packet process the one before it has reported already."""

from __future__ import annotations

import pytest

from knockd.keeper.duplicates import MAX_REMEMBERED, SAME_PACKET, Duplicates
from tests.support.doubles.played import ALICE, BOB

NOON = 1_790_000_000_000_000


@pytest.fixture
def duplicates() -> Duplicates:
    """Alice has opened ssh at noon while a packet process was starting."""
    made = Duplicates()
    made.remember("ssh", ALICE, NOON)
    made.change()
    return made


@pytest.mark.parametrize("apart", [0, 3, -3, SAME_PACKET - 1, 1 - SAME_PACKET])
def test_one_packet(duplicates: Duplicates, apart: int) -> None:
    """Stamps of one packet in two captures are less than a millisecond apart."""
    assert duplicates.seen("ssh", ALICE, NOON + apart)


@pytest.mark.parametrize("apart", [SAME_PACKET, -SAME_PACKET, 5_000, -5_000, 3_600_000_000])
def test_two_packets(duplicates: Duplicates, apart: int) -> None:
    """Stamps further apart are those of two packets, before as after."""
    assert not duplicates.seen("ssh", ALICE, NOON + apart)


def test_another_door_or_source(duplicates: Duplicates) -> None:
    """Only the same source at the same door can have sent the same packet."""
    assert (False, False) == (duplicates.seen("web", ALICE, NOON), duplicates.seen("ssh", BOB, NOON))


def test_every_knock_is_remembered() -> None:
    """When one source knocks without pause each of its openings is reported once, not just the last."""
    duplicates = Duplicates()
    stamps = [NOON + 2_500 * number for number in range(50)]
    for stamp in stamps:
        duplicates.remember("ssh", ALICE, stamp)
    duplicates.change()
    assert [True, False] * 50 == [
        duplicates.seen("ssh", ALICE, stamp) for one in stamps for stamp in (one + 7, one + 1_250)
    ]


def test_only_the_one_before(duplicates: Duplicates) -> None:
    """A packet process may repeat an opening of its own, and after two changes every opening is new."""
    duplicates.remember("web", BOB, NOON)
    itself = duplicates.seen("web", BOB, NOON)
    duplicates.change()
    assert (False, True, False) == (
        itself,
        duplicates.seen("web", BOB, NOON),
        duplicates.seen("ssh", ALICE, NOON),
    )


def test_nothing_told() -> None:
    """Without a change no opening is a duplicate."""
    assert not Duplicates().seen("ssh", ALICE, NOON)


@pytest.mark.parametrize("stamp", [0, 1, 2**64 - 1])
def test_every_stamp(stamp: int) -> None:
    """Whatever a packet process says for a stamp is a number to compare."""
    duplicates = Duplicates()
    duplicates.remember("ssh", ALICE, stamp)
    duplicates.change()
    assert duplicates.seen("ssh", ALICE, stamp)


def test_bounded() -> None:
    """A storm during a change leaves a bounded memory: the youngest."""
    duplicates = Duplicates()
    for number in range(5 * MAX_REMEMBERED):
        duplicates.remember("ssh", number.to_bytes(4, "big"), NOON)
    duplicates.change()
    known = [duplicates.seen("ssh", number.to_bytes(4, "big"), NOON) for number in range(5 * MAX_REMEMBERED)]
    assert all(known[-MAX_REMEMBERED // 4 :])
    assert sum(known) <= MAX_REMEMBERED
