"""What is found of commands: each kind, and none where there is nothing to say."""

from __future__ import annotations

import socket
from ipaddress import ip_network
from pathlib import Path

import pytest

from knockd.checks.command_notes import Circumstances
from knockd.checks.keys import Days
from knockd.doctor.commands import find_missing_versions, look_at_commands, look_at_notes
from knockd.knocks.guards import Guards
from knockd_conf.access import Access, make_networks
from knockd_conf.model import Config, Door, Options
from tests.support.doubles.played import door

KNOWN = Circumstances(ipv6=True, ipv6_address=True)
HOST = socket.gethostname()
OPEN = "iptables -I INPUT -j ACCEPT"
FOUR = "iptables -I INPUT -s %IP% -j ACCEPT"


def config(one: Door) -> Config:
    """A configuration with one door, of this host."""
    return Config("/etc/knockd.conf", Options(use_syslog=True), (one,), HOST, ("/etc/knockd.conf",))


def names(start: str, **values: str) -> list[str]:
    """The names of what is found for a door with this start command."""
    return [
        one.name for one in look_at_commands(config(door("1", start_command=start, **values)), KNOWN).findings
    ]


def test_well() -> None:
    """Of a command that does what it should there is nothing to say."""
    assert [] == names("true %IP%", stop_command="sh -c 'true %IP%'")


@pytest.mark.parametrize(
    ("start", "expected"),
    [
        ("true '", "command-unreadable"),
        ("/nowhere/open %IP%", "program-unusable"),
        (OPEN, "command-open"),
        (FOUR, "one-version"),
    ],
)
def test_kinds(start: str, expected: str) -> None:
    """What keeps a command from working, or lets it do too much, is found."""
    assert expected in names(start)


def test_a_program_of_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A program that others can replace is found, by root."""
    monkeypatch.setattr("os.geteuid", lambda: 0)
    program = tmp_path / "open"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o777)
    assert "program-replaceable" in names(f"{program} %IP%")


def test_versions() -> None:
    """A door for one IP version is noted, unless an empty Start_Command_6 says that it is meant."""
    told = [
        list(find_missing_versions([door("1", **commands)], KNOWN))
        for commands in (
            {"start_command": "x"},
            {"start_command": "x", "start_command_6": ""},
            {"start_command_6": "x"},
        )
    ]
    assert [[], [], ["version-missing"]] == [[one.name for one in found] for found in told]
    assert "over IPv4" in told[2][0].text
    assert "Start_Command" in told[2][0].cure


def test_notes() -> None:
    """What else knockd -t says is a note, and nothing is said twice."""
    one = config(door("1", start_command=f"{OPEN}; true %ip%"))
    looked = look_at_commands(one, KNOWN)
    assert "command-open" in [finding.name for finding in looked.findings]
    notes = look_at_notes(one, (one.doors[0].steps,), (Guards(),), {}, None, KNOWN, looked.findings).findings
    assert "%ip% stays as it is" in [note.text for note in notes]
    assert {"config-note"} == {note.name for note in notes}
    assert not any("opens for everybody" in note.text for note in notes)


def test_a_door_that_no_knock_opens() -> None:
    """A door whose last day is over, or that is for nobody, locks everybody out."""
    known = KNOWN._replace(days=Days("2026-12-31", "2027-01-14"))
    nobody = Access((), make_networks(map(ip_network, ("0.0.0.0/0", "::/0"))))
    for values in ({"expires": "2026-12-30"}, {"access": nobody}):
        one = door("1", start_command="true %IP%", **values)
        (finding,) = look_at_commands(config(one), known).findings
        assert finding.name == "door-shut"
        assert finding.text.startswith("nobody can open the door")
    assert () == look_at_commands(config(door("1", start_command="true %IP%")), known).findings
