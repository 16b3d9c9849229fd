"""What a shell has in itself."""

from __future__ import annotations

import shutil
import subprocess

import pytest

from knockd_conf.shell_builtins import BUILTINS, WITHOUT_PROGRAM


def test_what_a_shell_has_in_itself() -> None:
    """Whatever the shell with the most commands in itself has there is no program to be looked for."""
    if shutil.which("bash") is None:
        pytest.skip("bash is missing")
    listed = subprocess.run(["bash", "-c", "compgen -b"], check=True, capture_output=True, text=True)
    assert set(listed.stdout.split()) <= BUILTINS


@pytest.mark.parametrize("word", ["cd", "set", "if", "time"])
def test_no_program(word: str) -> None:
    """A shell does it, or reads it as its own: nothing can take the shell's place."""
    assert word in WITHOUT_PROGRAM


def test_programs_that_are_there_too() -> None:
    """Everything else that a shell has in itself is a program on most systems, and on this one."""
    assert all(shutil.which(one) for one in BUILTINS - WITHOUT_PROGRAM)
