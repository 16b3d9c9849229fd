"""The command line of knock: 0.8's forms, and --flags."""

from __future__ import annotations

import pytest

from knockd.client.choices import PARSERS, Choices
from knockd.client.options import HELP, Options, UsageError, parse_arguments

PLAIN = Options(host="host", ports=("1",))


@pytest.mark.parametrize(
    "argv",
    [
        "-d 100 host 1",
        "-d100 host 1",
        "--delay=100 host 1",
        "--delay 100 host 1",
        "--del=100 host 1",
        "--d 100 host 1",
        "--d=100 host 1",
        "host 1 -d 100",
    ],
)
def test_a_delay_has_all_forms_of_getopt(argv: str) -> None:
    """Apart, joined, long, shortened, and after the operands."""
    assert PLAIN._replace(choices=Choices(delay=100)) == parse_arguments(argv.split())


@pytest.mark.parametrize(
    "argv", ["-uv host 1", "-vu host 1", "-u -v host 1", "--udp --verb host 1", "host -uv 1"]
)
def test_letters_may_be_joined(argv: str) -> None:
    """-uv is -u and -v."""
    assert PLAIN._replace(udp=True, verbose=True) == parse_arguments(argv.split())


@pytest.mark.parametrize(
    ("argv", "version"),
    [("-4", 4), ("-6", 6), ("-46", 6), ("-64", 4), ("--ipv4", 4), ("--ipv6 --ipv4", 4)],
)
def test_the_last_of_4_and_6_wins(argv: str, version: int) -> None:
    """As in 0.8, -46 means -6."""
    assert PLAIN._replace(version=version) == parse_arguments([*argv.split(), "host", "1"])


def test_options_stop_at_the_first_operand_under_posixly_correct(monkeypatch: pytest.MonkeyPatch) -> None:
    """With POSIXLY_CORRECT set, what follows the host is a port, as in 0.8."""
    monkeypatch.setenv("POSIXLY_CORRECT", "1")
    assert Options(host="host", ports=("1", "-v")) == parse_arguments(["host", "1", "-v"])


def test_two_dashes_end_the_options() -> None:
    """After -- everything is an operand."""
    assert Options(host="host", ports=("-5",)) == parse_arguments(["--", "host", "-5"])


@pytest.mark.parametrize(
    ("text", "flags"),
    [("syn", 0x02), ("fin,!ack", 0x01), ("syn,ack", 0x12), ("!syn", 0), ("SYN, !FIN", 0x02)],
)
def test_flags_are_exactly_those_named(text: str, flags: int) -> None:
    """A named flag is set; one with ``!`` is clear, as is every other."""
    assert PLAIN._replace(flags=flags) == parse_arguments(["--flags", text, "host", "1"])


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        ([], "expected a host and at least one port, or the name of a profile, got neither"),
        (["--mark"], "expected a host and at least one port, or the name of a profile, got neither"),
        (["--verify", "ssh", "host", "1"], "--verify: expected a TCP port from 1 to 65535, got 'ssh'"),
        (["--steps=2", "home"], "--steps: expected a whole number from 3 to 16, got '2'"),
        (["--list", "home"], "--list: expected nothing behind it, got 'home'"),
        (["--list", "--", "ssh"], "--list: expected nothing behind it, got 'ssh'"),
        (["--import", "-", "a", "b"], "--import: expected the name of a profile behind it, got 'a' 'b'"),
        (
            ["--import", "-", "a", "--", "ssh"],
            "--import: expected the name of a profile behind it, got 'a' 'ssh'",
        ),
        (["-k", "", "host", "1"], "--identity: expected a path, got ''"),
        (["--bind", "me", "home"], "--bind: expected none, auto or an address, got 'me'"),
        (["-x", "host", "1"], "option -x not recognized"),
        (["--bogus", "host", "1"], "option --bogus not recognized"),
        (["--ver", "host", "1"], "option --ver not a unique prefix"),
        (["host", "1", "-d"], "option -d requires argument"),
        (["-d", "-1", "host", "1"], "--delay: expected whole milliseconds from 0 to 2147483647, got '-1'"),
        (["-d", "abc", "host", "1"], "--delay: expected whole milliseconds from 0 to 2147483647, got 'abc'"),
        (["-d", "1.5", "host", "1"], "--delay: expected whole milliseconds from 0 to 2147483647, got '1.5'"),
        (
            ["-d", "2147483648", "host", "1"],
            "--delay: expected whole milliseconds from 0 to 2147483647, got '2147483648'",
        ),
        (
            ["--flags", "fin,!fin", "host", "1"],
            "--flags: expected each flag either set or clear (no packet has it both ways), got 'fin,!fin'",
        ),
        (
            ["--flags", "sin", "host", "1"],
            "--flags: expected fin, syn, rst, psh, ack or urg, each with or without '!', got 'sin'",
        ),
        (
            ["--flags", "", "host", "1"],
            "--flags: expected fin, syn, rst, psh, ack or urg, each with or without '!', got ''",
        ),
    ],
)
def test_wrong_usage_says_what_was_expected_and_seen(argv: list[str], message: str) -> None:
    """Each kind of mistake has its message."""
    with pytest.raises(UsageError) as caught:
        parse_arguments(argv)
    assert message == str(caught.value)


