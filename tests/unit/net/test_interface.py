"""Which interface a name means, and why knocks may not come by one."""

from __future__ import annotations

import pytest

from knockd.net.interface import Interface, explain_deaf, find_interface
from knockd.net.rtnetlink import Link

FIRST, SECOND = b"\x0a\0\0\1", b"\x0a\0\0\2"
ETH0 = Interface(
    Link(2, "eth0", 1, up=True, alternatives=frozenset({"enp3s0", "uplink"})),
    frozenset({FIRST, SECOND}),
    {"eth0:0": frozenset({SECOND})},
)
ODD = Interface(Link(3, "v\udcff", 1, up=True), frozenset({FIRST}))
LINK_LOCAL = b"\xfe\x80" + bytes(13) + b"\1"
PORT = Interface(
    Link(4, "eth1", 1, up=True, part_of="bridge", master=5), frozenset({LINK_LOCAL}), master="br0"
)
LONELY = Interface(Link(8, "eth3", 1, up=True), frozenset({LINK_LOCAL}))
DOWN = Interface(Link(9, "eth4", 1, up=False))
MEMBER = Interface(Link(6, "eth2", 1, up=True, part_of="vrf", master=7), master="red")
THERE = {one.link.name: one for one in (ETH0, ODD, PORT, MEMBER, LONELY, DOWN)}


@pytest.mark.parametrize("name", ["eth0", "enp3s0", "uplink"])
def test_names_of_an_interface(name: str) -> None:
    """Its name and its alternative names mean the interface with all its addresses."""
    assert find_interface(name, THERE) is ETH0


def test_label() -> None:
    """A label means the interface with the label's addresses."""
    found = find_interface("eth0:0", THERE)
    assert found is not None
    assert (found.link, found.addresses) == (ETH0.link, frozenset({SECOND}))


@pytest.mark.parametrize("name", ["v\udcff", "v\\xff"], ids=["raw", "as it is shown"])
def test_a_name_that_is_not_utf_8(name: str) -> None:
    """It may be given as it is or as it is shown."""
    assert find_interface(name, THERE) is ODD


def test_an_interface_named_as_another_is_shown() -> None:
    """A name that is there is meant before one that is only shown so."""
    both = {**THERE, "v\\xff": ETH0}
    assert find_interface("v\\xff", both) is ETH0


@pytest.mark.parametrize("name", ["eth9", "eth0:9", ""])
def test_nothing_of_that_name(name: str) -> None:
    """What is not there is not found."""
    assert find_interface(name, THERE) is None


DEAF = "has no address, so only doors with a Target can be knocked at there"


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("eth0", None),
        ("eth9", None),
        ("eth3", None),
        ("eth4", None),
        ("eth1", f"eth1 {DEAF}: it is a part of bridge br0; write Interface = br0"),
        ("eth2", f"eth2 {DEAF}"),
    ],
)
def test_deaf(name: str, expected: str | None) -> None:
    """An interface without an address is explained; one that has some, or is not there, is not."""
    assert explain_deaf(name, THERE) == expected
