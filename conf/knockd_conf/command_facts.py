"""What is certain of a door's commands: for whom they can work, and without which programs they cannot.

The daemon looks at it before it opens a door.

Pure.
"""

from __future__ import annotations

import re
from typing import Final

from knockd_conf.command_words import ip_version_of
from knockd_conf.model import CommandFacts, Door
from knockd_conf.shell_builtins import BUILTINS
from knockd_conf.shell_words import HARMLESS, SimpleCommand, split_script

LITERAL: Final = re.compile(r"[^$`%*?~\[\]{}]+")
"""A word that stands for itself."""


def find_facts(door: Door) -> tuple[CommandFacts, ...]:
    """What is certain of each of ``door.commands()``, in their order."""
    return tuple(CommandFacts(ip_version_of(text), find_programs(text)) for text in door.commands())


def find_programs(text: str) -> tuple[str, ...]:
    """The programs that a command begins its parts of weight with; none when that is not certain."""
    script = split_script(text)
    if not script.plain or "PATH=" in text:
        return ()
    weighty = [one for one in script.commands if one.program not in HARMLESS or one.written]
    programs = tuple(dict.fromkeys(map(_first_program, weighty)))
    certain = all(LITERAL.fullmatch(one) and one not in BUILTINS for one in programs)
    return programs if certain else ()


def _first_program(command: SimpleCommand) -> str:
    """The program that the shell itself starts."""
    chain = (*command.through, command.words[0])
    return next((word for word in chain if word not in ("exec", "command")), "exec")
