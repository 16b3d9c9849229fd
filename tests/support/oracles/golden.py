"""Golden cases of the prefilter: a folder with a config, and the filter, frames and verdicts it must give.

What a config cannot say stands in its comments: ``# golden: key = value`` with the keys of CASE_KEYS.
"""

from __future__ import annotations

import struct
from base64 import b64decode
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from ipaddress import ip_address
from pathlib import Path

from knockd.knocks.signed_watch import SignedMinute, SignedWatch, signed_ports_of
from knockd.knocks.taken import Taken
from knockd.knocks.watch import watches_of
from knockd.sequences.rotating_watches import RECOGNISED, KeySequences, make_rotating
from knockd_bpf.build import build_term
from knockd_bpf.fit import Fitted, fit_term
from knockd_bpf.layout import Layout, layout_for
from knockd_bpf.render import render_term
from knockd_bpf.vm import run_program
from knockd_bpf.wire import UDP
from knockd_conf.load import load
from knockd_conf.model import Door, Step
from knockd_conf.protocol import Protocol
from knockd_conf.rotating import rule_of
from knockd_conf.signed_packet import MinuteKeys, derive_minute
from knockd_conf.timed import derive_ports
from knockd_conf.trust import TrustPolicy
from tests.support.lab.tools import need_pcapy
from tests.support.samples.headers import LINKTYPES

FOLDER = Path(__file__).parents[3] / "bpf" / "golden"

CASE_KEYS = {
    "about": "what the case is there for",
    "link": "one of LINKTYPES (ethernet)",
    "addresses": "the interface's addresses, or unknown",
    "ipv6": "no: as with --only-ip-v4",
    "live": "the live sequence of the one-time door",
    "guards": "guard ports of the first door",
    "key": "the key of every door with a Sequence_Key, in base64",
    "period": "the number of the period that is now, for such doors",
    "secret": "the knock secret, in base64",
    "minute": "the number of the minute that is now, for signed knocks",
    "limit": "most instructions the program may have",
}

OURS = "192.0.2.1 2001:db8::1"
PCAP_MAGIC = 0xA1B2C3D4
SNAPLEN = 65_535


@dataclass(frozen=True)
class Case:
    """One folder, compiled."""

    folder: Path
    linktype: int
    layout: Layout
    fitted: Fitted
    steps: tuple[Step, ...]
    addresses: tuple[str, ...]
    signed: SignedWatch

    @property
    def text(self) -> str:
        """The filter text, one newline at its end."""
        return render_term(self.fitted.term) + "\n"

    @property
    def listing(self) -> str:
        """The program with comments, and what fitting it cost."""
        note = ""
        if self.fitted.widened or self.fitted.addresses.value != "exact":
            fitted = self.fitted
            note = f"widened by {fitted.widened:.2%} of all ports, addresses {fitted.addresses.value}\n"
        return self.fitted.program.listing(comments=True) + note

    def verdict(self, frame: bytes) -> bool:
        """Whether our program passes a captured frame."""
        return run_program(self.fitted.program.instructions, *self.layout.view(frame)).verdict > 0

    def referee(self) -> Referee:
        """libpcap's compile of the text."""
        return Referee(self.text, self.linktype)


class Referee:
    """A filter text as libpcap compiles it, judging whole frames as they are captured."""

    def __init__(self, text: str, linktype: int, *, optimise: bool = True) -> None:
        self._compiled = need_pcapy().compile(linktype, SNAPLEN, text, int(optimise), 0)

    @classmethod
    def of(cls, text: str, linktype: int, *, optimise: bool) -> Referee | None:
        """The same, or None for a text that libpcap refuses ("expression rejects all packets")."""
        try:
            return cls(text, linktype, optimise=optimise)
        except need_pcapy().PcapError:
            return None

    @property
    def rows(self) -> list[tuple[int, int, int, int]]:
        """The program that libpcap made."""
        return list(self._compiled.get_bpf())

    def passes(self, frame: bytes) -> bool:
        """libpcap's verdict, by its own interpreter."""
        return bool(frame) and self._compiled.filter(frame) > 0


def names() -> list[str]:
    """Every case, sorted."""
    return sorted(path.name for path in FOLDER.iterdir() if path.is_dir())


