"""What rtnetlink messages are about, from the bytes."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from knockd.net.rtnetlink import (
    IFADDR,
    IFINFO,
    RTM_DELADDR,
    RTM_DELLINK,
    RTM_DELROUTE,
    RTM_NEWADDR,
    RTM_NEWLINK,
    RTM_NEWROUTE,
    RTMSG,
    Address,
    DefaultRoute,
    Link,
    parse_message,
    split_messages,
)

AF_BRIDGE, IFLA_IFNAME, IFLA_MASTER, IFLA_LINKINFO, IFLA_INFO_SLAVE_KIND = 7, 3, 10, 18, 4
IFLA_PROP_LIST, IFLA_ALT_IFNAME, NESTED, IFA_LABEL = 52, 53, 0x8000, 3
IFA_ADDRESS, IFA_LOCAL, RTA_OIF, RTA_PRIORITY = 1, 2, 4, 6
MAIN, LOCAL, UNICAST, BLACKHOLE = 254, 255, 1, 6
NAME = b"eth0\0"
KINDS = (RTM_NEWLINK, RTM_DELLINK, RTM_NEWADDR, RTM_DELADDR, RTM_NEWROUTE, RTM_DELROUTE)


def attribute(kind: int, data: bytes) -> bytes:
    """An attribute, padded to 4 bytes."""
    return struct.pack("=HH", len(data) + 4, kind) + data + bytes(-len(data) % 4)


def message(kind: int, payload: bytes) -> bytes:
    """A message, padded to 4 bytes."""
    return struct.pack("=IHHII", len(payload) + 16, kind, 0, 0, 0) + payload + bytes(-len(payload) % 4)


def link(family: int = 0, flags: int = 1, *attributes: bytes) -> bytes:
    """About the Ethernet interface 7, eth0."""
    return IFINFO.pack(family, 1, 7, flags, 0) + attribute(IFLA_IFNAME, NAME) + b"".join(attributes)


def route(length: int = 0, table: int = MAIN, kind: int = UNICAST) -> bytes:
    """About a route by interface 7 with metric 50."""
    head = RTMSG.pack(2, length, 0, 0, table, 0, 0, kind, 0)
    return head + attribute(RTA_OIF, struct.pack("=I", 7)) + attribute(RTA_PRIORITY, struct.pack("=I", 50))


PORT = attribute(IFLA_LINKINFO, attribute(IFLA_INFO_SLAVE_KIND, b"bridge\0")) + attribute(
    IFLA_MASTER, struct.pack("=I", 9)
)
OTHER_NAMES = attribute(
    IFLA_PROP_LIST | NESTED, attribute(IFLA_ALT_IFNAME, b"uplink\0") + attribute(IFLA_ALT_IFNAME, b"w\xff\0")
)
LABELLED = attribute(IFA_LABEL, b"eth0:0\0")
ADDRESS = IFADDR.pack(2, 24, 0, 0, 7) + attribute(IFA_ADDRESS, b"peer") + attribute(IFA_LOCAL, b"ours")

ABOUT = {
    "link": (RTM_NEWLINK, link(), (Link(7, "eth0", 1, up=True), False)),
    "link down": (RTM_NEWLINK, link(0, 0x1002), (Link(7, "eth0", 1, up=False), False)),
    "bridge port": (
        RTM_NEWLINK,
        link(0, 1, PORT),
        (Link(7, "eth0", 1, up=True, part_of="bridge", master=9), False),
    ),
    "other names": (
        RTM_NEWLINK,
        link(0, 1, OTHER_NAMES),
        (Link(7, "eth0", 1, up=True, alternatives=frozenset({"uplink", "w\udcff"})), False),
    ),
    "link gone": (RTM_DELLINK, link(), (Link(7, "eth0", 1, up=True), True)),
    "a port leaves a bridge": (RTM_DELLINK, link(AF_BRIDGE), None),
    "link without a name": (RTM_NEWLINK, IFINFO.pack(0, 1, 7, 1, 0), None),
    "address": (RTM_NEWADDR, ADDRESS, (Address(7, b"ours"), False)),
    "address with a label": (RTM_NEWADDR, ADDRESS + LABELLED, (Address(7, b"ours", "eth0:0"), False)),
    "address gone": (RTM_DELADDR, ADDRESS, (Address(7, b"ours"), True)),
    "IPv6 address": (
        RTM_NEWADDR,
        IFADDR.pack(10, 64, 0, 0, 7) + attribute(IFA_ADDRESS, bytes(16)),
        (Address(7, bytes(16)), False),
    ),
    "default route": (RTM_NEWROUTE, route(), (DefaultRoute(50, (7,)), False)),
    "default route gone": (RTM_DELROUTE, route(), (DefaultRoute(50, (7,)), True)),
    "another route": (RTM_NEWROUTE, route(24), None),
    "another table": (RTM_NEWROUTE, route(0, LOCAL), None),
    "another kind": (RTM_NEWROUTE, route(0, MAIN, BLACKHOLE), None),
    "neighbour": (28, bytes(64), None),
    "too short": (RTM_NEWLINK, b"\0" * 15, None),
}


@pytest.mark.parametrize(("kind", "payload", "expected"), ABOUT.values(), ids=ABOUT)
def test_about(kind: int, payload: bytes, expected: object) -> None:
    """A message says what there is or, when it went, what there was."""
    assert parse_message(kind, payload) == expected


def test_several_in_one() -> None:
    """What the kernel sends at once is read one by one."""
    data = message(RTM_NEWLINK, link()) + message(RTM_DELADDR, ADDRESS)
    assert [parse_message(*one) for one in split_messages(data)] == [
        ABOUT["link"][2],
        ABOUT["address gone"][2],
    ]


@pytest.mark.parametrize("length", [0, 15, 2**32 - 1])
def test_a_message_that_lies_about_its_length(length: int) -> None:
    """Reading ends, and says no more than the bytes hold."""
    data = struct.pack("=I", length) + message(RTM_NEWLINK, b"abc")[4:]
    assert b"".join(payload for _, payload in split_messages(data)) in {b"", b"abc\0"}


@given(st.binary(max_size=200))
def test_any_bytes_are_messages_or_none(data: bytes) -> None:
    """Nothing is raised whatever comes."""
    assert all(len(payload) <= len(data) for _, payload in split_messages(data))


@given(
    st.sampled_from(KINDS),
    st.sampled_from([link(0, 1, PORT, OTHER_NAMES), ADDRESS + LABELLED, route()]),
    st.data(),
)
def test_a_damaged_message_is_read_or_ignored(kind: int, payload: bytes, data: st.DataObject) -> None:
    """A message with any byte changed, or cut off, is about something or nothing; nothing is raised."""
    at = data.draw(st.integers(0, len(payload) - 1))
    damaged = payload[:at] + bytes([data.draw(st.integers(0, 255))]) + payload[at + 1 :]
    for one in (damaged, payload[:at]):
        found = parse_message(kind, one)
        assert found is None or found[1] == (kind in {RTM_DELLINK, RTM_DELADDR, RTM_DELROUTE})
