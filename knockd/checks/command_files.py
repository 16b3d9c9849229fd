"""Whether the programs of commands are there and can be run, also inside of the service's sandbox.

World: the files of programs and of the unit.
"""

from __future__ import annotations

import os
import re
import shlex
import stat
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from typing import Final

from knockd.checks.command_advice import COMMANDS
from knockd.checks.sandbox import RAISERS, SERVICE_PATH, Sandbox, read_sandbox
from knockd_conf.classes import NamedTuple
from knockd_conf.command_facts import LITERAL
from knockd_conf.errors import Note, seen
from knockd_conf.model import Config, Door
from knockd_conf.shell_builtins import BUILTINS
from knockd_conf.shell_words import SimpleCommand, split_script

UNIT: Final = "knockd.service"
UNIT_FOLDERS: Final = (
    "/etc/systemd/system",
    "/run/systemd/system",
    "/usr/local/lib/systemd/system",
    "/usr/lib/systemd/system",
    "/lib/systemd/system",
)
"""Where systemd looks for units, the first that has one wins (systemd.unit(5))."""

_LOOKERS = frozenset({"[", "[[", "test", "command", "which", "type", "hash"})
"""Programs with which a command looks itself whether another one is there."""

INTERPRETERS = re.compile(r"(?:ba|da|k|z)?sh|python[\d.]*|perl|ruby|php|node|expect")


class Whereabouts(NamedTuple):
    """Where commands will run: the folders of programs, and the sandbox (None: none is known)."""

    path: str
    sandbox: Sandbox | None


def find_whereabouts(environment: Mapping[str, str], *, starting: bool) -> Whereabouts:
    """Where the commands of this daemon run, or those of one that a service manager or a person starts.

    A daemon that starts (``starting``) knows that. Who checks prepares for the service, where there is one.
    """
    unit = find_unit()
    own = environment.get("PATH", SERVICE_PATH)
    if starting:
        return Whereabouts(own, unit if "INVOCATION_ID" in environment else None)
    return Whereabouts(SERVICE_PATH if unit is not None else f"{own}:{SERVICE_PATH}", unit)


def find_unit() -> Sandbox | None:
    """The sandbox of the unit that is installed on this host; None when there is none."""
    for folder in UNIT_FOLDERS:
        text = _read(f"{folder}/{UNIT}")
        if text is not None:
            return read_sandbox(f"{folder}/{UNIT}", [text, *_read_drop_ins()])
    return None


def _read_drop_ins() -> Iterator[str]:
    found: dict[str, str] = {}
    for folder in reversed(UNIT_FOLDERS):
        with suppress(OSError):
            names = os.listdir(f"{folder}/{UNIT}.d")
            found |= {name: f"{folder}/{UNIT}.d/{name}" for name in names if name.endswith(".conf")}
    for name in sorted(found):
        text = _read(found[name])
        if text is not None:
            yield text


def _read(path: str) -> str | None:
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read()
    except OSError:
        return None


def find_program_notes(doors: Iterable[Door], where: Whereabouts) -> Iterator[Note]:
    """Yields a note for each program of a command that cannot be run, and each file it cannot write.

    One that several keys of a door name is said of the first of them.
    """
    judged: dict[str, tuple[str, ...]] = {}
    first: dict[str, str] = {}
    for door in doors:
        for field in COMMANDS:
            text: str | None = getattr(door, field)
            if not text:
                continue
            if text not in judged:
                judged[text] = tuple(_judge(text, where))
            for message in judged[text]:
                if first.setdefault(message, field) == field:
                    yield door.note(field, message)


def find_file_notes(config: Config, where: Whereabouts) -> Iterator[Note]:
    """Yields a note for each file of a configuration that the service has to write and cannot."""
    log = config.options.log_file
    reason = None if log is None else _explain_unwritable(log, where.sandbox)
    if reason is not None:
        yield config.note("log_file", f"{reason}: name one in /var/log")
    for door in config.doors:
        path = door.one_time_file
        reason = None if path is None else _explain_unwritable(path, where.sandbox)
        if reason is not None:
            yield door.note(
                "one_time_file",
                f"{reason}, and the door is disabled: move it to /etc/knockd, or write ReadWritePaths=-{path}"
                " under [Service] with systemctl edit knockd; then restart it",
            )


