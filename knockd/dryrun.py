"""What ``knockd --dry-run`` prints: the filter of each interface as text, as a program, and its cost.

Needs no privilege and no interface: for one that does not exist here the filter is that of
Ethernet without the address part.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from knockd.edge import netlink
from knockd.edge.sockets import listening_ports
from knockd.edge.state import read_one_time
from knockd.engine.guards import Guards, guards_of
from knockd.engine.prefilter import Prefilter, prefilter
from knockd_bpf.costs import Costs, costs
from knockd_bpf.fit import Addresses
from knockd_bpf.terms import Group
from knockd_bpf.wire import DLT_EN10MB, flag_names
from knockd_conf import Config, Protocol, Step

Sequences = tuple[tuple[Step, ...], ...]


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


def live_sequences(config: Config) -> tuple[Sequences, list[str]]:
    """The steps of every door now (none: a one-time door that is disabled), and why some have none."""
    live: list[tuple[Step, ...]] = []
    notes = []
    for door in config.doors:
        steps = door.steps
        if door.one_time_file is not None:
            try:
                held = read_one_time(door.one_time_file)
            except OSError as error:
                notes.append(f"{door.name}: one time sequences file {door.one_time_file}: {error.strerror}")
            else:
                notes += [f"{door.name}: {door.one_time_file}: {problem}" for problem in held.problems]
                steps = held.live.steps if held.live is not None else ()
        live.append(steps)
    return tuple(live), notes


def guards_now(config: Config, live: Sequences) -> tuple[Guards, ...]:
    """The guards of every door as this host's sockets are now."""
    return guards_of(config.doors, live, config.options.guard_ports, listening_ports())


def filters(
    config: Config, names: Sequence[str], live: Sequences, guards: Sequence[Guards], *, ipv6: bool
) -> list[InterfaceFilter]:
    """The filter of each interface of ``names`` as this machine's addresses are now."""
    there = netlink.interfaces()
    made = []
    for name in names:
        found = there.get(name)
        linktype = found.linktype if found else DLT_EN10MB
        local = found.addresses if found else None
        one = prefilter(config.doors, live, guards, local, linktype, ipv6=ipv6)
        made.append(InterfaceFilter(name, linktype, found is not None, one))
    return made


def as_text(made: Sequence[InterfaceFilter], config: Config, guards: Sequence[Guards]) -> str:
    """For people."""
    guarded = [
        f"guards of {door.name}: {guard_line(one)}" for door, one in zip(config.doors, guards, strict=True)
    ]
    return "\n\n".join("\n".join(lines) for lines in (*map(_lines, made), guarded))


def guard_line(guards: Guards) -> str:
    """The guards of a door, and what was left out and why."""
    line = ", ".join(str(port) for port in guards.ports) or "none"
    left_out = [f"{port} {reason}" for port, reason in (guards.left_out or {}).items()]
    return line + (f"; left out: {', '.join(left_out)}" if left_out else "")


def _lines(one: InterfaceFilter) -> list[str]:
    fitted = one.prefilter.fitted
    cost = one.costs()
    lines = [
        f"interface {one.interface}: {one.prefilter.layout.name}"
        + ("" if one.exists else ", not here: the filter without addresses"),
        "",
        "filter:",
        *(f"  {line}" for line in one.prefilter.text().splitlines()),
        "",
        f"program: {len(fitted.program)} instructions",
        *(f"  {line}" for line in fitted.program.listing(comments=True).splitlines()),
        "",
        "instructions for a packet that is no knock, at most:",
        f"  tcp data: {_count(cost.data_ipv4)} (IPv6 {_count(cost.data_ipv6)})",
        f"  tcp syn to another port: {_count(cost.syn_ipv4)} (IPv6 {_count(cost.syn_ipv6)})",
        "covers:",
        *(f"  {covered(group)}" for group in fitted.term.groups),
    ]
    if not fitted.term.groups:
        lines.append("  nothing: no door, or no address to watch")
    if fitted.widened:
        lines.append(
            f"  widened to fit the kernel: {fitted.widened:.1%} of all ports pass without being a knock"
        )
    if fitted.addresses is not Addresses.EXACT:
        lines.append("  widened to fit the kernel: doors are not told apart by address")
    return lines


def _count(steps: int | None) -> str:
    return "every port is a knock" if steps is None else str(steps)


def covered(group: Group) -> str:
    """The ports and flags of one group."""
    ports = ", ".join(str(low) if low == high else f"{low}-{high}" for low, high in group.ranges)
    return f"{Protocol(group.protocol)} {ports}" + (
        f" with flags {flag_names(group.flags)}" if group.flags else ""
    )


def as_json_text(made: Sequence[InterfaceFilter]) -> str:
    """For programs."""
    return json.dumps(
        {
            "interfaces": [
                {
                    "name": one.interface,
                    "linktype": one.linktype,
                    "filter": one.prefilter.text(),
                    "program": one.prefilter.fitted.program.rows(),
                    "instructions": len(one.prefilter.fitted.program),
                    "cost": asdict(one.costs()),
                    "covers": [covered(group) for group in one.prefilter.fitted.term.groups],
                    "widened": one.prefilter.fitted.widened,
                }
                for one in made
            ]
        }
    )
