"""Any text is split into commands with words, and judged; of plain words the shell's own are found again.

The input is a command.
"""

from __future__ import annotations

import shlex

from knockd.checks.command_advice import find_command_notes
from knockd_conf.command_words import ip_version_of, numbers_named
from knockd_conf.model import Door
from knockd_conf.shell_words import MAX_DEPTH, split_script


def check(data: bytes) -> None:
    """Split one command and look at what it names."""
    text = data.decode("utf-8", "surrogateescape")
    script = split_script(text)
    assert all(command.words for command in script.commands)
    assert sum(len("".join(command.words)) for command in script.commands) <= (MAX_DEPTH + 2) * len(text)
    assert all(0 < number < 65_536 for number in numbers_named(text))
    version = ip_version_of(text)
    assert version is None or script.plain
    half = len(text) // 2
    door = Door("d", "", 1, (), start_command=text[:half], stop_command=text[half:])
    notes = list(find_command_notes([door]))
    assert all(note.message.isprintable() for note in notes)
    words = ("open", *text.split("\0"))
    (quoted,) = split_script(shlex.join(words)).commands
    assert words == quoted.words
