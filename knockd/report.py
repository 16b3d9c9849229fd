"""What ``knockd -t`` prints, as text for people and as JSON for programs.

Pure.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from fractions import Fraction

import knockd
from knockd.checks.doors import describe_door
from knockd.checks.keys import DoorKeys
from knockd.checks.notes import Sequences
from knockd.checks.signed_strength import describe_signed, signed_values
from knockd.checks.strength import (
    Strength,
    add_chances,
    as_values,
    describe_strength,
    format_odds,
    judge_rule,
    judge_steps,
)
from knockd.dryrun import InterfaceFilter, find_keyed, format_guards
from knockd.knocks.guards import Guards
from knockd_conf.classes import NamedTuple
from knockd_conf.errors import Note, Problem
from knockd_conf.model import Config, Door, Step
from knockd_conf.rotating import rule_of
from knockd_conf.text import printable
from knockd_conf.timed import GUARDS

_ROTATING_GUARDS = f"{GUARDS} of its own in each sequence, and all ports of the two beside it"


class Report(NamedTuple):
    """All about a good configuration on this host; what it has of doors is in their order."""

    config: Config
    live: Sequences
    guards: Sequence[Guards]
    keys: Sequence[DoorKeys | None]
    signed: Sequence[DoorKeys | None]
    """The keys whose signed knocks open each door."""
    filters: Sequence[InterfaceFilter]
    notes: Sequence[Note]
    problems: Sequence[Problem]
    """What is wrong on this host though the file is good: an interface that is not here."""


def format_report(report: Report) -> Iterator[str]:
    """Yields the lines for people."""
    doors = report.config.doors
    yield f"{report.config.path}: good, {len(doors)} door{'s' if len(doors) != 1 else ''}"
    for door, steps, guard, keys, signed in _list_doors(report):
        for line in describe_door(door, steps or None, keys, signed):
            yield f"  {line}"
        if not door.is_signed_alone:
            yield f"    guards: {format_guards(guard) if keys is None else _ROTATING_GUARDS}"
        strength = judge_door(report.config, door, steps, guard, keys)
        for line in describe_strength(strength) if strength is not None else ():
            yield f"    {line}"
        for line in describe_signed() if signed is not None and not signed.waits else ():
            yield f"    {line}"
    if sum(not door.is_signed_alone for door in doors) > 1:
        yield f"  all doors: a scan in random order opens one of them {format_odds(_add_up(report))} at most"
    without = ", without the ports that are made of keys" if find_keyed(report.config) else ""
    if report.config.options.fleet:
        servers = ", ".join(map(str, report.config.options.fleet))
        yield f"  fleet {report.config.options.fleet_name}: store at {servers}"
    for one in report.filters:
        length = len(one.prefilter.fitted.program)
        yield f"  {printable(one.interface)}: filter of {length} instructions{without}"
    for note in report.notes:
        yield f"  warning: {note}"


def format_report_json(report: Report) -> str:
    """One object; no step of a sequence is in it."""
    doors = [_format_door(report.config, *one) for one in _list_doors(report)]
    interfaces = [
        {
            "name": printable(one.interface),
            "exists": one.exists,
            "instructions": len(one.prefilter.fitted.program),
        }
        for one in report.filters
    ]
    config = report.config
    state = config.options.state_dir
    return _format_object(config.path, state, doors, interfaces, report.notes, report.problems)


def _list_doors(
    report: Report,
) -> Iterator[tuple[Door, Sequence[Step], Guards, DoorKeys | None, DoorKeys | None]]:
    """The doors, each with its part of everything that comes by doors."""
    parts = report.config.doors, report.live, report.guards, report.keys, report.signed
    return zip(*parts, strict=True)


def _format_door(
    config: Config,
    door: Door,
    steps: Sequence[Step],
    guard: Guards,
    keys: DoorKeys | None,
    signed: DoorKeys | None,
) -> dict[str, object]:
    opened = bool(steps) if keys is None else not keys.waits
    strength = judge_door(config, door, steps, guard, keys)
    made = {
        "name": door.name,
        "file": printable(door.path),
        "line": door.line,
        "steps": len(steps) if keys is None else door.sequence_steps,
        "disabled": not opened and (signed is None or bool(signed.waits)),
        "seq_timeout": door.seq_timeout,
        "allow": [str(one) for one in door.access.allow] if door.access else [],
        "deny": [str(one) for one in door.access.deny] if door.access else [],
        "expires": door.expires or None,
        "guards": [str(port) for port in guard.ports],
        "guards_left_out": {str(port): reason for port, reason in (guard.left_out or {}).items()},
        "strength": None if strength is None else as_values(strength),
        "rotating": None,
        "signed": None,
        "fleet": None,
    }
    if config.options.fleet:
        made["fleet"] = {"required": door.fleet_required, "share": door.fleet_share}
    if signed is not None:
        made["signed"] = {
            "port": door.signed_port,
            "keys": signed.names if signed.names is None else list(signed.names),
            "waits": signed.waits or None,
            "strength": signed_values(),
        }
    if keys is not None:
        made["rotating"] = {
            "keys": keys.names if keys.names is None else list(keys.names),
            "waits": keys.waits or None,
            "period": door.sequence_period,
            "ports": list(door.sequence_ports),
            "protocol": door.sequence_protocol,
        }
    return made


def judge_door(
    config: Config, door: Door, steps: Sequence[Step], guards: Guards, keys: DoorKeys | None
) -> Strength | None:
    """The strength of a door; None when it is disabled. Where keys are not known it is that of one."""
    if keys is not None and not keys.waits:
        return judge_rule(rule_of(door), door.seq_timeout, 1 if keys.names is None else len(keys.names))
    if not steps:
        return None
    near = (door.guard_ports or config.options.guard_ports).auto
    once = door.one_time_file is not None
    return judge_steps(steps, guards.ports, timeout=door.seq_timeout, near=near, once=once)


def _add_up(report: Report) -> Fraction:
    doors = _list_doors(report)
    return add_chances(one for door in doors if (one := judge_door(report.config, *door[:4])) is not None)


def format_problems_json(path: str, problems: Iterable[Problem]) -> str:
    """The same object for a configuration that cannot be used: it has no doors."""
    return _format_object(path, None, [], [], (), tuple(problems))


def _format_object(
    path: str,
    state_dir: str | None,
    doors: Sequence[object],
    interfaces: Sequence[object],
    notes: Sequence[Note],
    problems: Sequence[Problem],
) -> str:
    return json.dumps(
        {
            "version": knockd.__version__,
            "file": printable(path),
            "good": not problems,
            "state_directory": state_dir and printable(state_dir),
            "doors": doors,
            "interfaces": interfaces,
            "notes": [
                {
                    **_place(note),
                    "also": [{"path": printable(one.path), "line": one.line} for one in note.also],
                }
                for note in notes
            ],
            "problems": [_place(problem) for problem in problems],
        }
    )


def _place(said: Note | Problem) -> dict[str, str | int | None]:
    return {"path": printable(said.path), "line": said.line, "key": said.key, "message": said.message}
