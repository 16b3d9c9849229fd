"""Frames in a few words, and a configuration that is replayed against them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from ipaddress import ip_address

from knockd.replay.judge import Basis, judge_capture
from knockd.replay.outcome import Outcome
from knockd.replay.player import Seen
from knockd.worker.capture_file import Frame
from knockd_bpf.wire import DLT_EN10MB
from knockd_conf.model import Config, Door, Options
from tests.support.doubles.played import watched
from tests.support.samples.captures import BEGIN
from tests.support.samples.frames import SYN, TCP, ethernet, packet

OURS, OURS6, ALICE, ALICE6, BOB = "10.0.0.1", "fd00::1", "192.0.2.1", "2001:db8::1", "192.0.2.2"
STAMP = round(BEGIN * 1e6)
"""The stamp of second 0, in microseconds since the epoch."""


def frame(
    at: float,
    port: int,
    source: str = ALICE,
    *,
    to: str = "",
    protocol: int = TCP,
    flags: int = SYN,
    vlan: int | None = None,
) -> Frame:
    """An Ethernet frame that came ``at`` seconds, to one of our addresses if it is not said to which."""
    inner = packet(source, to or (OURS6 if ":" in source else OURS), port, protocol, flags=flags)
    return on_link(at, ethernet(bytes(6), bytes(6), inner, vlan=vlan))


def on_link(at: float, data: bytes) -> Frame:
    """Any frame that came ``at`` seconds."""
    return Frame(STAMP + round(at * 1e6), data, len(data))


def replayed(
    frames: Iterable[Frame],
    *doors: Door,
    guards: Sequence[str] = (),
    local: Sequence[str] | None = (OURS, OURS6),
    linktype: int = DLT_EN10MB,
    vlan: int | None = None,
    ipv6: bool = True,
    options: Options | None = None,
    observe: Callable[[Seen], None] | None = None,
) -> Outcome:
    """What comes of frames; ``local`` None: the addresses are chosen by them."""
    config = Config("/etc/knockd.conf", options or Options(), doors, "host", ("/etc/knockd.conf",))
    addresses = None if local is None else tuple(ip_address(one).packed for one in local)
    basis = Basis(config, watched(*doors, guards=guards), addresses, vlan, ipv6)
    return judge_capture(basis, linktype, iter(frames), None if observe is None else lambda *_: observe)


def told(outcome: Outcome) -> list[str]:
    """The lines of an outcome in words, each with the second of its stamp."""
    return [
        f"{(line.stamp - STAMP) / 1e6:g} {line.kind} {line.door} {line.source} {line.text}"
        for line in outcome.timeline.lines
    ]
