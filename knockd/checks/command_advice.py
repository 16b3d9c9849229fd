"""What of the commands of doors will surprise, as far as their text tells.

Pure.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Final

from knockd.checks.firewall_changes import Change, find_changes
from knockd.checks.firewall_openings import find_opening
from knockd_conf.errors import Note, seen
from knockd_conf.model import Door
from knockd_conf.shell_words import HARMLESS, Script, split_script

COMMANDS: Final = ("start_command", "start_command_6", "stop_command", "stop_command_6")
"""The fields of a door that hold commands."""

_KNOWN = ("IP", "NET", "DOOR", "DST", "IFACE", "TIMEOUT")
_PLACEHOLDER = re.compile(r"(%*)%([A-Za-z_]{2,12})%(%*)")
_HALF = re.compile(r"(?<!%)%IP\b(?!%)|(?<![%\w])IP%(?!%)")
_HEX = re.compile(r"[0-9A-Fa-f]{2}")
_QUOTED = re.compile(r"'[^']*'|\"(?:\\.|[^\"\\])*\"")
_QUOTES = {
    **dict.fromkeys("\u201c\u201d\u201e\u00ab\u00bb", '"'),
    **dict.fromkeys("\u2018\u2019\u201a", "'"),
}
_DASHES = re.compile(r"(?<!\S)-*[\u2013\u2014\u2212][-\u2013\u2014\u2212]*(?=\w)")
_NO_BREAK_SPACE = "\u00a0"


def find_command_notes(doors: Iterable[Door]) -> Iterator[Note]:
    """Yields a note for everything in the commands of doors that will not do what it is meant to."""
    judged: dict[str, tuple[str, ...]] = {}
    for door in doors:
        for field in COMMANDS:
            text: str | None = getattr(door, field)
            if text:
                if text not in judged:
                    judged[text] = tuple(_judge_text(text))
                yield from (door.note(field, message) for message in judged[text])
                yield from judge_opening(door, field, text)
        yield from _judge_times(door)
        yield from _judge_stop(door)


def _judge_text(text: str) -> Iterator[str]:
    if text[0] in "'\"" and text[-1] == text[0] and len(text) > 1:
        words = [word for command in split_script(text).commands for word in command.words]
        if len(words) == 1 and " " in words[0]:
            yield "the quotes make the whole command the name of one program: write it without them"
    if text.endswith("\\"):
        yield "a command has one line: write what follows in this line too, without the backslash at its end"
    bare = _QUOTED.sub("", text)
    for char, plain in _QUOTES.items():
        if char in bare:
            yield f"the typographic quote {char} is a letter to the shell: write {plain}"
    if _NO_BREAK_SPACE in bare:
        yield "a no-break space is a letter to the shell: write a plain space"
    for found in dict.fromkeys(_DASHES.findall(bare)):
        plain = "--" if len(found) > 1 or found == "\u2014" else "-"
        yield f"the typographic dash {found} begins no option: write {plain}"
    yield from _judge_placeholders(text)


def _judge_placeholders(text: str) -> Iterator[str]:
    known = ", ".join(f"%{name}%" for name in _KNOWN)
    for before, name, after in dict.fromkeys(_PLACEHOLDER.findall(text)):
        if name in _KNOWN:
            if before and after:
                yield f"%%{name}%% becomes the value between percent signs: write %{name}%"
        elif name.upper() in _KNOWN:
            yield f"%{name}% stays as it is: write %{name.upper()}%"
        elif name.isupper() and not _HEX.fullmatch(name):
            yield f"%{name}% is no placeholder and stays as it is: expected one of {known}"
    for half in dict.fromkeys(_HALF.findall(text)):
        yield f"{half} stays as it is: write %IP%"


def _judge_times(door: Door) -> Iterator[Note]:
    inherited = {name.lower() for name, _ in door.inherited}
    stops = door.stop_command or door.stop_command_6
    if not stops and "cmd_timeout" in dict(door.places) and "cmd_timeout" not in inherited:
        yield door.note("cmd_timeout", "does nothing: there is no Stop_Command to run then")
    if stops and door.cmd_timeout == 0:
        yield door.note("cmd_timeout", "0 seconds: the door is closed as soon as it is open")
    if door.seq_timeout == 0:
        yield door.note("seq_timeout", "0 seconds: no knock of more than one packet is in time")
    yield from _judge_one_sided(door)


def _judge_one_sided(door: Door) -> Iterator[Note]:
    """A door that is closed for knockers of one IP version only."""
    for version, field in ((4, "stop_command"), (6, "stop_command_6")):
        if door.stop_for(version) or not door.stop_for(10 - version) or not door.start_for(version):
            continue
        if getattr(door, field) is None:
            message = "there is a Stop_Command_6 and no Stop_Command: IPv4 knockers open nothing"
            yield door.note(None, message)
        else:
            yield door.note(field, f"empty: nothing closes what IPv{version} knockers open")


def judge_opening(door: Door, field: str, text: str) -> Iterator[Note]:
    """A command that lets everybody in; not a stop command that takes back what its start has closed."""
    for command in split_script(text).commands:
        cure = find_opening(command)
        if cure is not None and (field.startswith("start") or _only_opens(door, field)):
            yield door.note(field, f"{command.program} opens for everybody, whoever has knocked: {cure}")
            return


def _only_opens(door: Door, field: str) -> bool:
    """Whether what the start command of a stop command does is known, and closes nothing."""
    start = door.start_for(6 if field.endswith("6") else 4)
    changes = _net_changes(split_script(start)) if start else None
    return bool(changes) and all(one.adds and one.what.isdisjoint(_CLOSING) for one in changes or ())


_CLOSING = frozenset({"-j DROP", "-j REJECT", "deny", "reject"})


def _judge_stop(door: Door) -> Iterator[Note]:
    """A stop command that leaves something of what its start command adds."""
    told: set[str] = set()
    for version in (4, 6):
        start, stop = door.start_for(version), door.stop_for(version)
        if not start or not stop:
            continue
        message = find_leftover(start, stop)
        field = "stop_command_6" if version == 6 and door.stop_command_6 else "stop_command"
        if message is not None and message not in told:
            told.add(message)
            yield door.note(field, message)


def find_leftover(start: str, stop: str) -> str | None:
    """What ``stop`` leaves of what ``start`` adds to a firewall; None: nothing, or not known."""
    if start.endswith("\\") or stop.endswith("\\"):  # the rest of it is missing, and a note says so
        return None
    added, removed = _net_changes(split_script(start)), _net_changes(split_script(stop))
    if not added or not removed or any(change.adds and change.tool == "ufw" for change in removed):
        return None  # a rule of ufw takes the place of one for the same packets
    gone = {change.key for change in removed if not change.adds}
    for change in added:
        if change.adds and change.key not in gone:
            return _explain_leftover(change, [one for one in removed if not one.adds])
    return None


def _explain_leftover(change: Change, removed: list[Change]) -> str:
    name = "Start_Command"
    alike = [one for one in removed if one.tool == change.tool]
    if not alike:
        return f"does not remove what {name} adds with {change.tool}"
    nearest = min(alike, key=lambda one: len(one.what ^ change.what) + (one.where != change.where))
    there, here = sorted(change.what - nearest.what), sorted(nearest.what - change.what)
    if nearest.where != change.where:
        there, here = [change.where or "no zone", *there], [nearest.where or "no zone", *here]
    return (
        f"does not remove what {name} adds with {change.tool}: there {seen(' '.join(there))},"
        f" here {seen(' '.join(here))}"
    )


_SETS = frozenset({"nft", "ipset"})
"""Tools whose changes are those of sets."""


def _net_changes(script: Script) -> list[Change] | None:
    """What is added or removed when a script has run; None when that is not known."""
    if not script.plain:
        return None
    net: dict[object, Change] = {}
    for command in script.commands:
        changes = () if command.program in HARMLESS else find_changes(command)
        if changes is None:
            return None
        for change in changes:
            before = net.pop(change.key, None)
            # What has been added to a set once more is gone all the same; of two equal rules one is left.
            if before is None or change.adds or not before.adds or change.tool in _SETS:
                net[change.key] = change
    return list(net.values())
