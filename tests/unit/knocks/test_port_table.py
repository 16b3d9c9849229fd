"""What each port means to a watch, and which watch keeps its tag when the watches change."""

from __future__ import annotations

from dataclasses import replace

import pytest

from knockd.knocks.port_table import PortTable, port_roles
from knockd.knocks.watch import Watch
from knockd_bpf.wire import TCP, UDP
from knockd_conf.model import FlagRule
from tests.support.doubles.played import steps

TAG = b"\0\5"
RULE = FlagRule(0x02, 0x10)
ONE, TWO, THREE = (Watch(door, steps(text)) for door, text in enumerate(["1 2", "3 4", "5 6"]))


@pytest.mark.parametrize(
    ("port", "first", "advances", "done"),
    [(1, True, [2], 1), (2, False, [1], 2), (3, False, [3], 4)],
)
def test_steps(port: int, first: bool, advances: list[int], done: int) -> None:
    """A step advances the stages before it, and is done from the stage that it is the last step of."""
    role = port_roles(Watch(4, steps("1 2 1 3")), TAG, 0.0)[TCP << 16 | port]
    assert (role.door, role.tag, role.last, role.guard) == (4, TAG, 4, False)
    assert (role.first, sorted(role.advances), role.done) == (first, advances, done)


def test_guards() -> None:
    """A guard port advances nothing; a step that is listed as guard stays a step."""
    found = port_roles(Watch(0, steps("1 2"), guards=steps("7 2")), TAG, 0.0)
    role = found[TCP << 16 | 7]
    assert (role.guard, role.first, *role.advances) == (True, False)
    assert not found[TCP << 16 | 2].guard


@pytest.mark.parametrize(
    ("sequence", "guards", "quick"),
    [
        ("1 20", "13 14", True),
        ("1 20", "4 5", True),
        ("20 1", "4 5", True),
        ("1 20", "3 4", False),
        ("1 20", "21 22", False),
        ("1 20", "", False),
        ("10", "4 7 13 14", False),
        ("1 20", "13u 14u", False),
        ("1 20u", "4 5", True),
    ],
)
def test_quick_knocks(sequence: str, guards: str, quick: bool) -> None:
    """They are heard where scans of every port to every fourth touch a guard between the steps."""
    watch = Watch(0, steps(sequence), guards=steps(guards))
    assert {role.quick for role in port_roles(watch, TAG, 0.0).values()} == {quick}
    assert {role.quick for role in port_roles(replace(watch, opens=False), TAG, 0.0).values()} == {False}


def test_step_ports() -> None:
    """The steps of a watch are told as the numbers that ports have in the table, without its guards."""
    table = PortTable(0.0)
    table.set_watches([Watch(0, steps("1 2u 1"), guards=steps("7"))])
    assert {TCP << 16 | 1, UDP << 16 | 2} == table.step_ports(*table.tags(0))


def test_rules() -> None:
    """Targets, times and flags are the watch's; slack is added to Seq_Timeout; UDP has no flags."""
    watch = Watch(0, steps("1 2u"), RULE, frozenset({b"abcd"}), 5.0, 7.0, once=True)
    found = port_roles(watch, TAG, 0.5)
    tcp, udp = found[TCP << 16 | 1], found[UDP << 16 | 2]
    assert (tcp.flag_mask, tcp.flag_value) == (0x12, 0x02)
    assert (udp.flag_mask, udp.flag_value) == (0, 0)
    assert tcp.targets == watch.target
    assert (tcp.timeout, tcp.cooldown, tcp.once) == (5.5, 7.0, True)


def test_no_steps() -> None:
    """A watch without steps has no roles, not even for its guards."""
    assert port_roles(Watch(0, (), guards=steps("7")), TAG, 0.0) == {}


def table(*watches: Watch) -> PortTable:
    """A table of some watches."""
    made = PortTable(0.5)
    made.set_watches(watches)
    return made


def owners(made: PortTable) -> dict[int, list[tuple[int, bytes]]]:
    """The door and tag of every role, by port."""
    return {
        port & 0xFFFF: [(one.door, one.tag) for role in found for one in role.siblings or (role,)]
        for port, found in made.roles.items()
    }


