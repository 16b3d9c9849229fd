"""Frames of a batch become packets, and groups of packets that differ in their sources only."""

from __future__ import annotations

from ipaddress import ip_address

import pytest

from knockd.knocks.batch import LEAST, Batch, Group, grouped, packets, read_batch, same_but_source
from knockd.knocks.decode import decode_ethernet, decoder_for
from knockd_bpf.wire import DLT_RAW, TCP, UDP
from tests.support.samples.frames import SYN, captured, ethernet, packet

OURS = {4: "10.0.0.1", 6: "fd00::1"}
every_version = pytest.mark.parametrize("version", [4, 6])


def source(number: int, version: int = 4) -> str:
    """One of many addresses."""
    return f"192.0.2.{number}" if version == 4 else f"2001:db8::{number:x}"


def frame(
    number: int, port: int = 7000, protocol: int = TCP, version: int = 4, *, odd: bool = False
) -> bytes:
    """A frame from the source of a number; an odd one has an extension header."""
    address = source(number, version)
    inner = packet(address, OURS[version], port, protocol, source_port=number, hop_by_hop=odd)
    return ethernet(bytes(6), bytes(6), inner)


def read(frames: list[bytes], *, ipv6: bool = True) -> Batch:
    """What is read of Ethernet frames."""
    return read_batch(decode_ethernet, *captured(frames), ipv6=ipv6)


def packed(*numbers: int, version: int = 4) -> list[bytes]:
    """Sources as they are in a packet."""
    return [ip_address(source(number, version)).packed for number in numbers]


def head(port: int = 7000, protocol: int = TCP, version: int = 4) -> tuple[bytes, int, int, int]:
    """What is left of a packet without its source."""
    return ip_address(OURS[version]).packed, protocol, port, SYN if protocol == TCP else 0


def test_packets() -> None:
    """Each packet comes with the place of its record; what is none is left out."""
    found = packets(decode_ethernet, *captured([b"", frame(1), bytes(60), frame(2, 8000, UDP)]), ipv6=True)
    one, two = packed(1, 2)
    assert list(found) == [(1, (one, *head())), (3, (two, *head(8000, UDP)))]


def test_packets_without_ipv6() -> None:
    """Where IPv6 is not wanted its packets are left out."""
    found = packets(decode_ethernet, *captured([frame(1, version=6), frame(1)]), ipv6=False)
    assert [place for place, _ in found] == [1]


@every_version
@pytest.mark.parametrize("protocol", [TCP, UDP])
def test_same_but_source(version: int, protocol: int) -> None:
    """Frames of one kind from different sources are one group, whatever their source ports are."""
    frames = [frame(number, 7000, protocol, version) for number in range(1, LEAST + 1)]
    group = same_but_source(*captured(frames), ipv6=True)
    sources = packed(*range(1, LEAST + 1), version=version)
    assert group == Group(head(7000, protocol, version), sources, range(LEAST))


@pytest.mark.parametrize(
    ("version", "other"),
    [
        (4, frame(LEAST, 7001)),
        (4, frame(LEAST, 7000, UDP)),
        (4, frame(LEAST, version=6)),
        (6, frame(LEAST, 7001, version=6)),
        (6, frame(LEAST, version=6, odd=True)),
    ],
    ids=["port", "protocol", "version", "port of IPv6", "extension header"],
)
def test_not_the_same(version: int, other: bytes) -> None:
    """With one frame of another port, protocol, IP version or form it is not one group."""
    frames = [*(frame(number, version=version) for number in range(1, LEAST)), other]
    assert same_but_source(*captured(frames), ipv6=True) is None


@pytest.mark.parametrize("first", ["0.1.2.3", "224.0.0.1", "255.255.255.255"])
def test_sources_that_no_host_has(first: str) -> None:
    """A source that may be no host's is decoded by itself, and is nobody's packet."""
    wrong = ethernet(bytes(6), bytes(6), packet(first, OURS[4], 7000))
    frames = [wrong, *(frame(number) for number in range(1, LEAST))]
    assert same_but_source(*captured(frames), ipv6=True) is None
    assert read(frames).groups == [Group(head(), packed(*range(1, LEAST)), [*range(1, LEAST)])]


def test_no_ipv6() -> None:
    """Where IPv6 is not wanted a batch of it has no packets."""
    frames = [frame(number, version=6) for number in range(1, LEAST + 1)]
    assert same_but_source(*captured(frames), ipv6=False) is None
    assert read(frames, ipv6=False) == Batch(LEAST, [])
    assert read([*frames, frame(1)], ipv6=False).packets() == {LEAST: (*packed(1), *head())}


def test_groups() -> None:
    """A mixed batch is a group for each kind, with the places of its frames."""
    kinds = [(7000, TCP, 4), (8000, TCP, 4), (7000, UDP, 4), (7000, TCP, 6)]
    frames = [frame(number, *kinds[number % 4]) for number in range(4 * LEAST)]
    expected = [
        Group(head(*kind), packed(*places, version=kind[2]), places)
        for kind, places in ((kind, [*range(at, 4 * LEAST, 4)]) for at, kind in enumerate(kinds))
    ]
    assert sorted(read(frames).groups) == sorted(expected)


@every_version
def test_payloads_make_no_groups(version: int) -> None:
    """UDP packets are one group whatever they carry and however long they are."""
    frames = [
        ethernet(bytes(6), bytes(6), packet(source(n, version), OURS[version], 9, UDP))[
            : 62 if version == 6 else 42
        ]
        + bytes([n]) * n
        for n in range(1, LEAST + 1)
    ]
    (group,) = read(frames).groups
    assert group.places == [*range(LEAST)]


def test_frames_that_are_decoded() -> None:
    """Packets with an extension header are in groups too, and those cut off are none."""
    frames = [frame(number, version=6, odd=True) for number in range(1, LEAST)]
    cut = frame(LEAST)[:47]
    assert read([*frames, cut]).groups == [
        Group(head(version=6), packed(*range(1, LEAST), version=6), [*range(LEAST - 1)])
    ]


@pytest.mark.parametrize(
    ("version", "protocol", "field", "least"),
    [(4, TCP, 16, 40), (4, UDP, 16, 28), (6, TCP, 18, 20), (6, UDP, 18, 8)],
    ids=["TCP", "UDP", "TCP6", "UDP6"],
)
def test_lengths_in_the_ip_header(version: int, protocol: int, field: int, least: int) -> None:
    """A frame whose IP header leaves no room for the next header is no packet, in any batch."""
    plain = [frame(number, 7000, protocol, version) for number in range(2 * LEAST)]
    for length, count in ((least, LEAST), (least - 1, 0)):
        changed = [one[:field] + length.to_bytes(2, "big") + one[field + 2 :] for one in plain[:LEAST]]
        assert len(read(changed).packets()) == count
        assert len(read([*changed, *plain[LEAST:]]).packets()) == count + LEAST


def test_other_links() -> None:
    """Frames of any link type are read in groups."""
    decoder = decoder_for(DLT_RAW)
    assert decoder is not None
    frames = [packet(source(number), OURS[4], 7000) for number in range(1, LEAST + 1)]
    batch = read_batch(decoder, *captured(frames), ipv6=True)
    assert batch.groups == [Group(head(), packed(*range(1, LEAST + 1)), [*range(LEAST)])]


def test_packet_at_a_place() -> None:
    """A group gives the packet at one of its places, and none at another."""
    (one, two) = packed(1, 2)
    (group,) = grouped([(3, (one, *head())), (7, (two, *head()))])
    assert group.at(7) == [(two, *head())]
    assert [group.at(place) for place in (2, 5, 8)] == [[], [], []]
