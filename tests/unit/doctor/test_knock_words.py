"""What is said of doors, commands and the daemon that runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import pytest

from knockd.doctor.knock_plan import Link, Way
from knockd.doctor.knock_words import (
    compare_with_daemon,
    describe_actions,
    describe_door,
    describe_signed,
    explain_flags,
)
from knockd.knocks.watch import watches_of
from knockd.replay.openings import Action
from knockd_conf.model import FlagRule
from tests.support.doubles.played import door, steps

CONFIG = "/etc/knockd.conf"
DOOR = replace(door("7 8u", "ssh"), path=CONFIG, line=7)
FINE: Mapping[str, Any] = {
    "pid": 812,
    "config": CONFIG,
    "interfaces": [{"name": "eth0"}, {"name": "ppp0"}],
    "waiting": [],
    "deaf": [],
    "refused": [],
    "doors": [{"name": "ssh", "disabled": False}],
}
LISTENS = "the running daemon (pid 812): listens on eth0, ppp0"


def test_door() -> None:
    """A door is told of with place, steps and time."""
    (watch,) = watches_of([DOOR])
    assert describe_door(DOOR, watch) == f"door ssh ({CONFIG}:7): 7:tcp, 8:udp within 25 s"


def test_door_with_everything() -> None:
    """Flags, guard ports and a one-time file are named where there are any."""
    one = replace(DOOR, flags=FlagRule(2, 16), one_time_file="/codes", steps=())
    (watch,) = watches_of([one], [tuple(steps("7"))])
    watch = replace(watch, guards=tuple(steps("5 6")))
    assert describe_door(one, watch) == (
        f"door ssh ({CONFIG}:7): 7:tcp within 25 s, TCPFlags syn,!ack, 2 guard ports;"
        " the live line of /codes, which is not struck out"
    )


def test_door_with_a_key() -> None:
    """A door with a key is told of without its ports."""
    (watch,) = watches_of([DOOR])
    assert describe_door(replace(DOOR, sequence_key="/k\x1b"), watch) == (
        rf"door ssh ({CONFIG}:7): 2 steps made of a key in /k\x1b within 25 s"
    )


def test_door_of_signed_knocks() -> None:
    """Port and file of keys are named."""
    one = replace(DOOR, signed_port=4711, authorized_keys="/k\x1b")
    assert describe_signed(one) == rf"door ssh ({CONFIG}:7): signed knocks at 4711:udp, keys in /k\x1b"


def test_commands() -> None:
    """Commands are named with their time and user, as they would be run."""
    actions = [Action(0, "start", "ssh", "a", "open\x1b"), Action(10_500_000, "stop", "ssh", "a", "close")]
    assert list(describe_actions(actions, None, "root")) == [
        r"would run as root: open\x1b",
        "would run 10.5 s later as root: close",
    ]


def test_commands_that_would_not_run() -> None:
    """Of an opening with an obstacle, or without a command, nothing is run."""
    start = Action(0, "start", "ssh", "a", "open")
    assert list(describe_actions([start], "too long", "root")) == ["but it would be refused: too long"]
    nothing = Action(0, "nothing", "ssh", "a", "the door has no command for IPv6")
    assert list(describe_actions([nothing], None, "root")) == [
        "but nothing would be run: the door has no command for IPv6"
    ]


def test_flags() -> None:
    """A knock that needs other flags is named with what it lacks."""
    way = Way(Link(4, "192.0.2.1", "192.0.2.2"), tuple(steps("7")), 1)
    assert explain_flags(way, "impacket is missing").endswith(
        "'knock --flags fin 192.0.2.1 7:tcp' could, but impacket is missing"
    )


def compared(asked: Mapping[str, Any] | str, changed: Sequence[str] = ()) -> list[str]:
    """What is said of a daemon."""
    return list(compare_with_daemon(asked, CONFIG, DOOR, changed))


def test_daemon_that_is_well() -> None:
    """Of a daemon that does the same it is said where it listens."""
    assert compared(FINE) == [LISTENS]


def test_no_daemon() -> None:
    """Where none can be asked, the reason is given."""
    assert compared("no knockd answers") == ["the running daemon: not known, no knockd answers"]


DIFFERENCES: Mapping[str, tuple[Mapping[str, Any], str]] = {
    "waits": ({"waiting": ["eth1"]}, "but it waits for eth1: no knock is heard there"),
    "deaf": ({"deaf": ["eth0"]}, "but eth0 has no address to knock at"),
    "config": ({"config": "/other"}, "but it runs by /other, which may have other doors"),
    "refused": (
        {"refused": [{"path": CONFIG, "line": 1, "text": "bad"}]},
        "but its last reload was refused: the old configuration goes on ('knockctl doctor' says why)",
    ),
    "doors": ({"doors": [{"name": "web"}]}, "but it has no door ssh: knockctl reload"),
    "disabled": (
        {"doors": [{"name": "ssh", "disabled": True}]},
        "but door ssh is disabled there: it has no sequence that can be used",
    ),
    "waiting": (
        {"doors": [{"name": "ssh", "disabled": True, "waiting": "the clock is early"}]},
        "but door ssh waits there: the clock is early",
    ),
}


def test_a_door_that_signed_knocks_open() -> None:
    """A door without a sequence is none that is disabled while signed knocks open it."""
    one: dict[str, Any] = {"name": "ssh", "disabled": True, "signed": {"waiting": None}}
    assert [LISTENS] == compared({**FINE, "doors": [one]})
    waiting = {**one, "signed": {"waiting": "no secret"}, "waiting": "no secret"}
    assert [LISTENS, "but door ssh waits there: no secret"] == compared({**FINE, "doors": [waiting]})


@pytest.mark.parametrize("name", DIFFERENCES)
def test_daemon_that_would_do_otherwise(name: str) -> None:
    """Each difference is a line."""
    given, line = DIFFERENCES[name]
    assert compared({**FINE, **given}) == [LISTENS, line]


@pytest.mark.parametrize("given", [{"pid": None}, {"interfaces": [7]}, {"waiting": 7}, {"doors": ["ssh"]}])
def test_daemon_of_another_version(given: Mapping[str, Any]) -> None:
    """An answer that is not of our interface is not taken apart."""
    (line,) = compared({**FINE, **given})
    assert line.startswith("the running daemon: not known, what it says is of another version (")


def test_daemon_that_listens_nowhere() -> None:
    """A daemon without an interface hears nothing."""
    assert compared({**FINE, "interfaces": []}) == ["the running daemon (pid 812): listens on no interface"]


def test_files_that_have_changed() -> None:
    """Files that were changed since the daemon read them are named."""
    assert compared(FINE, [CONFIG, "/inc"]) == [
        LISTENS,
        f"but it has read its configuration before {CONFIG}, /inc changed: knockctl reload",
    ]
