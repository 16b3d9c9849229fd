"""The order in which openings reach a keeper that is slow."""

from __future__ import annotations

from knockd.knocks.fair_queue import FairQueue


def filled(most: int, *words: str) -> FairQueue:
    """``"1a"``: an opening of door 1 by source a."""
    queue = FairQueue(most)
    for word in words:
        put(queue, word)
    return queue


def put(queue: FairQueue, word: str) -> bool:
    """Adds an opening."""
    return queue.put(int(word[0]), word[1:2].encode(), word.encode())


def taken(queue: FairQueue) -> str:
    """All that wait, in the order in which they are sent."""
    words = []
    while (message := queue.next_message()) is not None:
        words.append(message.decode())
        queue.remove_sent()
    return " ".join(words)


def test_doors_take_turns() -> None:
    """The one opening of a door is sent second, however many of another came before it."""
    assert taken(filled(9, "1a", "1b", "1c", "1d", "2e", "3f", "3g")) == "1a 2e 3f 1b 3g 1c 1d"


def test_one_a_door_and_source() -> None:
    """A source that knocks again before its opening is sent waits in its place, with the newest packet."""
    assert taken(filled(9, "1a", "1b", "1a!", "2a")) == "1a! 2a 1b"


def test_between_sends() -> None:
    """FairQueue go on where they were when more comes in between."""
    queue = filled(9, "1a", "1b", "2c")
    queue.remove_sent()
    put(queue, "3d")
    assert (taken(queue), len(queue)) == ("2c 1b 3d", 0)


def test_full() -> None:
    """A door that fills the whole queue loses its own openings."""
    queue = filled(3, "1a", "1b", "1c")
    assert (put(queue, "1d"), put(queue, "1a!"), taken(queue)) == (False, True, "1a! 1b 1c")


def test_room_for_others() -> None:
    """When the queue is full an opening of another door replaces one of the door with the most."""
    queue = filled(3, "1a", "2b", "2c")
    assert (put(queue, "3d"), len(queue), taken(queue)) == (False, 3, "1a 2b 3d")


def test_a_storm() -> None:
    """10,000 spoofed openings of one door leave as many as may wait, and the owner's is second."""
    queue = FairQueue(4_096)
    for number in range(10_000):
        queue.put(0, number.to_bytes(4, "big"), b"storm")
    queue.put(1, b"owner", b"owner")
    assert len(queue) == 4_096
    queue.remove_sent()
    assert queue.next_message() == b"owner"
