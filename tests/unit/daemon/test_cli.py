"""The command line of knockd: exit statuses, messages, -t and --dry-run, all without a packet process."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import knockd
from knockd import cli
from knockd.arguments import read
from knockd.keeper.settings import DEFAULT_PID_FILE, Settings, listening_on, missing

GOOD = """
[options]
LogFile = /var/log/knockd.log
Guard_Ports = none

[ssh]
Sequence = 47001,47003,47002
TCPFlags = syn
Command = open %IP%
"""


@pytest.fixture(autouse=True)
def _pipes_as_before() -> Iterator[None]:
    """What prints lets a closed pipe end it; not so pytest."""
    before = signal.getsignal(signal.SIGPIPE)
    yield
    signal.signal(signal.SIGPIPE, before)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A good configuration."""
    made = tmp_path / "knockd.conf"
    made.write_text(GOOD)
    made.chmod(0o600)
    return made


def run(*arguments: str | Path) -> int:
    """The exit status, however it is given."""
    try:
        return cli.main([str(argument) for argument in arguments])
    except SystemExit as ended:
        return ended.code if isinstance(ended.code, int) else -1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--frobnicate"], "unrecognized arguments: --frobnicate"),
        (["extra"], "unrecognized arguments: extra"),
        (["-c"], "argument -c/--config: expected one argument"),
        (["--dry-run", "--format", "xml"], "argument --format: invalid choice: 'xml'"),
        (["-d=yes"], "argument -d/--daemon: ignored explicit argument"),
    ],
)
def test_usage(capsys: pytest.CaptureFixture[str], arguments: list[str], message: str) -> None:
    """A wrong command line ends with 64 and says what is wrong and where help is."""
    status = run(*arguments)
    said = capsys.readouterr()
    assert (status, said.out, said.err.splitlines()[0].startswith("usage: knockd ")) == (64, "", True)
    assert f"\nknockd: {message}" in said.err
    assert said.err.endswith("; try knockd --help\n")


@pytest.mark.parametrize("option", ["-V", "--version"])
def test_version(capsys: pytest.CaptureFixture[str], option: str) -> None:
    """The version is printed on standard output."""
    assert (run(option), capsys.readouterr().out) == (0, f"knockd {knockd.__version__}\n")


@pytest.mark.parametrize("option", ["-h", "--help"])
def test_help(capsys: pytest.CaptureFixture[str], option: str) -> None:
    """Help names every option of 0.8."""
    status, text = run(option), capsys.readouterr().out
    options = ["-i", "-d", "-c", "-D", "-l", "-p", "-g", "-v", "-4", "-V", "-h"]
    assert (status, [one for one in options if f"  {one}" not in text]) == (0, [])


def test_long_options() -> None:
    """Every long option of 0.8 is one of ours."""
    line = (
        "--interface lo --daemon --config x --debug --lookup --pidfile y --logfile z --verbose --only-ip-v4"
    )
    settings = read(line.split()).settings
    assert (settings.interfaces, settings.config_path, settings.pid_file, settings.log_file) == (
        ("lo",),
        *map(os.path.abspath, ("x", "y", "z")),
    )
    assert all((settings.daemon, settings.debug, settings.lookup, settings.verbose, not settings.ipv6))


