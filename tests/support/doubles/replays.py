"""Frames in a few words, and a configuration that is replayed against them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from ipaddress import ip_address

from knockd.knocks.guards import Guards, guard_rules
from knockd.knocks.taken import Taken
from knockd.knocks.watch import watches_of
from knockd.replay.judge import Basis, judge_capture
from knockd.replay.outcome import Outcome
from knockd.replay.player import Seen
from knockd.replay.rotating import Ask, Base
from knockd.replay.signed_times import Means
from knockd.sequences.live_periods import find_recognised
from knockd.sequences.rotating_watches import KeySequences
from knockd.worker.capture_file import Frame
from knockd_bpf.wire import DLT_EN10MB
from knockd_conf.model import Config, Door, GuardPorts, Options
from knockd_conf.rotating import rule_of
from knockd_conf.timed import derive_ports
from tests.support.doubles.played import door, watched
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


KEYS = {"ann": bytes(range(32)), "bob": bytes(range(32, 64))}
HOME = door(
    "", "home", start_command="open %IP%", cmd_timeout=500.0, sequence_key="/k", sequence_protocol="mixed"
)
"""A door whose sequences are made of ``KEYS``."""


def keyed_knock(at: float, *, period: int = 0, key: str = "ann", source: str = ALICE) -> list[Frame]:
    """A whole knock at ``HOME`` at a second, with the sequence of a period: 0 is that of second 0."""
    number = STAMP // 30_000_000 + period
    ports = enumerate(derive_ports(KEYS[key], HOME.name, number, rule_of(HOME)).steps)
    return [frame(at + 0.1 * place, port, source, protocol=int(kind)) for place, (port, kind) in ports]


def base_of(*doors: Door, guards: Sequence[str] = ()) -> Base:
    """What watches are made of; ``guards`` are those of the first doors, in the letters of ``steps``."""
    ports = tuple(Guards(watch.guards) for watch in watched(*doors, guards=guards))
    return Base(watches_of(doors), ports, guard_rules(doors, GuardPorts()), Taken())


def asked(keys: Mapping[str, bytes], *doors: Door) -> Ask:
    """Answers for any time what these keys make of the doors that have a Sequence_Key."""

    def ask(now: float) -> list[KeySequences]:
        return [
            KeySequences(
                number,
                name,
                door.sequence_period,
                int(now // door.sequence_period),
                {
                    at: derive_ports(key, door.name, at, rule_of(door))
                    for at in find_recognised(now, door.sequence_period)
                },
            )
            for number, door in enumerate(doors)
            for name, key in (keys if door.sequence_key else {}).items()
        ]

    return ask


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
    keys: Mapping[str, bytes] | None = None,
    signed: Means | None = None,
) -> Outcome:
    """What comes of frames; ``local`` None: the addresses are chosen by them.

    ``keys`` are the named ones of all doors that have a Sequence_Key, ``signed`` is what signed knocks are
    judged by.
    """
    config = Config("/etc/knockd.conf", options or Options(), doors, "host", ("/etc/knockd.conf",))
    addresses = None if local is None else tuple(ip_address(one).packed for one in local)
    base, ask = base_of(*doors, guards=guards), asked(keys or {}, *doors)
    basis = Basis(config, base, ask, addresses, vlan, ipv6, signed)
    return judge_capture(basis, linktype, iter(frames), None if observe is None else lambda *_: observe)


def told(outcome: Outcome) -> list[str]:
    """The lines of an outcome in words, each with the second of its stamp."""
    return [
        f"{(line.stamp - STAMP) / 1e6:g} {line.kind} {line.door} {line.source} {line.text}"
        for line in outcome.timeline.lines
    ]
