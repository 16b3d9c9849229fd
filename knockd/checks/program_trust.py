"""Whether somebody else than root can replace a program that a command runs as root.

World: the files of programs.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace

from knockd.checks.command_advice import COMMANDS
from knockd.checks.command_files import INTERPRETERS
from knockd_conf.errors import Note
from knockd_conf.model import Config
from knockd_conf.shell_words import split_script
from knockd_conf.text import printable
from knockd_conf.trust import Held, TrustPolicy, judge
from knockd_conf.walk import walk


def find_replaceable_programs(config: Config) -> Iterator[Note]:
    """Yields a note for each program, named by its whole path, that others can replace.

    It is run all the same: 0.8 ran it, and who is kept out by a refusal is the owner.
    """
    policy = replace(TrustPolicy.current(allow_insecure=config.insecure), system_groups=True)
    if not policy.enforce:
        return
    judged: dict[str, str | None] = {}
    for door in config.doors:
        for field in COMMANDS:
            for path in dict.fromkeys(_programs(getattr(door, field) or "")):
                if path not in judged:
                    judged[path] = _judge(path, policy)
                if reason := judged[path]:
                    message = f"others can replace {printable(path)}, which runs as root: {reason}"
                    yield door.note(field, message)


def _programs(command: str) -> Iterator[str]:
    """The absolute paths that a command runs, or gives to an interpreter as its script."""
    for simple in split_script(command).commands:
        words = simple.words[: 2 if INTERPRETERS.fullmatch(simple.program) else 1]
        yield from (word for word in (*simple.through, *words) if word.startswith("/"))


def _judge(path: str, policy: TrustPolicy) -> str | None:
    """Why a program is not root's alone, None when it is or is not there."""
    try:
        with walk(path) as end:
            file = Held(path, os.stat(end.name or ".", dir_fd=end.directory, follow_symlinks=False))
            problems = judge(policy, file, end.way)
    except (OSError, ValueError):
        return None  # that it is not there is said elsewhere
    return str(problems[0]) if problems else None
