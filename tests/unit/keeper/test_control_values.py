"""What callers give and get: addresses, seconds and doors, and how answers are bounded."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from knockd.keeper.control_values import (
    MOST_DOORS,
    MOST_SECONDS,
    MOST_TEXT,
    MOST_TEXTS,
    Address,
    RefusedError,
    cut,
    find_door,
    list_notes,
    list_problems,
    read_address,
    read_seconds,
    run_row,
)
from knockd.leases.runner import CommandLine
from knockd_conf.errors import Note, Problem
from tests.support.doubles.played import door


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("192.0.2.1", Address("192.0.2.1", 4)),
        ("2001:DB8:0:0:0:0:0:1", Address("2001:db8::1", 6)),
        ("::ffff:192.0.2.1", Address("192.0.2.1", 4)),
        ("::FFFF:c000:201", Address("192.0.2.1", 4)),
        ("fe80::1", Address("fe80::1", 6)),
        ("127.0.0.1", Address("127.0.0.1", 4)),
    ],
)
def test_addresses(text: str, expected: Address) -> None:
    """Every spelling of an address is read as the one that commands see."""
    assert read_address(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        *("", "localhost", "192.0.2.0/24", "192.0.2.1/32", "192.0.2", "192.0.2.01", "192.0.2.1 ", "1"),
        *(
            "fe80::1%eth0",
            "::ffff:192.0.2.1%1",
            "2001:db8::/64",
            "192.0.2.1; id",
            "192.0.2.1\n",
            "\u0661.1.1.1",
        ),
        *("0.0.0.0", "::", "255.255.255.255", "224.0.0.1", "ff02::1", "::ffff:0.0.0.0", "x" * 10_000),
    ],
)
def test_what_is_no_address_of_one_host(text: str) -> None:
    """Names, networks, zones and what means everybody are refused, and what was seen is said."""
    with pytest.raises(RefusedError) as refused:
        read_address(text)
    assert refused.value.error == "BadValue"
    assert refused.value.parameters["parameter"] == "address"
    assert len(str(refused.value.parameters["seen"])) <= MOST_TEXT + 3


@pytest.mark.parametrize("value", [1, 0.5, MOST_SECONDS])
def test_seconds(value: float) -> None:
    """Seconds are more than 0, at most a year."""
    assert read_seconds(value) == float(value)


@pytest.mark.parametrize("value", [0, -1, MOST_SECONDS + 1, float("inf"), float("nan"), 10**400])
def test_what_are_no_seconds(value: float) -> None:
    """Nobody is let in for no time, or for ever."""
    with pytest.raises(RefusedError) as refused:
        read_seconds(value)
    assert refused.value.parameters["parameter"] == "seconds"


def test_seconds_that_are_left_count() -> None:
    """What is given is bounded together with what is left."""
    assert read_seconds(10, MOST_SECONDS - 10) == 10.0
    with pytest.raises(RefusedError):
        read_seconds(11, MOST_SECONDS - 10)


def test_doors() -> None:
    """A door is found by its name, of several the first."""
    doors = [door("1 2", name="ssh"), door("3 4", name="web"), replace(door("5 6", name="ssh"), occurrence=1)]
    assert find_door(doors, "ssh") is doors[0]
    assert find_door(doors, "web") is doors[1]
    with pytest.raises(RefusedError) as refused:
        find_door(doors, "mail\x1b")
    assert refused.value.error == "NoSuchDoor"
    assert refused.value.parameters == {"door": "mail\\x1b", "doors": ["ssh", "web"]}


def test_very_many_doors() -> None:
    """Of very many doors some are named."""
    with pytest.raises(RefusedError) as refused:
        find_door([door("1 2", name=str(number)) for number in range(MOST_DOORS + 1)], "ssh")
    assert len(refused.value.parameters["doors"]) == MOST_DOORS  # type: ignore[arg-type]


def test_cut() -> None:
    """A very long text is cut, and what could move a cursor is an escape."""
    assert cut("a\nb") == "a\\nb"
    assert cut("x" * (MOST_TEXT + 1)) == "x" * MOST_TEXT + "..."


def test_problems() -> None:
    """Each problem has its place; those for which there is no room are counted."""
    one = Problem("/etc/knockd.conf", 7, "Sequence", "expected ports, got 'x'")
    (row,) = list_problems([one])
    expected = "/etc/knockd.conf:7: Sequence: expected ports, got 'x'"
    assert row == {"path": "/etc/knockd.conf", "line": 7, "text": expected}
    rows = list_problems([one] * (MOST_TEXTS + 3))
    assert len(rows) == MOST_TEXTS + 1
    assert rows[-1]["text"].startswith("3 more problems")
    assert len(json.dumps(list_problems([replace(one, message="x" * 10_000)] * 1_000))) < 50_000


def test_notes() -> None:
    """So are notes."""
    one = Note("f", 1, None, "odd")
    assert list_notes([one]) == ["f:1: odd"]
    assert list_notes([one] * (MOST_TEXTS + 2))[-1].startswith("2 more notes")


def command(line: str, **environment: str) -> CommandLine:
    """A command that is ready to run."""
    return CommandLine("door", 1, line, lambda: environment, 7.0)


def test_run() -> None:
    """A command is shown with its words, and with what of its environment is of this opening."""
    found = command("open 192.0.2.1", PATH="/bin", KNOCKD_IP="192.0.2.1", KNOCKD_LEASE="random start")
    assert run_row((found, None), "root") == {
        "command": "open 192.0.2.1",
        "words": ["open", "192.0.2.1"],
        "environment": {"KNOCKD_IP": "192.0.2.1"},
        "user": "root",
        "deadline": 7.0,
        "obstacle": None,
    }


def test_run_by_a_shell() -> None:
    """What a shell has to read has no words; bytes that are not UTF-8 are shown as such."""
    row = run_row((command("open; echo \udcff"), "no program"), "uid 7")
    assert row is not None
    assert row["words"] is None
    assert row["command"] == "open; echo \\xff"
    assert row["obstacle"] == "no program"
    assert run_row(None, "root") is None
