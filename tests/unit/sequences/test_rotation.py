"""One-time doors: their live sequences, what follows an opening, and doors that have to be disabled."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import structlog
from structlog.testing import capture_logs

from knockd.files.trusted import open_trusted
from knockd.log.logger import Logger
from knockd.sequences.rotation import Rotation
from knockd.sequences.used_sequences import NAME, UsedSequences
from knockd_conf.model import Door, Step
from knockd_conf.trust import TrustPolicy
from tests.support.doubles.played import door, steps

EXHAUSTED = "one-time-exhausted"


@pytest.fixture
def log() -> Iterator[list[Any]]:
    """What was logged."""
    with capture_logs() as entries:
        yield entries


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A file with two sequences."""
    made = tmp_path / "sequences"
    made.write_text("1,2,3\n4,5\n")
    return made


def doors(*files: Path | None) -> list[Door]:
    """Doors, each with its file (None: a door with a fixed sequence)."""
    return [
        door("7 8", name=f"door{n}") if file is None else door("", name=f"door{n}", one_time_file=str(file))
        for n, file in enumerate(files)
    ]


class Rotated:
    """Doors and their live sequences."""

    def __init__(self, *files: Path | None) -> None:
        self.doors = doors(*files)
        self.name = ""
        """The name of the sequence that was knocked last."""
        self._state = next(str(path.parent) for path in files if path is not None)
        self.start()

    def start(self) -> None:
        """The daemon starts, again."""
        logger, policy = Logger(structlog.get_logger()), TrustPolicy.current()
        self.rotation = Rotation(self.doors, logger, UsedSequences([self._state], policy, logger.log), policy)

    def live(self) -> list[tuple[Step, ...]]:
        """The live steps of each door."""
        return [self.rotation.steps(one) for one in self.doors]

    def rotate(self, index: int = 0) -> str | None:
        """Somebody has knocked whole at a door; returns why it opens nothing."""
        used = self.rotation.rotate(self.doors[index])
        self.name = used.name
        for line in used.lines:
            line()
        return used.refused


def test_first_sequence(path: Path, log: list[Any]) -> None:
    """At first the first line is live, and the file is as it was."""
    made = Rotated(None, path)
    assert made.live() == [steps("7 8"), steps("1 2 3")]
    assert path.read_text() == "1,2,3\n4,5\n"
    assert log == []


def test_opened(path: Path, log: list[Any]) -> None:
    """After an opening the used line is struck out and the next one is live."""
    made = Rotated(path)
    assert made.rotate() is None
    assert made.live() == [steps("4 5")]
    assert made.rotation.used(made.doors[0]) == 1
    assert path.read_text() == "#,2,3\n4,5\n"
    assert log == []


def test_opened_with_the_last(path: Path, log: list[Any]) -> None:
    """After the last line the door is disabled, and that is logged as 0.8 logs it."""
    made = Rotated(path)
    made.rotate()
    made.rotate()
    assert made.live() == [()]
    assert log == [{"event": EXHAUSTED, "log_level": "warning", "door": "door0"}]


def test_fixed_sequence(path: Path) -> None:
    """An opening of a door with a fixed sequence changes nothing."""
    made = Rotated(None, path)
    made.rotate()
    assert made.live() == [steps("7 8"), steps("1 2 3")]
    assert made.rotation.used(made.doors[0]) == 0
    assert path.read_text() == "1,2,3\n4,5\n"


def test_two_doors_of_a_file(path: Path) -> None:
    """A used sequence opens no other door of the same file."""
    made = Rotated(path, path)
    made.rotate(1)
    assert made.live() == [steps("4 5")] * 2


def test_read_again(path: Path) -> None:
    """Read once more, a file has the sequences that it has now: one more was live before its first."""
    made = Rotated(path)
    made.rotate()
    path.write_text("9,10\n")
    made.rotation.load_files(made.doors)
    assert made.live() == [steps("9 10")]
    assert made.rotation.used(made.doors[0]) == 2
    made.rotation.load_files(made.doors)
    assert made.rotation.used(made.doors[0]) == 2


