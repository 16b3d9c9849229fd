"""What will surprise in Open_Prefix: commands that do not name the network, and sets that hold none.

Pure.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from typing import Final

from knockd.checks.version_advice import AddressSet, find_sets
from knockd_conf.errors import Note
from knockd_conf.firewall_tools import NETWORK
from knockd_conf.model import Door
from knockd_conf.shell_words import split_script

AskNetworks = Callable[[AddressSet], bool | None]
"""Whether a set of a firewall holds networks; None: it is not known."""

_COMMANDS: Final = ("start_command", "start_command_6", "stop_command", "stop_command_6")
_PREFIXED: Final = re.compile(rf"(?:{NETWORK.pattern})/")


def find_prefix_notes(doors: Iterable[Door], ask: AskNetworks) -> Iterator[Note]:
    """Yields a note for everything about the networks of doors that will not do what it is meant to."""
    for door in doors:
        for field in _COMMANDS:
            text: str | None = getattr(door, field)
            if text and _PREFIXED.search(text):
                yield door.note(field, "%NET% brings its prefix: write it without what follows the '/'")
        if door.open_prefix is None:
            continue
        if door.commands() and not any(NETWORK.search(text) for text in door.commands()):
            yield door.note(
                "open_prefix",
                "no command names %NET%: the firewall opens for the address alone, and a knock of another one"
                " of its network closes that; write %NET% in the place of %IP%",
            )
        yield from _find_narrow_sets(door, ask)


def _find_narrow_sets(door: Door, ask: AskNetworks) -> Iterator[Note]:
    for field in _COMMANDS[:2]:
        text: str | None = getattr(door, field)
        script = split_script(text or "")
        for command in script.commands if script.plain else ():
            for named in find_sets(command, NETWORK):
                if ask(named) is False:
                    cure = "make it with 'flags interval;'" if named.tool == "nft" else "make it a hash:net"
                    yield door.note(field, f"the set {named.name} holds addresses, not networks: {cure}")
