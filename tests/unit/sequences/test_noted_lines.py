"""Files of notes: what is read of them, whose are believed, and what is written."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from knockd.sequences.noted_lines import MAX_SIZE, NotedLines
from knockd_conf.trust import TrustPolicy

POLICY = TrustPolicy(enforce=True, owners=frozenset({0, os.getuid()}))
LINES = NotedLines("notes", "notes what a test says", POLICY)


@pytest.fixture
def state(tmp_path: Path) -> Path:
    """A directory for notes."""
    made = tmp_path / "state"
    made.mkdir(mode=0o700)
    return made


def test_nothing(state: Path) -> None:
    """Without a file, or without its directory, there are no notes."""
    assert LINES.read(str(state)) is None
    assert LINES.read(str(state / "missing")) is None


def test_append(state: Path) -> None:
    """Lines are read in the order in which they were added; the file is ours alone, its length is said."""
    size = [LINES.append(str(state), value) for value in (["a", 1], None, "b")][-1]
    assert LINES.read(str(state)) == [["a", 1], None, "b"]
    found = (state / "notes").stat()
    assert (size, 0o600) == (found.st_size, found.st_mode & 0o777)


def test_append_where_there_is_none(state: Path) -> None:
    """A file that is not to be made is not."""
    with pytest.raises(FileNotFoundError):
        LINES.append(str(state), 1, create=False)
    assert list(state.iterdir()) == []


def test_clear(state: Path) -> None:
    """No line is left."""
    LINES.append(str(state), 1)
    LINES.clear(str(state))
    assert LINES.read(str(state)) == []


@pytest.mark.parametrize("torn", ['["a', "nonsense", "\xff", "[" * 100_000])
def test_torn_line(state: Path, torn: str) -> None:
    """What is no line is left out, and swallows neither the one before nor the next one."""
    LINES.append(str(state), 1)
    with (state / "notes").open("a", encoding="latin-1") as file:
        file.write(torn)
    LINES.append(str(state), 2)
    assert LINES.read(str(state)) == [1, 2]


def test_replace(state: Path) -> None:
    """All lines are others, and a reader of the old file keeps what it had: the file is another one."""
    LINES.append(str(state), 1)
    before = (state / "notes").stat().st_ino
    LINES.replace(str(state), [2, 3])
    assert LINES.read(str(state)) == [2, 3]
    assert (state / "notes").stat().st_ino != before
    assert [one.name for one in state.iterdir()] == ["notes"]


def test_replace_where_others_can_write(state: Path) -> None:
    """Nothing is put into a directory in which others could put files of theirs."""
    state.chmod(0o777)
    with pytest.raises(OSError, match="others can write to it"):
        LINES.replace(str(state), [1])


def test_notes_of_others(state: Path) -> None:
    """A file that others can write is not believed, and the message says which one it is."""
    LINES.append(str(state), 1)
    (state / "notes").chmod(0o666)
    with pytest.raises(OSError, match=r"state/notes, which notes what a test says: others can write notes"):
        LINES.read(str(state))


def test_pipe(state: Path) -> None:
    """What is no file is not read."""
    os.mkfifo(state / "notes")
    with pytest.raises(OSError, match="others can write notes in it, remove it"):
        LINES.read(str(state))


def test_too_long(state: Path) -> None:
    """Notes are read whole or not at all."""
    LINES.append(str(state), 1)
    os.truncate(state / "notes", MAX_SIZE + 1)
    with pytest.raises(OSError, match=f"it has more than {MAX_SIZE} bytes"):
        LINES.read(str(state))
