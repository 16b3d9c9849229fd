"""knockctl log as a whole, on files good and bad."""

from __future__ import annotations

import gzip
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from knockd.ctl import cli, log

TEXT = """\
[2026-11-02 20:10] starting up, listening on eth0
[2026-11-02 20:11] 192.0.2.7: ssh: Stage 1
[2026-11-02 20:11] 192.0.2.7: ssh: OPEN SESAME
[2026-11-02 20:11] ssh: running command: true
[2026-11-02 20:12] 198.51.100.9: ssh: Stage 1
[2026-11-02 20:13] 198.51.100.9: ssh: sequence timeout (stage 1)
once upon a time
[2026-11-02 20:14] 192.0.2.7: ssh: sequence timeout (stage 1)
"""

ENVIRONMENT = {"PYTHONPATH": os.pathsep.join(sys.path)}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A log of a few lines."""
    (tmp_path / "knockd.log").write_text(TEXT)
    return tmp_path / "knockd.log"


def run(*arguments: str | Path, stdin: bytes | None = None) -> subprocess.CompletedProcess[bytes]:
    """The command in a process of its own, which may not take for ever."""
    return subprocess.run(
        [sys.executable, "-m", "knockd.ctl", "log", *arguments],
        input=stdin,
        capture_output=True,
        check=False,
        env=ENVIRONMENT,
        timeout=60,
    )


def listed(capfd: pytest.CaptureFixture[str]) -> list[str]:
    """What was printed, without the date."""
    return [line.removeprefix("2026-11-02 ") for line in capfd.readouterr().out.splitlines()]


def test_list(path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Each event has its line."""
    assert cli.main(["log", "--list", str(path)]) == 0
    lines = listed(capfd)
    assert len(lines) == 7
    assert "20:11     192.0.2.7: ssh: OPEN SESAME" == lines[2]


