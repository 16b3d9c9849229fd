"""What a watch takes of its door, and what it asks of the filter."""

from __future__ import annotations

from dataclasses import fields, replace
from ipaddress import ip_address, ip_network

from knockd.knocks.watch import Watch, watches_of
from knockd_bpf.build import WatchedPorts
from knockd_bpf.wire import TCP, UDP
from knockd_conf.access import Access, make_networks
from knockd_conf.model import FlagRule
from tests.support.doubles.played import door, steps

SYN = FlagRule(0x02, 0)
FRIENDS = Access(make_networks([ip_network("203.0.113.0/24")]))
ROUTED = ip_address("198.51.100.7")


def test_a_watch_of_a_door() -> None:
    """A watch has its door's rules, its destinations packed, and the door's place as its number."""
    made = door("1 2", flags=SYN, target=(ROUTED,), seq_timeout=3.0, seq_cooldown=4.0, access=FRIENDS)
    expected = Watch(1, steps("1 2"), SYN, frozenset({ROUTED.packed}), 3.0, 4.0, access=FRIENDS)
    assert watches_of([door("9"), made])[1] == expected


def test_the_live_sequence_counts() -> None:
    """The live sequence replaces the one in the file; a one-time door is used once and may have none."""
    doors = [door("1 2"), door("", one_time_file="/codes"), door("", one_time_file="/more")]
    first, second, third = watches_of(doors, [steps("5 6"), steps("7 8"), ()])
    assert (first.steps, first.once) == (steps("5 6"), False)
    assert (second.steps, second.once) == (steps("7 8"), True)
    assert (third.steps, third.once) == ((), True)


def test_no_command_is_in_a_watch() -> None:
    """Nothing of a watch holds a text: no command, name or file of its door can be read from it."""
    made = door("1 2", name="SECRET", path="SECRET", start_command="SECRET", one_time_file="SECRET")
    (watch,) = watches_of([made])
    assert [] == [field.name for field in fields(watch) if "SECRET" in repr(getattr(watch, field.name))]


def test_watched_ports() -> None:
    """The filter lets through every step once, and the guards as well."""
    watch = Watch(
        0,
        steps("7000 2222u 7000 7001"),
        SYN,
        frozenset({ROUTED.packed}),
        guards=steps("6999"),
        access=FRIENDS,
    )
    ports = frozenset({(TCP, 7000), (TCP, 7001), (TCP, 6999), (UDP, 2222)})
    assert watch.ports == WatchedPorts(ports, SYN, frozenset({ROUTED.packed}), FRIENDS)


def test_what_attempts_depend_on() -> None:
    """Attempts outlive other guards and another number of the door, and no other change."""
    watch = Watch(0, steps("1 2"))
    assert replace(watch, guards=steps("9"), door=4).attempts_at == watch.attempts_at
    others = {"steps": steps("1"), "flags": SYN, "target": frozenset({b"1234"}), "once": True, "serial": 1}
    changes = {**others, "seq_timeout": 1.0, "seq_cooldown": 1.0}
    for name, value in changes.items():
        assert replace(watch, **{name: value}).attempts_at != watch.attempts_at  # type: ignore[arg-type]
