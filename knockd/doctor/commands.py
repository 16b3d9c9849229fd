"""Doors and their commands: whether they can be opened, for whom they work, and what else knockd -t says.

World: what knockd -t looks at.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Sequence
from typing import Final

from knockd.checks.access_notes import find_shut_doors
from knockd.checks.asked_tools import PATIENCE
from knockd.checks.command_advice import COMMANDS, judge_opening
from knockd.checks.command_files import find_file_notes, find_program_notes, find_whereabouts
from knockd.checks.command_notes import Circumstances, find_one_sided, find_unreadable
from knockd.checks.fleet_surprises import NO_STORE
from knockd.checks.keys import WAITS, KeyFiles
from knockd.checks.notes import Sequences, find_notes
from knockd.checks.program_trust import find_replaceable_programs
from knockd.checks.signed_keys import ALL_WAIT, SignedFiles
from knockd.doctor.findings import Finding, Looked, from_note
from knockd.knocks.guards import Guards
from knockd.knocks.taken import Taken
from knockd_conf.errors import Note
from knockd_conf.model import Config, Door


def look_at_commands(config: Config, known: Circumstances) -> Looked:
    """What was found of doors, of their commands and the programs of these."""
    until = time.monotonic() + PATIENCE
    notes: list[tuple[str, Note]] = []
    for door in config.doors:
        for field in COMMANDS:
            text: str | None = getattr(door, field)
            notes += (("command-open", one) for one in judge_opening(door, field, text or ""))
    notes += (("door-shut", one) for one in find_shut_doors(config, known.has_ipv6, known.days.today))
    notes += (("command-unreadable", one) for one in find_unreadable(config.doors, until))
    notes += (("one-version", one) for one in find_one_sided(config.doors, known, until))
    where = find_whereabouts(os.environ, starting=False)
    notes += (("program-unusable", one) for one in find_program_notes(config.doors, where))
    notes += (("file-unwritable", one) for one in find_file_notes(config, where))
    notes += (("program-replaceable", one) for one in find_replaceable_programs(config))
    found = (*(from_note(name, one) for name, one in notes), *find_missing_versions(config.doors, known))
    return Looked("commands", tuple(dict.fromkeys(found)))


def find_missing_versions(doors: Sequence[Door], known: Circumstances) -> Iterator[Finding]:
    """Yields a finding for each door that opens nothing for IPv4, or for IPv6 where this host has it.

    An empty Start_Command_6 says that this is meant.
    """
    for door in doors:
        missing = [version for version in (4, 6) if door.start_for(version) is None]
        if len(missing) != 1 or (missing == [6] and door.start_command_6 is not None):
            continue
        if missing == [6] and not (known.ipv6 and known.ipv6_address):
            continue
        key = "Start_Command" if missing == [4] else "Start_Command_6"
        text = f"door {door.name} opens nothing for knockers over IPv{missing[0]}"
        yield Finding(
            "version-missing", text, f"write {key}, if they should come in", f"{door.path}:{door.line}"
        )


ELSEWHERE_TOLD: Final = (WAITS, ALL_WAIT, NO_STORE)
"""Ends of notes that are findings of their own."""


def look_at_notes(
    config: Config,
    live: Sequences,
    guards: tuple[Guards, ...],
    files: KeyFiles,
    signed: SignedFiles | None,
    known: Circumstances,
    told: Sequence[Finding],
) -> Looked:
    """All other notes of the configuration: those that are not among the findings ``told``."""
    said = {(one.text, one.place) for one in told}
    # Ports of sequences that are in use are findings of their own, too.
    found = find_notes(config, live, guards, files, signed, known, Taken())
    notes = (from_note("config-note", note) for note in found if not note.message.endswith(ELSEWHERE_TOLD))
    return Looked(
        "notes of the configuration", tuple(one for one in notes if (one.text, one.place) not in said)
    )
