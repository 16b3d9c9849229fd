"""All notes about commands on this host, and which of them hold on another one."""

from __future__ import annotations

import socket
from ipaddress import ip_address

import pytest

from knockd.checks.command_notes import Circumstances, find_current_notes, is_elsewhere
from knockd_conf.model import Config, Door, Options
from tests.support.doubles.played import door

IPTABLES = "iptables -I INPUT -s %IP% -j ACCEPT"
FOUR = "works for IPv4 knockers only"
KNOWN = Circumstances(ipv6=True, ipv6_address=True)


def said(*doors: Door, known: Circumstances = KNOWN, host: str | None = None) -> list[str]:
    """Beginnings of the messages about doors."""
    config = Config("/etc/knockd.conf", Options(), doors, host or socket.gethostname(), ("/etc/knockd.conf",))
    return [note.message.split(":")[0] for note in find_current_notes(config, known)]


def test_notes_of_every_kind() -> None:
    """The text, the shell, the IP versions and the programs are judged."""
    one = door("1", start_command=f"{IPTABLES}; /nowhere/open %ip%", stop_command="true '")
    kinds = said(one)
    assert ["%ip% stays as it is", "the shell cannot read it"] == kinds[:2]
    assert kinds[2].startswith(FOUR)
    assert "there is no program /nowhere/open" in kinds[3:]


def test_a_good_door() -> None:
    """There is nothing to say."""
    assert [] == said(door("1", start_command="true %IP%", stop_command="sh -c 'true %IP%'"))


def test_another_host() -> None:
    """What programs and addresses there are there is not known here."""
    one = door("1", start_command=f"{IPTABLES}; /nowhere/open %ip%", stop_command="true '")
    assert ["%ip% stays as it is", "the shell cannot read it"] == said(one, host="elsewhere.example")


@pytest.mark.parametrize(
    ("host", "elsewhere"),
    [("here", False), ("HERE.example.org", False), ("there", True), ("there.example.org", True)],
)
def test_which_host(monkeypatch: pytest.MonkeyPatch, host: str, elsewhere: bool) -> None:
    """--host names another host unless it is this one's name, in full or short."""
    monkeypatch.setattr("socket.gethostname", lambda: "here")
    assert elsewhere is is_elsewhere(Config("/k", Options(), (), host, ()))


@pytest.mark.parametrize(
    ("ipv6", "ipv6_address", "target", "expected"),
    [
        (True, True, (), 1),
        (True, False, (), 0),
        (False, True, (), 0),
        (True, False, ("2001:db8::1",), 1),
        (True, True, ("192.0.2.1",), 0),
        (False, True, ("2001:db8::1",), 0),
    ],
)
def test_where_ipv6_knockers_come(
    *, ipv6: bool, ipv6_address: bool, target: tuple[str, ...], expected: int
) -> None:
    """To an address of this host, or to the door's target; never with -4."""
    one = door("1", start_command=IPTABLES, target=tuple(map(ip_address, target)))
    known = Circumstances(ipv6=ipv6, ipv6_address=ipv6_address)
    assert expected == sum(message.startswith(FOUR) for message in said(one, known=known))