def _judge(text: str, where: Whereabouts) -> Iterator[str]:
    script = split_script(text)
    looks = any(command.program in _LOOKERS for command in script.commands)
    if not script.plain or looks:
        return
    said: dict[str | None, None] = {}
    for command in script.commands:
        for program in (*command.through, command.words[0]):
            said[judge_program(program, where)] = None
        said[_judge_operand(command, where.sandbox)] = None
        for path in command.written:
            said[_judge_written(path, where.sandbox)] = None
    yield from (message for message in said if message is not None)


def judge_program(word: str, where: Whereabouts) -> str | None:
    """Why a program cannot be run, None when it can or when that cannot be known."""
    name = word.rpartition("/")[2]
    if not LITERAL.fullmatch(word) or (word in BUILTINS):
        return None
    sandbox = where.sandbox
    if sandbox is not None and sandbox.no_new_privileges and name in RAISERS:
        return (
            f"{name} cannot raise rights in the service (NoNewPrivileges=yes in {sandbox.path}): {_NO_RAISER}"
        )
    if "/" not in word:
        found = _find_in(where.path, word)
        return None if found else f"there is no program {seen(word)}: expected one in {where.path}"
    if not word.startswith("/"):
        return None  # from where the daemon was started
    hidden = _explain_hidden(word, sandbox)
    return hidden if hidden is not None else judge_file(word, SERVICE_PATH)


_NO_RAISER = "commands run as root anyway, write it without"


def _explain_hidden(path: str, sandbox: Sandbox | None) -> str | None:
    setting = sandbox.hides(path) if sandbox is not None else None
    if setting is None or sandbox is None:
        return None
    return (
        f"{path} is hidden from the service ({setting} in {sandbox.path}):"
        " move it to /usr/local/sbin, or change the setting with systemctl edit knockd"
    )


def judge_file(path: str, others: str) -> str | None:
    """Why the file of a program cannot be run; ``others`` are folders in which it may be instead."""
    try:
        mode = os.stat(path).st_mode
    except (FileNotFoundError, NotADirectoryError):
        elsewhere = _find_in(others, path.rpartition("/")[2])
        return f"there is no program {path}" + (f": here it is {elsewhere}" if elsewhere else "")
    except (OSError, ValueError):
        return None  # not for this user to know
    if not stat.S_ISREG(mode):
        return f"{path} is no program: expected a file"
    if not mode & 0o111:
        return f"{path} cannot be executed: run 'chmod +x {shlex.quote(path)}'"
    return _judge_interpreter(path)


def _judge_interpreter(path: str) -> str | None:
    """A script's first line names a program that is not there, above all after Windows has written it."""
    try:
        with open(path, "rb") as file:
            first = file.readline(256)
    except OSError:
        return None
    words = first[2:].split() if first.startswith(b"#!") else []
    if not words:
        return None
    interpreter = os.fsdecode(words[0])
    if first.endswith(b"\r\n"):
        return f"{path} has the line ends of Windows: run \"sed -i 's/\\r$//' {shlex.quote(path)}\""
    if not os.path.exists(interpreter):
        return f"{path} begins with #!{interpreter}, and there is no such program"
    return None


def _judge_operand(command: SimpleCommand, sandbox: Sandbox | None) -> str | None:
    """The script that an interpreter is to run: it need not be executable."""
    operands = [word for word in command.words[1:] if not word.startswith("-")]
    path = operands[0] if operands and INTERPRETERS.fullmatch(command.program) else ""
    if not path.startswith("/") or not LITERAL.fullmatch(path):
        return None
    hidden = _explain_hidden(path, sandbox)
    if hidden is not None:
        return hidden
    try:
        os.stat(path)
    except FileNotFoundError:
        return f"there is no script {path}"
    except (OSError, ValueError):
        pass
    return None


def _judge_written(path: str, sandbox: Sandbox | None) -> str | None:
    reason = _explain_unwritable(path, sandbox) if LITERAL.fullmatch(path) else None
    return reason and f"{reason}: allow it with systemctl edit knockd (ReadWritePaths=, say)"


def _explain_unwritable(path: str, sandbox: Sandbox | None) -> str | None:
    setting = sandbox.keeps_from_writing(path) if sandbox is not None and path.startswith("/") else None
    if setting is None or sandbox is None:
        return None
    return f"the service cannot write {path} ({setting} in {sandbox.path})"


def _find_in(path: str, name: str) -> str | None:
    for folder in path.split(":"):
        found = os.path.join(folder, name)
        with suppress(OSError, ValueError):
            mode = os.stat(found).st_mode
            if stat.S_ISREG(mode) and mode & 0o111:
                return found
    return None
