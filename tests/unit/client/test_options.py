"""The command line of knock: 0.8's forms, and --flags."""

from __future__ import annotations

import pytest

from knockd.client.options import Options, UsageError, parse_arguments

PLAIN = Options(host="host", ports=("1",))


@pytest.mark.parametrize(
    "argv",
    [
        "-d 100 host 1",
        "-d100 host 1",
        "--delay=100 host 1",
        "--delay 100 host 1",
        "--del=100 host 1",
        "host 1 -d 100",
    ],
)
def test_a_delay_has_all_forms_of_getopt(argv: str) -> None:
    """Apart, joined, long, shortened, and after the operands."""
    assert PLAIN._replace(delay=100) == parse_arguments(argv.split())


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
        ([], "expected a host and at least one port, got neither"),
        (["host"], "expected at least one port after the host, got only 'host'"),
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
