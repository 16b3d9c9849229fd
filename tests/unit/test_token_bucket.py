"""The token bucket that keeps strangers from filling the log."""

from __future__ import annotations

from knockd.token_bucket import BURST, TokenBucket


def taken(bucket: TokenBucket, times: int) -> int:
    """How many of ``times`` events may pass."""
    return sum(bucket.take() for _ in range(times))


def test_burst() -> None:
    """A burst passes, what is above it does not."""
    assert taken(TokenBucket(burst=5), 20) == 5


def test_default_burst() -> None:
    """Without numbers it is a burst of 100."""
    assert taken(TokenBucket(), 1_000) == BURST == 100


def test_rate() -> None:
    """After the burst so many pass as the time that went by allows."""
    bucket = TokenBucket(burst=100, rate=20.0)
    bucket.refill(50.0)
    taken(bucket, 1_000)
    bucket.refill(51.5)
    assert taken(bucket, 1_000) == 30


def test_never_more_than_a_burst() -> None:
    """A long silence saves up no more than one burst."""
    bucket = TokenBucket(burst=5, rate=20.0)
    bucket.refill(0.0)
    bucket.refill(1_000_000.0)
    assert taken(bucket, 100) == 5


def test_many_short_refills() -> None:
    """Fractions of a token add up."""
    bucket = TokenBucket(burst=8, rate=1.0)
    taken(bucket, 8)
    for number in range(17):
        bucket.refill(number / 4)
    assert taken(bucket, 100) == 4


def test_first_refill_adds_nothing() -> None:
    """The first time only starts the clock."""
    bucket = TokenBucket(burst=2)
    taken(bucket, 2)
    bucket.refill(1_000.0)
    assert taken(bucket, 1) == 0


def test_held_back() -> None:
    """What may not pass is counted, and the count is returned when something may pass again."""
    bucket = TokenBucket(burst=2, rate=1.0)
    bucket.refill(0.0)
    taken(bucket, 7)
    while_empty = bucket.take_held()
    bucket.refill(1.0)
    assert (while_empty, bucket.take_held()) == (0, 5)


def test_held_back_is_told_once() -> None:
    """A count that was returned is not returned again."""
    bucket = TokenBucket(burst=1, rate=1.0)
    bucket.refill(0.0)
    taken(bucket, 3)
    before = bucket.holds_back
    bucket.refill(1.0)
    bucket.take_held()
    assert (before, bucket.holds_back, bucket.take_held()) == (True, False, 0)
