"""The command line of knockctl log."""

from __future__ import annotations

import pytest

from knockd.ctl.log_options import Options, parse_arguments
from knockd.ctl.parser import UsageError
from knockd.review.selection import Kind, Selection, parse_network

NOW = 1793646785.0


def parse(*arguments: str) -> Options:
    """The options of a command line."""
    return parse_arguments(arguments, NOW)


def test_nothing() -> None:
    """Without arguments all of the default log is asked for."""
    options = parse()
    assert () == options.names
    assert Selection() == options.selection


def test_files() -> None:
    """Files are kept as they were typed, - among them; behind -- anything is one."""
    assert ("b", "-", "-x") == parse("b", "-", "--", "-x").names


def test_selection() -> None:
    """Doors, addresses and kinds add up, times are seconds since the epoch."""
    found = parse(
        "-d", "a", "--door", "b: c", "-i", "192.0.2.0/24", "--ip=::1", "-w", "open,scan", "-w", "daemon"
    )
    assert {"a", "b: c"} == found.selection.doors
    assert (parse_network("192.0.2.0/24"), parse_network("::1")) == found.selection.networks
    assert {Kind.OPEN, Kind.SCAN, Kind.DAEMON} == found.selection.kinds
    times = parse("--since", "3h", "--until", "now").selection
    assert (NOW - 3 * 3600, NOW) == (times.since, times.until)


@pytest.mark.parametrize(
    ("arguments", "mode"),
    [
        ("", "summary"),
        ("--list", "list"),
        ("-f", "follow"),
        ("-lf", "follow"),
        ("-w open", "list"),
        ("--unread", "unread"),
        ("-q", "quiet"),
        ("--json", "json"),
        ("--html x.html", "html"),
    ],
)
def test_modes(arguments: str, mode: str) -> None:
    """One way to show it is chosen; --follow lists, so it goes with --list."""
    assert mode == parse(*arguments.split()).mode


def test_quiet_is_about_a_day() -> None:
    """Cron asks once a day, unless it is told otherwise."""
    assert NOW - 86400 == parse("-q").selection.since
    assert NOW - 3600 == parse("-q", "--since", "1h").selection.since


def test_columns() -> None:
    """The width is a number of columns."""
    assert parse("--columns", "132").columns == 132
    assert parse().columns is None


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ("--since soon", "--since: expected a time such as "),
        ("--until 2026-02-30", "--until: expected a time such as "),
        ("--since now --until yesterday", "--until 'yesterday' is not after --since 'now'"),
        ("--ip example.org", "--ip: expected an address or a network such as "),
        ("--what opened", "--what: expected some of open, failed, scan, command, daemon"),
        ("--follow --unread", "--follow and --unread exclude each other"),
        ("--follow --until now", "--follow and --until exclude each other"),
        ("--unread --what open", "--what chooses lines, for --list and --follow: --unread has none"),
        ("--json -q", "--json and --quiet exclude each other"),
        ("--json --columns 100", "--columns is for the summary of a terminal, not for --json"),
        ("--columns 9", "argument --columns: expected a number from 40 to 1000, got '9'"),
        ("--nonsense", "unrecognized arguments: --nonsense"),
    ],
)
def test_mistakes(arguments: str, expected: str) -> None:
    """Each mistake has its message, which says what is expected and what was seen."""
    with pytest.raises(UsageError) as refused:
        parse(*arguments.split())
    assert str(refused.value).startswith(expected)