def test_roles_of_a_port() -> None:
    """A port has the roles of all watches, in their order; every watch has a tag of its own."""
    made = table(ONE, replace(TWO, steps=steps("1 4")))
    assert owners(made) == {1: [(0, b"\0\0"), (1, b"\0\1")], 2: [(0, b"\0\0")], 4: [(1, b"\0\1")]}
    assert made.timeouts == {b"\0\0": 25.5, b"\0\1": 25.5}


def test_the_same_watches() -> None:
    """Nothing ends when the watches stay the same, their guards and the numbers of their doors apart."""
    made = table(ONE, TWO)
    change = made.set_watches([replace(TWO, door=0, guards=steps("9")), replace(ONE, door=1)])
    assert not change.ended | change.gone
    assert owners(made)[3] == [(0, b"\0\1")]
    assert owners(made)[9] == [(0, b"\0\1")]
    assert made.door(b"\0\0") == 1


def test_a_changed_watch() -> None:
    """A changed watch takes the tag of one of its door, whose attempts end."""
    made = table(ONE, TWO)
    change = made.set_watches([ONE, replace(TWO, steps=steps("8 9"))])
    assert change.ended == {b"\0\1"}
    assert not change.gone
    assert owners(made)[8] == [(1, b"\0\1")]


def test_a_watch_more_and_one_less() -> None:
    """What is gone ends, and its tag is free for one that comes later."""
    made = table(ONE, TWO)
    change = made.set_watches([ONE, THREE])
    assert change.ended == change.gone == {b"\0\1"}
    assert owners(made)[5] == [(2, b"\0\2")]
    made.set_watches([ONE, THREE, TWO])
    assert owners(made)[3] == [(1, b"\0\1")]


def test_equal_watches() -> None:
    """Two watches that are equal keep a tag each."""
    made = table(ONE, ONE)
    assert made.set_watches([ONE, ONE]).ended == set()
    assert owners(made)[1] == [(0, b"\0\0"), (0, b"\0\1")]
    assert made.set_watches([ONE]).gone == {b"\0\1"}


def test_used_up() -> None:
    """A used watch has no ports, also after a change of its guards, until it has another serial."""
    made = table(replace(ONE, once=True), TWO)
    made.use_up(b"\0\0")
    assert (made.is_used_up(b"\0\0"), made.is_used_up(b"\0\1")) == (True, False)
    assert set(owners(made)) == {3, 4}
    made.set_watches([replace(ONE, once=True, guards=steps("9")), TWO])
    assert set(owners(made)) == {3, 4}
    assert made.set_watches([replace(ONE, once=True, serial=1), TWO]).ended == {b"\0\0"}
    assert set(owners(made)) == {1, 2, 3, 4}


KEYED = [
    Watch(0, steps("1 2"), key=1, serial=1, guards=steps("5 9")),
    Watch(0, steps("2 3"), key=1, serial=2, guards=steps("5 9")),
    Watch(0, steps("3 4"), key=2, serial=1, guards=steps("6 9")),
    Watch(1, steps("3 9"), once=True, guards=steps("5 7 8")),
]


def test_what_a_burnt_sequence_leaves() -> None:
    """The table is that of a sequence that opens nothing; what other ports mean is not made again."""
    made = table(*KEYED)
    before = dict(made.roles)
    made.burn(b"\0\0")
    assert made.roles == table(replace(KEYED[0], opens=False), *KEYED[1:]).roles
    assert made.roles[TCP << 16 | 4] is before[TCP << 16 | 4]
    made.burn(b"\0\1")
    assert made.roles == table(*(replace(one, opens=False) for one in KEYED[:2]), *KEYED[2:]).roles


def test_what_a_used_sequence_leaves() -> None:
    """The table is that of a new view of the same watches; what other ports mean is not made again."""
    made = table(*KEYED)
    before = dict(made.roles)
    made.use_up(b"\0\3")
    assert made.roles[TCP << 16 | 4] is before[TCP << 16 | 4]
    used = dict(made.roles)
    made.set_watches(KEYED)
    assert used == made.roles
    assert TCP << 16 | 7 not in used


def test_guards_that_are_none_any_more() -> None:
    """They are named for a watch that stays; a changed watch has lost nothing that counts."""
    made = table(replace(ONE, guards=steps("8 9u")), replace(TWO, guards=steps("8")))
    change = made.set_watches([replace(ONE, guards=steps("8")), replace(TWO, steps=steps("5 6"))])
    assert {b"\0\0": {17 << 16 | 9}} == change.unguarded
