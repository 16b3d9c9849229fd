"""Commands that serve one IP version, run for knockers of the other."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pytest

from knockd.checks.version_advice import AddressSet, find_only_version, find_sets, find_version_notes
from knockd_conf.errors import Place
from knockd_conf.firewall_tools import Version
from knockd_conf.shell_words import split_script
from tests.support.doubles.played import door

FOUR, SIX = "iptables -I INPUT -s %IP% -j ACCEPT", "ip6tables -I INPUT -s %IP% -j ACCEPT"


def notes(commands: Mapping[str, str], *, ipv6: bool = True) -> list[str]:
    """What is said of a door with these commands."""
    one = door("1", name="a", **commands)
    return [note.message for note in find_version_notes([one], lambda _: ipv6, lambda _: None)]


PLAIN = (
    "works for IPv4 knockers only, and this host can be knocked at over IPv6: write Start_Command_6"
    " and Stop_Command_6 for those (empty: nothing is run)"
)


@pytest.mark.parametrize(
    ("commands", "expected"),
    [
        ({"start_command": FOUR}, [PLAIN]),
        ({"start_command": FOUR, "stop_command": FOUR}, [PLAIN]),
        ({"start_command": f"{FOUR}; systemctl start ssh"}, [PLAIN]),
        ({"start_command": "open %IP%", "stop_command": FOUR}, [PLAIN]),
        (
            {"start_command": FOUR, "start_command_6": FOUR},
            ["works for IPv4 knockers only, and it is for IPv6 knockers: write it with the tool for IPv6"],
        ),
        (
            {"start_command": SIX},
            ["works for IPv6 knockers only, and IPv4 knockers get it too: write it as Start_Command_6"],
        ),
    ],
)
def test_the_wrong_version(commands: dict[str, str], expected: list[str]) -> None:
    """A command that cannot work is said once a door, with what to write."""
    assert expected == notes(commands)


@pytest.mark.parametrize(
    "commands",
    [
        {"start_command": FOUR, "start_command_6": SIX, "stop_command": FOUR, "stop_command_6": SIX},
        {"start_command": FOUR, "start_command_6": ""},
        {"start_command": f"{FOUR}; {SIX}"},
        {"start_command": "ufw allow from %IP%"},
        {"start_command": "open %IP%"},
        {"start_command": f"if is_four %IP%; then {FOUR}; fi"},
        {},
    ],
)
def test_the_right_version(commands: dict[str, str]) -> None:
    """Commands for both, with both, or that look themselves are worth no word."""
    assert [] == notes(commands)


def test_where_ipv6_does_not_come() -> None:
    """Without IPv6 an IPv4-only command is right, one that says to be for IPv6 is not."""
    assert [] == notes({"start_command": FOUR, "stop_command": FOUR}, ipv6=False)
    assert 1 == len(notes({"start_command": FOUR, "start_command_6": FOUR}, ipv6=False))


def test_the_key_that_is_wrong() -> None:
    """The note stands at the key of the command."""
    one = door("1", start_command=FOUR, start_command_6="", stop_command=FOUR, name="a")
    places = (("stop_command", Place("x", 7, "Stop_Command")), ("stop_command_6", Place("x", 9, "6")))
    (note,) = find_version_notes([replace(one, places=places)], lambda _: True, lambda _: None)
    assert ("x", 7, "Stop_Command") == note[:3]
    one = door("1", start_command_6="open", stop_command_6=FOUR, name="a", places=places)
    (note,) = find_version_notes([one], lambda _: True, lambda _: None)
    assert ("x", 9, "6") == note[:3]


A_SET = AddressSet("nft", "ip", "f a")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("nft add element inet filter k { %IP% }", [AddressSet("nft", "inet", "filter k")]),
        ("nft 'add element f a { %IP% timeout 9s }; add element f b { %IP% . 22 }'", [A_SET]),
        ("ipset add k $KNOCKD_IP timeout 60", [AddressSet("ipset", "", "k")]),
        ("nft add element inet filter k { 192.0.2.1 }", []),
        ("nft delete element inet filter k { %IP% }", []),
        ("ipset add k %IP%,22", []),
        ("ipset add k", []),
        ("ipset add -file=/tmp/x %IP%", []),
        ("nft add element ip -f /tmp/x { %IP% }", []),
        ("nft add element ip filter --file=/tmp/x { %IP% }", []),
        ("iptables -s %IP%", []),
    ],
)
def test_sets_that_are_asked_for(text: str, expected: list[AddressSet]) -> None:
    """Sets to which the knocker's address alone is added."""
    (command,) = split_script(text).commands
    assert expected == list(find_sets(command))


@pytest.mark.parametrize("version", [4, 6, None])
def test_a_set_says_its_version(version: Version | None) -> None:
    """Where the firewall says which addresses a set holds, that is the command's version."""
    assert version == find_only_version("nft add element inet filter k { %IP% }", lambda _: version)
