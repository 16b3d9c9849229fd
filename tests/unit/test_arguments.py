"""The command line of knockd as a value: options, their defaults, and what a mistake says."""

from __future__ import annotations

import os

import pytest

import knockd
from knockd.arguments import DEFAULT_CONFIG, Arguments, Init, Replay, read_arguments
from knockd.keeper.settings import Settings
from knockd_conf.errors import seen
from knockd_conf.model import Service
from knockd_conf.protocol import Protocol

NAME = "expected an interface name (1 to 127 bytes without '/' or white space), auto or any"


def run(*arguments: str) -> int:
    """The exit status of a command line that asks for nothing but a text."""
    with pytest.raises(SystemExit) as end:
        read_arguments(arguments)
    assert isinstance(end.value.code, int)
    return end.value.code


def test_nothing_is_said() -> None:
    """Without an option the daemon serves by the file of 0.8, from where it was started."""
    assert Arguments(Settings(DEFAULT_CONFIG, os.getcwd()), False, False, False) == read_arguments([])


def test_list_of_interfaces() -> None:
    """-i takes what Interface takes."""
    assert ("eth0", "ppp0") == read_arguments(["-i", " eth0, ppp0 "]).settings.interfaces


@pytest.mark.parametrize(
    ("line", "check", "dry_run", "as_json"),
    [
        ("-t", True, False, False),
        ("--dry-run", False, True, False),
        ("--dry-run --format json", False, True, True),
    ],
)
def test_what_only_prints(line: str, check: bool, dry_run: bool, as_json: bool) -> None:
    """-t, --dry-run and its format are distinguished."""
    given = read_arguments(line.split())
    assert (check, dry_run, as_json) == (given.check, given.dry_run, given.as_json)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("192.0.2.7", bytes((192, 0, 2, 7))),
        ("::ffff:192.0.2.7", bytes((192, 0, 2, 7))),
        ("2001:db8::7", bytes((0x20, 0x01, 0x0D, 0xB8, *bytes(11), 7))),
    ],
)
def test_explain(text: str, expected: bytes) -> None:
    """--explain has an address; an IPv4 address in IPv6 form is that address."""
    assert expected == read_arguments(["--explain", text]).explain


def test_show_secrets() -> None:
    """--show-secrets is asked for by itself: --dry-run alone shows no port that is made of a key."""
    assert not read_arguments(["--dry-run"]).show_secrets
    assert read_arguments(["--dry-run", "--show-secrets"]).show_secrets


def test_replay() -> None:
    """--replay has a file, and perhaps addresses, each once, and a VLAN."""
    assert Replay("a.pcap") == read_arguments(["--replay", "a.pcap"]).replay
    addresses = (b"\n\0\0\1", bytes(15) + b"\1")
    line = ["--replay", "-", "--local", "10.0.0.1, ::1,10.0.0.1", "--vlan", "100"]
    assert Replay("-", addresses, 100) == read_arguments(line).replay


@pytest.mark.parametrize(
    ("line", "expected", "path"),
    [
        ("--init", Init(), DEFAULT_CONFIG),
        ("--init=ports -c /srv/a", Init(), "/srv/a"),
        ("--init=key", Init(keyed=True), DEFAULT_CONFIG),
        ("--init=signed", Init(signed=True), DEFAULT_CONFIG),
        ("--init --dry-run", Init(printing=True), DEFAULT_CONFIG),
        ("--init -c -", Init(printing=True), DEFAULT_CONFIG),
        ("--init --port 2222", Init(service=Service(2222, 2222, Protocol.TCP)), DEFAULT_CONFIG),
        ("--init --port 51820/udp", Init(service=Service(51820, 51820, Protocol.UDP)), DEFAULT_CONFIG),
    ],
)
def test_init(line: str, expected: Init, path: str) -> None:
    """--init has a kind, a port and a place; what it prints is no filter."""
    given = read_arguments(line.split())
    assert expected == given.init
    assert path == given.settings.config_path
    assert not given.dry_run


def test_a_file_named_as_standard_output() -> None:
    """Without --init a file may be called -."""
    assert os.path.abspath("-") == read_arguments(["-c", "-"]).settings.config_path


def test_our_options() -> None:
    """Options that 0.8 does not have."""
    settings = read_arguments(["--state-dir", "s", "--host", "h", "--allow-insecure-config"]).settings
    assert os.path.abspath("s") == settings.state_dir
    assert "h" == settings.host
    assert settings.allow_insecure_config


