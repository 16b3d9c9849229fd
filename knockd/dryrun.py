"""The text of ``knockd --dry-run``: the filter of each interface as text, as a program, and its cost.

Needs no privilege and no interface: for one that does not exist here the filter is that of
Ethernet without the address part.

World: the kernel's interfaces.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from math import ceil
from typing import Any

from knockd.knocks.addresses import spread_addresses
from knockd.knocks.guards import Guards
from knockd.knocks.prefilter import Prefilter, prefilter
from knockd.knocks.signed_watch import SignedMinute, SignedWatch, signed_ports_of
from knockd.knocks.watch import Watch
from knockd.net import interfaces
from knockd.net.interface import find_interface
from knockd.sequences.rotating_watches import LIVE, KeySequences
from knockd.signed import live_minutes
from knockd.signed.live_tags import seconds_left
from knockd_bpf.costs import Costs, costs
from knockd_bpf.fit import Addresses
from knockd_bpf.terms import Group, merge_ports
from knockd_bpf.wire import DLT_EN10MB, flag_names
from knockd_conf.classes import NamedTuple, dataclass
from knockd_conf.model import Config
from knockd_conf.protocol import Protocol
from knockd_conf.signed_sizes import TAG
from knockd_conf.text import printable
from knockd_conf.timed import Port


@dataclass(frozen=True, slots=True)
class InterfaceFilter:
    """The filter that one interface would get."""

    interface: str
    linktype: int
    exists: bool
    prefilter: Prefilter

    def costs(self) -> Costs:
        """Instructions executed for packets that are no knock."""
        made = self.prefilter
        return costs(made.fitted.program, made.fitted.term, made.layout)


class LiveSequence(NamedTuple):
    """A sequence that is made of a key, and for how many seconds more it opens its door."""

    door: str
    key: str
    steps: tuple[Port, ...]
    seconds: int


def list_live(config: Config, sequences: Sequence[KeySequences], now: float) -> list[LiveSequence]:
    """The sequences that open at ``now``, in seconds since the epoch."""
    return [
        LiveSequence(
            config.doors[one.door].name, one.key, ports.steps, ceil((period + LIVE + 1) * one.length - now)
        )
        for one in sequences
        for period, ports in sorted(one.ports.items())
        if one.opens(period)
    ]


class LiveTag(NamedTuple):
    """What signed knocks of a minute begin with, in hexadecimal, and for how many seconds more they count."""

    tag: str
    seconds: int


class Secrets(NamedTuple):
    """What the filter has that nobody may see: sequences that are made of keys, and tags of signed knocks."""

    live: Sequence[LiveSequence] = ()
    tags: Sequence[LiveTag] = ()


def list_tags(signed: SignedWatch, now: float) -> list[LiveTag]:
    """The tags of the minutes that are live at ``now``, in seconds since the epoch."""
    return [LiveTag(one.tag.hex(), ceil(seconds_left(one.minute, now))) for one in signed.minutes]


def assume_signed(config: Config) -> SignedWatch:
    """Ports of signed knocks with tags of no minute: the filter is as long as with those of any."""
    minutes = (SignedMinute(at, b"", at.to_bytes(TAG, "big")) for at in range(2 * live_minutes.LIVE + 1))
    return SignedWatch(signed_ports_of(config.doors), tuple(minutes))


def build_filters(
    watches: Sequence[Watch], names: Sequence[str], *, ipv6: bool, signed: SignedWatch | None = None
) -> list[InterfaceFilter]:
    """The filter of each interface of ``names`` as this machine's addresses are now."""
    there = interfaces.read_interfaces()
    here = {name: found for name in names if (found := find_interface(name, there))}
    spread = spread_addresses({name: found.addresses for name, found in here.items()})
    made = []
    for name in names:
        found, local = here.get(name), spread.get(name)
        linktype = found.linktype if found else DLT_EN10MB
        one = prefilter(watches, local, linktype, ipv6=ipv6, signed=signed)
        made.append(InterfaceFilter(name, linktype, found is not None, one))
    return made


def format_text(
    made: Sequence[InterfaceFilter],
    config: Config,
    guards: Sequence[Guards],
    secrets: Secrets | None = None,
) -> str:
    """The filters and guards as text for people.

    ``secrets``: the filters have these; None: no port of a key, and none of signed knocks.
    """
    guarded = [
        f"guards of {door.name}: {format_guards(one)}"
        for door, one in zip(config.doors, guards, strict=True)
        if door.sequence_key is None
        and not (door.is_signed and not door.steps and door.one_time_file is None)
    ]
    said = _format_left_out(config) if secrets is None else _format_secrets(config, secrets)
    parts = (*map(_format_filter, made), guarded, [*said])
    return "\n\n".join("\n".join(lines) for lines in parts if lines)


def _format_left_out(config: Config) -> Iterator[str]:
    shown = "--show-secrets shows those of now"
    if names := find_keyed(config):
        yield f"without the ports of {', '.join(names)}, which are made of keys: {shown}"
    if names := find_signed(config):
        ports = ", ".join(
            f"{one}:udp" for one in dict.fromkeys(door.signed_port for door in config.doors) if one
        )
        whose = "whose tags are made of the knock secret"
        yield f"without signed knocks at {ports} ({', '.join(names)}), {whose}: {shown}"


