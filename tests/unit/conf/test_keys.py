"""The tables of keys: where each is known and which field it fills."""

from __future__ import annotations

import dataclasses

import pytest

from knockd_conf import keys
from knockd_conf.keys import ALL_KEYS, Key, belongs, find_key, parse_value, tidy_value
from knockd_conf.model import Door, Options


@pytest.mark.parametrize(("options", "kind"), [(True, Options), (False, Door)])
def test_each_key_fills_a_field(options: bool, kind: type[Options | Door]) -> None:
    """A key of [options] fills a field of Options, one of a door a field of Door; Include fills none."""
    names = {field.name for field in dataclasses.fields(kind)}
    known = [key for key in ALL_KEYS if is_known(key, options=options)]
    assert [] == [key.name for key in known if key.field not in names and key is not keys.INCLUDE]
    assert len(known) > 10


def is_known(key: Key, *, options: bool) -> bool:
    """Whether a key is one of [options], or one of a door."""
    try:
        return find_key(key.name, options=options).field == key.field
    except ValueError:
        return False


@pytest.mark.parametrize(
    ("name", "field"),
    [
        ("sequence", "steps"),
        ("SEQUENCE", "steps"),
        ("Timeout", "seq_timeout"),
        ("command", "start_command"),
        ("Command_6", "start_command_6"),
        ("guard_ports", "guard_ports"),
    ],
)
def test_any_case_and_aliases(name: str, field: str) -> None:
    """A key is known in any case, and by the names that knockd 0.8 gave it."""
    assert field == find_key(name, options=False).field


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("Sequence", True, "expected in a door's section, got it in [options]"),
        ("logfile", False, "expected in [options], got it in a door's section"),
        ("Sequense", False, "expected a known key (the nearest is Sequence), got 'Sequense'"),
        ("Comand", False, "expected a known key (the nearest is Command), got 'Comand'"),
        (
            "Intrface",
            False,
            "expected a known key (the nearest is Interface, which belongs in [options]), got 'Intrface'",
        ),
        ("Foo", False, "expected a key that knockd.conf(5) lists, got 'Foo'"),
        ("Command: x", False, "expected '=' behind Command, got ':'"),
        ("Interfaces", True, "expected a known key (the nearest is Interface), got 'Interfaces'"),
    ],
)
def test_a_key_that_is_not_known(name: str, options: bool, message: str) -> None:
    """The message says where the key belongs, or which one is nearest."""
    with pytest.raises(ValueError, match=r"^expected") as error:
        find_key(name, options=options)
    assert message == str(error.value)


def test_a_key_of_both() -> None:
    """Eight keys may stand in [options] and in a door, and no other key may."""
    both = {key.name for key in ALL_KEYS if all(is_known(key, options=options) for options in (True, False))}
    assert {
        *("Guard_Ports", "Command_Output", "Allow", "Deny", "Signed_Port", "Authorized_Keys"),
        *("Fleet_Required", "Fleet_Share"),
    } == both


def test_a_key_without_a_value() -> None:
    """UseSyslog alone is yes; every other key needs its ``=``."""
    flags = [key.name for key in ALL_KEYS if key.flag]
    assert ["UseSyslog"] == flags
    assert parse_value(find_key("UseSyslog", options=True), None) is True
    with pytest.raises(ValueError, match=r"^expected LogFile = value, got no '='$"):
        parse_value(find_key("LogFile", options=True), None)


@pytest.mark.parametrize(
    ("name", "lowest", "highest"),
    [
        ("Latency", 1, 1_000),
        ("Buffer", 64, 1_048_576),
        ("Max_Attempts", 1_024, 1_048_576),
        ("Max_Leases", 1, 65_536),
        ("Max_Commands", 1, 256),
    ],
)
def test_bounds(name: str, lowest: int, highest: int) -> None:
    """Each number has its bounds, as the manual says."""
    key = next(key for key in ALL_KEYS if key.name == name)
    assert [lowest, highest] == [parse_value(key, str(lowest)), parse_value(key, str(highest))]
    for outside in (lowest - 1, highest + 1):
        with pytest.raises(ValueError, match=f"from {lowest} to {highest}, got '{outside}'"):
            parse_value(key, str(outside))


@pytest.mark.parametrize(
    ("name", "value", "expected", "remark"),
    [
        (
            "Seq_Timeout",
            "10 # s",
            "10",
            "the comment behind the value is left out: put it on a line of its own",
        ),
        (
            "Seq_Timeout",
            "10 ; s",
            "10",
            "the comment behind the value is left out: put it on a line of its own",
        ),
        ("Seq_Timeout", "10 s", "10", "the unit is left out: write 10, which are seconds"),
        ("Cmd_Timeout", "5Secs", "5", "the unit is left out: write 5, which are seconds"),
        (
            "Sequence",
            "1,2:udp\t# x",
            "1,2:udp",
            "the comment behind the value is left out: put it on a line of its own",
        ),
        ("Max_Commands", "5s", "5s", None),
        ("Command", "x # y", "x # y", None),
        ("Command", '"x y"', '"x y"', None),
        ("One_Time_Sequences", "/a b#c", "/a b#c", None),
        (
            "One_Time_Sequences",
            "/a # c",
            "/a # c",
            "'# c' is part of the path: put a comment on a line of its own",
        ),
        ("One_Time_Sequences", '"/a"', '"/a"', "the quotes are part of the path: write it without them"),
    ],
)
def test_what_is_left_out(name: str, value: str, expected: str, remark: str | None) -> None:
    """A comment behind a number or a word is left out; behind a command or a path it is part of it."""
    assert (expected, remark) == tidy_value(find_key(name, options=False), value)


def test_where_a_key_belongs() -> None:
    """In any case, and by its aliases."""
    assert belongs("logfile", options=True)
    assert not belongs("logfile", options=False)
    assert belongs("COMMAND", options=False)
