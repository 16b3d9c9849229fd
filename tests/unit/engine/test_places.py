"""Places: so many at once, the others wait in their order."""

from __future__ import annotations

from knockd.engine.places import Places


def test_so_many_and_no_more() -> None:
    """A place is taken as long as one is free, and free again when it was given back."""
    places = Places[str, str]()
    assert [places.take("a", 2) for _ in range(3)] == [True, True, False]
    assert places.leave("a") is None
    assert places.take("a", 2)


def test_queues_do_not_meet() -> None:
    """A full queue takes no place from another."""
    places = Places[str, str]()
    assert (places.take("a", 1), places.take("a", 1), places.take("b", 1)) == (True, False, True)


def test_who_waits_comes_in_order_and_has_the_place() -> None:
    """A place that is given back goes to whoever has waited longest, and nobody comes in between."""
    places = Places[str, str]()
    assert places.take("a", 1)
    assert [places.wait("a", who, None) for who in ("first", "second")] == [True, True]
    assert (places.leave("a"), places.take("a", 1)) == ("first", False)
    assert (places.leave("a"), places.take("a", 1)) == ("second", False)
    assert (places.leave("a"), places.take("a", 1)) == (None, True)


def test_not_too_many_wait() -> None:
    """Beyond the bound nobody is let in line; without one everybody is."""
    places = Places[str, str]()
    assert [places.wait("a", who, 2) for who in "123"] == [True, True, False]
    assert places.wait("a", "4", None)


def test_drop() -> None:
    """Who waits in some queues is taken away; the others stay."""
    places = Places[str, str]()
    for queue, who in (("a", "1"), ("b", "2"), ("a", "3")):
        assert places.wait(queue, who, None)
    assert places.drop(lambda queue: queue == "a") == ["1", "3"]
    assert (places.drop(lambda _: True), places.drop(lambda _: True)) == (["2"], [])


def test_nothing_is_left() -> None:
    """A queue that nobody is in any more is forgotten."""
    places = Places[int, int]()
    for number in range(100):
        assert places.take(number, 1)
        assert places.wait(number, number, None)
        assert (places.leave(number), places.leave(number)) == (number, None)
    assert vars(places) == vars(Places[int, int]())
