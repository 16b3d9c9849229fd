"""Which watches keys make of doors: what opens, what is recognised, and which ports guard."""

from __future__ import annotations

from collections.abc import Mapping

from knockd.knocks.taken import Taken
from knockd.knocks.watch import Watch, watches_of
from knockd.sequences.rotating_watches import KeySequences, make_rotating, make_watches
from knockd_conf.model import GuardPorts, Step
from knockd_conf.protocol import Protocol
from knockd_conf.timed import Port, Ports
from tests.support.doubles.played import door, steps

KEYED = door("", "keyed", sequence_key="/etc/knockd.key")
PLAIN = door("9000 9010", "plain")
NOW = 100


def ports(first: int) -> Ports:
    """A period whose steps are ``first`` and ``first + 2``, its guards the next two even ports."""
    made = tuple(Port(first + 2 * number, Protocol.TCP) for number in range(4))
    return Ports(made[:2], made[2:])


def keyed(first: int = 1_000, *, key: str = "ann", burnt: int | None = None, door: int = 0) -> KeySequences:
    """A key whose period ``NOW + n`` has ports from ``first + 10 * n`` on, for n from -4 to 4."""
    made = {NOW + at: ports(first + 10 * at) for at in range(-4, 5)}
    return KeySequences(door, key, 30, NOW, made, burnt)


def rotating(*keys: KeySequences, taken: Taken | None = None) -> tuple[Watch, ...]:
    """The watches of these keys at the first of two doors, the other one has steps of its own."""
    plain = watches_of((KEYED, PLAIN))
    return make_rotating(plain, taken or Taken(), keys, lambda _door, _key, period: period)


def guards(watches: tuple[Watch, ...]) -> Mapping[int, tuple[Step, ...]]:
    """The guards by period."""
    return {watch.serial - NOW: watch.guards for watch in watches if watch.guards}


def test_windows() -> None:
    """Three periods open, two more on each side are recognised, and those further away are nothing."""
    found = [(watch.serial - NOW, watch.opens) for watch in rotating(keyed())]
    assert found == [(-1, True), (0, True), (1, True), (-3, False), (-2, False), (2, False), (3, False)]


def test_used() -> None:
    """A period that was used and all before it open nothing more, and are recognised."""
    opens = {watch.serial - NOW: watch.opens for watch in rotating(keyed(burnt=NOW))}
    assert opens == {-3: False, -2: False, -1: False, 0: False, 1: True, 2: False, 3: False}


def test_steps() -> None:
    """A watch has the steps of its period, and the rest of its door."""
    (watch,) = (one for one in rotating(keyed()) if one.serial == NOW)
    assert (watch.door, watch.steps, watch.seq_timeout, watch.once) == (0, steps("1000 1002"), 25.0, False)


def test_guards_of_other_periods() -> None:
    """The guards of a live period are its own, and all ports of the two other live periods."""
    found = guards(rotating(keyed()))
    assert found[0] == steps("990 992 994 996 1004 1006 1010 1012 1014 1016")
    assert found.keys() == {-1, 0, 1}


def test_guards_of_used_periods() -> None:
    """Ports of a period that was used guard the others as before."""
    assert guards(rotating(keyed(burnt=NOW))) == {1: steps("990 992 994 996 1000 1002 1004 1006 1014 1016")}


def test_steps_of_others_are_no_guards() -> None:
    """What is a live step of another door or key is no guard; its steps of other periods may be."""
    other = keyed(1_004, key="bob")  # steps 1004 and 1006 now, 994 and 996 before, 1014 and 1016 after
    ann, bob = (one for one in rotating(keyed(), other) if one.serial == NOW)
    assert ann.guards == steps("990 992 1010 1012")
    assert bob.guards == steps("994 996 998 1008 1014 1016 1018 1020")


def test_steps_of_plain_doors_are_no_guards() -> None:
    """A step of a plain door is no guard."""
    assert Step(9_000) not in guards(rotating(keyed(8_996)))[0]
    assert Step(9_002) in guards(rotating(keyed(8_996)))[0]


def test_taken_ports_are_no_guards() -> None:
    """A port in use is no guard."""
    taken = Taken().with_sockets(steps("1004"))
    assert Step(1_004) not in guards(rotating(keyed(), taken=taken))[0]


def test_ports_of_signed_knocks_are_no_guards() -> None:
    """A port of signed knocks is no guard; the port of the other protocol is one."""
    for protocol, guard in ((Protocol.TCP, False), (Protocol.UDP, True)):
        taken = Taken(signed=frozenset({protocol << 16 | 1_004}))
        assert guard is (Step(1_004) in guards(rotating(keyed(), taken=taken))[0])


def test_touch_of_a_guard_lasts() -> None:
    """A source that touched a guard is ignored for longer than the sequence lives."""
    assert {watch.ignore_time for watch in rotating(keyed())} == {120.0}


def test_ports_that_are_missing() -> None:
    """A period whose ports are not known has no watch, and the others have theirs."""
    one = keyed()
    few = one._replace(ports={NOW: one.ports[NOW], NOW + 1: one.ports[NOW + 1]})
    found = rotating(few)
    assert [watch.serial - NOW for watch in found] == [0, 1]
    assert guards(found)[0] == steps("1004 1006 1010 1012 1014 1016")


def test_serials() -> None:
    """The serial of a sequence is asked for by door, key and period."""
    asked: list[tuple[int, str, int]] = []

    def serial_of(door: int, key: str, period: int) -> int:
        asked.append((door, key, period))
        return len(asked)

    made = make_rotating(watches_of((KEYED,)), Taken(), [keyed()], serial_of)
    assert asked == [(0, "ann", NOW + at) for at in range(-3, 4)]
    assert sorted(watch.serial for watch in made) == list(range(1, 8))


def test_all_watches() -> None:
    """Plain doors have their watches by number, and no guard that is a live step of a key."""
    plain = watches_of((KEYED, PLAIN))
    rules = (GuardPorts(), GuardPorts())
    made = make_watches(plain, rules, Taken(), [keyed(9_001)], lambda _door, _key, period: period)
    assert [watch.steps for watch in made[:2]] == [(), steps("9000 9010")]
    assert made[0].guards == ()
    assert {9_001, 9_003, 9_011} & {guard.port for guard in made[1].guards} == set()
    assert {9_002, 9_004, 9_005, 9_007} <= {guard.port for guard in made[1].guards}
    assert len(made) == 9