@pytest.mark.parametrize(("argv", "show"), [("-V", "version"), ("-v -V host", "version"), ("-h", "help")])
def test_help_and_version_need_no_operands(argv: str, show: str) -> None:
    """-h and -V are good alone, and nothing else counts then."""
    assert Options(show=show) == parse_arguments(argv.split())


@pytest.mark.parametrize("argv", ["--u host 1", "--ud host 1", "--udp host 1"])
def test_names_shortened_as_for_0_8(argv: str) -> None:
    """What 0.8 knows by its first letters is known by them still, whatever options have come."""
    assert PLAIN._replace(udp=True) == parse_arguments(argv.split())
    assert Options(show="help") == parse_arguments(["--h"])
    assert Options(show="version") == parse_arguments(["--vers"])
    assert PLAIN._replace(verbose=True) == parse_arguments(["--verb", "host", "1"])


@pytest.mark.parametrize("argv", ["host 7000,8000:udp,9000", "host 7000, 8000:udp , 9000"])
def test_a_list_is_several_ports(argv: str) -> None:
    """A list that was pasted from the configuration is what it is there."""
    assert ("7000", "8000:udp", "9000") == parse_arguments(argv.split()).ports


def test_a_host_alone_may_be_a_profile() -> None:
    """Whether it is one is not known yet."""
    assert Options(host="home") == parse_arguments(["home"])


@pytest.mark.parametrize(
    ("argv", "choices"),
    [
        ("--key f --door ssh --name alice", Choices(key="f", door="ssh", name="alice")),
        (
            "--steps 5 --period 60 --ports 30000-40000 --protocol mixed",
            Choices(steps=5, period=60, ports=(30000, 40000), protocol="mixed"),
        ),
        ("--verify 22 --tries 5 --both", Choices(verify=22, tries=5, both=True)),
        ("--sequence-file f", Choices(sequence_file="f")),
        ("--signed 47811 --secret f --door ssh", Choices(signed=47811, secret="f", door="ssh")),
        ("--identity id --bind auto", Choices(identity="id", bind="auto")),
        ("-k id", Choices(identity="id")),
        ("-kid", Choices(identity="id")),
    ],
)
def test_what_profiles_can_say_too(argv: str, choices: Choices) -> None:
    """Each option fills its choice."""
    assert Options(host="home", choices=choices) == parse_arguments(["home", *argv.split()])


def test_switches() -> None:
    """--wait, --if-needed, --mark, --renew and --close are on or off."""
    expected = Options(host="home", wait=True, if_needed=True, mark=True, renew=True, close=True)
    argv = ["--wait", "home", "--if-needed", "--mark", "--renew", "--close"]
    assert expected == parse_arguments(argv)


@pytest.mark.parametrize(
    ("argv", "host", "ports", "command"),
    [
        ("home -- ssh me@home -v", "home", (), ("ssh", "me@home", "-v")),
        ("host 1 2 -- ssh", "host", ("1", "2"), ("ssh",)),
        ("-- home -- ssh -p 22", "home", (), ("ssh", "-p", "22")),
        ("--verify 22 -- host 1 -- true", "host", ("1",), ("true",)),
        ("home -- sh -c -- x", "home", (), ("sh", "-c", "--", "x")),
        ("home -- nc h 22", "home", (), ("nc", "h", "22")),
        ("home --", "home", (), ()),
        ("host 1 -- 2 3:udp", "host", ("1", "2", "3:udp"), ()),
        ("host -- 7000 8000:tcp", "host", ("7000", "8000:tcp"), ()),
    ],
)
def test_a_command_behind_two_dashes(
    argv: str, host: str, ports: tuple[str, ...], command: tuple[str, ...]
) -> None:
    """Behind a host, two dashes begin a command; port numbers alone are ports there, as in 0.8."""
    options = parse_arguments(argv.split())
    assert (host, ports, command) == (options.host, options.ports, options.command)


def test_marking_needs_no_host() -> None:
    """With a one-time file, --mark can do without a knock."""
    expected = Options(mark=True, choices=Choices(sequence_file="f"))
    assert expected == parse_arguments(["--mark", "--sequence-file", "f"])


def test_a_list_and_an_import() -> None:
    """Both stand alone; an import may name the profile."""
    assert Options(show="list") == parse_arguments(["--list"])
    assert Options(uri="-") == parse_arguments(["--import", "-"])
    assert Options(uri="knock://h/d", host="home") == parse_arguments(["--import", "knock://h/d", "home"])


def test_the_help_fits_a_terminal() -> None:
    """No line is longer than 80 characters, and each option is in it."""
    assert [] == [line for line in HELP.splitlines() if len(line) > 80]
    words = {"flags", "wait", "if-needed", "mark", "list", "import", "udp", "ipv4", "ipv6", *PARSERS}
    words |= {"renew", "close"}
    assert set() == {word for word in words if f"--{word}" not in HELP}
