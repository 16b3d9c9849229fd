"""The order in which openings reach a keeper that is slow."""

from __future__ import annotations

from knockd.engine.turns import Turns


def filled(most: int, *words: str) -> Turns:
    """``"1a"``: an opening of door 1 by source a."""
    turns = Turns(most)
    for word in words:
        put(turns, word)
    return turns


def put(turns: Turns, word: str) -> bool:
    """Adds an opening."""
    return turns.put(int(word[0]), word[1:2].encode(), word.encode())


def taken(turns: Turns) -> str:
    """All that wait, in the order in which they are sent."""
    words = []
    while (message := turns.next()) is not None:
        words.append(message.decode())
        turns.sent()
    return " ".join(words)


def test_doors_take_turns() -> None:
    """The one opening of a door is sent second, however many of another came before it."""
    assert taken(filled(9, "1a", "1b", "1c", "1d", "2e", "3f", "3g")) == "1a 2e 3f 1b 3g 1c 1d"


def test_one_a_door_and_source() -> None:
    """A source that knocks again before its opening is sent waits in its place, with the newest packet."""
    assert taken(filled(9, "1a", "1b", "1a!", "2a")) == "1a! 2a 1b"


def test_between_sends() -> None:
    """Turns go on where they were when more comes in between."""
    turns = filled(9, "1a", "1b", "2c")
    turns.sent()
    put(turns, "3d")
    assert (taken(turns), len(turns)) == ("2c 1b 3d", 0)


def test_full() -> None:
    """A door that fills all places loses its own openings."""
    turns = filled(3, "1a", "1b", "1c")
    assert (put(turns, "1d"), put(turns, "1a!"), taken(turns)) == (False, True, "1a! 1b 1c")


def test_room_for_others() -> None:
    """When all places are taken another door's opening gets one from the longest line."""
    turns = filled(3, "1a", "2b", "2c")
    assert (put(turns, "3d"), len(turns), taken(turns)) == (False, 3, "1a 2b 3d")


def test_a_storm() -> None:
    """10,000 spoofed openings of one door leave as many as may wait, and the owner's is second."""
    turns = Turns(4_096)
    for number in range(10_000):
        turns.put(0, number.to_bytes(4, "big"), b"storm")
    turns.put(1, b"owner", b"owner")
    assert len(turns) == 4_096
    turns.sent()
    assert turns.next() == b"owner"