def test_control_socket() -> None:
    """--control-socket has a path or none, which is no path."""
    assert read_arguments([]).settings.control_socket is None
    assert os.path.abspath("s") == read_arguments(["--control-socket", "s"]).settings.control_socket
    assert "" == read_arguments(["--control-socket", "None"]).settings.control_socket


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--frobnicate"], "unrecognized arguments: --frobnicate"),
        (["-c"], "argument -c/--config: expected one argument"),
        (["--dry-run", "--format", "xml"], "argument --format: invalid choice: 'xml'"),
        *(
            (["-i", name], f"argument -i/--interface: {NAME}, got {seen(name)}")
            for name in ("", "a/b", "a b", "i" * 128)
        ),
        (["-i", "eth0,"], f"argument -i/--interface: {NAME}, got ''"),
        (
            ["-i", "any,eth0"],
            "argument -i/--interface: expected any alone or a list of names, got 'any,eth0'",
        ),
        (["--replay"], "argument --replay: expected one argument"),
        (
            ["--explain", "host\x1b"],
            "argument --explain: expected an IP address, as 192.0.2.7 or 2001:db8::7, got 'host\\x1b'",
        ),
        (["--explain", "192.0.2.7", "-d"], "argument --explain: expected without -t, --dry-run and -d"),
        (["--show-secrets"], "argument --show-secrets: expected with --dry-run"),
        (["--show-secrets", "-t"], "argument --show-secrets: expected with --dry-run"),
        (["--replay", "x", "-t"], "argument --replay: expected without -t and --dry-run"),
        (["--local", "10.0.0.1"], "arguments --local and --vlan: expected with --replay FILE"),
        (["--vlan", "7"], "arguments --local and --vlan: expected with --replay FILE"),
        *(
            (
                ["--local", text],
                f"argument --local: expected IP addresses with commas between them, got '{text}'",
            )
            for text in ("", "a", "10.0.0.1,", "10.0.0.0/8")
        ),
        *(
            (["--vlan", text], f"argument --vlan: expected the number of a VLAN, 1 to 4094, got '{text}'")
            for text in ("0", "4095", "x", "")
        ),
        (["--init=x"], "argument --init: invalid choice: 'x'"),
        (["--port", "22"], "argument --port: expected with --init"),
        *(
            (["--init", *other.split()], f"argument --init: expected without {name}")
            for other, name in (
                ("-t", "-t"),
                ("-d", "-d"),
                ("-4", "-4"),
                ("--replay x", "--replay"),
                ("--explain 192.0.2.7", "--explain"),
                ("--format json", "--format json"),
                ("--dry-run --show-secrets", "--show-secrets"),
            )
        ),
        *(
            (
                ["--init", "--port", text],
                f"argument --port: expected one port, as 22 or 51820/udp, got '{text}'",
            )
            for text in ("", "0", "65536", "ssh", "22,80", "22-23/tcp", "22/sctp")
        ),
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


@pytest.mark.usefixtures("gone")
def test_no_working_directory(capsys: pytest.CaptureFixture[str]) -> None:
    """Where the working directory is gone absolute paths are as good as ever; a relative one ends with 64."""
    settings = read_arguments(["-c", "/k.conf", "-g", "/k.log"]).settings
    assert ("/k.conf", "/k.log", "") == (settings.config_path, settings.log_file, settings.directory)
    for option in ("-c", "-g", "-p", "--state-dir", "--control-socket"):
        assert os.EX_USAGE == run(option, "k")
        said = (
            "\nknockd: expected absolute paths, for there is no working directory: No such file or directory;"
        )
        assert said in capsys.readouterr().err


def test_operands(capsys: pytest.CaptureFixture[str]) -> None:
    """What is no option is ignored, as 0.8 does, wherever it stands; a line says so."""
    settings = read_arguments(["-i", "eth0", "#", "my", "card", "-d"]).settings
    assert (settings.interfaces, settings.daemon) == (("eth0",), True)
    assert capsys.readouterr().err == "knockd: ignored, expected options only: # my card\n"


@pytest.mark.parametrize("option", ["-V", "--version"])
def test_version(capsys: pytest.CaptureFixture[str], option: str) -> None:
    """The version is printed on standard output."""
    assert (run(option), capsys.readouterr().out) == (0, f"knockd {knockd.__version__}\n")


@pytest.mark.parametrize("option", ["-h", "--help"])
def test_help(capsys: pytest.CaptureFixture[str], option: str) -> None:
    """Help names every option of 0.8."""
    status, text = run(option), capsys.readouterr().out
    options = ["-i", "-d", "-c", "-D", "-l", "-p", "-g", "-v", "-4", "-V", "-h"]
    assert (status, [one for one in options if f" {one}" not in text]) == (0, [])


def test_long_options() -> None:
    """Every long option of 0.8 is one of ours."""
    line = (
        "--interface lo --daemon --config x --debug --lookup --pidfile y --logfile z --verbose --only-ip-v4"
    )
    settings = read_arguments(line.split()).settings
    assert (settings.interfaces, settings.config_path, settings.pid_file, settings.log_file) == (
        ("lo",),
        *map(os.path.abspath, ("x", "y", "z")),
    )
    assert all((settings.daemon, settings.debug, settings.lookup, settings.verbose, not settings.ipv6))
