"""Whether this gateway can speak with its fleet: package and files, and what the daemon says of the others.

Pure.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from knockd.checks.fleet_surprises import find_heard_password
from knockd.doctor.findings import Finding, Looked, from_note
from knockd_conf.errors import Note, Problem
from knockd_conf.model import Config
from knockd_conf.text import printable, show_span

SUBJECT: Final = "fleet"
MOST_NAMED: Final = 5
_MEND: Final = "mend it, then run 'knockctl reload'"

MOST_SKEW: Final = 5.0
"""Seconds by which clocks may differ."""

FRESH: Final = 10.0
"""Seconds since a sign of life, after which a gateway may have been started anew under another run."""


def look_at_fleet(
    config: Config, unusable: Iterable[Note], missing: Problem | None, asked: Mapping[str, Any] | str
) -> Looked:
    """What is found of a configuration with a fleet.

    ``unusable``: notes about its files; ``missing``: why the store cannot be asked from this host; ``asked``:
    the reply of Fleet, or why there is none.
    """
    found = [Finding("fleet-unusable", note.message, _MEND, f"{note.path}:{note.line}") for note in unusable]
    if missing is not None:
        text, _, cure = missing.message.partition(": ")
        found.append(Finding("no-valkey", text, cure, f"{missing.path}:{missing.line}"))
    found += [from_note("fleet-heard", note) for note in find_heard_password(config)]
    if isinstance(asked, str):
        return Looked(SUBJECT, tuple(found), (f"the other gateways and the store: {asked}",))
    judged = judge_fleet(asked, [door.name for door in config.doors if door.fleet_required])
    return judged._replace(findings=(*found, *judged.findings))


def judge_fleet(reply: Mapping[str, Any], required: list[str]) -> Looked:
    """What is found in the reply of Fleet; ``required`` are doors that stay closed without the store."""
    try:
        return Looked(SUBJECT, tuple(_find(reply, required)))
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        return Looked(SUBJECT, (), (f"what it says is not known here, it is of another version ({error!r})",))


def _find(reply: Mapping[str, Any], required: list[str]) -> Iterator[Finding]:
    store, gateways = reply["store"], reply["gateways"]
    yield from _judge_store(reply, required)
    if reply["forged"]:
        text = f"messages in the store without the fleet's code: {reply['forged']}"
        cure = "look who else may write to it, and whether all gateways have the same Fleet_Key"
        yield Finding("fleet-forged", text, cure)
    if store["problem"] is not None or reply["run"] is None:
        return
    if not gateways:
        cure = "give the others the same Fleet, Fleet_Name and Fleet_Key; 'knockctl status --fleet' there"
        yield Finding("fleet-alone", "no other gateway of the fleet is there", cure)
    names = Counter([reply["gateway"], *(one["name"] for one in gateways if one["heard"] < FRESH)])
    for name, count in names.items():
        if count > 1:
            text = f"{count} gateways of the fleet have the name {printable(name)}"
            yield Finding("fleet-names", text, "give each a host name of its own: hostnamectl")
    for one in gateways:
        if abs(one["skew"]) - one["trip"] > MOST_SKEW:
            way = "ahead" if one["skew"] > 0 else "behind"
            text = f"the clock of gateway {printable(one['name'])} is {show_span(abs(one['skew']))} {way}"
            yield Finding("fleet-clock", text, "see which one is wrong with timedatectl, here and there")


def _judge_store(reply: Mapping[str, Any], required: list[str]) -> Iterator[Finding]:
    store = reply["store"]
    if store["problem"] is not None:
        why = f"the store of the fleet is not reached: {printable(store['problem'])}"
    elif reply["refusal"] is not None:
        why = f"the store of the fleet does not do what it is asked for: {printable(reply['refusal'])}"
    elif reply["run"] is None:
        why = "the process that speaks with the fleet does not answer"
    else:
        return
    cure = f"look whether it runs and can be reached: {printable(', '.join(reply['servers']))}"
    if required:
        named = ", ".join(map(printable, required[:MOST_NAMED])) + (", ..." if required[MOST_NAMED:] else "")
        yield Finding("fleet-closed", f"{why}: nobody can open {named}", cure)
    else:
        yield Finding("fleet-unreached", why, cure)
