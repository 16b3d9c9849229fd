"""CommandSlots: at most N at once, the rest wait in FIFO order."""

from __future__ import annotations

from knockd.leases.slots import CommandSlots


def test_limit() -> None:
    """A slot is taken as long as one is free, and is free again after its release."""
    slots = CommandSlots[str, str]()
    assert [slots.acquire("a", 2) for _ in range(3)] == [True, True, False]
    assert slots.release("a") is None
    assert slots.acquire("a", 2)


def test_queues_do_not_meet() -> None:
    """A full queue takes no slot from another."""
    slots = CommandSlots[str, str]()
    assert slots.acquire("a", 1)
    assert not slots.acquire("a", 1)
    assert slots.acquire("b", 1)


def test_released_slots_go_to_the_queue_in_order() -> None:
    """A released slot goes to the item that has waited longest, and no other takes it first."""
    slots = CommandSlots[str, str]()
    assert slots.acquire("a", 1)
    assert [slots.enqueue("a", who, None) for who in ("first", "second")] == [True, True]
    assert slots.release("a") == "first"
    assert not slots.acquire("a", 1)
    assert slots.release("a") == "second"
    assert not slots.acquire("a", 1)
    assert slots.release("a") is None
    assert slots.acquire("a", 1)


def test_not_too_many_wait() -> None:
    """A queue takes no item beyond its limit; without a limit it takes every item."""
    slots = CommandSlots[str, str]()
    assert [slots.enqueue("a", who, 2) for who in "123"] == [True, True, False]
    assert slots.enqueue("a", "4", None)


def test_drop() -> None:
    """The items of the chosen queues are dropped; the others stay."""
    slots = CommandSlots[str, str]()
    for queue, who in (("a", "1"), ("b", "2"), ("a", "3")):
        assert slots.enqueue(queue, who, None)
    assert slots.drop(lambda queue: queue == "a") == ["1", "3"]
    assert slots.drop(lambda _: True) == ["2"]
    assert slots.drop(lambda _: True) == []


def test_begin_waiting() -> None:
    """What waits is begun beyond the limit, by turns, as many as asked for; then the limit holds again."""
    slots = CommandSlots[str, str]()
    for queue in ("a", "b", "c"):
        assert slots.acquire(queue, 1)
    for queue, who in (("a", "a1"), ("a", "a2"), ("b", "b1"), ("c", "c1"), ("a", "a3")):
        assert slots.enqueue(queue, who, None)
    assert slots.begin_waiting(lambda queue: queue != "c", 3) == ["a1", "b1", "a2"]
    assert slots.begin_waiting(lambda queue: queue != "c", 0) == []
    assert [slots.release("a") for _ in range(4)] == ["a3", None, None, None]
    assert slots.acquire("a", 1)
    assert slots.drop(lambda _: True) == ["c1"]


def test_nothing_is_left() -> None:
    """A queue without items takes no memory."""
    slots = CommandSlots[int, int]()
    for number in range(100):
        assert slots.acquire(number, 1)
        assert slots.enqueue(number, number, None)
        assert slots.release(number) == number
        assert slots.release(number) is None
    assert vars(slots) == vars(CommandSlots[int, int]())


def test_count_waiting() -> None:
    """How many wait for a slot of a key."""
    slots = CommandSlots[str, int]()
    assert slots.acquire("a", 1)
    assert [slots.enqueue("a", number, None) for number in range(2)] == [True, True]
    assert [slots.count_waiting(key) for key in "ab"] == [2, 0]
