"""Which packets of a batch are for a port of signed knocks, and the events of those."""

from __future__ import annotations

from ipaddress import ip_address, ip_network

import pytest

from knockd.knocks.batch import LEAST, read_batch
from knockd.knocks.decode import decode_ethernet, decoder_for
from knockd.knocks.events import Discarded, SignedEvent, SignedPacket, Why
from knockd.knocks.signed_packets import SignedPackets
from knockd.knocks.signed_watch import SignedPort, SignedWatch
from knockd.token_bucket import TokenBucket
from knockd_bpf.wire import DLT_EN10MB
from knockd_conf.access import Access, make_networks
from knockd_conf.signed_sizes import SIZE
from tests.support.samples.frames import captured
from tests.support.samples.headers import (
    HOP_BY_HOP,
    LINKTYPES,
    OURS4,
    OURS6,
    UDP,
    extension,
    framed,
    ipv4,
    ipv6,
    udp,
)
from tests.support.samples.signed_packets import MINUTE as NOW
from tests.support.samples.signed_packets import PORT, keys_of, sealed, watching

NUMBER = UDP << 16 | PORT
ANNA, BILL, ANNA6 = "192.0.2.1", "192.0.2.2", "2001:db8::1"
OURS, OTHER = ip_address(OURS4).packed, ip_address("10.0.0.9").packed
LOCAL = frozenset((OURS, ip_address(OURS6).packed))


def knock(
    packet: bytes, *, source: str = ANNA, to: str = OURS4, port: int = PORT, linktype: int = DLT_EN10MB
) -> bytes:
    """The frame of a signed knock."""
    data = udp(port, packet)
    if ":" in source:
        return framed(linktype, ipv6(data, UDP, source=source))
    return framed(linktype, ipv4(data, UDP, source=source, destination=to))


def judged(
    signed: SignedPackets, *frames: bytes, linktype: int = DLT_EN10MB, now: float = 100.0
) -> dict[int, SignedEvent]:
    """The events of a batch, by the places of their packets."""
    data, records = captured(frames)
    decoder = decoder_for(linktype)
    assert decoder is not None
    batch = read_batch(decoder, data, records, ipv6=True)
    packets = signed.find(linktype, data, records, batch, LOCAL)
    return dict(signed.judge(batch, packets, LOCAL, now, TokenBucket()))


def watched(watch: SignedWatch) -> SignedPackets:
    """What judges by it."""
    made = SignedPackets()
    made.set_watch(watch)
    return made


@pytest.mark.parametrize("linktype", LINKTYPES.values(), ids=LINKTYPES)
@pytest.mark.parametrize("source", [ANNA, ANNA6])
@pytest.mark.parametrize("size", [3, LEAST + 3])
def test_events(linktype: int, source: str, size: int) -> None:
    """A packet that goes on comes with all that it is, one that does not with the reason, no other at all."""
    packet = sealed(1)
    strange = keys_of(NOW).tag + bytes(SIZE - 4)
    frames = [
        knock(packet, source=source, linktype=linktype),
        knock(packet, source=source, linktype=linktype),
    ]
    frames += [knock(bytes(SIZE), source=source, linktype=linktype)] * (size - 3)
    frames += [knock(strange, source=source, linktype=linktype)]
    sender = ip_address(source).packed
    to = ip_address(OURS6 if ":" in source else OURS4).packed
    assert judged(watched(watching(1)), *frames, linktype=linktype) == {
        0: SignedPacket(sender, to, NUMBER, packet, 0),
        1: Discarded(sender, NUMBER, Why.REPEATED),
        size - 1: Discarded(sender, NUMBER, Why.UNKNOWN_KEY),
    }


def test_no_port_of_signed_knocks() -> None:
    """The same packet at another port, at another host or by TCP is nothing."""
    signed = watched(watching(1))
    tcp = framed(DLT_EN10MB, ipv4(udp(PORT, sealed(1))))
    assert {} == judged(signed, knock(sealed(1), port=PORT + 1), knock(sealed(1), to="10.0.0.9"), tcp)


def test_forms_that_the_filter_drops() -> None:
    """A fragment and a packet with an extension header are nothing, as in the kernel."""
    data = udp(PORT, sealed(1))
    fragment = framed(DLT_EN10MB, ipv4(data, UDP, fragment=0x2000))
    extended = framed(DLT_EN10MB, ipv6(data, UDP, extensions=(extension(HOP_BY_HOP),)))
    assert {} == judged(watched(watching(1)), fragment, extended)


def test_target() -> None:
    """A port with a target is that host's alone, and two doors may share a port."""
    watch = watching(1)
    there = SignedPort(PORT, frozenset((OTHER,)))
    frames = knock(sealed(1), to="10.0.0.9"), knock(sealed(2))
    assert [0] == list(judged(watched(watch._replace(ports=(there,))), *frames))
    assert [0, 1] == sorted(judged(watched(watch._replace(ports=(there, SignedPort(PORT)))), *frames))


def test_access() -> None:
    """Of who may not knock nothing comes; two doors with one port admit the sources of both."""
    networks = [Access(allow=make_networks([ip_network(one)])) for one in (ANNA, "198.51.100.0/24")]
    ports = [SignedPort(PORT, access=access) for access in networks]
    frames = knock(sealed(1)), knock(sealed(2), source=BILL), knock(sealed(3), source="198.51.100.9")
    watch = watching(1)
    for chosen, places in ((ports[:1], [0]), (ports[1:], [2]), (ports, [0, 2])):
        assert places == sorted(judged(watched(watch._replace(ports=tuple(chosen))), *frames))
    everybody = (*ports, SignedPort(PORT))
    assert [0, 1, 2] == sorted(judged(watched(watch._replace(ports=everybody)), *frames))


def test_other_watch() -> None:
    """Ports and minutes are those of the latest view; without minutes there are none."""
    signed = watched(watching(1))
    signed.set_watch(watching(1, port=PORT + 1))
    assert {} == judged(signed, knock(sealed(1)))
    assert [0] == list(judged(signed, knock(sealed(1), port=PORT + 1)))
    signed.set_watch(watching(1)._replace(minutes=()))
    assert {} == judged(signed, knock(sealed(2)))


def test_packets_of_the_batch_alone() -> None:
    """A packet that was taken out of the batch is not judged: it was seen by another interface."""
    signed = watched(watching(1))
    data, records = captured([knock(sealed(1)), knock(sealed(2))])
    batch = read_batch(decode_ethernet, data, records, ipv6=True)
    packets = signed.find(DLT_EN10MB, data, records, batch, LOCAL)
    assert {0: sealed(1), 1: sealed(2)} == packets
    events = dict(signed.judge(batch.without({0}), packets, LOCAL, 100.0, TokenBucket()))
    assert [1] == list(events)


def test_limit_of_strangers() -> None:
    """What does not go on costs a token each; without one it is counted, and no event."""
    signed, strangers = watched(watching(1)), TokenBucket(burst=2)
    data, records = captured([knock(sealed(n)) for n in (1, 1, 1, 1, 2)])
    batch = read_batch(decode_ethernet, data, records, ipv6=True)
    packets = signed.find(DLT_EN10MB, data, records, batch, LOCAL)
    events = signed.judge(batch, packets, LOCAL, 100.0, strangers)
    assert [0, 1, 2, 4] == [place for place, _ in events]
    assert 1 == strangers.held
