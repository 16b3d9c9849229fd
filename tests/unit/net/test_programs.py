"""Programs that are asked: where they are, what they say, and for how long they are waited for."""

from __future__ import annotations

from pathlib import Path

import pytest

from knockd.net import programs as module
from knockd.net.programs import Patience, UnreadableError, find_loaded_tables, find_program, run_program


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that is searched before /usr/bin and /bin."""
    monkeypatch.setattr(module, "FOLDERS", (str(tmp_path), "/usr/bin", "/bin"))
    return tmp_path


def make(folder: Path, text: str) -> str:
    """A program of the shell."""
    program = folder / "asked"
    program.write_text(f"#!/bin/sh\n{text}\n")
    program.chmod(0o755)
    return str(program)


def test_found(folder: Path) -> None:
    """A program that can be executed is found, in the first folder that has it."""
    assert find_program("asked") is None
    (folder / "asked").touch()
    assert find_program("asked") is None
    assert make(folder, "true") == find_program("asked")


def test_what_it_prints(folder: Path) -> None:
    """Its output, of arguments and in plain English."""
    program = make(folder, 'echo "$1 $LC_ALL"; echo no >&2')
    assert "a C\n" == run_program(Patience(60), program, "a")


@pytest.mark.parametrize(
    ("text", "reason"), [("echo why >&2; echo more >&2; exit 1", "asked: why"), ("exit 3", "asked: status 3")]
)
def test_failures(folder: Path, text: str, reason: str) -> None:
    """The first line of its complaint, or its status."""
    with pytest.raises(UnreadableError, match=rf"^{reason}$"):
        run_program(Patience(60), make(folder, text))


def test_time(folder: Path) -> None:
    """When the time is over it is not waited for."""
    with pytest.raises(UnreadableError, match=r"^asked: timed out, all programs together have 0.1 seconds$"):
        run_program(Patience(0.1), make(folder, "exec sleep 60"))


def test_tables(tmp_path: Path) -> None:
    """The names in a file; none where the file is not there."""
    names = tmp_path / "names"
    assert frozenset() == find_loaded_tables(str(names))
    names.write_text("filter\nnat\n")
    assert frozenset({"filter", "nat"}) == find_loaded_tables(str(names))
