"""How many signatures are looked at."""

from __future__ import annotations

from knockd.signed.limits import OF_A_SOURCE, OF_ALL, Limits

ALICE, BOB = b"\x01" * 4, b"\x02" * 16


def test_as_the_page_says() -> None:
    """Five a second of a source, and fifty in all (docs/spec/signed-knock.md, section 9)."""
    assert (OF_A_SOURCE, OF_ALL) == (5, 50)


def test_of_a_source() -> None:
    """After a burst so many a second of one source, whatever the others do."""
    limits = Limits()
    assert [limits.take(ALICE, 0.0) for _ in range(7)] == [True] * 5 + [False] * 2
    assert limits.take(BOB, 0.0)
    assert [limits.take(ALICE, 0.2) for _ in range(2)] == [True, False]
    taken = sum(limits.take(ALICE, 1.0 + at / 100) for at in range(1_000))
    assert 10 * OF_A_SOURCE <= taken <= 11 * OF_A_SOURCE


def test_of_all() -> None:
    """From however many addresses: after a burst so many a second."""
    limits = Limits()
    sources = (number.to_bytes(4, "big") for number in range(1_000_000))
    assert sum(limits.take(next(sources), 0.0) for _ in range(1_000)) == OF_ALL
    taken = sum(limits.take(next(sources), at / 1_000) for at in range(10_000))
    assert 10 * OF_ALL - 2 <= taken <= 10 * OF_ALL


def test_source_that_is_refused_costs_the_others_nothing() -> None:
    """What is over the limit of a source leaves the limit of all alone."""
    limits = Limits()
    taken = sum(limits.take(ALICE, at / 1_000) for at in range(10_000))
    assert taken <= 10 * OF_A_SOURCE + OF_A_SOURCE
    assert sum(limits.take(number.to_bytes(4, "big"), 10.0) for number in range(100)) >= OF_ALL - 1


def test_few_are_remembered() -> None:
    """Whatever comes from wherever, memory is bounded, and no source gets more by that."""
    limits = Limits()
    for at in range(20_000):
        limits.take((at % 9_973).to_bytes(4, "big"), at / 2_000)
        assert len(limits) <= 2 * OF_ALL + 1
