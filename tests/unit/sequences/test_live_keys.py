"""What is at hand of a door's keys, and how sequences are numbered."""

from __future__ import annotations

from dataclasses import replace

from knockd.sequences.derived_keys import Answer, DerivedKey, Question
from knockd.sequences.live_keys import KeyedDoor, LiveSequence, Serials, find_crowded
from knockd.sequences.rotating_watches import KeySequences
from knockd_conf.protocol import Protocol
from knockd_conf.timed import Port, Ports, Rule
from tests.support.doubles.keyed import PATH, keyed_door

NOW = 3_010.0
"""Ten seconds into period 100 of 30 s."""

SSH, TCP = ("ssh", 0), Protocol.TCP


def ports(number: int) -> Ports:
    """Ports that are told apart by a number."""
    return Ports((Port(number, TCP), Port(number + 2, TCP)), (Port(number + 4, TCP),))


def key(name: str = "anne", first: int = 97, until: float | None = None, at: int = 1_000) -> DerivedKey:
    """A key with sequences of eight periods."""
    return DerivedKey(name, until, {period: ports(at + period) for period in range(first, first + 8)})


def answered(*keys: DerivedKey, problem: str = "") -> KeyedDoor:
    """A door that has had an answer."""
    made = KeyedDoor(keyed_door())
    made.take(Answer(keys, problem), NOW)
    return made


def live(made: KeyedDoor, now: float = NOW, used: float = 0.0) -> list[KeySequences]:
    """What its keys mean."""
    return list(made.list_sequences(7, now, lambda _: used))


def test_serials() -> None:
    """A sequence keeps its number, and none is given twice."""
    serials = Serials()
    one, other = LiveSequence(SSH, "anne", 100), LiveSequence(SSH, "anne", 101)
    assert [1, 2, 1] == [serials.number(sequence) for sequence in (one, other, one)]
    assert serials.find(2) == other
    serials.forget(lambda sequence: sequence.period == 101)
    assert serials.find(2) is None
    assert [1, 3] == [serials.number(one), serials.number(other)]


def test_forgotten_key() -> None:
    """All sequences of a key at a door are forgotten, and no others."""
    serials = Serials()
    for sequence in (("ssh", "anne"), ("ssh", "bob"), ("web", "anne")):
        serials.number(LiveSequence((sequence[0], 0), sequence[1], 100))
    serials.forget_key(SSH, "anne")
    assert [False, True, True] == [serials.find(serial) is not None for serial in (1, 2, 3)]


def test_what_is_watched() -> None:
    """The periods around now; what is derived beyond is kept for the next boundary."""
    (found,) = live(answered(key()))
    assert (found.door, found.key, found.length, found.now, found.burnt) == (7, "anne", 30, 100, None)
    assert list(found.ports) == list(range(97, 104))
    (found,) = live(answered(key()), NOW + 30)
    assert (found.now, list(found.ports)) == (101, list(range(98, 105)))


def test_used() -> None:
    """What is used is said as long as it concerns what opens."""
    made = answered(key())
    assert [100, 99] == [live(made, used=used)[0].burnt for used in (3_030.0, 3_000.0)]
    assert live(made, used=2_970.0)[0].burnt is None


def test_expired() -> None:
    """A key whose last day is over means nothing, from that moment on."""
    made = answered(key(until=NOW + 5), key("bob"), DerivedKey("eve", NOW - 5, {}))
    assert [["anne", "bob"], ["bob"]] == [[one.key for one in live(made, now)] for now in (NOW, NOW + 5)]
    assert (made.find_expired(), made.names) == (frozenset({"eve"}), ("anne", "bob"))
    assert [True, True, True] == [
        made.has_expired("anne", NOW + 5),
        made.has_expired("eve", NOW),
        made.has_expired("nobody", NOW),
    ]


def test_question() -> None:
    """The file is asked for the name of the door, by its rule."""
    door = keyed_door(sequence_period=10, sequence_ports=(30_000, 40_000), sequence_protocol="udp")
    rule = Rule(4, 10, 30_000, 40_000, "udp")
    assert KeyedDoor(door).make_question(NOW) == Question(PATH, "ssh", rule, 298, 305)


def test_when_the_file_is_read() -> None:
    """Once a period, when somebody asks for it, and always while it cannot be used."""
    made = KeyedDoor(keyed_door())
    assert made.is_due(NOW)
    made.take(Answer((key(),)), NOW)
    assert [False, True] == [made.is_due(NOW + 19), made.is_due(NOW + 20)]
    made.ask_again()
    assert made.is_due(NOW)
    made.take(Answer(problem="no"), NOW)
    assert made.is_due(NOW)


def test_new_keys() -> None:
    """A name is new, or has another key; it is the same key when its sequences are."""
    made = KeyedDoor(keyed_door())
    assert frozenset({"anne", "bob"}) == made.take(Answer((key(), key("bob"))), NOW)
    assert frozenset() == made.take(Answer((key(first=98), key("bob", first=98))), NOW + 30)
    swapped = Answer((key(first=98, at=2_000), key("bob", first=98)))
    assert frozenset({"anne"}) == made.take(swapped, NOW + 30)
    assert frozenset({"bob"}) == made.take(Answer((swapped.keys[0], key("bob", first=500))), NOW + 9_000)


def test_file_that_cannot_be_used() -> None:
    """No key is left; when it can be used again they are new."""
    made = answered(key())
    made.take(Answer(problem="line 1: what?"), NOW)
    assert (live(made), made.names, made.problem) == ([], (), "line 1: what?")
    assert frozenset({"anne"}) == made.take(Answer((key(),)), NOW)
    assert made.problem == ""


def test_same_door() -> None:
    """Another file or another rule makes other sequences; a command does not."""
    door = keyed_door()
    same = KeyedDoor(door)
    assert same.is_same(KeyedDoor(replace(door, start_command="true")))
    for other in ({"sequence_key": "/etc/other"}, {"sequence_steps": 5}, {"occurrence": 1}):
        assert not same.is_same(KeyedDoor(replace(door, **other)))


def test_more_keys_than_can_be_watched() -> None:
    """Doors are watched in their order as long as there is room; one with fewer keys may still find some."""
    keys = {("a", 0): 30, ("b", 0): 40, ("c", 0): 32, ("d", 0): 2, ("e", 0): 1}
    assert find_crowded(keys, 72) == {("c", 0), ("e", 0)}
    assert find_crowded(keys, 105) == frozenset()
