"""The sentence at the end, for each way in which a knock fails."""

from __future__ import annotations

import struct
from dataclasses import replace
from ipaddress import ip_network

import pytest

from knockd.explanation.accounts import Place
from knockd.knocks.watch import Watch
from knockd_conf.access import Access, make_networks
from knockd_conf.model import FlagRule
from tests.support.doubles.listened import Listened, frame
from tests.support.doubles.played import SYN, door, watched

DOOR = door("7 8 9", "ssh", seq_timeout=10.0)
ELSEWHERE = bytes((10, 0, 0, 9))
VLAN_100 = struct.pack("!HH", 0x8100, 100)


def listened(trace: str, *, gap: float = 0.001, guards: tuple[str, ...] = ()) -> Listened:
    """One door that has heard packets."""
    made = Listened(DOOR, guards=guards)
    made.hear(trace, gap=gap)
    return made


def test_nothing() -> None:
    """Where nothing came, the path is to blame."""
    assert Listened(DOOR).advise().startswith("Nothing of 192.0.2.1 arrived: look at the path")


def test_other_ports() -> None:
    """Packets to other ports are named, the most frequent first, and what the doors ask for."""
    assert (
        "3 packets of 192.0.2.1 arrived, none at a port of a door (443:tcp, 22:tcp): compare what the client"
        " sends with Sequence (7:tcp, 8:tcp, 9:tcp)." == listened("22 443 443").advise()
    )


def test_opens() -> None:
    """When it opens, knockd is not to blame."""
    assert "The knock opens ssh at 22:13:20.002: " in listened("7 8 9").advise()


def test_broken_off() -> None:
    """The step that never came is named."""
    assert "After step 2 of 3 of ssh nothing came to 9:tcp: " in listened("7 8").advise()


def test_not_admitted() -> None:
    """A source that Allow and Deny keep out is told so, and not to send the ports that it has sent."""
    made = Listened(replace(DOOR, access=Access((), make_networks([ip_network("192.0.2.0/24")]))))
    made.hear("7 8 9")
    assert (
        "Allow and Deny keep 192.0.2.1 out of ssh: knock from an address that they admit, or change them."
        == made.advise()
    )


def test_too_slow() -> None:
    """The packet that was late, and by how much."""
    made = listened("7 8")
    made.hear("9", at=14.2)
    expected = "Knock within 10 seconds: the third packet came 4.2 s too late (Seq_Timeout = 10)."
    assert expected == made.advise()


@pytest.mark.parametrize(
    ("trace", "early", "due"), [("7 9 8", "9:tcp", "8:tcp"), ("8 7 9", "8:tcp", "7:tcp")]
)
def test_overtaking(trace: str, early: str, due: str) -> None:
    """Packets that came before others that were due call for a delay."""
    assert (
        f"The client's packets to {early} came before {due}, and ssh asks for 7:tcp, 8:tcp, 9:tcp: send them"
        " in this order, with a delay (knock -d 200), for packets may overtake each other."
        == listened(trace).advise()
    )


def test_overtaking_where_another_door_asks_for_the_reverse() -> None:
    """Of a door that opens and one that closes, the one whose first step came first is meant."""
    made = Listened(DOOR, door("9 8 7", "close", seq_timeout=10.0))
    made.hear("7 9 8")
    assert "packets to 9:tcp came before 8:tcp, and ssh asks for 7:tcp, 8:tcp, 9:tcp: " in made.advise()


def test_each_packet_too_late() -> None:
    """A client that pauses longer than Seq_Timeout between its packets is slow, not in the wrong order."""
    expected = "Knock within 10 seconds: the second packet came 2.0 s too late (Seq_Timeout = 10)."
    assert expected == listened("7 8 9", gap=12.0).advise()


def test_knock_after_an_opening() -> None:
    """What goes on with a sequence after an opening is another knock: it opens nothing."""
    made = Listened(door("7", "ssh", seq_timeout=10.0), door("7 8", "web", seq_timeout=10.0))
    made.hear("7")
    made.hear("8", at=30.0)
    assert "The knock opens" not in made.advise()


def test_step_by_the_other_protocol() -> None:
    """A step that came by UDP in place of TCP is said so, whether another one followed or not."""
    assert "8:tcp was due, which did not come (8:udp came instead): send " in listened("7 8u 9").advise()
    assert "nothing came to 8:tcp (8:udp came instead): look " in listened("7 8u").advise()


def test_later_fragment_beside_a_knock() -> None:
    """A fragment without a port may be of anything else: it is not to blame where steps count."""
    made = Listened(DOOR)
    made.hear("7")
    later = bytearray(frame("8"))
    later[20:22] = b"\x00\x03"
    made.sight(bytes(later), 0.1)
    assert "After step 1 of 3 of ssh nothing came to 8:tcp" in made.advise()


