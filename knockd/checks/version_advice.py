"""Commands that serve one IP version only, and are run for knockers of the other too.

Pure.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator

from knockd_conf.classes import NamedTuple
from knockd_conf.errors import Note
from knockd_conf.firewall_tools import KNOCKER, Version, find_version, read_elements, split_nft
from knockd_conf.model import Door
from knockd_conf.shell_words import SimpleCommand, split_script


class AddressSet(NamedTuple):
    """A set of a firewall that a command adds the knocker to; ``family`` is empty for ``ipset``."""

    tool: str
    family: str
    name: str
    """For nft the table and the set."""


Ask = Callable[[AddressSet], Version | None]
"""The IP version of the addresses in a set; None: of both, or not known."""


def find_version_notes(doors: Iterable[Door], has_ipv6: Callable[[Door], bool], ask: Ask) -> Iterator[Note]:
    """Yields a note for each command that cannot work for some knockers of its door.

    ``has_ipv6`` says whether a door can be knocked at over IPv6 on this host.
    """
    for door in doors:
        for version, other in ((4, 6), (6, 4)):
            for verb, command, own in (
                ("start", door.start_for(version), door.start_command_6),
                ("stop", door.stop_for(version), door.stop_command_6),
            ):
                if command is None or find_only_version(command, ask) != other:
                    continue
                plain = version == 4 or own is None
                if version == 6 and plain and not has_ipv6(door):
                    continue
                yield door.note(f"{verb}_command" if plain else f"{verb}_command_6", _explain(version, plain))
                break  # a stop command for nobody is no further mistake


def _explain(version: int, plain: bool) -> str:
    if version == 4:
        return "works for IPv6 knockers only, and IPv4 knockers get it too: write it as Start_Command_6"
    if plain:
        return (
            "works for IPv4 knockers only, and this host can be knocked at over IPv6: write Start_Command_6"
            " and Stop_Command_6 for those (empty: nothing is run)"
        )
    return "works for IPv4 knockers only, and it is for IPv6 knockers: write it with the tool for IPv6"


def find_only_version(text: str, ask: Ask) -> Version | None:
    """The IP version of the knockers for whom a part of the command works; None: it may serve both."""
    script = split_script(text)
    if not script.plain:
        return None
    versions = {find_version(command) for command in script.commands}
    versions |= {ask(one) for command in script.commands for one in find_sets(command)}
    versions.discard(None)
    return versions.pop() if len(versions) == 1 else None


def find_sets(command: SimpleCommand, whom: re.Pattern[str] = KNOCKER) -> Iterator[AddressSet]:
    """Yields the sets to which a command adds the knocker alone; none that reads as an option.

    ``whom``: how the knocker is named there.
    """
    for one in _find_named(command, whom):
        if not any(word.startswith("-") for word in one.name.split(" ")):
            yield one


def _find_named(command: SimpleCommand, whom: re.Pattern[str]) -> Iterator[AddressSet]:
    if command.program == "ipset" and command.words[1:2] == ("add",) and len(command.words) > 3:
        if whom.fullmatch(command.words[3]):
            yield AddressSet("ipset", "", command.words[2])
    elif command.program == "nft":
        for one in split_nft(command.words) or ():
            if one[:2] == ["add", "element"]:
                for family, name, element in read_elements(one):
                    if whom.fullmatch(element):
                        yield AddressSet("nft", family, name)
