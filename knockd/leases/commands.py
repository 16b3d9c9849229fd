"""A command line of the configuration to what is executed: placeholders, shell or not.

Only values that our own code printed are put in, and those that could mean something to a
shell are quoted.

Pure.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping

from knockd.leases.opened_by import find_key
from knockd.leases.values import Knock
from knockd_conf.shell_builtins import WITHOUT_PROGRAM

MAX_COMMAND = 4_096
"""Bytes of the longest command after expansion, as in knockd 0.8."""

_PLAIN = re.compile(r"[A-Za-z0-9_./:,@%+=\- ]+")
_PLACEHOLDER = re.compile(r"%(IP|NET|DOOR|DST|IFACE|TIMEOUT)%")


def expand(command: str, knock: Knock) -> str:
    """Puts the values of an opening in: %IP%, %NET%, %DOOR%, %DST%, %IFACE%, %TIMEOUT% (seconds)."""
    values = {name: shlex.quote(value) for name, value in _values(knock).items()}
    return _PLACEHOLDER.sub(lambda found: values[found[1]], command)


def environment(knock: Knock, inherited: Mapping[str, str]) -> dict[str, str]:
    """The environment of a command: what we inherited, and KNOCKD_IP, KNOCKD_DOOR and so on.

    KNOCKD_KEY is there when a key has opened the door, and only then.
    """
    values = _values(knock)
    if (key := find_key(knock.by)) is not None:
        values["KEY"] = key
    others = {name: value for name, value in inherited.items() if name != "KNOCKD_KEY"}
    return {**others, **{f"KNOCKD_{name}": value for name, value in values.items()}}


def words(command: str) -> list[str] | None:
    """The command's words when no shell is needed to find them, else None."""
    if _PLAIN.fullmatch(command) is None:
        return None
    found = command.split()
    # A word with "=" in front of the program sets a variable: that is the shell's business.
    return found if found and "=" not in found[0] else None


def script(command: str) -> str:
    """The text that a shell is given to run a command: one that needs no shell takes its place.

    The shell is started first, as its program is read at once: a program on a disk that hangs then keeps
    the shell waiting, and not us.
    """
    found = words(command)
    if found is None or found[0] in WITHOUT_PROGRAM or found[0].startswith("-"):
        return command
    return f"exec {command.strip()}"


def _values(knock: Knock) -> dict[str, str]:
    return {
        "IP": knock.source,
        "NET": knock.network,
        "DOOR": knock.door.name,
        "DST": knock.destination,
        "IFACE": knock.interface,
        "TIMEOUT": f"{knock.door.cmd_timeout:.12g}",
    }
