"""Why a door is not opened: for whom or on which day it is not, or commands that could not be run.

What could not be closed is not opened. A look costs less than a millisecond for each command, for one whose
program is on a disk of its own some milliseconds.

World: files of programs, through ``executables``.
"""

from __future__ import annotations

from ipaddress import ip_address

from knockd.leases.commands import MAX_COMMAND, expand
from knockd.leases.executables import can_run
from knockd.leases.values import Knock
from knockd_conf.model import CommandFacts
from knockd_conf.text import encoded


def find_bar(knock: Knock, today: str) -> str | None:
    """Why the door is for other knockers, or was for other days; None: a knock opens it.

    ``today`` is YYYY-MM-DD. By hand it can be opened all the same.
    """
    door = knock.door
    if door.access is not None and not door.access.admits(ip_address(knock.source).packed):
        return "Allow and Deny keep this address out"
    if door.has_expired(today):
        return f"it has expired: its last day was {door.expires}"
    return None


def find_obstacle(knock: Knock, path: str | None) -> str | None:
    """Why start and stop command of an opening cannot both be run; None when nothing is known against it.

    ``path`` has the folders of programs with colons between them; None: the shell chooses.
    """
    door, version = knock.door, knock.version
    start, stop = door.start_for(version), door.stop_for(version)
    for verb, command in (("start", start), ("stop", stop)):
        reason = None if command is None else find_obstacle_of(verb, command, knock, path)
        if reason is not None:
            return reason
    if start is not None and version == 4 and door.stop_command is None and door.stop_command_6:
        return "it has a Stop_Command_6 and no Stop_Command: write one (empty: nothing closes it)"
    return None


def find_obstacle_of(verb: str, command: str, knock: Knock, path: str | None) -> str | None:
    """Why one command (``start`` or ``stop``) of an opening cannot be run."""
    facts = knock.door.facts_of(command)
    if facts.version not in (None, knock.version):
        return _explain_version(verb, facts, knock)
    size = len(encoded(expand(command, knock)))
    if size > MAX_COMMAND:
        return (
            f"its {verb} command would have {size} bytes for this knocker, {MAX_COMMAND} at most can be run:"
            " shorten it, or let it call a script"
        )
    if verb == "start":  # without its program it opens nothing, and the log has what knockd 0.8 says of that
        return None
    hangs = False
    for program in facts.programs:
        found = can_run(program, path)
        if found:
            return None
        hangs |= found is None
    if not facts.programs:
        return None
    needed = f"its stop command needs {' or '.join(facts.programs)}"
    if hangs:
        return f"{needed}, whose disk does not answer"
    return f"{needed}, which is missing or cannot be executed"


def _explain_version(verb: str, facts: CommandFacts, knock: Knock) -> str:
    key = f"{verb.capitalize()}_Command"
    own = knock.door.start_command_6 if verb == "start" else knock.door.stop_command_6
    if knock.version == 4:
        cure = f"write it as {key}_6, and {key} for IPv4"
    elif own is None:
        cure = f"write {key}_6"
    else:
        cure = f"write {key}_6 for IPv6"
    return f"its {verb} command works for IPv{facts.version} knockers only: {cure}"
