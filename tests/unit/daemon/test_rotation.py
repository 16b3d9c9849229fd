"""One-time doors: their live sequences, what follows an opening, and doors that have to be disabled."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import structlog
from structlog.testing import capture_logs

from knockd.keeper.reporter import Reporter
from knockd.keeper.rotation import Rotation
from knockd_conf.model import Config, Options
from tests.support.played import door, steps

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


def rotation(*files: Path | None) -> Rotation:
    """The live sequences of doors, each with its file (None: a door with a fixed sequence)."""
    doors = tuple(
        door("7 8", name=f"door{n}") if file is None else door("", name=f"door{n}", one_time_file=str(file))
        for n, file in enumerate(files)
    )
    config = Config("/etc/knockd.conf", Options(), doors, "host", ("/etc/knockd.conf",))
    return Rotation(config, Reporter(structlog.get_logger()))


def test_first_sequence(path: Path, log: list[Any]) -> None:
    """At first the first line is live, and the file is as it was."""
    made = rotation(None, path)
    assert (made.sequences, path.read_text(), log) == ({1: steps("1 2 3")}, "1,2,3\n4,5\n", [])


def test_opened(path: Path, log: list[Any]) -> None:
    """After an opening the used line is struck out and the next one is live."""
    made = rotation(path)
    following = made.opened(0)
    assert (following, made.sequences, path.read_text(), log) == (
        {0: steps("4 5")},
        {0: steps("4 5")},
        "#,2,3\n4,5\n",
        [],
    )


def test_opened_with_the_last(path: Path, log: list[Any]) -> None:
    """After the last line the door is disabled, and that is logged as 0.8 logs it."""
    made = rotation(path)
    made.opened(0)
    following = made.opened(0)
    assert (following, log) == (
        {0: ()},
        [{"event": EXHAUSTED, "log_level": "warning", "door": "door0"}],
    )


def test_fixed_sequence(path: Path) -> None:
    """An opening of a door with a fixed sequence changes nothing."""
    made = rotation(None, path)
    assert (made.opened(0), path.read_text()) == ({}, "1,2,3\n4,5\n")


@pytest.mark.parametrize("text", ["", "# 1,2\n\n", "nonsense\n"], ids=["empty", "used up", "invalid"])
def test_nothing_to_begin_with(path: Path, log: list[Any], text: str) -> None:
    """A file without a valid line disables its door at once."""
    path.write_text(text)
    made = rotation(path)
    assert (made.sequences, log[-1]["event"]) == ({0: ()}, EXHAUSTED)


def test_invalid_lines(path: Path, log: list[Any]) -> None:
    """An invalid line is skipped and named by its number; it is never shown, it may be a secret."""
    path.write_text("1,2x\n3,4\n")
    made = rotation(path)
    assert (made.sequences, log) == (
        {0: steps("3 4")},
        [
            {
                "event": "one-time-line",
                "log_level": "warning",
                "door": "door0",
                "problem": "line 1: expected port[:tcp|udp] steps divided by commas, got something else"
                " (not shown: it may be secret)",
            }
        ],
    )


def test_unreadable(path: Path, log: list[Any]) -> None:
    """A door whose file cannot be read is disabled and says why; the others go on."""
    missing = path.with_name("missing")
    made = rotation(missing, path)
    assert (made.sequences, log) == (
        {0: (), 1: steps("1 2 3")},
        [
            {
                "event": "one-time-problem",
                "log_level": "error",
                "door": "door0",
                "path": str(missing),
                "problem": "No such file or directory",
            }
        ],
    )


def test_no_regular_file(path: Path, log: list[Any]) -> None:
    """A named pipe is no such file, and nothing waits for it."""
    path.unlink()
    os.mkfifo(path)
    made = rotation(path)
    assert (made.sequences, [entry["problem"] for entry in log]) == ({0: ()}, ["is not a regular file"])


@pytest.mark.parametrize(
    ("change", "problem"),
    [("4,5\n", "changed while its sequence was in use"), (None, "No such file or directory")],
    ids=["changed", "gone"],
)
def test_changed_meanwhile(path: Path, log: list[Any], change: str | None, problem: str) -> None:
    """A file that somebody changed while its sequence was in use disables the door: nothing opens twice."""
    made = rotation(path)
    path.unlink()
    if change is not None:
        path.write_text(change)
    following = made.opened(0)
    assert (following, [entry["problem"] for entry in log]) == ({0: ()}, [problem])
