"""Which packets are seen by two interfaces, by stamps and contents."""

from __future__ import annotations

from knockd.knocks.batch import RECORD, Batch, Group
from knockd.knocks.sightings import MAX_KEPT, Sightings

HEAD = (b"ours", 6, 7000, 2)
SECOND = 1_000_000


def batch(*packets: tuple[str, int], port: int = 7000) -> tuple[Batch, bytes]:
    """Packets (source, stamp in microseconds since the epoch) to one port."""
    group = Group((b"ours", 6, port, 2), [source.encode() for source, _ in packets], range(len(packets)))
    records = b"".join(RECORD.pack(*divmod(stamp, SECOND), 0, 60) for _, stamp in packets)
    return Batch(len(packets), [group]), records


def test_the_same_packets() -> None:
    """What an interface has given is a duplicate at every other one."""
    sightings, sent = Sightings(), batch(("anna", 5), ("bill", 9 * SECOND))
    assert sightings.find_duplicates(0, *sent) == set()
    assert sightings.find_duplicates(1, *sent) == {0, 1}
    assert sightings.find_duplicates(2, *sent) == {0, 1}


def test_twice_at_one_interface() -> None:
    """Two packets of one interface are two, also in one microsecond."""
    sightings, twice = Sightings(), batch(("anna", 5), ("anna", 5))
    assert sightings.find_duplicates(0, *twice) == set()
    assert sightings.find_duplicates(0, *twice) == set()


def test_other_packets_of_that_microsecond() -> None:
    """Another source, another port or another stamp is another packet."""
    sightings = Sightings()
    sightings.find_duplicates(0, *batch(("anna", 5), ("bill", 6)))
    assert sightings.find_duplicates(1, *batch(("bill", 5), ("anna", 6), ("anna", 7))) == set()
    assert sightings.find_duplicates(1, *batch(("anna", 5), port=7001)) == set()


def test_seconds_and_microseconds() -> None:
    """Stamps are compared as a whole."""
    sightings = Sightings()
    sightings.find_duplicates(0, *batch(("anna", 3 * SECOND + 5)))
    assert sightings.find_duplicates(1, *batch(("anna", 5 * SECOND + 3), ("anna", 4 * SECOND + 5))) == set()
    assert sightings.find_duplicates(1, *batch(("anna", 2), ("anna", 3 * SECOND + 5))) == {1}


def test_stamps_that_go_back() -> None:
    """A capture of several processors is not quite in order."""
    sightings = Sightings()
    sightings.find_duplicates(0, *batch(("anna", 900), ("bill", 100), ("carl", 500)))
    assert sightings.find_duplicates(1, *batch(("bill", 100))) == {0}
    assert sightings.find_duplicates(1, *batch(("anna", 900))) == {0}


def test_bounded() -> None:
    """Of each interface the latest batches are kept."""
    sightings = Sightings()
    for number in range(MAX_KEPT + 1):
        sightings.find_duplicates(0, *batch(("anna", number * SECOND)))
    sightings.find_duplicates(1, *batch(("carl", 3)))
    assert sightings.find_duplicates(2, *batch(("anna", 0))) == set()
    assert sightings.find_duplicates(2, *batch(("anna", SECOND))) == {0}


def test_what_packets_hold() -> None:
    """Two packets of one source, port and microsecond that hold different things are two."""
    sightings, sent = Sightings(), batch(("anna", 5), ("anna", 5), ("bill", 5))
    sightings.find_duplicates(0, *sent, {0: b"one", 1: b"two"})
    assert sightings.find_duplicates(1, *sent, {0: b"two", 1: b"three", 2: b"four"}) == {0}
    assert sightings.find_duplicates(2, *sent) == {2}


def test_nothing_in_a_batch() -> None:
    """A batch without packets has no duplicates."""
    assert Sightings().find_duplicates(0, Batch(0, []), b"") == set()
