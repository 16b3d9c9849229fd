"""The command knockctl: its subcommands, and how it ends."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable

import pytest

import knockd
from knockd.ctl import cli

ENVIRONMENT = {"PYTHONPATH": os.pathsep.join(sys.path)}


def raiser(error: BaseException) -> Callable[[list[str]], int]:
    """What raises an error in place of the subcommand."""

    def fail(_arguments: list[str]) -> int:
        raise error

    return fail


def test_help(capfd: pytest.CaptureFixture[str]) -> None:
    """--help lists the subcommands on standard output."""
    assert cli.main(["--help"]) == 0
    out, err = capfd.readouterr()
    assert out.startswith("usage: knockctl SUBCOMMAND [OPTION...]\n\n  status ")
    assert list(cli.COMMANDS) == [line.split()[0] for line in out.splitlines() if line.startswith("  ")]
    assert "" == err


def test_version(capfd: pytest.CaptureFixture[str]) -> None:
    """--version prints name and version."""
    assert cli.main(["--version"]) == 0
    assert f"knockctl {knockd.__version__}\n" == capfd.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "seen"),
    [
        ([], "got none"),
        (["x\x1b"], r"got 'x\x1b'"),
        (["opne"], "got 'opne'; did you mean 'open'?"),
        (["--socket", "x", "status"], "got '--socket'; options come after it"),
    ],
)
def test_unknown_subcommand(arguments: list[str], seen: str, capfd: pytest.CaptureFixture[str]) -> None:
    """What is expected, what was seen and the usage are on standard error, with status 64."""
    assert os.EX_USAGE == cli.main(arguments)
    out, err = capfd.readouterr()
    assert err.startswith(f"knockctl: expected a subcommand ({', '.join(cli.COMMANDS)}), {seen}\nusage: ")
    assert "" == out


def test_interrupt(monkeypatch: pytest.MonkeyPatch) -> None:
    """^C ends it quietly with status 130."""
    monkeypatch.setattr("knockd.ctl.log.run_command", raiser(KeyboardInterrupt()))
    assert cli.main(["log"]) == 130


def test_starts_with_little() -> None:
    """Nothing that is slow to import is imported to say the version, nor for a list."""
    code = (
        "import sys; from knockd.ctl import cli; cli.main(['--version']);"
        "slow = {'asyncio', 'structlog', 'jinja2', 'impacket', 'pcapy', 'knockd_conf.model'};"
        "print((slow | {'argparse', 'json'}) & set(sys.modules));"
        "cli.main(['log', '--list', '/dev/null']); print(slow & set(sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=ENVIRONMENT
    )
    assert ["set()", "set()"] == done.stdout.splitlines()[1:]


def test_what_a_question_needs() -> None:
    """To ask the daemon little of ours is imported, and nothing that is slow."""
    code = (
        "import sys; from knockd.ctl import cli; cli.main(['status', '--socket', '/nowhere/socket']);"
        "slow = {'asyncio', 'structlog', 'jinja2', 'impacket', 'pcapy', 'dataclasses', 'threading',"
        " 'subprocess', 'difflib', 'lzma'};"
        "print(slow & set(sys.modules));"
        "print(*sorted(name for name in sys.modules if name.startswith('knockd') and '.ctl' not in name))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=ENVIRONMENT
    )
    assert "/nowhere/socket" in done.stderr
    slow, ours = done.stdout.splitlines()
    assert "set()" == slow
    assert {
        "knockd",
        "knockd.control",
        "knockd.control.client",
        "knockd.control.interface",
        "knockd.control.protocol",
        "knockd.option_parser",
        "knockd.review",
        "knockd.review.cells",
        "knockd.review.clock",
        "knockd_conf",
        "knockd_conf.classes",
        "knockd_conf.text",
    } == set(ours.split())


def test_a_reader_that_goes_away() -> None:
    """``knockctl ... | head`` ends quietly."""
    read, write = os.pipe()
    os.close(read)
    done = subprocess.run(
        [sys.executable, "-m", "knockd.ctl", "--help"],
        stdout=write,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
        env=ENVIRONMENT,
    )
    os.close(write)
    assert (done.stderr, done.returncode) == ("", 0)


def test_closed_streams() -> None:
    """With no standard output at all nothing is printed, and nothing breaks."""
    command = f"exec {sys.executable} -m knockd.ctl log --list /dev/null >&- 2>&-"
    done = subprocess.run(["/bin/sh", "-c", command], check=False, env=ENVIRONMENT)
    assert os.EX_NOINPUT == done.returncode


def test_a_full_disk() -> None:
    """Output that could not be written is told, with status 74."""
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "knockd.ctl", "--help"],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
            env=ENVIRONMENT,
        )
    assert "knockctl: could not write the output: No space left on device\n" == done.stderr
    assert os.EX_IOERR == done.returncode
