"""What a door is, in words, and what of a configuration will surprise; weak sequences are in weak_doors.py.

Pure.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import combinations_with_replacement

from knockd.checks.keys import DoorKeys
from knockd.checks.stages import advance
from knockd.knocks.guards import Guards, opened_by_scan
from knockd_bpf.wire import flag_names
from knockd_conf.access import describe_access
from knockd_conf.errors import Note
from knockd_conf.model import Config, Door, Step
from knockd_conf.protocol import Protocol
from knockd_conf.text import address_text, printable

BUSY = {
    Protocol.TCP: frozenset(
        {21, 22, 25, 53, 80, 110, 143, 443, 445, 465, 587, 853, 993, 995, 3306, 5432, 8080, 8443}
    ),
    Protocol.UDP: frozenset({53, 67, 68, 123, 137, 138, 443, 500, 1900, 4500, 5353, 51820}),
}
"""Ports on which ordinary traffic arrives all day."""

_OF_KEYS = {
    "sequence_steps": "Sequence_Steps",
    "sequence_period": "Sequence_Period",
    "sequence_ports": "Sequence_Ports",
    "sequence_protocol": "Sequence_Protocol",
}
"""The fields of a door that mean something with a Sequence_Key only, and their keys."""

MOST_NAMED = 16
"""How many keys of a door are named."""

MAX_STRIDES = 3
"""How many of the strides by which a scan opens a door are named besides the widest."""


def describe_door(
    door: Door,
    live: Sequence[Step] | None,
    keys: DoorKeys | None = None,
    signed: DoorKeys | None = None,
) -> Iterator[str]:
    """Yields a few lines about a door, without any port of a sequence.

    ``live`` are the steps of a one-time door, None when its file has none; ``keys`` those of a door with a
    Sequence_Key, ``signed`` those of one with a Signed_Port.
    """
    steps = live if door.one_time_file is not None else door.steps
    if keys is not None:
        what = _describe_rotation(door, keys)
    elif signed is not None and door.is_signed_alone:
        what = _describe_signed(door, signed)
    elif steps is None:
        what = "disabled: no usable line in its one time sequences file"
    else:
        kinds = " and ".join(dict.fromkeys(str(step.protocol) for step in steps))
        what = f"{len(steps)} step{'s' if len(steps) != 1 else ''} ({kinds}) within {door.seq_timeout:.0f} s"
    if door.flags is not None:
        what += f", tcpflags {flag_names(door.flags)}"
    if door.target:
        what += f", target {', '.join(address_text(address.packed) for address in door.target)}"
    yield f"door {door.name} (line {door.line}): {what}"
    if signed is not None and not door.is_signed_alone:
        yield f"  and {_describe_signed(door, signed)}"
    if door.access is not None:
        yield f"  opens for knocks {describe_access(door.access)}"
    if door.open_prefix is not None:
        four, six = door.open_prefix
        yield f"  opens for the knocker's network: /{four} over IPv4, /{six} over IPv6"
    if door.fleet_required:
        yield "  opens nothing while the fleet's store does not answer"
    if door.fleet_share:
        yield "  opens at the fleet's other gateways too"
    if door.expires:
        yield f"  opens until {door.expires}, all of that day"
    if door.close_when_idle:
        ports = ", ".join(map(str, door.service))
        longest = max(door.open_max, door.cmd_timeout)
        yield f"  closes after {door.close_when_idle:.0f} s without a connection to {ports}," + (
            f" {door.cmd_timeout:.0f} to {longest:.0f} s after it opened"
        )
    for key, template in door.inherited:
        yield f"  {key} inherited from [{template}]"


def _describe_rotation(door: Door, keys: DoorKeys) -> str:
    low, high = door.sequence_ports
    what = (
        f"{door.sequence_steps} steps ({door.sequence_protocol}) within {door.seq_timeout:.0f} s,"
        f" other ones of {low}-{high} every {door.sequence_period} s"
    )
    if keys.waits:
        return f"{what}, waits: {keys.waits}"
    return f"{what}, {_describe_keys(keys)}"


def _describe_signed(door: Door, keys: DoorKeys) -> str:
    what = f"signed knocks to {door.signed_port}:udp"
    return f"{what}, waits: {keys.waits}" if keys.waits else f"{what}, {_describe_keys(keys)}"


def _describe_keys(keys: DoorKeys) -> str:
    if keys.names is None:
        return "keys on another host"
    named = ", ".join(map(printable, keys.names[:MOST_NAMED]))
    more = ", ..." if len(keys.names) > MOST_NAMED else ""
    return f"{len(keys.names)} key{'s' if len(keys.names) != 1 else ''} ({named}{more})"


def find_surprises(config: Config) -> Iterator[Note]:
    """Yields a note for everything that is allowed but will not do what most people expect."""
    options = config.options
    if options.log_file is None and not options.use_syslog:
        yield config.note(
            None,
            "there is no LogFile and no UseSyslog in [options]: the log goes to systemd's journal, or"
            " with -v to the terminal, else nowhere",
        )
    for door in config.doors:
        yield from _find_door_surprises(door)
    yield from _find_shared_sequences(config.doors)


def _find_shared_sequences(doors: Sequence[Door]) -> Iterator[Note]:
    by_ends: dict[tuple[Step, Step], list[int]] = {}
    for index, door in enumerate(doors):
        if door.steps:
            by_ends.setdefault((door.steps[0], door.steps[-1]), []).append(index)
    for index, other in enumerate(doors):
        for ends in dict.fromkeys(combinations_with_replacement(other.steps, 2)):
            for inner in by_ends.get(ends, ()):
                door = doors[inner]
                if inner == index or not _share_first_packet(door, other):
                    continue
                named = f"[{other.name}] (line {other.line})"
                if door.steps == other.steps:
                    if inner < index:
                        yield door.note("steps", f"it is that of {named} too: knocking opens both")
                elif door.steps == other.steps[: len(door.steps)]:
                    yield door.note("steps", f"it begins that of {named}: knocking there opens both")
                elif _opens_inside(door.steps, other.steps):
                    yield door.note("steps", f"it is inside that of {named}: knocking there opens both")


def _opens_inside(inner: Sequence[Step], outer: Sequence[Step]) -> bool:
    """Whether the steps of one door are a knock at another: no step of one is a guard of the other."""
    stages: frozenset[int] = frozenset()
    for step in outer:
        if step in inner:
            stages = advance(inner, stages, step)
        if len(inner) in stages:
            return True
    return False


def _share_first_packet(door: Door, other: Door) -> bool:
    """Whether one packet can be the first step of both doors (they have the same)."""
    here, there = door.flags, other.flags
    tcp = door.steps[0].protocol is Protocol.TCP
    if tcp and here and there and (here.must_set & there.must_clear or there.must_set & here.must_clear):
        return False
    return not (door.target or other.target) or not set(door.target).isdisjoint(other.target)


def find_scan_openings(
    doors: Sequence[Door], live: Sequence[Sequence[Step]], guards: Sequence[Guards], *, skipping: bool
) -> Iterator[Note]:
    """Yields a note for every door that an ordered scan would open: of all ports, or ``skipping`` some.

    Of a one-time door only those of all ports are told: its next sequence has other distances. Of strides
    only round ones are, as few would scan every 1,111th port.
    """
    for door, steps, guard in zip(doors, live, guards, strict=True):
        for order, strides in opened_by_scan(steps, guard.ports).items() if steps else ():
            if 1 in strides:
                message = (
                    f"a port scan in {order} order opens the door:"
                    " no guard port is close before or between its steps"
                )
            elif not skipping or door.one_time_file is not None or not any(map(_is_round, strides)):
                continue
            else:
                some = _some_of([stride for stride in strides if _is_round(stride)])
                message = (
                    f"an ordered scan of every n-th port opens the door, n being {some}:"
                    " choose ports that go up and down, or make one of them udp"
                )
            yield door.note("steps" if door.one_time_file is None else "one_time_file", message)


def _is_round(stride: int) -> bool:
    """Whether a person may scan every so many ports: 5, 10, 20, 25, 50, 100 and so on."""
    return str(stride).rstrip("0") in {"1", "2", "25", "5"}


def _some_of(strides: Sequence[int]) -> str:
    """The least of the strides and the widest, in words."""
    *others, widest = strides
    if not others:
        return str(widest)
    return f"{', '.join(map(str, others[:MAX_STRIDES]))} {'...' if others[MAX_STRIDES:] else 'or'} {widest}"


def _find_door_surprises(door: Door) -> Iterator[Note]:
    tcp = not door.steps or any(step.protocol is Protocol.TCP for step in door.steps)
    if door.sequence_key is not None:
        tcp = door.sequence_protocol != "udp"
    if door.flags is not None and tcp and not door.flags.fit_clients and not door.is_signed_alone:
        names = flag_names(door.flags)
        yield door.note(
            "flags",
            f"{names} fits no packet of an ordinary client, which sends a bare syn: write TCPFlags = syn,"
            f" or knock with knock --flags {names}",
        )
    if door.flags is not None and not tcp and ("flags" in dict(door.places) or door.sequence_key is None):
        yield door.note("flags", "does nothing: all steps are udp")
    for step in dict.fromkeys(door.steps):
        if step.port in BUSY[step.protocol] and (door.flags is None or step.protocol is Protocol.UDP):
            message = f"step {step} is a busy port"
            if step.protocol is Protocol.TCP:
                message += (
                    " and there is no TCPFlags: every packet of every connection counts: write TCPFlags = syn"
                )
            yield door.note("steps", message)
    yield from _find_idle_surprises(door)
    for name, key in _OF_KEYS.items():
        if door.sequence_key is None and _is_own(door, name, key):
            yield door.note(name, "does nothing without Sequence_Key")
    if door.sequence_key is not None and _is_own(door, "guard_ports", "Guard_Ports"):
        yield door.note("guard_ports", "does nothing: the guard ports of this door are made of its keys")
    if not door.start_command and not door.start_command_6:
        yield door.note("start_command", "there is no Start_Command: opening the door does nothing")


def _find_idle_surprises(door: Door) -> Iterator[Note]:
    """What is odd about Close_When_Idle and the keys beside it."""
    if door.close_when_idle and door.open_max <= door.cmd_timeout:
        yield door.note(
            "close_when_idle",
            f"does nothing: Open_Max ({door.open_max:.0f} s) is not longer than Cmd_Timeout"
            f" ({door.cmd_timeout:.0f} s)",
        )
    for name, key in (("service", "Service"), ("open_max", "Open_Max")):
        if not door.close_when_idle and _is_own(door, name, key):
            yield door.note(name, "does nothing without Close_When_Idle")


def _is_own(door: Door, name: str, key: str) -> bool:
    """Whether a key is written in the door's own section: a template may have it for other doors."""
    return name in dict(door.places) and key not in {key for key, _ in door.inherited}
