"""Which packets are one, seen by two interfaces."""

from __future__ import annotations

from knockd.explanation.first_seen import MOST_SEEN, FirstSeen
from tests.support.doubles.played import packet


def test_two_interfaces() -> None:
    """A packet that another interface has seen at the same stamp is the same one."""
    seen = FirstSeen()
    assert ["", "eth0"] == [seen.find_other(5, packet("7"), name) for name in ("eth0", "br0")]


def test_two_packets() -> None:
    """What an interface sees twice is two packets, and so are packets of other stamps or to other ports."""
    seen = FirstSeen()
    assert ["", ""] == [seen.find_other(5, packet("7"), "eth0") for _ in range(2)]
    assert "" == seen.find_other(6, packet("7"), "br0")
    assert "" == seen.find_other(5, packet("8"), "br0")


def test_bounded() -> None:
    """Only the latest packets are remembered."""
    seen = FirstSeen()
    for stamp in range(2 * MOST_SEEN):
        seen.find_other(stamp, packet("7"), "eth0")
    assert MOST_SEEN == len(seen)
