"""How many packets go on: of a source, of a key and in all, whatever others send."""

from __future__ import annotations

from knockd.knocks.signed_limits import IN_ALL, LATELY, OF_KEY, OF_SOURCE, Limits

ANNA, BILL = bytes([192, 0, 2, 1]), bytes([192, 0, 2, 2])
FLOODED, QUIET = 0, 1


def limits(keys: int = 2) -> Limits:
    """Limits that let nothing pass yet."""
    made = Limits()
    made.set_keys([None] * keys)
    return made


def source(number: int) -> bytes:
    """One of many sources."""
    return bytes([10]) + number.to_bytes(3, "big")


def test_of_a_source() -> None:
    """A source has so many at once, then so many a second, whichever keys it names."""
    made = limits(keys=100)
    assert OF_SOURCE == sum(made.take(ANNA, key, 100.0) for key in range(100))
    assert made.take(BILL, 99, 100.0)
    assert not made.take(ANNA, 99, 100.1)
    assert OF_SOURCE == sum(made.take(ANNA, step % 100, 100.1 + step / 100) for step in range(101))


def test_of_a_key() -> None:
    """A key has so many at once, then so many a second, from whichever sources."""
    made = limits()
    assert OF_KEY == sum(made.take(source(n), FLOODED, 100.0) for n in range(1_000))
    assert OF_KEY == sum(made.take(source(n), FLOODED, 100.0 + n / 1_000) for n in range(1, 1_001))


def test_in_all() -> None:
    """So many pass in a second beside the first ones, however many keys and sources there are."""
    made = limits(keys=1_000)
    passed = sum(made.take(source(n), n % 1_000, 100.0 + n / 10_000) for n in range(100_000))
    assert 9 * IN_ALL <= passed <= 11 * IN_ALL


def test_flood_in_the_name_of_one_key() -> None:
    """Another key from another source passes at once, all the time."""
    made = limits()
    for second in range(100):
        for n in range(500):
            made.take(source(500 * second + n), FLOODED, 100.0 + second + n / 500)
        assert made.take(ANNA, QUIET, 101.0 + second)


def test_flood_from_one_source() -> None:
    """Another source passes with any key, also one that the flood names."""
    made = limits()
    for n in range(10_000):
        made.take(ANNA, n % 2, 100.0 + n / 1_000)
    assert made.take(BILL, FLOODED, 110.0)
    assert made.take(BILL, QUIET, 110.0)


def test_flood_in_the_names_of_many_keys() -> None:
    """A key that comes seldom passes beside a hundred that come without end, just when one of them has."""
    made = limits(keys=101)
    passed, last = 0, 10.0  # until then each of them may have come seldom
    for n in range(100_000):
        at = n / 1_000
        if made.take(source(n), 1 + n % 100, 100.0 + at) and at - last >= 10.0:
            passed += made.take(ANNA, 0, 100.0 + at)
            last = at
    assert passed == 8


def test_seldom_is_a_minute_ago() -> None:
    """What a key has had half a minute ago still counts against it, beside keys that have had nothing."""
    made = limits(keys=60)
    for n in range(20):
        assert made.take(source(n), 0, 100.0 + n)
    for later, passes in ((30.0, False), (30.0 + 8 * LATELY, True)):
        for key in range(1, 36):
            assert made.take(source(key), key, 100.0 + later)
        assert passes is made.take(ANNA, 0, 100.0 + later)


def test_what_a_key_has_had_is_forgotten() -> None:
    """After some quiet minutes a key that was flooded is as any other."""
    made = limits(keys=3)
    for n in range(100_000):
        made.take(source(n), n % 2, 100.0 + n / 1_000)
    quiet = 200.0 + 12 * LATELY
    for minute in range(12):
        made.take(ANNA, 2, 200.0 + minute * LATELY)
    drained = sum(made.take(source(n), n % 2, quiet) for n in range(100))
    assert drained == 2 * OF_KEY


def test_refused() -> None:
    """Who is refused loses nothing by it: neither a token of the key nor one of the source."""
    made = limits()
    for _ in range(OF_SOURCE):
        made.take(ANNA, FLOODED, 100.0)
    for _ in range(100):
        assert not made.take(ANNA, QUIET, 100.0)
    assert OF_SOURCE == sum(made.take(BILL, QUIET, 100.0) for _ in range(100))


def test_other_keys() -> None:
    """A key that gets another number has had what it had; a new one has had nothing."""
    made = limits()
    for n in range(OF_KEY):
        made.take(source(n), FLOODED, 100.0)
    made.set_keys([None, FLOODED])
    assert made.take(ANNA, 0, 100.0)
    assert not made.take(ANNA, 1, 100.0)


def test_memory() -> None:
    """Sources are remembered while they count, of a flood no more than have passed."""
    made = limits(keys=1_000)
    most = 0
    for n in range(100_000):
        made.take(source(n), n % 1_000, 100.0 + n / 10_000)
        most = max(most, made.sources)
    assert IN_ALL <= most <= 4 * IN_ALL
    made.take(ANNA, 0, 200.0)
    made.take(ANNA, 0, 201.0)
    assert made.sources == 1