def test_name_without_an_answer(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """A Target that no name server knows ends with 75: a service manager tries again, as after power cuts."""
    path = tmp_path / "knockd.conf"
    path.write_text("[a]\nSequence = 1\nTarget = a.invalid\n")
    path.chmod(0o600)
    assert (run("-t", "-c", path), "'a.invalid'" in capsys.readouterr().err) == (75, True)


def test_name_without_an_answer_is_not_all(tmp_path: Path) -> None:
    """Beside a mistake that only a person can mend the status is 78."""
    path = tmp_path / "knockd.conf"
    path.write_text("[a]\nSequence = 1\nTarget = a.invalid\n[b]\nSequence = x\n")
    path.chmod(0o600)
    assert run("-t", "-c", path) == 78


def test_missing_config(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """A config file that is not there ends with 78 and is named."""
    missing_path = tmp_path / "none.conf"
    status = run("-t", "-c", missing_path)
    said = capsys.readouterr().err
    assert (status, said.count("\n"), str(missing_path) in said, "No such file" in said) == (
        78,
        1,
        True,
        True,
    )


def test_bad_config(capsys: pytest.CaptureFixture[str], path: Path) -> None:
    """All problems of a config come at once, one a line, and the status is 78."""
    path.write_text("[options]\nLatency = 0\n[ssh]\nSequence = 1,x\nTimout = 5\n")
    status = run("-t", "-c", path)
    assert (status, capsys.readouterr().err) == (
        78,
        f"{path}:2: Latency: expected a whole number of milliseconds from 1 to 1000, got '0'\n"
        f"{path}:4: Sequence: expected a port from 0 to 65535, got 'x'\n"
        f"{path}:5: Timout: expected a known key (the nearest is Timeout), got 'Timout'\n",
    )


def test_no_door(capsys: pytest.CaptureFixture[str], path: Path) -> None:
    """A config without a door has nothing to do."""
    path.write_text("[options]\nUseSyslog\n")
    assert (run("-t", "-c", path), capsys.readouterr().err) == (
        78,
        f"{path}: expected at least one door, got none\n",
    )


def test_config_that_others_can_write(capsys: pytest.CaptureFixture[str], path: Path) -> None:
    """A config that everybody can write is refused; an option says that this is wanted."""
    if os.geteuid():
        pytest.skip("only a config that root runs holds root's commands")
    path.chmod(0o666)
    refused, message = run("-t", "-i", "lo", "-c", path), capsys.readouterr().err
    allowed = run("-t", "-i", "lo", "-c", path, "--allow-insecure-config")
    assert (refused, "chmod" in message, allowed) == (78, True, 0)


@pytest.mark.parametrize(
    ("text", "status"),
    [("[a]\nSequence = 1\nTarget = a.invalid\n", 75), ("[ssh]\nSequence = x\nTimout = 5\n", 78), (None, 78)],
    ids=["name server", "mistakes", "no file"],
)
def test_start_with_a_bad_config(
    capsys: pytest.CaptureFixture[str], path: Path, text: str | None, status: int
) -> None:
    """The daemon refuses to start with what -t refuses, in the same words and with the same status."""
    path.unlink()
    if text is not None:
        path.write_text(text)
        path.chmod(0o600)
    checked = run("-t", "-c", path), capsys.readouterr().err
    started = start("from knockd.cli import main; sys.exit(main())", "-c", path)
    assert ((status, checked[1]), status) == ((started.returncode, started.stderr), checked[0])


def test_a_daemon_holds_no_parser(path: Path) -> None:
    """What only reads the command line and the configuration is not in the daemon's memory."""
    code = (
        "before = set(sys.modules); from knockd import cli, slim; slim_down = slim.without_tls\n"
        "def without_tls():\n"
        "    slim_down(); from knockd.keeper import keeper\n"
        "    keeper.Keeper = lambda settings, loaded, *_: "
        "print(loaded.config.path, *(name for name in sys.modules.keys() - before if sys.modules[name]))\n"
        "slim.without_tls = without_tls; cli.main()"
    )
    config_path, *held = start(code, "-c", path).stdout.split()
    parsers = {"argparse", "gettext", "configparser", "difflib", "pathlib", "shutil", "unicodedata", "ssl"}
    parsers |= {"knockd.arguments", "knockd_conf.load", "knockd_conf.ini"}
    assert (config_path, parsers & set(held)) == (str(path), set())


def start(code: str, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """A Python of its own that runs ``code`` with these arguments of its command line."""
    command = (sys.executable, "-c", f"import sys; {code}", *map(str, arguments))
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    return subprocess.run(command, capture_output=True, text=True, check=False, env=environment)


def test_relative_path(
    capsys: pytest.CaptureFixture[str], path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Messages name the whole path of a config that was given by a part of it."""
    monkeypatch.chdir(path.parent)
    path.write_text("[ssh]\n")
    run("-t", "-c", path.name)
    assert capsys.readouterr().err.startswith(f"{path}:")


def test_no_such_interface(capsys: pytest.CaptureFixture[str], path: Path) -> None:
    """-t ends with 69 when an interface is not there; the message lists those that are."""
    status = run("-t", "-c", path, "-i", "lo, knock-none")
    said = capsys.readouterr().err
    assert (status, said.startswith("knockd: no interface knock-none here; there are: lo")) == (69, True)


def test_check(capsys: pytest.CaptureFixture[str], path: Path) -> None:
    """-t says what is good: doors, guards and the length of each filter."""
    status = run("-t", "-i", "lo", "-c", path)
    said = capsys.readouterr()
    lines = [re.sub(r"of \d+ instr", "of N instr", line) for line in said.out.splitlines()]
    assert (status, said.err, lines) == (
        0,
        "",
        [
            f"{path}: good, 1 door",
            "  door ssh (line 6): 3 steps (tcp) within 25 s, tcpflags syn",
            "    guards: none",
            "  lo: filter of N instructions",
        ],
    )


def test_check_warns(capsys: pytest.CaptureFixture[str], path: Path) -> None:
    """-t ends with a line for everything that will surprise."""
    path.write_text("[a]\nSequence = 47001,47002\nGuard_Ports = none\n")
    status = run("-t", "-i", "lo", "-c", path)
    lines = capsys.readouterr().out.splitlines()
    assert (status, lines[-3:]) == (
        0,
        [
            "  warning: nothing is logged: set LogFile or UseSyslog in [options]",
            "  warning: a: there is no start_command: opening it does nothing",
            "  warning: a: a port scan in ascending order opens it:"
            " no guard port is close before or between its steps",
        ],
    )


def test_check_of_a_one_time_door(capsys: pytest.CaptureFixture[str], path: Path) -> None:
    """-t says when a one-time door has no sequence, and why."""
    once = path.with_name("once")
    path.write_text(GOOD.replace("Sequence = 47001,47003,47002", f"One_Time_Sequences = {once}"))
    status = run("-t", "-i", "lo", "-c", path)
    said = capsys.readouterr().out
    assert (status, "disabled: no usable line in its one time sequences file" in said) == (0, True)
    assert f"  warning: ssh: one time sequences file {once}: No such file or directory\n" in said


def test_check_shows_no_sequence(capsys: pytest.CaptureFixture[str], path: Path) -> None:
    """-t does not print the secret."""
    run("-t", "-i", "lo", "-c", path)
    assert "4700" not in capsys.readouterr().out


def test_dry_run(capsys: pytest.CaptureFixture[str], path: Path) -> None:
    """--dry-run prints the filter for an interface that is here."""
    status = run("--dry-run", "-i", "lo", "-c", path)
    said = capsys.readouterr()
    assert (status, said.err, said.out.splitlines()[0]) == (0, "", "interface lo: ethernet")


def test_dry_run_elsewhere(capsys: pytest.CaptureFixture[str], path: Path) -> None:
    """For an interface that is not here the filter is printed all the same, and that is said."""
    status = run("--dry-run", "-i", "knock-none", "-c", path)
    said = capsys.readouterr()
    assert (status, said.err.startswith("knockd: no interface knock-none here; there are: ")) == (0, True)
    assert "not here: the filter without addresses" in said.out.splitlines()[0]


def test_dry_run_for_programs(capsys: pytest.CaptureFixture[str], path: Path) -> None:
    """--format json prints one object with what each interface would run."""
    status = run("--dry-run", "--format", "json", "-i", "lo", "-c", path)
    (one,) = json.loads(capsys.readouterr().out)["interfaces"]
    assert (status, one["name"], one["linktype"], one["instructions"]) == (0, "lo", 1, len(one["program"]))
    assert {"filter", "cost"} <= set(one)


def test_interface_of_the_file(path: Path) -> None:
    """Without -i the file's interfaces are listened on."""
    path.write_text(GOOD.replace("[options]", "[options]\nInterface = lo, knock-none"))
    assert listening_on(Settings(str(path)).load()) == ("lo", "knock-none")


def test_command_line_wins(path: Path) -> None:
    """What the command line says wins over the file."""
    path.write_text(GOOD.replace("[options]", "[options]\nInterface = eth7\nPidFile = /run/a.pid"))
    settings = Settings(str(path), interfaces=("lo",), log_file="/tmp/b.log", pid_file="/run/b.pid")
    options = settings.load().options
    assert (options.interface, options.log_file, options.pid_file) == (("lo",), "/tmp/b.log", "/run/b.pid")


def test_file_wins_over_defaults(path: Path) -> None:
    """What the command line leaves open the file decides, and else the default."""
    options = Settings(str(path)).load().options
    assert (options.log_file, options.pid_file) == ("/var/log/knockd.log", DEFAULT_PID_FILE)


def test_missing_interfaces() -> None:
    """Every interface that is not there is named."""
    said = missing(("none-a", "lo", "none-b"))
    assert said is not None
    assert said.startswith("no interface none-a, none-b here; there are: lo")


def test_no_interface_is_missing() -> None:
    """With all interfaces there nothing is said."""
    assert missing(("lo",)) is None


def test_no_interface_to_choose() -> None:
    """Without a default route the user is asked to name one of those that are there."""
    said = missing(())
    assert said is not None
    assert said.startswith("no interface has a default route; name one with -i or Interface: lo")
