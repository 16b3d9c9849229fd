"""The lines of packets: what happened at each door, with numbers and times, in 100 columns."""

from __future__ import annotations

import struct
from dataclasses import replace

import pytest

from knockd.explanation.accounts import Place
from knockd.explanation.words import COLUMNS, format_flags, format_seconds
from knockd_conf.model import FlagRule
from tests.support.doubles.listened import Listened, frame
from tests.support.doubles.played import LOCAL, SYN, door, watched

DOOR = door("1 2 3", "ssh", seq_timeout=10.0)


def joined(lines: list[str]) -> str:
    """Lines as one, with single blanks."""
    return " ".join(" ".join(lines).split())


@pytest.mark.parametrize(
    ("trace", "last"),
    [
        ("1", "1:tcp syn           ssh: step 1 of 3"),
        ("1 2", "2:tcp syn           ssh: step 2 of 3"),
        ("1 2 3", "3:tcp syn           ssh: step 3 of 3: the door would open"),
        ("1 1", "1:tcp syn           ssh: a step that is done comes again; 2:tcp is due"),
        ("3", "3:tcp syn           ssh: wrong step: there is no attempt, 1:tcp comes first"),
    ],
)
def test_steps(trace: str, last: str) -> None:
    """Each line names port, flags and door, and what the packet is there."""
    assert last == Listened(DOOR).hear(trace)[-1]


def test_wrong_step() -> None:
    """A wrong step says which one was due, and what it ends."""
    said = joined(Listened(DOOR).hear("1 3"))
    assert "3:tcp syn ssh: wrong step: 2:tcp was due; the attempt ends at step 1 of 3" in said


def test_guard() -> None:
    """A guard says what it ends, and until when the source is ignored; what is ignored how much longer."""
    said = joined(Listened(DOOR, guards=("7u",)).hear("1 7u 2 7u", gap=1.0))
    assert "7:udp ssh: guard port: ends the attempt at step 1 of 3, ignored until 22:13:31.000" in said
    assert "ssh: ignored until 22:13:31.000 (9.0 s more): it has touched a guard port" in said
    assert "ssh: guard port again: ignored until 22:13:33.000" in said


def test_quick_knock() -> None:
    """Who is ignored for long for guards, perhaps touched by others in his name, opens by a quick knock."""
    listened = Listened(door("10 20 30", "ssh", seq_timeout=10.0), guards=("14 15 16 17",))
    listened.hear("14 14", gap=9.0)
    said = listened.hear("10 20 30", at=14.0)
    assert "it has touched a guard port" in joined(said[:-1])
    assert "step 3 of 3: the door would open, though guard ports were touched in its name" in joined(said)


def test_cooldown() -> None:
    """Who has opened a door is ignored for Seq_Cooldown."""
    said = joined(Listened(replace(DOOR, seq_cooldown=60.0)).hear("1 2 3 1", gap=1.0))
    assert "ignored until 22:14:22.000 (59.0 s more): it has opened the door (Seq_Cooldown = 60)" in said


def test_too_late() -> None:
    """It is said by how much, and which step an attempt ended at."""
    listened = Listened(DOOR)
    listened.hear("1 2")
    said = joined(listened.hear("3", at=14.2))
    assert "3:tcp syn ssh: too late by 4.2 s: the attempt ended at step 2 of 3" == said
    listened = Listened(DOOR)
    listened.hear("1 2")
    said = joined(listened.hear("1", at=14.2))
    assert "1:tcp syn ssh: too late by 4.2 s: the attempt ended at step 2 of 3; step 1 of 3" == said


def test_flags_and_addresses() -> None:
    """What does not count says what came and what was wanted."""
    listened = Listened(replace(DOOR, flags=FlagRule(SYN, 0x10)))
    said = joined(listened.sight(frame("1", flags=0x12), 0.0, passes=False))
    assert "ssh: does not count: flags syn,ack, wanted syn,!ack; the kernel's filter drops it" in said
    said = joined(listened.sight(frame("1", destination=bytes((10, 0, 0, 9))), 0.0))
    assert "ssh: does not count: goes to 10.0.0.9, not to 10.0.0.1" in said


def test_many_addresses() -> None:
    """Four addresses of the packet's own IP version are named."""
    local = LOCAL | {bytes((10, 0, 1, number)) for number in range(9)} | {bytes((0xFE, 0x80, *range(14)))}
    lines = Listened(DOOR).sight(frame("1", destination=bytes((9, 9, 9, 9))), 0.0, place=Place("", local))
    assert "not to 10.0.0.1, 10.0.1.0, 10.0.1.1, 10.0.1.2 and 6 more" in joined(lines)


def test_no_address() -> None:
    """Where nothing is watched, no address is named in place of the packet's."""
    lines = Listened(DOOR).sight(frame("1"), 0.0, place=Place("", frozenset()))
    assert "ssh: does not count: goes to 10.0.0.1, which is not watched" in joined(lines)


def test_several_doors() -> None:
    """A packet has a line for each door that asks for its port; the second one does not repeat the packet."""
    lines = Listened(DOOR, door("1 4", "web")).sight(frame("1"), 0.0)
    assert "22:13:20.000    0.000  1:tcp syn           ssh: step 1 of 3" == lines[0]
    assert " " * 43 + "web: step 1 of 2" == lines[1]


def test_used_and_taken() -> None:
    """A used sequence, and a first step that has ended another knock, say so."""
    (watch,) = watched(DOOR)
    listened = Listened(DOOR, watches=(replace(watch, once=True),))
    assert "the sequence can be used once, and has been" in joined(listened.hear("1 2 3 1"))
    said = joined(Listened(door("1 2", "a"), door("2 1", "b")).hear("1 2"))
    assert "b: the first step, but the packet has ended a knock at another door: begins none" in said


def test_refused() -> None:
    """A packet that can count nowhere has its reason, and no flags that nobody has read."""
    lines = Listened(DOOR).sight(frame("1", tag=struct.pack("!HH", 0x8100, 100)), 0.0)
    assert "1:tcp VLAN tag 100: it counts at the interface of that VLAN only" in joined(lines)


def test_interface() -> None:
    """Where there are several interfaces each line names its own."""
    lines = Listened(DOOR).sight(frame("1"), 0.0, place=Place("eth\x1b0", LOCAL))
    assert r"eth\x1b0: ssh: step 1 of 3" in lines[0]


def test_hostile_names() -> None:
    """A door's name moves no cursor, and a long one stays within the columns."""
    name = "ssh\x1b[2J " + "long " * 30
    lines = Listened(replace(DOOR, name=name)).sight(frame("1"), 0.0)
    assert all(line.isprintable() and len(line) <= COLUMNS for line in lines)


def test_small_things() -> None:
    """No flag is said so, and a little time is not none."""
    assert "none" == format_flags(0)
    assert ["4.2", "0.050", "0.001"] == [format_seconds(one) for one in (4.18, 0.05, 0.0)]