def test_no_sequence_left() -> None:
    """Where the file of a one-time door is used up, no comparing of ports helps."""
    made = Listened(DOOR, watches=(Watch(0, ()),))
    made.hear("7")
    assert (
        "1 packet of 192.0.2.1 arrived, but no sequence is left in the file of ssh: write new ones into it."
        == made.advise()
    )


def test_one_door_without_a_sequence_left() -> None:
    """It is named beside what the others ask for."""
    made = Listened(DOOR, DOOR, watches=(Watch(0, ()), *watched(DOOR)))
    made.hear("443")
    assert "with Sequence (7:tcp, 8:tcp, 9:tcp); no sequence is left in the file of ssh." in made.advise()


def test_lost_on_the_way() -> None:
    """A step that was due and did not come at all is another matter."""
    said = listened("7 9").advise()
    assert "9:tcp came, and 8:tcp was due, which did not come: send 7:tcp, 8:tcp, 9:tcp" in said


def test_guard() -> None:
    """The guard is named, and when to knock again."""
    said = listened("7 6 8", guards=("6",)).advise()
    assert "The client touched 6:tcp, a guard port beside a step: send nothing but the sequence" in said
    assert "knock again after 22:13:30.001" in said


def test_guard_long_ago() -> None:
    """The touch itself may be further back than what is remembered."""
    made = listened("6", guards=("6",))
    made.accounts.clear()
    made.hear("7", at=5.0)
    said = made.advise()
    assert "The source has touched a guard port and is ignored for a while: knock again after" in said


def test_flags() -> None:
    """Flags that came and flags that are wanted, though others of the knock were good."""
    made = Listened(replace(DOOR, flags=FlagRule(SYN, 0x10)))
    made.hear("7")
    made.sight(frame("8", flags=0x12), 0.1)
    made.hear("9", at=0.2)
    assert "The packet to 8:tcp had the flags syn,ack, and ssh asks for syn,!ack: " in made.advise()


def test_flags_of_a_packet_that_came_again() -> None:
    """A step that counted is not to blame for the ACKs that follow it."""
    made = Listened(replace(DOOR, flags=FlagRule(SYN, 0x10)))
    made.hear("7")
    made.sight(frame("7", flags=0x10), 0.1)
    assert "After step 1 of 3 of ssh nothing came to 8:tcp" in made.advise()


def test_address() -> None:
    """Where packets went, and where they should."""
    made = Listened(DOOR)
    made.sight(frame("7", destination=ELSEWHERE), 0.0)
    assert (
        "The packet to 7:tcp went to 10.0.0.9: knock at 10.0.0.1, or let ssh watch that address (Target ="
        " 10.0.0.9)." == made.advise()
    )


def test_no_address() -> None:
    """Where nothing is watched, the sentence does not send anybody to no address."""
    made = Listened(DOOR)
    made.sight(frame("7"), 0.0, place=Place("", frozenset()))
    assert (
        "The packet to 7:tcp went to 10.0.0.1, which is not watched: let ssh watch it (Target = 10.0.0.1),"
        " or where it is an address of the host that was captured at, name it with --local." == made.advise()
    )


def test_vlan() -> None:
    """A frame that cannot count says so, and what to do."""
    made = Listened(DOOR)
    made.sight(frame("7", tag=VLAN_100), 0.0)
    assert "let knockd listen at the interface of that VLAN (Interface = eth0.NUMBER)" in made.advise()


def test_cooldown() -> None:
    """Who knocks in a cooldown is told when it ends."""
    made = Listened(replace(DOOR, seq_cooldown=60.0))
    made.hear("7 8 9")
    made.hear("7 8 9", at=30.0)
    assert "ssh has opened for this source and ignores it until 22:14:20.002" in made.advise()


def test_used_up() -> None:
    """A used sequence calls for the next one."""
    (watch,) = watched(DOOR)
    made = Listened(DOOR, watches=(replace(watch, once=True),))
    made.hear("7 8 9")
    made.hear("7 8 9", at=30.0)
    assert made.advise().startswith("The sequence of ssh can be used once, and has been")


def test_the_latest_knock() -> None:
    """What was wrong with an earlier knock does not matter."""
    made = listened("7 9")
    made.hear("7 8 9", at=60.0)
    assert "The knock opens ssh" in made.advise()


def test_the_door_that_was_meant() -> None:
    """Of several doors the one that the knock came furthest at is spoken of."""
    made = Listened(door("9 7 8", "close"), DOOR)
    made.hear("7 8")
    assert "of ssh nothing came to 9:tcp" in made.advise()


def test_seen_twice() -> None:
    """What another interface has seen already is no fault."""
    made = listened("7")
    made.sight(frame("7"), 0.1, seen_at="eth1")
    assert "After step 1 of 3 of ssh" in made.advise()