def test_what(path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Owners who failed are told from strangers, whether they opened before or after."""
    path.write_text(TEXT.replace("20:14", "20:05"))
    cli.main(["log", "--what", "failed", str(path)])
    assert ["20:05     192.0.2.7: ssh: sequence timeout (stage 1)"] == listed(capfd)
    cli.main(["log", "--what", "scan", str(path)])
    assert ["198.51.100.9", "198.51.100.9"] == [line.split()[1].rstrip(":") for line in listed(capfd)]


def test_what_of_a_pipe(path: Path) -> None:
    """A pipe is read once: who has not opened yet counts as a stranger."""
    done = run("--what", "scan", "-", stdin=path.read_bytes())
    assert done.stdout.count(b"\n") == 3
    assert done.stdout.startswith(b"2026-11-02 20:11     192.0.2.7: ssh: Stage 1")


def test_nothing_found(path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """It is said when nothing is what was asked for."""
    assert cli.main(["log", "--list", "--door", "web", str(path)]) == 0
    assert ("", "knockctl log: no event is what was asked for\n") == tuple(capfd.readouterr())


def test_unread(path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Lines that could not be read are shown with file and number, without escapes, and cut."""
    with path.open("ab") as file:
        file.write(b"\x1b[2J\xff" + b"x" * 5000 + b"\n")
    assert cli.main(["log", "--unread", str(path)]) == 0
    first, second = capfd.readouterr().out.splitlines()
    assert f"{path}:7: once upon a time" == first
    assert second.startswith(rf"{path}:9: \x1b[2J\xffxxx")
    assert second.endswith("x ... (5,011 characters)")
    assert len(second) < 2200


HOSTILE = "\x1b[2J\x07\x9b31m\u202e\u2066\u2028\r\x7f"
"""Clears a screen, rings, colours (C1), turns the order of letters, begins lines."""


@pytest.mark.parametrize("mode", [(), ("--list",), ("--unread",), ("-q", "--since", "@0"), ("--json",)])
def test_hostile_log(mode: tuple[str, ...], tmp_path: Path) -> None:
    """Whatever stands in a log or in the name of its file, a terminal gets printable characters."""
    path = tmp_path / f"{HOSTILE}.log"
    stamp = "[2026-11-02 20:11]"
    messages = [
        *(f"192.0.2.7: {HOSTILE}: OPEN SESAME", f"{HOSTILE}: running command: {HOSTILE}"),
        *(f"{HOSTILE}: command said: {HOSTILE}", f"{HOSTILE}: command returned non-zero status code (1)"),
        *(f"192.0.2.7: {HOSTILE}: not opened: {HOSTILE}", f"could not write to {HOSTILE}: {HOSTILE}"),
        *(
            f"192.0.2.7: {HOSTILE}: stop command failed 3 times, the door may still be open: {HOSTILE}",
            HOSTILE,
        ),
    ]
    fields = {
        "time": "2026-11-02T20:11:00Z",
        "event": "open",
        "ip": "192.0.2.7",
        "door": HOSTILE,
        "host": HOSTILE,
    }
    path.write_text("\n".join([*(f"{stamp} {message}" for message in messages), json.dumps(fields), ""]))
    done = run(*mode, path, path, tmp_path / HOSTILE)
    shown = (done.stdout + done.stderr).decode()
    assert len(shown.splitlines()) >= 2
    assert [] == [line for line in shown.split("\n") if not line.isprintable()]


def test_default(path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
    """Without a name the log and its rotations are read."""
    path.with_name("knockd.log.1.gz").write_bytes(gzip.compress(TEXT.replace("20:", "19:").encode()))
    monkeypatch.setattr(log, "DEFAULT_LOG", str(path))
    assert cli.main(["log", "--list"]) == 0
    lines = listed(capfd)
    assert len(lines) == 14
    assert lines[0].startswith("19:10")


def test_no_default(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """Where there is no log the message says what to do."""
    monkeypatch.setattr(log, "DEFAULT_LOG", str(tmp_path / "knockd.log"))
    assert os.EX_NOINPUT == cli.main(["log", "--list"])
    err = capfd.readouterr().err
    assert err.startswith(f"knockctl log: {tmp_path}/knockd.log: no such file; name the LogFile of your")
    assert err.endswith("journalctl -u knockd -o short-iso | knockctl log -\n")


def test_usage(capfd: pytest.CaptureFixture[str]) -> None:
    """A mistake on the command line is status 64, and what was typed is shown without escapes."""
    assert os.EX_USAGE == cli.main(["log", "--since", "\x1b[2J"])
    err = capfd.readouterr().err
    assert err.endswith("\ntry 'knockctl log --help'\n")
    assert "\x1b" not in err


def test_help(capfd: pytest.CaptureFixture[str]) -> None:
    """--help is no error."""
    assert cli.main(["log", "--help"]) == 0
    assert capfd.readouterr().out.startswith("usage: knockctl log [OPTION...] [FILE...]")


def test_notes(path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """What was odd is said behind the list, on standard error."""
    cli.main(["log", "--list", str(path), str(path)])
    assert (
        f"knockctl log: note: {path} is the same file as {path}, and counts once\n" == capfd.readouterr().err
    )


def test_bad_files_do_not_hide_good_ones(path: Path, tmp_path: Path) -> None:
    """Each bad file has its message, the good one is read, and the first decides the status."""
    (tmp_path / "binary").write_bytes(b"\x7fELF\0\n\0")
    (tmp_path / "cut.gz").write_bytes(gzip.compress(TEXT.encode())[:-5])
    os.mkfifo(tmp_path / "pipe")
    bad = [tmp_path / name for name in ("binary", "cut.gz", "pipe", "gone")]
    done = run("--list", *bad, tmp_path, "/dev/zero", path)
    assert b"192.0.2.7: ssh: OPEN SESAME" in done.stdout
    told = done.stderr.decode()
    for seen in ("binary: not a log", "cut.gz: its gzip data ends early", "pipe: it is an empty pipe"):
        assert seen in told
    for seen in ("gone: no such file", f"{tmp_path}: it is a directory", "/dev/zero: it is a device"):
        assert seen in told
    assert os.EX_NOINPUT == done.returncode


def test_a_file_without_newlines(path: Path, tmp_path: Path) -> None:
    """A sparse file of 2 GB is given up soon, in little memory."""
    with (tmp_path / "sparse").open("wb") as file:
        file.truncate(2 << 30)
    code = (
        "import resource, sys; resource.setrlimit(resource.RLIMIT_AS, (300 << 20, 300 << 20));"
        "from knockd.ctl.cli import main; sys.exit(main(sys.argv[1:]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, "log", "--list", path, tmp_path / "sparse"],
        capture_output=True,
        text=True,
        check=False,
        env=ENVIRONMENT,
        timeout=60,
    )
    assert f"knockctl log: {tmp_path}/sparse: no newline in 67,108,864 bytes: this is no log\n" == done.stderr
    assert len(done.stdout.splitlines()) == 7
    assert os.EX_DATAERR == done.returncode


def test_ascii_terminal(path: Path) -> None:
    """A terminal without the characters of a log gets escapes."""
    path.write_bytes("[2026-11-02 20:11] 192.0.2.7: tür: OPEN SESAME\n".encode())
    done = subprocess.run(
        [sys.executable, "-m", "knockd.ctl", "log", "--list", path],
        capture_output=True,
        check=False,
        env={**ENVIRONMENT, "PYTHONIOENCODING": "ascii"},
    )
    assert rb"192.0.2.7: t\xfcr: OPEN SESAME" in done.stdout
    assert b"" == done.stderr


def test_a_reader_that_goes_away(tmp_path: Path) -> None:
    """``| head`` ends a long list quietly."""
    (tmp_path / "log").write_text(TEXT * 5000)
    with subprocess.Popen(
        [sys.executable, "-m", "knockd.ctl", "log", "--list", tmp_path / "log"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=ENVIRONMENT,
    ) as process:
        assert process.stdout
        assert process.stderr
        process.stdout.readline()
        process.stdout.close()
        assert b"" == process.stderr.read()
    assert process.returncode == 0
