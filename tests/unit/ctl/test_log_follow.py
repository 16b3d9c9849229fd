"""knockctl log --follow: what is printed, and when. Time passes when a test says so."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from knockd.ctl import cli, log


def line(minute: int, what: str = "OPEN SESAME") -> str:
    """A line of 0.8."""
    return f"[2026-11-02 20:{minute:02}] 192.0.2.7: ssh: {what}\n"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A log of 15 openings."""
    path = tmp_path / "knockd.log"
    path.write_text("".join(map(line, range(15))))
    return path


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[Callable[[], object]]:
    """What happens in each pause; then somebody types ^C."""
    deeds: list[Callable[[], object]] = []

    def sleep(_seconds: float) -> None:
        if not deeds:
            raise KeyboardInterrupt
        deeds.pop(0)()

    monkeypatch.setattr(time, "sleep", sleep)
    return deeds


def minutes(capfd: pytest.CaptureFixture[str]) -> list[int]:
    """The minutes of the lines that were printed."""
    return [int(text[14:16]) for text in capfd.readouterr().out.splitlines()]


def append(path: Path, text: str) -> Callable[[], object]:
    """What writes as a daemon does."""

    def write() -> None:
        with path.open("a") as file:
            file.write(text)

    return write


def test_the_last_ones_then_each(
    path: Path, pauses: list[Callable[[], object]], capfd: pytest.CaptureFixture[str]
) -> None:
    """The last ten events come first, then each as it is written; ^C ends it with 130."""
    pauses += [append(path, line(20)), append(path, line(21))]
    assert cli.main(["log", "--follow", str(path)]) == 130
    assert [*range(5, 15), 20, 21] == minutes(capfd)


def test_since(path: Path, pauses: list[Callable[[], object]], capfd: pytest.CaptureFixture[str]) -> None:
    """With --since all since then comes first."""
    pauses.append(append(path, line(20)))
    cli.main(["log", "--follow", "--since", "2026-11-02 20:02", str(path)])
    assert [*range(2, 15), 20] == minutes(capfd)


def test_what(path: Path, pauses: list[Callable[[], object]], capfd: pytest.CaptureFixture[str]) -> None:
    """Who has opened before is an owner who fails."""
    pauses.append(append(path, line(20, "sequence timeout (stage 2)") + line(21)))
    cli.main(["log", "--follow", "--what", "failed", str(path)])
    assert [20] == minutes(capfd)


def test_rotation(path: Path, pauses: list[Callable[[], object]], capfd: pytest.CaptureFixture[str]) -> None:
    """Nothing is lost or comes twice when the file is rotated."""
    pauses += [
        append(path, line(20)),
        lambda: path.rename(path.with_name("knockd.log.1")),
        append(path.with_name("knockd.log.1"), line(21)),
        append(path, line(22)),
        lambda: None,
    ]
    cli.main(["log", "--follow", str(path)])
    assert [20, 21, 22] == minutes(capfd)[10:]


def test_default(
    path: Path,
    pauses: list[Callable[[], object]],
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Rotations are read, and the log itself is followed, also when it comes later."""
    monkeypatch.setattr(log, "DEFAULT_LOG", str(path))
    path.rename(path.with_name("knockd.log.1"))
    pauses.append(append(path, line(20)))
    cli.main(["log", "--follow"])
    out, err = capfd.readouterr()
    assert [*range(5, 15), 20] == [int(text[14:16]) for text in out.splitlines()]
    assert f"knockctl log: {path}: not there yet, waiting for it\n" == err


def test_standard_input(capfd: pytest.CaptureFixture[str]) -> None:
    """A pipe is printed as it comes, to its end, where a line without an end counts."""
    read, write = os.pipe()
    os.write(write, (line(1) + line(2)).encode()[:-1])
    os.close(write)
    saved = os.dup(0)
    os.dup2(read, 0)
    try:
        assert cli.main(["log", "--follow", "-"]) == 0
    finally:
        os.dup2(saved, 0)
        os.close(saved)
        os.close(read)
    assert [1, 2] == minutes(capfd)


def test_standard_input_alone(capfd: pytest.CaptureFixture[str]) -> None:
    """A pipe and files cannot be followed at once."""
    assert os.EX_USAGE == cli.main(["log", "--follow", "-", "a"])
    assert "--follow reads standard input alone, or files" in capfd.readouterr().err


def test_rotations_alone(path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """A rotation is not written to any more."""
    assert os.EX_USAGE == cli.main(["log", "--follow", f"{path}.1"])
    assert "nothing to follow: a rotation is not written to any more" in capfd.readouterr().err


def test_what_cannot_be_followed(
    tmp_path: Path, pauses: list[Callable[[], object]], capfd: pytest.CaptureFixture[str]
) -> None:
    """When nothing can be followed it ends, with status 66."""
    pauses.append(lambda: None)
    assert os.EX_NOINPUT == cli.main(["log", "--follow", str(tmp_path)])
    expected = f"knockctl log: {tmp_path}: it is no regular file, and cannot be followed\n"
    assert expected == capfd.readouterr().err
