"""Which destinations count at an interface."""

from __future__ import annotations

from ipaddress import ip_address

from knockd.knocks.addresses import find_impossible, spread_addresses
from knockd.knocks.batch import Batch, Group


def packed(*texts: str) -> frozenset[bytes]:
    """Addresses as the kernel has them."""
    return frozenset(ip_address(text).packed for text in texts)


def test_addresses_of_other_interfaces() -> None:
    """An address of one interface counts at every one, also at one that has none."""
    own = {"lan": packed("10.0.0.1", "fd00::1"), "wan": packed("192.0.2.1"), "port": packed()}
    everywhere = packed("10.0.0.1", "fd00::1", "192.0.2.1")
    assert spread_addresses(own) == dict.fromkeys(own, everywhere)


def test_addresses_of_one_link() -> None:
    """Loopback and IPv6 link-local addresses count at their own interface alone."""
    own = {"lo": packed("127.0.0.1", "::1", "127.9.9.9"), "lan": packed("10.0.0.1", "fe80::1", "febf::1")}
    assert spread_addresses(own) == {
        "lo": own["lo"] | packed("10.0.0.1"),
        "lan": packed("10.0.0.1", "fe80::1", "febf::1"),
    }


def test_like_link_local() -> None:
    """Addresses next to those ranges count everywhere."""
    others = packed("126.255.255.255", "128.0.0.1", "fec0::1", "fe7f::1", "::2")
    assert spread_addresses({"lan": others, "wan": packed()})["wan"] == others


def batch_of(*sources: str) -> Batch:
    """A batch with a packet of each source."""
    sized = [ip_address(one).packed for one in sources]
    groups = []
    for length in (4, 16):
        places = [place for place, source in enumerate(sized) if len(source) == length]
        groups.append(Group((bytes(length), 6, 1, 2), [sized[place] for place in places], places))
    return Batch(len(sized), groups)


def test_impossible_sources() -> None:
    """Loopback, IPv4 in IPv6 form and own addresses are found, wherever they are in a batch."""
    sources = ["192.0.2.1", "127.0.0.1", "2001:db8::1", "::1", "10.0.0.1", "127.255.0.9", "fd00::1"]
    found = find_impossible(batch_of(*sources, "::ffff:192.0.2.1"), packed("10.0.0.1", "fd00::1"))
    assert {*found} == {1, 3, 4, 5, 6, 7}


def test_possible_sources() -> None:
    """Addresses like those, and link-local ones, can be sources."""
    sources = ["126.0.0.127", "10.0.0.127", "1.127.0.1", "::2", "fe80::1", "::fffe:c000:201", "64:ff9b::1"]
    assert [*find_impossible(batch_of(*sources), packed("10.0.0.1"))] == []