@pytest.mark.parametrize("text", ["", "# 1,2\n\n", "nonsense\n"], ids=["empty", "used up", "invalid"])
def test_nothing_to_begin_with(path: Path, log: list[Any], text: str) -> None:
    """A file without a valid line disables its door at once."""
    path.write_text(text)
    made = Rotated(path)
    assert made.live() == [()]
    assert log[-1]["event"] == EXHAUSTED


def test_invalid_lines(path: Path, log: list[Any]) -> None:
    """An invalid line is skipped and named by its number; it is never shown, it may be a secret."""
    path.write_text("1,2x\n3,4\n")
    made = Rotated(path)
    assert made.live() == [steps("3 4")]
    assert log == [
        {
            "event": "one-time-line",
            "log_level": "warning",
            "door": "door0",
            "problem": "line 1: expected port[:tcp|udp] steps divided by commas, got something else"
            " (not shown: it may be secret)",
        }
    ]


def test_unreadable(path: Path, log: list[Any]) -> None:
    """A door whose file cannot be read is disabled and says why; the others go on."""
    missing = path.with_name("missing")
    made = Rotated(missing, path)
    assert made.live() == [(), steps("1 2 3")]
    assert log == [
        {
            "event": "one-time-problem",
            "log_level": "error",
            "door": "door0",
            "path": str(missing),
            "problem": "No such file or directory",
        }
    ]


def test_no_regular_file(path: Path, log: list[Any]) -> None:
    """A named pipe is no such file, and nothing waits for it."""
    path.unlink()
    os.mkfifo(path)
    made = Rotated(path)
    assert made.live() == [()]
    assert [entry["problem"] for entry in log] == ["is not a regular file"]


@pytest.mark.parametrize(
    ("change", "problem"),
    [("4,5\n", "changed while its sequence was in use"), (None, "No such file or directory")],
    ids=["changed", "gone"],
)
def test_changed_meanwhile(path: Path, log: list[Any], change: str | None, problem: str) -> None:
    """A file that somebody changed while its sequence was in use disables the door: nothing opens twice.

    Where the file is gone the sequence opens, for it is noted.
    """
    made = Rotated(path)
    path.unlink()
    if change is not None:
        path.write_text(change)
    refused = made.rotate()
    assert made.live() == [()]
    assert [entry["problem"] for entry in log] == [problem]
    assert refused == (
        None if change is None else f"its sequence could not be struck out (its file {problem})"
    )


def test_struck_out_by_another_daemon(path: Path, log: list[Any]) -> None:
    """Of two daemons that hear one knock only one opens by it."""
    one, other = Rotated(path), Rotated(path)
    assert one.rotate() is None
    assert other.rotate() is not None
    assert path.read_text() == "#,2,3\n4,5\n"
    assert [entry["event"] for entry in log] == ["one-time-problem"]