def find_signed(config: Config) -> list[str]:
    """The names of the doors that signed knocks open."""
    return [printable(door.name) for door in config.doors if door.is_signed]


def find_keyed(config: Config) -> list[str]:
    """The names of the doors whose ports are made of keys."""
    return [printable(door.name) for door in config.doors if door.sequence_key is not None]


def _format_secrets(config: Config, secrets: Secrets) -> Iterator[str]:
    yield from _format_live(secrets.live)
    if secrets.tags:
        yield f"signed knocks of {', '.join(find_signed(config))} begin with:"
        for one in secrets.tags:
            yield f"  {one.tag}  for {one.seconds} s more"


def _format_live(live: Sequence[LiveSequence]) -> Iterator[str]:
    for name, key in dict.fromkeys((one.door, one.key) for one in live):
        yield f"door {printable(name)} opens with key {key} by:"
        for one in live:
            if (one.door, one.key) == (name, key):
                yield f"  {' '.join(map(_format_step, one.steps))}  for {one.seconds} s more"


def _format_step(step: Port) -> str:
    return f"{step.port}:{step.protocol}"


def format_guards(guards: Guards) -> str:
    """The guards of a door, and what was left out and why."""
    ranges = [
        f"{_format_range(*ends)}:{protocol}"
        for protocol in Protocol
        for ends in merge_ports(port.port for port in guards.ports if port.protocol is protocol)
    ]
    line = ", ".join(ranges) or "none"
    left_out = [f"{port} {reason}" for port, reason in (guards.left_out or {}).items()]
    return line + (f"; left out: {', '.join(left_out)}" if left_out else "")


def _format_filter(one: InterfaceFilter) -> list[str]:
    fitted = one.prefilter.fitted
    cost = one.costs()
    lines = [
        f"interface {printable(one.interface)}: {one.prefilter.layout.name}"
        + ("" if one.exists else ", not here: the filter without addresses"),
        "",
        "filter:",
        *(f"  {line}" for line in one.prefilter.text().splitlines()),
        "",
        f"program: {len(fitted.program)} instructions",
        *(f"  {line}" for line in fitted.program.listing(comments=True).splitlines()),
        "",
        "instructions for a packet that is no knock, at most:",
        f"  tcp data: {_format_count(cost.data_ipv4)} (IPv6 {_format_count(cost.data_ipv6)})",
        f"  tcp syn to another port: {_format_count(cost.syn_ipv4)} (IPv6 {_format_count(cost.syn_ipv6)})",
        *_format_forged(cost),
        "covers:",
        *(f"  {format_group(group)}" for group in fitted.term.groups),
    ]
    if not fitted.term.groups:
        lines.append("  nothing: no door, or no address to watch")
    if fitted.widened:
        lines.append(
            f"  widened to fit the kernel: {fitted.widened:.1%} of all ports pass without being a knock"
        )
    if fitted.rule_lost:
        lines.append("  widened to fit the kernel: whatever comes to a port of signed knocks passes")
    if fitted.addresses is not Addresses.EXACT:
        lines.append("  widened to fit the kernel: doors are not told apart by address")
    if fitted.term.versions() != one.prefilter.term.versions():
        lines.append(
            "  widened to fit the kernel: networks of Allow and Deny are merged;"
            " who may knock is judged once more by the daemon"
        )
    return lines


def _format_forged(cost: Costs) -> Iterator[str]:
    if cost.forged_ipv4 is not None:
        yield f"  udp as long as a signed knock: {cost.forged_ipv4} (IPv6 {cost.forged_ipv6})"


def _format_count(steps: int | None) -> str:
    return "every port is a knock" if steps is None else str(steps)


def _format_range(low: int, high: int) -> str:
    return str(low) if low == high else f"{low}-{high}"


def format_group(group: Group) -> str:
    """The ports and flags of one group, and what packets to them must hold."""
    ports = ", ".join(_format_range(low, high) for low, high in group.ranges)
    line = f"{Protocol(group.protocol)} {ports}"
    if group.flags:
        line += f" with flags {flag_names(group.flags)}"
    if group.payload:
        words = " or ".join(f"{word:08x}" for word in group.payload.words)
        line += f" with {group.payload.size} bytes that begin with {words}, in no fragment"
    return line


def format_json(made: Sequence[InterfaceFilter], config: Config, secrets: Secrets | None = None) -> str:
    """The filters as JSON for programs; ``secrets`` as for ``format_text``."""
    left_out = dict.fromkeys((*find_keyed(config), *find_signed(config)))
    return json.dumps(
        {
            "left_out": [*left_out] if secrets is None else [],
            "live": None if secrets is None else [_live_json(one) for one in secrets.live],
            "tags": None if secrets is None else [one._asdict() for one in secrets.tags],
            "interfaces": [
                {
                    "name": printable(one.interface),
                    "linktype": one.linktype,
                    "filter": one.prefilter.text(),
                    "program": one.prefilter.fitted.program.rows(),
                    "instructions": len(one.prefilter.fitted.program),
                    "cost": asdict(one.costs()),
                    "covers": [format_group(group) for group in one.prefilter.fitted.term.groups],
                    "widened": one.prefilter.fitted.widened,
                }
                for one in made
            ],
        }
    )


def _live_json(one: LiveSequence) -> dict[str, Any]:
    steps = [_format_step(step) for step in one.steps]
    return {"door": printable(one.door), "key": one.key, "steps": steps, "seconds": one.seconds}
