"""Values of a configuration: what the few methods say."""

from __future__ import annotations

import pytest

from knockd_conf.errors import Place
from knockd_conf.model import Config, Door, FlagRule, FleetEndpoint, FleetKind, Options, Step
from knockd_conf.protocol import Protocol


def test_a_step_as_text() -> None:
    """Port and protocol, as a sequence has them."""
    assert "7000:tcp" == str(Step(7000))
    assert "0:udp" == str(Step(0, Protocol.UDP))


@pytest.mark.parametrize(
    ("rule", "fits", "fits_not"),
    [
        (FlagRule(0x02, 0x10), [0x02, 0x03, 0xC2], [0x00, 0x12, 0x10]),
        (FlagRule(0x03, 0), [0x03, 0xFF], [0x01, 0x02, 0x00]),
        (FlagRule(0, 0x02), [0x00, 0xFD], [0x02, 0xFF]),
        (FlagRule(0, 0), [0x00, 0xFF], []),
    ],
)
def test_a_flag_rule(rule: FlagRule, fits: list[int], fits_not: list[int]) -> None:
    """Each bit that must be set is, none that must be clear is, and the others do not matter."""
    assert fits == [flags for flags in (*fits, *fits_not) if rule.accepts(flags)]


def test_the_mask() -> None:
    """A rule looks at both kinds of bits and no other."""
    assert 0x12 == FlagRule(0x02, 0x10).mask


@pytest.mark.parametrize(
    ("rule", "fits"),
    [
        (FlagRule(0x02, 0x10), True),
        (FlagRule(0, 0x01), True),
        (FlagRule(0x12, 0), False),
        (FlagRule(0, 2), False),
    ],
)
def test_flags_of_clients(rule: FlagRule, fits: bool) -> None:
    """An ordinary client sends bare SYNs."""
    assert fits is rule.fit_clients


def test_where_a_note_stands() -> None:
    """At the key that it is about; where that is not written, at the section or the file."""
    place = Place("b", 3, "TCPFlags")
    door = Door("a", "k", 1, (Step(1),), places=(("flags", place),))
    assert "b:3: TCPFlags: odd" == str(door.note("flags", "odd"))
    assert "k:1: [a]: odd" == str(door.note("steps", "odd"))
    assert "k:1: [a]: odd" == str(door.note(None, "odd"))
    config = Config("k", Options(), (), "host", ("k",), places=(("log_file", Place("k", 2, "LogFile")),))
    assert "k:2: LogFile: odd" == str(config.note("log_file", "odd"))
    assert "k: odd" == str(config.note("pid_file", "odd"))


def test_places_make_no_other_door() -> None:
    """The daemon compares doors that come without the places of their keys."""
    assert Door("a", "k", 1, (Step(1),)) == Door("a", "k", 1, (Step(1),), places=(("flags", Place("b")),))


@pytest.mark.parametrize(
    ("plain", "six", "for_four", "for_six"),
    [
        ("a", None, "a", "a"),
        ("a", "b", "a", "b"),
        ("a", "", "a", None),
        (None, "b", None, "b"),
        ("", None, None, None),
        (None, None, None, None),
    ],
)
def test_commands_by_version(
    plain: str | None, six: str | None, for_four: str | None, for_six: str | None
) -> None:
    """A knocker of IPv6 gets the command for IPv6 if the key is there: nothing, when it is empty."""
    door = Door(
        "a",
        "k",
        1,
        (Step(1),),
        start_command=plain,
        start_command_6=six,
        stop_command=plain,
        stop_command_6=six,
    )
    assert for_four == door.start_for(4) == door.stop_for(4)
    assert for_six == door.start_for(6) == door.stop_for(6)


def test_start_and_stop_are_two() -> None:
    """A door's stop command is not its start command."""
    door = Door("a", "k", 1, (Step(1),), start_command="a", stop_command="b", stop_command_6="c")
    assert "a" == door.start_for(6)
    assert "b" == door.stop_for(4)
    assert "c" == door.stop_for(6)


def test_doors_of_signed_knocks() -> None:
    """Signed knocks alone open a door that has their port, and no sequence of any kind."""
    alone = Door("a", "k", 1, (), signed_port=47811)
    assert alone.is_signed
    assert alone.is_signed_alone
    assert not Door("a", "k", 1, (Step(1),), signed_port=0).is_signed
    others = (
        Door("a", "k", 1, (Step(1),), signed_port=47811),
        Door("a", "k", 1, (), signed_port=0),
        Door("a", "k", 1, (), one_time_file="/o", signed_port=47811),
        Door("a", "k", 1, (), sequence_key="/k", signed_port=47811),
    )
    assert not any(door.is_signed_alone for door in others)


@pytest.mark.parametrize(
    ("endpoint", "expected"),
    [
        (FleetEndpoint(FleetKind.SINGLE, False, "h", 6379), "valkey://h:6379"),
        (FleetEndpoint(FleetKind.SINGLE, True, "::1", 7, "ann", 3), "valkeys://ann@[::1]:7/3"),
        (
            FleetEndpoint(FleetKind.SENTINEL, True, "h", 26379, "", 3, "one"),
            "sentinel+valkeys://h:26379/one/3",
        ),
        (FleetEndpoint(FleetKind.CLUSTER, False, "h", 6379), "cluster+valkey://h:6379"),
    ],
)
def test_a_server_of_a_store(endpoint: FleetEndpoint, expected: str) -> None:
    """As its URL."""
    assert expected == str(endpoint)
