"""Says which commands cannot work with the rights that knockd was given."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Protocol

from knockd.edge.privileges import rights_of_commands
from knockd.engine.rights import Rights, lacking
from knockd_conf.model import Door


class Say(Protocol):
    """Logs an event."""

    def __call__(self, event: str, *, level: str = "info", **fields: Any) -> None: ...


class CommandRights:
    """What the commands of doors need, against what they get; nothing is lost after the start."""

    def __init__(self, say: Say, have: Rights | None = None) -> None:
        self._say = say
        self._have = have or rights_of_commands()

    def check(self, doors: Iterable[Door]) -> None:
        """Warns of every tool in the commands of a door that cannot work, once for each door."""
        for door in doors:
            lines = (door.start_command, door.start_command_6, door.stop_command, door.stop_command_6)
            missing = dict(pair for line in lines if line for pair in lacking(line, self._have))
            for tool, rights in missing.items():
                self._warn(door.name, tool, rights)

    def explain(self, door: str, line: str) -> None:
        """Says why a command has failed, where that is for lack of a right."""
        for tool, rights in lacking(line, self._have):
            self._warn(door, tool, rights)

    def _warn(self, door: str, tool: str, rights: str) -> None:
        self._say("command-rights", level="warning", door=door, command=tool, rights=rights)