def test_struck_out_by_another_daemon_now(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """While another daemon has locked the file to strike a line out, nobody knows which: nothing opens."""

    def lock(*_: object) -> None:
        raise BlockingIOError

    monkeypatch.setattr("knockd.files.brief_lock.PATIENCE", 0)
    monkeypatch.setattr("knockd.files.brief_lock.fcntl.lockf", lock)
    made = Rotated(path)
    assert (
        made.rotate()
        == "its sequence could not be struck out (its file is in use: another process has locked it)"
    )
    assert path.read_text() == "1,2,3\n4,5\n"


def test_knocked_while_disabled(path: Path, log: list[Any]) -> None:
    """A door without a live sequence opens to nobody, whatever the packet process says, and notes nothing."""
    path.write_text("1,2\n")
    made = Rotated(path)
    made.rotate()
    assert made.rotate() == "no sequence of its file is live"
    assert [entry["event"] for entry in log] == [EXHAUSTED]
    assert not path.with_name(NAME).exists()


@pytest.fixture
def unwritable(monkeypatch: pytest.MonkeyPatch) -> Callable[[bool], None]:
    """Makes one-time files unwritable, or writable again, as a read-only file system does."""
    really = open_trusted

    def switch(yes: bool) -> None:
        def refuse(path: str, flags: int, mode: int = 0o600, policy: TrustPolicy | None = None) -> int:
            if yes and flags & os.O_RDWR:
                raise OSError(30, "Read-only file system")
            return really(path, flags, mode, policy)

        monkeypatch.setattr("knockd.sequences.one_time_file.open_trusted", refuse)

    return switch


@pytest.mark.parametrize("restart", [False, True], ids=["HUP", "restart"])
def test_a_used_sequence_that_could_not_be_struck_out(
    path: Path, log: list[Any], unwritable: Callable[[bool], None], *, restart: bool
) -> None:
    """It disables its door, and is struck out as soon as the file can be written: it opens once."""
    made = Rotated(path)
    unwritable(True)
    assert made.rotate() is None
    assert made.live() == [()]
    assert made.rotation.is_disabled(made.doors[0])
    assert path.read_text() == "1,2,3\n4,5\n"
    again = made.start if restart else partial(made.rotation.load_files, made.doors)
    again()
    assert made.live() == [()]
    unwritable(False)
    again()
    assert made.live() == [steps("4 5")]
    assert path.read_text() == "#,2,3\n4,5\n"
    assert path.with_name(NAME).read_text() == ""
    assert {entry["event"] for entry in log} == {"one-time-problem"}


def test_noted_nowhere(path: Path, unwritable: Callable[[bool], None]) -> None:
    """A sequence that can neither be struck out nor noted opens nothing."""
    made = Rotated(path)
    unwritable(True)
    path.with_name(NAME).mkdir()
    refused = made.rotate()
    assert refused is not None
    assert refused.startswith("its sequence could not be struck out (Read-only file system; ")
    assert made.live() == [()]


@pytest.mark.parametrize("link", [os.symlink, os.link])
def test_two_names_of_a_file(
    path: Path, unwritable: Callable[[bool], None], link: Callable[[Path, Path], None]
) -> None:
    """A sequence opens once, by whatever name of its file: struck out, and where it can only be noted."""
    other = path.with_name("other")
    link(path, other)
    made = Rotated(path, other)
    assert [made.rotate(0) is None, made.rotate(1) is None] == [True, False]
    made.rotation.load_files(made.doors)
    assert made.live() == [steps("4 5")] * 2
    unwritable(True)
    assert [made.rotate(0) is None, made.rotate(1) is None] == [True, False]


def test_a_used_sequence_that_is_put_back(path: Path, log: list[Any]) -> None:
    """A file that was saved over from an old copy does not make its used sequence live again."""
    made = Rotated(path)
    path.write_text("4,5\n1,2,3\n")
    assert made.rotate() is not None
    made.rotation.load_files(made.doors)
    made.rotate()
    assert made.live() == [()]
    assert path.read_text() == "#,5\n#,2,3\n"
    assert [entry["event"] for entry in log] == ["one-time-problem", EXHAUSTED]


def test_notes_that_cannot_be_read(path: Path, log: list[Any]) -> None:
    """Where nobody knows which sequences have been used, the door is disabled, and says why."""
    notes = path.parent / NAME
    notes.write_text("")
    notes.chmod(0o666)
    rotated = Rotated(path)
    assert rotated.rotation.is_disabled(rotated.doors[0])
    assert ["one-time-problem"] == [entry["event"] for entry in log]
    assert (
        log[0]["problem"] == f"{notes}, which notes used sequences: others can write {NAME} in it, remove it"
    )
    notes.chmod(0o600)
    rotated.rotation.load_files(rotated.doors)
    assert not rotated.rotation.is_disabled(rotated.doors[0])


def test_the_name_of_a_sequence(path: Path) -> None:
    """It is that of the first door of the file, whatever the file is called, and of the live sequence."""
    made = Rotated(path, path, None)
    assert [made.rotation.name_live(one) for one in made.doors] == [
        "one-time door0 1:tcp,2:tcp,3:tcp"
    ] * 2 + [""]
    made.rotate(1)
    assert made.name == "one-time door0 1:tcp,2:tcp,3:tcp"
    made.rotate(2)
    assert made.name == ""
    made.rotate(0)
    assert made.name == "one-time door0 4:tcp,5:tcp"
    assert [made.rotation.name_live(one) for one in made.doors] == ["", "", ""]
