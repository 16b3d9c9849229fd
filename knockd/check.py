"""What ``knockd -t`` says: what is good, and what will surprise. Pure: values in, lines out."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from knockd.engine.guards import Guards, opened_by_scan
from knockd_bpf.wire import FLAG_BITS, flag_names
from knockd_conf import Config, Door, Protocol, Step

_FIREWALLS = re.compile(r"\b(iptables|ip6tables|nft|ufw|ipset)\b")
_KNOCKER = re.compile(r"%IP%|KNOCKD_IP")

BUSY = {
    Protocol.TCP: frozenset(
        {21, 22, 25, 53, 80, 110, 143, 443, 445, 465, 587, 853, 993, 995, 3306, 5432, 8080, 8443}
    ),
    Protocol.UDP: frozenset({53, 67, 68, 123, 137, 138, 443, 500, 1900, 4500, 5353, 51820}),
}
"""Ports on which ordinary traffic arrives all day."""


def describe(door: Door, live: Sequence[Step] | None) -> Iterator[str]:
    """A door in a few lines; ``live`` are the steps of a one-time door, None when its file has none."""
    steps = live if door.one_time_file is not None else door.steps
    if steps is None:
        what = "disabled: no usable line in its one time sequences file"
    else:
        kinds = " and ".join(dict.fromkeys(str(step.protocol) for step in steps))
        what = f"{len(steps)} step{'s' if len(steps) != 1 else ''} ({kinds}) within {door.seq_timeout:.0f} s"
    if door.flags is not None:
        what += f", tcpflags {flag_names(door.flags)}"
    if door.target:
        what += f", target {', '.join(str(address) for address in door.target)}"
    yield f"door {door.name} (line {door.line}): {what}"
    for key, template in door.inherited:
        yield f"  {key} inherited from [{template}]"


def surprises(config: Config) -> Iterator[str]:
    """One sentence for everything that is allowed but will not do what most people expect."""
    options = config.options
    if options.log_file is None and not options.use_syslog:
        yield "nothing is logged: set LogFile or UseSyslog in [options]"
    for door in config.doors:
        yield from _of_door(door)
    for place, door in enumerate(config.doors):
        for other_place, other in enumerate(config.doors):
            if place == other_place or not door.steps or other.steps[: len(door.steps)] != door.steps:
                continue
            if not _meet(door, other):
                continue
            if len(door.steps) < len(other.steps):
                yield f"{door.name}: its sequence begins that of {other.name}: knocking there opens both"
            elif place < other_place:
                yield f"{door.name}: its sequence is that of {other.name} too: knocking opens both"


def _meet(door: Door, other: Door) -> bool:
    """Whether one packet can be the first step of both doors (they have the same)."""
    here, there = door.flags, other.flags
    tcp = door.steps[0].protocol is Protocol.TCP
    if tcp and here and there and (here.must_set & there.must_clear or there.must_set & here.must_clear):
        return False
    return not (door.target or other.target) or not set(door.target).isdisjoint(other.target)


def scans(config: Config, live: Sequence[Sequence[Step]], guards: Sequence[Guards]) -> Iterator[str]:
    """One sentence for every door that an ordered scan of all ports would open."""
    for door, steps, guard in zip(config.doors, live, guards, strict=True):
        for order in opened_by_scan(steps, guard.ports) if steps else ():
            yield (
                f"{door.name}: a port scan in {order} order opens it:"
                " no guard port is close before or between its steps"
            )


def _of_door(door: Door) -> Iterator[str]:
    tcp = not door.steps or any(step.protocol is Protocol.TCP for step in door.steps)
    if door.flags is not None and tcp and not door.flags.accepts(FLAG_BITS["syn"]):
        names = flag_names(door.flags)
        yield (
            f"{door.name}: tcpflags {names} fits no packet of an ordinary client (it sends a bare syn);"
            f" only knock --flags {names} opens this door"
        )
    if door.flags is not None and not tcp:
        yield f"{door.name}: tcpflags does nothing, all steps are udp"
    for step in dict.fromkeys(door.steps):
        if step.port in BUSY[step.protocol] and (door.flags is None or step.protocol is Protocol.UDP):
            yield (
                f"{door.name}: step {step} is a busy port"
                + (
                    " and there is no tcpflags: every packet of every connection counts"
                    if step.protocol == 6
                    else ""
                )
            )
    if not door.start_command and not door.start_command_6:
        yield f"{door.name}: there is no start_command: opening it does nothing"
    for key, command in (
        ("start_command", door.start_command),
        ("start_command_6", door.start_command_6),
        ("stop_command", door.stop_command),
        ("stop_command_6", door.stop_command_6),
    ):
        if command and _FIREWALLS.search(command) and not _KNOCKER.search(command):
            yield f"{door.name}: {key} changes the firewall without %IP%: it opens for everybody"
