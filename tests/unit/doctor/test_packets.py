"""Whether a condition of a rule holds for a packet, as far as that is known."""

from __future__ import annotations

import pytest

from knockd.doctor.packets import KNOCKER, Condition, Kind, Packet, Truth, judge_condition, judge_conditions

YES, MAYBE, NO = Truth.YES, Truth.MAYBE, Truth.NO
OWN = frozenset({bytes((10, 7, 0, 1)), bytes((192, 0, 2, 1))})
STRANGER = Packet(4, "tcp", 22, interfaces=("eth0",), own=OWN)
KNOWN = STRANGER._replace(members=frozenset({KNOCKER}))
REPLY = STRANGER._replace(outward=True, state="established")
THROUGH = STRANGER._replace(forwarded=True)


@pytest.mark.parametrize(
    ("packet", "kind", "values", "expected"),
    [
        (STRANGER, Kind.VERSION, (4,), YES),
        (STRANGER, Kind.VERSION, (6,), NO),
        (STRANGER, Kind.PROTOCOL, ("udp", "tcp"), YES),
        (STRANGER, Kind.PROTOCOL, ("icmp",), NO),
        (STRANGER, Kind.TO_PORT, ((20, 22),), YES),
        (STRANGER, Kind.TO_PORT, ((23, 99), (1, 21)), NO),
        (STRANGER, Kind.FROM_PORT, ((1024, 65535),), YES),
        (STRANGER, Kind.FROM_PORT, ((40000, 50000),), MAYBE),
        (STRANGER, Kind.FROM_PORT, ((1, 1023),), NO),
        (REPLY, Kind.FROM_PORT, ((22, 22),), YES),
        (REPLY, Kind.TO_PORT, ((22, 22),), NO),
        (STRANGER, Kind.SOURCE, ("203.0.113.7",), NO),
        (STRANGER, Kind.SOURCE, ("0.0.0.0/0",), YES),
        (STRANGER, Kind.SOURCE, ("0.0.0.0/1",), MAYBE),
        (STRANGER, Kind.SOURCE, ("range",), MAYBE),
        (KNOWN, Kind.SOURCE, ("203.0.113.7",), MAYBE),
        (REPLY, Kind.SOURCE, ("192.0.2.0/24", "10.0.0.0/8"), YES),
        (REPLY, Kind.SOURCE, ("192.0.2.1",), MAYBE),
        (REPLY, Kind.DESTINATION, ("203.0.113.7",), NO),
        (STRANGER, Kind.DESTINATION, ("10.0.0.0/8",), MAYBE),
        (STRANGER, Kind.DESTINATION, ("224.0.0.0/4",), NO),
        (STRANGER, Kind.DESTINATION, ("0.0.0.0/0",), YES),
        (THROUGH, Kind.DESTINATION, ("224.0.0.0/4",), MAYBE),
        (STRANGER, Kind.SOURCE_SET, (KNOCKER,), NO),
        (KNOWN, Kind.SOURCE_SET, (KNOCKER,), YES),
        (KNOWN, Kind.SOURCE_SET, ("friends",), MAYBE),
        (REPLY, Kind.SOURCE_SET, ("friends",), MAYBE),
        (STRANGER, Kind.IN, ("eth*",), YES),
        (STRANGER, Kind.IN, ("lo",), NO),
        (STRANGER._replace(interfaces=("eth0", "ppp0")), Kind.IN, ("eth0",), MAYBE),
        (STRANGER._replace(interfaces=()), Kind.IN, ("eth0",), MAYBE),
        (STRANGER, Kind.OUT, ("eth0",), NO),
        (REPLY, Kind.OUT, ("eth0",), YES),
        (REPLY, Kind.IN, ("eth0",), NO),
        (THROUGH, Kind.OUT, ("br-lan",), MAYBE),
        (THROUGH, Kind.OUT, ("lo",), NO),
        (STRANGER, Kind.STATE, ("new",), YES),
        (STRANGER, Kind.STATE, ("established", "related"), NO),
        (REPLY, Kind.STATE, ("established",), YES),
        (STRANGER, Kind.SYN, (), YES),
        (REPLY, Kind.SYN, (), NO),
        (STRANGER, Kind.DNAT, (), NO),
        (STRANGER._replace(dnat=True), Kind.DNAT, (), YES),
        (STRANGER, Kind.LOCAL, (), YES),
        (THROUGH, Kind.LOCAL, (), NO),
        (STRANGER, Kind.NEVER, (), NO),
        (STRANGER, Kind.UNKNOWN, (), MAYBE),
    ],
)
def test_conditions(packet: Packet, kind: Kind, values: tuple[object, ...], expected: Truth) -> None:
    """A condition holds, does not, or may; negated it is the other way round."""
    assert expected == judge_condition(Condition(kind, values), packet)
    assert Truth(2 - expected) == judge_condition(Condition(kind, values, negated=True), packet)


def test_several() -> None:
    """All have to hold; without any condition a rule is for every packet."""
    tcp, unknown, udp = (
        Condition(Kind.PROTOCOL, ("tcp",)),
        Condition(Kind.UNKNOWN),
        Condition(Kind.PROTOCOL, ("udp",)),
    )
    assert YES == judge_conditions((), STRANGER)
    assert MAYBE == judge_conditions((tcp, unknown), STRANGER)
    assert NO == judge_conditions((tcp, unknown, udp), STRANGER)
