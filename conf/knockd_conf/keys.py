"""Every key a configuration may hold: its name, its aliases, the field it fills and its parser.

Pure.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable
from typing import Any, Final

from knockd_conf import fields, fleet_urls, networks, open_prefix, services, timed
from knockd_conf.classes import dataclass
from knockd_conf.errors import seen
from knockd_conf.mistakes import is_quoted
from knockd_conf.model import ClockTrust, CommandOutput, LogFormat, OnExit, Reader, Reknock

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

    @property
    def is_command(self) -> bool:
        """Whether its value goes to the shell as it is."""
        return self.parse is fields.command

    @property
    def is_path(self) -> bool:
        """Whether its value is the name of a file, in which any character may be."""
        return self.parse in (fields.file_path, fields.path_or_none)


SEQUENCE: Final = Key("Sequence", "steps", fields.sequence)
ONE_TIME: Final = Key("One_Time_Sequences", "one_time_file", fields.file_path)
SEQUENCE_KEY: Final = Key("Sequence_Key", "sequence_key", fields.file_path)
SEQUENCE_KINDS: Final = f"{SEQUENCE.name}, {ONE_TIME.name} and {SEQUENCE_KEY.name}"
TARGET: Final = Key("Target", "target", fields.targets)
SIGNED_PORT: Final = Key("Signed_Port", "signed_port", fields.port_or_none)
AUTHORIZED_KEYS: Final = Key("Authorized_Keys", "authorized_keys", fields.file_path)
KNOCK_SECRET: Final = Key("Knock_Secret", "knock_secret", fields.file_path)
FLEET: Final = Key("Fleet", "fleet", fleet_urls.parse_fleet)
FLEET_KEY: Final = Key("Fleet_Key", "fleet_key", fields.file_path)
FLEET_CA: Final = Key("Fleet_CA", "fleet_ca", fields.file_path)
FLEET_REPLICAS: Final = Key("Fleet_Replicas", "fleet_replicas", fields.whole(0, 16))
FLEET_REQUIRED: Final = Key("Fleet_Required", "fleet_required", fields.yes_no)
FLEET_SHARE: Final = Key("Fleet_Share", "fleet_share", fields.yes_no)
INCLUDE: Final = Key("Include", "include", fields.file_path)

_OPTION_KEYS: Final = (
    Key("UseSyslog", "use_syslog", fields.yes_no, flag=True),
    Key("LogFile", "log_file", fields.file_path),
    Key("PidFile", "pid_file", fields.file_path),
    Key("Interface", "interface", fields.interfaces),
    Key("Latency", "latency", fields.whole(1, 1_000, " of milliseconds")),
    Key("Buffer", "buffer", fields.whole(64, 1_048_576, " of KiB")),
    Key("Capture", "capture", fields.word(Reader)),
    Key("LogFormat", "log_format", fields.word(LogFormat)),
    Key("Log_Failures", "log_failures", fields.yes_no),
    Key("Max_Attempts", "max_attempts", fields.whole(1_024, 1_048_576)),
    Key("Max_Leases", "max_leases", fields.whole(1, 65_536)),
    Key("Guard_Ports", "guard_ports", fields.guard_ports),
    Key("Command_Output", "command_output", fields.word(CommandOutput)),
    Key("StateDir", "state_dir", fields.file_path),
    Key("State_Required", "state_required", fields.yes_no),
    Key("Last_Good", "last_good", fields.yes_no),
    Key("On_Exit", "on_exit", fields.word(OnExit)),
    Key("Exit_Patience", "exit_patience", fields.whole(1, 3_600, " of seconds")),
    Key("User", "user", fields.user),
    Key("ControlSocket", "control_socket", fields.path_or_none),
    Key("Clock", "clock", fields.word(ClockTrust)),
    SIGNED_PORT,
    AUTHORIZED_KEYS,
    KNOCK_SECRET,
    FLEET,
    Key("Fleet_Name", "fleet_name", fleet_urls.parse_fleet_name),
    FLEET_KEY,
    Key("Fleet_Password", "fleet_password", fields.file_path),
    FLEET_CA,
    FLEET_REPLICAS,
    FLEET_REQUIRED,
    FLEET_SHARE,
    Key("Allow", "allow", networks.parse_allow),
    Key("Deny", "deny", networks.parse_deny),
    INCLUDE,
)

_DOOR_KEYS: Final = (
    SEQUENCE,
    ONE_TIME,
    SEQUENCE_KEY,
    Key("Sequence_Steps", "sequence_steps", fields.whole(timed.MIN_STEPS, timed.MAX_STEPS)),
    Key(
        "Sequence_Period",
        "sequence_period",
        fields.whole(timed.MIN_PERIOD, timed.MAX_PERIOD, " of seconds"),
    ),
    Key("Sequence_Ports", "sequence_ports", fields.port_range),
    Key("Sequence_Protocol", "sequence_protocol", fields.one_of(timed.KINDS)),
    SIGNED_PORT,
    AUTHORIZED_KEYS,
    FLEET_REQUIRED,
    FLEET_SHARE,
    Key("Seq_Timeout", "seq_timeout", fields.seconds, aliases=("Timeout",)),
    Key("TCPFlags", "flags", fields.flag_rule),
    TARGET,
    Key("Start_Command", "start_command", fields.command, aliases=("Command",)),
    Key("Start_Command_6", "start_command_6", fields.command, aliases=("Command_6",)),
    Key("Cmd_Timeout", "cmd_timeout", fields.seconds),
    Key("Close_When_Idle", "close_when_idle", fields.seconds),
    Key("Service", "service", services.parse_services),
    Key("Open_Max", "open_max", fields.seconds),
    Key("Stop_Command", "stop_command", fields.command),
    Key("Stop_Command_6", "stop_command_6", fields.command),
    Key("Reknock", "reknock", fields.word(Reknock)),
    Key("Command_Deadline", "command_deadline", fields.seconds),
    Key("Max_Commands", "max_commands", fields.whole(1, 256)),
    Key("Command_Output", "command_output", fields.word(CommandOutput)),
    Key("Seq_Cooldown", "seq_cooldown", fields.seconds),
    Key("Guard_Ports", "guard_ports", fields.guard_ports),
    Key("Allow", "allow", networks.parse_allow),
    Key("Deny", "deny", networks.parse_deny),
    Key("Expires", "expires", fields.day),
    Key("Open_Prefix", open_prefix.OPEN_PREFIX, open_prefix.parse_open_prefix),
)


ALL_KEYS: Final = (*_OPTION_KEYS, *_DOOR_KEYS)

_NEAR: Final = 0.75
"""How alike (by difflib's ratio) a key has to be to one that is known to be taken for it."""

_WITHOUT_EQUALS: Final = re.compile(r"(\w+)\s*(:|\s)")
_COMMENT: Final = re.compile(r"(.*?)\s+([#;].*|//.*)")
_SECONDS: Final = re.compile(r"([0-9]+)\s*(?:s|secs?|seconds?)\.?", re.IGNORECASE)


def _table(keys: tuple[Key, ...]) -> dict[str, Key]:
    return {name.lower(): key for key in keys for name in (key.name, *key.aliases)}


_TABLES: Final = {True: _table(_OPTION_KEYS), False: _table(_DOOR_KEYS)}


def find_key(name: str, *, options: bool) -> Key:
    """The key of that name (any case) in [options] or in a door; ValueError says what it may be instead."""
    wanted = name.lower()
    key = _TABLES[options].get(wanted)
    if key is not None:
        return key
    if wanted in _TABLES[not options]:
        raise ValueError(f"expected in {_place(not options)}, got it in {_place(options)}")
    if found := _WITHOUT_EQUALS.match(name):
        word = found[1]
        if any(word.lower() in table for table in _TABLES.values()):
            raise ValueError(f"expected '=' behind {word}, got {seen(found[2] or ' ')}")
    nearest = _find_nearest(wanted, options=options)
    if nearest is None:
        raise UnknownKeyError(f"expected a key that knockd.conf(5) lists, got {seen(name)}")
    raise ValueError(f"expected a known key (the nearest is {nearest}), got {seen(name)}")


def belongs(name: str, *, options: bool) -> bool:
    """Whether a key of that name belongs in [options], or in a door."""
    return name.lower() in _TABLES[options]


class UnknownKeyError(ValueError):
    """No key is anything like it."""


def _place(options: bool) -> str:
    return "[options]" if options else "a door's section"


def _find_nearest(wanted: str, *, options: bool) -> str | None:
    for place in (options, not options):
        known = {
            spelling.lower(): spelling
            for key in _TABLES[place].values()
            for spelling in (key.name, *key.aliases)
        }
        for name in difflib.get_close_matches(wanted, known, n=1, cutoff=_NEAR):
            return known[name] if place is options else f"{known[name]}, which belongs in {_place(place)}"
    return None


def parse_value(key: Key, value: str | None) -> Any:
    """The value as the key's field wants it; None is a line without ``=``. Raises ValueError."""
    if value is None:
        if key.flag:
            return True
        raise ValueError(f"expected {key.name} = value, got no '='")
    if not key.is_command and not key.is_path and key not in (SEQUENCE, FLEET) and is_quoted(value):
        raise ValueError(f"expected a value without quotes, got {seen(value)}")
    return key.parse(value)


def tidy_value(key: Key, value: str) -> tuple[str, str | None]:
    """The value without what 0.8 does not read either, and what is to be said of it."""
    if key.is_command:
        return value, None
    if key.is_path:
        if is_quoted(value):
            return value, "the quotes are part of the path: write it without them"
        if comment := _COMMENT.fullmatch(value):
            return value, f"{seen(comment[2])} is part of the path: put a comment on a line of its own"
        return value, None
    remark = None
    if comment := _COMMENT.fullmatch(value):
        value = comment[1]
        remark = "the comment behind the value is left out: put it on a line of its own"
    if key.parse is fields.seconds and (unit := _SECONDS.fullmatch(value)):
        value = unit[1]
        remark = remark or f"the unit is left out: write {value}, which are seconds"
    return value, remark
