"""The text of ``knockd --dry-run``: the filter of each interface as text, as a program, and its cost.

Needs no privilege and no interface: for one that does not exist here the filter is that of
Ethernet without the address part.

World: the kernel's interfaces.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from knockd.checks.notes import Sequences
from knockd.knocks.addresses import spread_addresses
from knockd.knocks.guards import Guards, with_guards
from knockd.knocks.prefilter import Prefilter, prefilter
from knockd.knocks.watch import watches_of
from knockd.net import interfaces
from knockd.net.interface import find_interface
from knockd_bpf.costs import Costs, costs
from knockd_bpf.fit import Addresses
from knockd_bpf.terms import Group, merge_ports
from knockd_bpf.wire import DLT_EN10MB, flag_names
from knockd_conf.model import Config
from knockd_conf.protocol import Protocol
from knockd_conf.text import printable


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


def build_filters(
    config: Config, names: Sequence[str], live: Sequences, guards: Sequence[Guards], *, ipv6: bool
) -> list[InterfaceFilter]:
    """The filter of each interface of ``names`` as this machine's addresses are now."""
    watches = with_guards(watches_of(config.doors, live), guards)
    there = interfaces.read_interfaces()
    here = {name: found for name in names if (found := find_interface(name, there))}
    spread = spread_addresses({name: found.addresses for name, found in here.items()})
    made = []
    for name in names:
        found, local = here.get(name), spread.get(name)
        linktype = found.linktype if found else DLT_EN10MB
        one = prefilter(watches, local, linktype, ipv6=ipv6)
        made.append(InterfaceFilter(name, linktype, found is not None, one))
    return made


def format_text(made: Sequence[InterfaceFilter], config: Config, guards: Sequence[Guards]) -> str:
    """The filters and guards as text for people."""
    guarded = [
        f"guards of {door.name}: {format_guards(one)}" for door, one in zip(config.doors, guards, strict=True)
    ]
    return "\n\n".join("\n".join(lines) for lines in (*map(_format_filter, made), guarded))


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
        "covers:",
        *(f"  {format_group(group)}" for group in fitted.term.groups),
    ]
    if not fitted.term.groups:
        lines.append("  nothing: no door, or no address to watch")
    if fitted.widened:
        lines.append(
            f"  widened to fit the kernel: {fitted.widened:.1%} of all ports pass without being a knock"
        )
    if fitted.addresses is not Addresses.EXACT:
        lines.append("  widened to fit the kernel: doors are not told apart by address")
    if fitted.term.versions() != one.prefilter.term.versions():
        lines.append(
            "  widened to fit the kernel: networks of Allow and Deny are merged;"
            " who may knock is judged once more by the daemon"
        )
    return lines


def _format_count(steps: int | None) -> str:
    return "every port is a knock" if steps is None else str(steps)


def _format_range(low: int, high: int) -> str:
    return str(low) if low == high else f"{low}-{high}"


def format_group(group: Group) -> str:
    """The ports and flags of one group."""
    ports = ", ".join(_format_range(low, high) for low, high in group.ranges)
    return f"{Protocol(group.protocol)} {ports}" + (
        f" with flags {flag_names(group.flags)}" if group.flags else ""
    )


def format_json(made: Sequence[InterfaceFilter]) -> str:
    """The filters as JSON for programs."""
    return json.dumps(
        {
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
            ]
        }
    )
