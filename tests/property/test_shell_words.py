"""Splitting a command: total on any text, and equal to what the shell itself finds."""

from __future__ import annotations

import subprocess

from hypothesis import given, settings
from hypothesis import strategies as st

from knockd_conf.shell_words import split_script
from tests.fuzz.targets import words

TEXT = st.text(st.sampled_from(list("ab1 \t\n;&|()<>'\"\\$`#{}%=-/!")), max_size=60)
PIECES = st.sampled_from(["a", "b=1", "'", '"', "\\", " ", "''", '""', "%IP%", "{", "}", "\t", ",", ":"])


@given(TEXT)
def test_any_text_is_split(text: str) -> None:
    """What the fuzz target says holds for texts of a shell's characters."""
    words.check(text.encode())


@given(st.lists(PIECES, max_size=12).map("".join))
@settings(max_examples=60, deadline=None)
def test_the_shell_finds_the_same_words(text: str) -> None:
    """Where the splitter says that a command is plain, sh gives a program these words."""
    script = split_script(f"printf '<%s>' {text}")
    found = subprocess.run(["sh", "-c", f"printf '<%s>' {text}"], capture_output=True, text=True, check=False)
    if script.plain:
        (command,) = script.commands
        printed = "".join(f"<{word}>" for word in command.words[2:]) or "<>"
        assert printed == found.stdout
    else:
        assert found.returncode != 0
