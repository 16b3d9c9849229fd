"""Which watch goes on when a view has others, and what is known of a door whose sequences rotate."""

from __future__ import annotations

from dataclasses import replace

import pytest

from knockd.knocks.changes import Tag, assign_tags, find_changes
from knockd.knocks.watch import Watch
from knockd_bpf.wire import TCP
from tests.support.doubles.played import steps

ONE, TWO = (Watch(door, steps(text)) for door, text in enumerate(["1 2", "3 4"]))
TAGS = [number.to_bytes(2, "big") for number in range(9)]


def rotating(period: int, *, opens: bool = True, guards: str = "") -> Watch:
    """The watch of a period at door 0: its steps are the ports 10 * period + 1 and the next two."""
    ports = " ".join(str(10 * period + number) for number in (1, 2, 3))
    return Watch(0, steps(ports), serial=period, opens=opens, guards=steps(guards), key=1)


def placed(*watches: Watch) -> dict[Tag, Watch]:
    """The watches with the first tags."""
    return dict(zip(TAGS, watches, strict=False))


def test_sequence_keeps_its_tag() -> None:
    """A sequence of a key that begins or ceases to open goes on under its tag; a new one gets another."""
    before = placed(rotating(1), rotating(2), rotating(3, opens=False))
    wanted = [rotating(2), rotating(3), rotating(1, opens=False), rotating(4, opens=False)]
    assert [TAGS[1], TAGS[2], TAGS[0], TAGS[3]] == assign_tags(before, wanted)


def test_next_sequence_of_a_key() -> None:
    """It does not take the tag of one that is gone: who is ignored there is not ignored at it."""
    assert [TAGS[1], TAGS[2]] == assign_tags(placed(rotating(1), rotating(2)), [rotating(2), rotating(3)])


def test_door_without_a_key() -> None:
    """The next sequence of such a door takes the tag of the one before."""
    assert [TAGS[1], TAGS[0]] == assign_tags(placed(ONE, TWO), [TWO, replace(ONE, steps=steps("7 8"))])


@pytest.mark.parametrize(("before", "after", "ends"), [(True, False, False), (False, True, True)])
def test_whether_it_opens(before: bool, after: bool, ends: bool) -> None:
    """Attempts go on when a sequence opens no more; they begin anew when it begins to open."""
    change = find_changes(placed(rotating(1, opens=before)), placed(rotating(1, opens=after)))
    assert ends is (TAGS[0] in change.ended)
    assert not change.gone


def test_other_sequence() -> None:
    """Attempts at another sequence under the same tag end."""
    assert {TAGS[0]} == find_changes(placed(ONE), placed(replace(ONE, serial=1))).ended


def test_rotation() -> None:
    """Of a door with others the sequences are known, those that are gone as well as the new ones."""
    change = find_changes(
        placed(rotating(1), rotating(2)), {TAGS[1]: rotating(2), TAGS[2]: rotating(3, opens=False)}
    )
    assert {TAGS[1]} == change.rotated.keys()
    steps_at = change.rotated[TAGS[1]]
    assert {10 + 1, 10 + 2, 10 + 3, 21, 22, 23, 31, 32, 33} == {port & 0xFFFF for port in steps_at}
    assert (frozenset(TCP << 16 | port for port in (11, 12, 13)),) == steps_at[TCP << 16 | 12]


def test_rotation_of_one_door() -> None:
    """Only the door that has others rotates."""
    here, there = rotating(1), replace(rotating(2), door=1)
    before = placed(here, rotating(2), there, replace(rotating(3), door=1))
    after = placed(here, replace(rotating(2), opens=False), there, replace(rotating(3), door=1))
    assert {TAGS[0], TAGS[1]} == find_changes(before, after).rotated.keys()


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (placed(ONE), placed(replace(ONE, serial=1))),
        (placed(rotating(1), rotating(2)), placed(rotating(1, guards="9"), rotating(2))),
        (
            placed(rotating(1), rotating(2)),
            placed(replace(rotating(1), door=5), replace(rotating(2), door=5)),
        ),
    ],
    ids=["one watch", "other guards", "other number"],
)
def test_no_rotation(before: dict[Tag, Watch], after: dict[Tag, Watch]) -> None:
    """A door with one watch does not rotate, nor does one with other guards or another number."""
    assert {} == find_changes(before, after).rotated


def test_guards_that_a_rotation_takes_away() -> None:
    """They were guards while they were: what they have caused stays."""
    before = placed(rotating(1), rotating(2, guards="11"))
    after = placed(rotating(1, opens=False), rotating(2))
    assert {} == find_changes(before, after).unguarded


def test_guards_that_are_taken_away_alone() -> None:
    """A server was started there: what they have caused is undone."""
    change = find_changes(
        placed(rotating(1), rotating(2, guards="11 12")), placed(rotating(1), rotating(2, guards="12"))
    )
    assert {TAGS[1]: {TCP << 16 | 11}} == change.unguarded
