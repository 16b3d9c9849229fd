"""Every key a configuration may hold: its name, its aliases, the field it fills and its parser."""

from __future__ import annotations

import difflib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from knockd_conf import fields
from knockd_conf.errors import seen
from knockd_conf.model import LogFormat, OnExit, Reknock

OPTIONS: Final = "options"
"""The name of the global section, in exactly this case."""


@dataclass(frozen=True, slots=True)
class Key:
    """One key: ``name`` as documented, ``field`` of Door or Options, ``flag`` if it needs no ``=``."""

    name: str
    field: str
    parse: Callable[[str], Any]
    aliases: tuple[str, ...] = ()
    flag: bool = False


SEQUENCE: Final = Key("Sequence", "steps", fields.sequence)
ONE_TIME: Final = Key("One_Time_Sequences", "one_time_file", fields.file_path)
TARGET: Final = Key("Target", "target", fields.targets)
INCLUDE: Final = Key("Include", "include", fields.file_path)

_OPTION_KEYS: Final = (
    Key("UseSyslog", "use_syslog", fields.yes_no, flag=True),
    Key("LogFile", "log_file", fields.file_path),
    Key("PidFile", "pid_file", fields.file_path),
    Key("Interface", "interface", fields.interfaces),
    Key("Latency", "latency", fields.whole(1, 1_000, " of milliseconds")),
    Key("Buffer", "buffer", fields.whole(64, 1_048_576, " of KiB")),
    Key("LogFormat", "log_format", fields.word(LogFormat)),
    Key("Log_Failures", "log_failures", fields.yes_no),
    Key("Max_Attempts", "max_attempts", fields.whole(1_024, 1_048_576)),
    Key("Max_Leases", "max_leases", fields.whole(1, 65_536)),
    Key("Guard_Ports", "guard_ports", fields.guard_ports),
    Key("StateDir", "state_dir", fields.file_path),
    Key("State_Required", "state_required", fields.yes_no),
    Key("On_Exit", "on_exit", fields.word(OnExit)),
    Key("User", "user", fields.user),
    INCLUDE,
)

_DOOR_KEYS: Final = (
    SEQUENCE,
    ONE_TIME,
    Key("Seq_Timeout", "seq_timeout", fields.seconds, aliases=("Timeout",)),
    Key("TCPFlags", "flags", fields.flag_rule),
    TARGET,
    Key("Start_Command", "start_command", fields.command, aliases=("Command",)),
    Key("Start_Command_6", "start_command_6", fields.command, aliases=("Command_6",)),
    Key("Cmd_Timeout", "cmd_timeout", fields.seconds),
    Key("Stop_Command", "stop_command", fields.command),
    Key("Stop_Command_6", "stop_command_6", fields.command),
    Key("Reknock", "reknock", fields.word(Reknock)),
    Key("Command_Deadline", "command_deadline", fields.seconds),
    Key("Max_Commands", "max_commands", fields.whole(1, 256)),
    Key("Seq_Cooldown", "seq_cooldown", fields.seconds),
    Key("Guard_Ports", "guard_ports", fields.guard_ports),
)


ALL_KEYS: Final = (*_OPTION_KEYS, *_DOOR_KEYS)


def _table(keys: tuple[Key, ...]) -> dict[str, Key]:
    return {name.lower(): key for key in keys for name in (key.name, *key.aliases)}


_TABLES: Final = {True: _table(_OPTION_KEYS), False: _table(_DOOR_KEYS)}


def find(name: str, *, options: bool) -> Key:
    """The key of that name (any case) in [options] or in a door; ValueError names the nearest known one."""
    wanted = name.lower()
    key = _TABLES[options].get(wanted)
    if key is not None:
        return key
    if wanted in _TABLES[not options]:
        here, there = ("[options]", "a door's section") if options else ("a door's section", "[options]")
        raise ValueError(f"expected in {there}, got it in {here}")
    known = {
        spelling.lower(): spelling
        for key in _TABLES[options].values()
        for spelling in (key.name, *key.aliases)
    }
    nearest = known[difflib.get_close_matches(wanted, known, n=1, cutoff=0.0)[0]]
    raise ValueError(f"expected a known key (the nearest is {nearest}), got {seen(name)}")


def parse(key: Key, value: str | None) -> Any:
    """The value as the key's field wants it; None is a line without ``=``. Raises ValueError."""
    if value is None:
        if key.flag:
            return True
        raise ValueError(f"expected {key.name} = value, got no '='")
    return key.parse(value)