def read(name: str) -> Case:
    """Compile the config of a case."""
    folder = FOLDER / name
    notes = dict(_notes(folder / "knockd.conf"))
    config = load(
        str(folder / "knockd.conf"), host="golden", trust=TrustPolicy(enforce=False), resolve=_resolve
    )
    given = notes.get("addresses", OURS)
    addresses = () if given == "unknown" else tuple(given.split())
    local = None if given == "unknown" else frozenset(ip_address(one).packed for one in addresses)
    live = tuple(_step(one) for one in notes.get("live", "").split())
    guards = tuple(map(_step, notes.get("guards", "").split()))
    sequences = [door.steps or live for door in config.doors]
    watches = watches_of(config.doors, sequences)
    watches = tuple(replace(one, guards=() if one.door else guards) for one in watches)
    keyed = list(_keyed(config.doors, b64decode(notes.get("key", "")), int(notes.get("period", "0"))))
    rotating = make_rotating(watches, Taken(), keyed, lambda _door, _key, period: period)
    watches = (*watches, *rotating)
    linktype = LINKTYPES[notes.get("link", "ethernet")]
    layout = layout_for(linktype)
    signed = _signed(config.doors, b64decode(notes.get("secret", "")), int(notes.get("minute", "0")))
    ports = (*(one.ports for one in watches if one.steps), *signed.watched_ports())
    term = build_term(ports, local, ipv6=notes.get("ipv6") != "no")
    fitted = fit_term(term, layout, int(notes.get("limit", "4096")))
    targets = [str(one) for door in config.doors for one in door.target]
    steps = tuple(step for watch in watches for step in watch.steps)
    return Case(folder, linktype, layout, fitted, steps, tuple(dict.fromkeys((*addresses, *targets))), signed)


def _keyed(doors: Iterable[Door], key: bytes, now: int) -> Iterator[KeySequences]:
    """The sequences of all doors that have a key; there is one key."""
    for number, door in enumerate(doors):
        if door.sequence_key is not None:
            rule = rule_of(door)
            near = range(now - RECOGNISED, now + RECOGNISED + 1)
            ports = {period: derive_ports(key, door.name, period, rule) for period in near}
            yield KeySequences(number, "key", rule.period, now, ports)


def _signed(doors: Iterable[Door], secret: bytes, now: int) -> SignedWatch:
    """What is watched of signed knocks at a minute, for no key."""
    ports = signed_ports_of(doors)
    keys = [minute_keys(secret, minute) for minute in range(now - 1, now + 2) if ports]
    return SignedWatch(ports, tuple(SignedMinute(one.minute, one.key, one.tag) for one in keys))


def minute_keys(secret: bytes, minute: int) -> MinuteKeys:
    """What is derived of the knock secret for a minute."""
    return MinuteKeys(minute, derive_minute(secret, minute))


def _notes(path: Path) -> Iterator[tuple[str, str]]:
    for line in path.read_text().splitlines():
        if line.startswith("# golden:"):
            key, _, value = line.removeprefix("# golden:").partition("=")
            if key.strip() not in CASE_KEYS:
                raise ValueError(
                    f"{path}: golden: expected one of {', '.join(CASE_KEYS)}, got {key.strip()!r}"
                )
            yield key.strip(), value.strip()


def _step(text: str) -> Step:
    port, _, protocol = text.partition(":")
    return Step(int(port), Protocol(UDP) if protocol == "udp" else Protocol.TCP)


def _resolve(name: str) -> tuple[str, ...]:
    """The one name that golden configs may use."""
    return {"router.example": ("198.51.100.7", "2001:db8:7::7")}[name]


def write_pcap(path: Path, linktype: int, frames: list[bytes]) -> None:
    """A classic pcap file with one second between frames."""
    header = struct.pack("!IHHiIII", PCAP_MAGIC, 2, 4, 0, 0, SNAPLEN, linktype)
    records = (struct.pack("!IIII", at, 0, len(frame), len(frame)) + frame for at, frame in enumerate(frames))
    path.write_bytes(header + b"".join(records))


def read_pcap(path: Path) -> list[bytes]:
    """The frames of such a file."""
    data = path.read_bytes()
    frames = []
    at = 24
    while at < len(data):
        length = struct.unpack_from("!I", data, at + 8)[0]
        frames.append(data[at + 16 : at + 16 + length])
        at += 16 + length
    return frames
