"""What becomes of packets to ports of signed knocks, row by row of the gate's table, and under floods."""

from __future__ import annotations

import os
import random

import pytest

from knockd.knocks import signed_gate
from knockd.knocks.events import Why
from knockd.knocks.signed_gate import Gate, Passed
from knockd.knocks.signed_limits import IN_ALL, OF_KEY, OF_SOURCE
from knockd.knocks.signed_watch import SignedMinute
from knockd_conf.signed_packet import MinuteKeys
from knockd_conf.signed_sizes import SIZE, TAG
from tests.support.samples.signed_packets import MINUTE, keys_of, live, sealed, watching
from tests.support.samples.signed_vectors import KEYS, VECTORS, Vector

ANNA, BILL = bytes([192, 0, 2, 1]), bytes([192, 0, 2, 2])
STALE = bytes(SIZE)
TAG_NOW = keys_of(MINUTE).tag


def gate(*keys: int, now: int = MINUTE) -> Gate:
    """A gate for packets of these keys in a minute and those beside it."""
    made = Gate()
    made.set_minutes(watching(*keys, now=now).minutes)
    return made


def source(number: int) -> bytes:
    """One of many sources."""
    return bytes([10]) + number.to_bytes(3, "big")


def test_table() -> None:
    """Each row of the table, and a packet that goes on behind all of them."""
    made = gate(1, 2)
    assert made.judge(ANNA, os.urandom(SIZE), 100.0) is None
    assert made.judge(ANNA, sealed(1), 100.0) == Passed(0)
    assert made.judge(ANNA, sealed(1), 100.0) is Why.REPEATED
    assert made.judge(BILL, sealed(1), 100.0) is Why.REPEATED
    assert made.judge(ANNA, TAG_NOW + os.urandom(SIZE - TAG), 100.0) is Why.UNKNOWN_KEY
    assert made.judge(ANNA, sealed(2, key=3), 100.0) is Why.UNKNOWN_KEY
    for number in range(3, 3 + OF_SOURCE - 1):
        assert made.judge(ANNA, sealed(number), 100.0) == Passed(0)
    assert made.judge(ANNA, sealed(90), 100.0) is Why.TOO_MANY
    assert made.judge(BILL, sealed(91, key=2), 100.0) == Passed(1)


def test_too_many_is_not_remembered() -> None:
    """A packet that was one of too many may come again, and counts then."""
    made = gate(1)
    for number in range(OF_SOURCE):
        made.judge(ANNA, sealed(number), 100.0)
    assert made.judge(ANNA, sealed(90), 100.0) is Why.TOO_MANY
    assert made.judge(ANNA, sealed(90), 101.0) == Passed(0)
    assert made.judge(ANNA, sealed(90), 101.0) is Why.REPEATED


def test_bound_and_copied_elsewhere() -> None:
    """A copy from elsewhere goes on once, and keeps no packet out that comes from where it is bound to."""
    made = gate(1)
    packet = sealed(1, bound=ANNA)
    assert made.judge(BILL, packet, 100.0) == Passed(0)
    assert made.judge(BILL, packet, 100.0) is Why.REPEATED
    assert made.judge(source(7), packet, 100.0) is Why.REPEATED
    assert made.judge(ANNA, packet, 100.0) == Passed(0)
    assert made.judge(ANNA, packet, 100.0) is Why.REPEATED
    assert made.judge(BILL, packet, 100.0) is Why.REPEATED


def test_bound_and_from_its_source() -> None:
    """A packet that is bound to its source goes on once, and its copies never."""
    made = gate(1)
    packet = sealed(1, bound=ANNA)
    assert [made.judge(ANNA, packet, 100.0), made.judge(ANNA, packet, 100.0)] == [Passed(0), Why.REPEATED]
    assert made.judge(BILL, packet, 100.0) is Why.REPEATED


@pytest.mark.parametrize(("minute", "goes_on"), [(-2, False), (-1, True), (0, True), (1, True), (2, False)])
def test_minutes(minute: int, goes_on: bool) -> None:
    """Packets of live minutes go on, of others nothing comes."""
    verdict = gate(1).judge(ANNA, sealed(1, minute=MINUTE + minute), 100.0)
    assert verdict == (Passed(0) if goes_on else None)


def test_no_minutes() -> None:
    """While no minute is live nothing comes of any packet."""
    made = gate(1)
    made.set_minutes(())
    assert made.judge(ANNA, sealed(1), 100.0) is None
    assert not made.tags


def test_changed_bits() -> None:
    """A packet in which any bit was changed is of no known key, also when it follows the right one."""
    made = gate(1, 2, 3)
    made.judge(ANNA, sealed(1), 100.0)
    for bit in range(8 * TAG, 8 * SIZE):
        packet = bytearray(sealed(1))
        packet[bit // 8] ^= 1 << bit % 8
        assert (bit, made.judge(BILL, bytes(packet), 100.0)) == (bit, Why.UNKNOWN_KEY)


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector.name)
def test_vectors(vector: Vector) -> None:
    """Each packet of the specification goes on where its key may sign."""
    keys = MinuteKeys(vector.minute, vector.minute_key)
    hints = tuple(keys.hint_of(key.public) for key in KEYS.values())
    made = Gate()
    made.set_minutes((SignedMinute(vector.minute, vector.minute_key, vector.tag, hints),))
    assert made.judge(ANNA, vector.packet, 100.0) == Passed(list(KEYS).index(vector.key))


