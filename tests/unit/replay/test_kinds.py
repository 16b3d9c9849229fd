"""Kinds of frames: what the filter and the doors cannot tell apart."""

from __future__ import annotations

import pytest

from knockd.knocks.decode import decode_ethernet
from knockd.replay.kinds import find_payload_ports, kind_of
from knockd_bpf.build import WatchedPorts, build_term
from knockd_bpf.payload import PayloadRule
from tests.support.doubles.played import door
from tests.support.doubles.replays import ALICE, ALICE6, BOB, frame, replayed
from tests.support.samples.frames import UDP, ethernet, packet


@pytest.mark.parametrize(("one", "other"), [(ALICE, BOB), (ALICE6, "2001:db8::2")])
def test_sources(one: str, other: str) -> None:
    """Frames that differ in their sources only are of one kind."""
    kind = kind_of(frame(0, 1, one).data)
    assert kind is not None
    assert kind == kind_of(frame(0, 1, other).data)


@pytest.mark.parametrize("source", [ALICE, ALICE6])
def test_other_kinds(source: str) -> None:
    """Port, flags, protocol and destination make another kind."""
    to = "fd00::9" if ":" in source else "10.0.0.9"
    frames = [
        frame(0, 1, source),
        frame(0, 2, source),
        frame(0, 1, source, flags=0x10),
        frame(0, 1, source, protocol=UDP),
        frame(0, 1, source, to=to),
    ]
    assert 5 == len({kind_of(one.data.ljust(70, b"\0")) for one in frames})


def test_what_a_kind_is_made_of() -> None:
    """Whatever byte differs, frames of one kind are one packet but for its source."""
    for source in (ALICE, ALICE6):
        plain = frame(0, 7000, source).data.ljust(70, b"\0")
        kind, fields = kind_of(plain), decode_ethernet(plain, 0, len(plain))
        assert fields is not None
        for place in range(14, len(plain)):
            other = plain[:place] + bytes([plain[place] ^ 0x11]) + plain[place + 1 :]
            found = decode_ethernet(other, 0, len(other))
            if kind_of(other) == kind and found is not None:
                assert fields[1:] == found[1:]


@pytest.mark.parametrize(
    "data",
    [
        ethernet(bytes(6), bytes(6), packet(ALICE6, "fd00::1", 1, hop_by_hop=True)),
        bytes(12) + b"\x08\x06" + bytes(6) + b"\6" + bytes(60),
        frame(0, 1).data[:47],
        frame(0, 1, ALICE6).data[:67],
        frame(0, 1).data[:14] + b"\x46" + frame(0, 1).data[15:],
        b"",
    ],
)
def test_of_no_kind(data: bytes) -> None:
    """What is short, has options or extension headers is of no kind."""
    assert kind_of(data) is None


def test_shortest() -> None:
    """From the byte with the flags on a frame is of a kind."""
    assert kind_of(frame(0, 1).data[:48]) is not None
    assert kind_of(frame(0, 1, ALICE6).data[:68]) is not None


def test_idle_kinds_hide_nothing() -> None:
    """After frames that are for no door others of their sources still count."""
    frames = [frame(0, 22), frame(0, 22), frame(1, 1), frame(1, 22), frame(2, 2)]
    outcome = replayed(frames, door("1 2"))
    assert (1, 2, 5) == (outcome.timeline.opened, outcome.counts.passed, outcome.counts.frames)


def test_ports_with_a_payload_rule() -> None:
    """They are those of UDP of which the filter asks what packets hold."""
    rule = PayloadRule(124, (1,))
    watches = [
        WatchedPorts(frozenset({(17, 1), (17, 2), (6, 3)}), None, frozenset(), payload=rule),
        WatchedPorts(frozenset({(17, 4)}), None, frozenset()),
    ]
    assert {b"\0\1", b"\0\2"} == find_payload_ports(build_term(watches, None))


@pytest.mark.parametrize("source", [ALICE, ALICE6])
def test_packets_told_apart_by_what_they_hold(source: str) -> None:
    """A UDP packet to such a port is of no kind, one to another port and a TCP packet are."""
    ports = frozenset({(1).to_bytes(2, "big")})
    udp, other, tcp = (
        frame(0, port, source, protocol=protocol).data.ljust(70, b"\0")
        for port, protocol in ((1, UDP), (2, UDP), (1, 6))
    )
    assert kind_of(udp, ports) is None
    assert kind_of(udp) is not None
    assert kind_of(other, ports) == kind_of(other) is not None
    assert kind_of(tcp, ports) == kind_of(tcp) is not None