def test_one_tag_of_two_minutes() -> None:
    """Where two live minutes have one tag, packets of both go on, once each."""
    made = Gate()
    made.set_minutes([live(MINUTE, 1), live(MINUTE + 1, 1)._replace(tag=TAG_NOW)])
    later = TAG_NOW + sealed(2, minute=MINUTE + 1)[TAG:]
    assert [made.judge(ANNA, packet, 100.0) for packet in (sealed(1), later)] == [Passed(0)] * 2
    assert [made.judge(ANNA, packet, 100.0) for packet in (sealed(1), later)] == [Why.REPEATED] * 2


@pytest.mark.parametrize("size", [1, 2, 7, 100, 400])
def test_many_at_once(size: int) -> None:
    """Read one by one or together, the same becomes of packets, copies and limits among them."""
    choose = random.Random(7)
    sent = [
        (source(choose.randrange(20)), choose.choice(packets))
        for packets in [
            [
                sealed(n, key=1 + n % 3),
                sealed(n // 9, bound=source(n % 5)),
                TAG_NOW + bytes(SIZE - TAG),
                STALE,
            ]
            for n in range(400)
        ]
    ]
    alone, together = gate(1, 2), gate(1, 2)
    expected = [alone.judge(*one, 100.0) for one in sent]
    found = []
    for at in range(0, len(sent), size):
        sources, packets = zip(*sent[at : at + size], strict=True)
        found += together.judge_all(sources, packets, 100.0)
    assert {Passed, Why, type(None)} == {type(verdict) for verdict in expected}
    assert expected == found


def test_next_minute() -> None:
    """With the next minute what has gone on stays known as long as it may come, and then means nothing."""
    made = gate(1)
    for minute in (-1, 0, 1):
        made.judge(ANNA, sealed(1, minute=MINUTE + minute), 100.0)
    made.set_minutes(watching(1, now=MINUTE + 1).minutes)
    verdicts = [made.judge(ANNA, sealed(1, minute=MINUTE + minute), 160.0) for minute in (-1, 0, 1, 2)]
    assert verdicts == [None, Why.REPEATED, Why.REPEATED, Passed(0)]
    assert len(made._minutes) == 3


def test_next_minute_takes_nothing_from_limits() -> None:
    """With the next minute a key has had what it had, also when another key comes before it."""
    made = gate(1)
    for number in range(OF_KEY):
        made.judge(source(number), sealed(number), 100.0)
    made.set_minutes(watching(2, 1, now=MINUTE + 1).minutes)
    assert made.judge(ANNA, sealed(90), 100.0) is Why.TOO_MANY
    assert made.judge(ANNA, sealed(91, key=2), 100.0) == Passed(0)


def test_key_that_is_gone() -> None:
    """A key that may sign no more is unknown from then on."""
    made = gate(1, 2)
    made.set_minutes(watching(2).minutes)
    assert made.judge(ANNA, sealed(1), 100.0) is Why.UNKNOWN_KEY
    assert made.judge(ANNA, sealed(1, key=2), 100.0) == Passed(0)


def test_key_that_is_in_one_minute_alone() -> None:
    """Minutes may know different numbers of keys."""
    made = Gate()
    made.set_minutes((live(MINUTE), live(MINUTE + 1, 1, 2)))
    assert made.judge(ANNA, sealed(1, minute=MINUTE), 100.0) is Why.UNKNOWN_KEY
    assert made.judge(ANNA, sealed(1, key=2, minute=MINUTE + 1), 100.0) == Passed(1)


# Floods. Somebody else's knock, with another key and from another source, goes on beside each.


def flooded(made: Gate, packets: int, make: str) -> None:
    """A second of packets of one kind."""
    copy = sealed(1)
    for n in range(packets):
        at = 100.0 + n / packets
        if make == "copies":
            made.judge(source(n), copy, at)
        elif make == "unknown":
            made.judge(source(n), TAG_NOW + n.to_bytes(SIZE - TAG, "big"), at)
        elif make == "one key":
            made.judge(source(n), sealed(n), at)
        elif make == "one source":
            made.judge(BILL, sealed(n, key=1 + n % 8), at)
        else:
            made.judge(source(n), sealed(n, key=1 + n % 8), at)


@pytest.mark.parametrize("make", ["copies", "unknown", "one key", "one source", "eight keys"])
def test_flood(make: str) -> None:
    """Whatever the flood is made of, a knock with another key goes on."""
    made = gate(*range(1, 10))
    flooded(made, 2_000, make)
    assert made.judge(ANNA, sealed(90, key=9), 101.0) == Passed(8)


@pytest.mark.parametrize("make", ["copies", "unknown", "one source"])
def test_flood_beside_a_knock_of_the_same_key(make: str) -> None:
    """Floods for which no known key is needed, or from one source, keep no key out."""
    made = gate(*range(1, 10))
    flooded(made, 2_000, make)
    assert made.judge(ANNA, sealed(9_999), 101.0) == Passed(0)


def test_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is remembered is bounded by what passes, and by a number for each minute."""
    made = gate(*range(1, 101))
    for n in range(5_000):
        made.judge(source(n), sealed(n, key=1 + n % 100), 100.0 + n / 5_000)
    remembered = sum(len(minute.seen) for minute in made._minutes.values())
    assert IN_ALL <= remembered <= 2 * IN_ALL
    monkeypatch.setattr(signed_gate, "MOST_SEEN", remembered + 1)
    assert made.judge(ANNA, sealed(9_000, key=50, bound=BILL), 200.0) == Passed(49)
    assert made.judge(ANNA, sealed(9_001, key=51), 200.0) == Passed(50)
    assert sum(len(minute.seen) + len(minute.elsewhere) for minute in made._minutes.values()) == 1
