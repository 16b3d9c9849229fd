"""What -t and the start say of commands on a host with a real firewall."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.e2e.conftest import Pair, Start
from tests.support.daemons.daemon import OURS
from tests.support.daemons.doors import config, door, drop_with_nftables
from tests.support.lab.services import send_knock
from tests.support.lab.tools import need

FOUR = "works for IPv4 knockers only"
ELEMENT = "nft add element inet filter knocked{} {{ %IP% }}"


def find_narrow(pair: Pair, folder: Path, text: str, *options: str) -> list[str]:
    """The notes of -t that say that a command works for IPv4 alone."""
    path = folder / "knockd.conf"
    path.write_text(text)
    path.chmod(0o600)
    asked = (*OURS, "-t", "--format", "json", "-i", "eth0", "-c", str(path), *options)
    found = [note["message"] for note in json.loads(pair.server.run(*asked))["notes"]]
    return [message for message in found if message.startswith(FOUR)]


@pytest.mark.parametrize(("kind", "expected"), [(4, 1), (6, 0)])
def test_nft_says_which_addresses_a_set_holds(pair: Pair, tmp_path: Path, kind: int, expected: int) -> None:
    """A set of IPv4 addresses cannot take an IPv6 knocker, and this host has an IPv6 address."""
    need("nft")
    drop_with_nftables(pair.server)
    text = config(door("a", "7000,8000", start_command="true", start_command_6=ELEMENT.format(kind)))
    assert expected == len(find_narrow(pair, tmp_path, text))


def test_iptables_alone_where_ipv6_knockers_come(pair: Pair, tmp_path: Path) -> None:
    """It is one line for all doors, and none with -4."""
    need("iptables")
    rule = "iptables -{} INPUT -s %IP% -p tcp --dport 22 -j ACCEPT"
    commands = {"start_command": rule.format("I"), "stop_command": rule.format("D")}
    text = config(door("a", "7000,8000", **commands), door("b", "17000,18000", **commands))
    assert 1 == len(find_narrow(pair, tmp_path, text))
    assert [] == find_narrow(pair, tmp_path, text, "-4")


def test_the_start_logs_what_the_check_says(pair: Pair, start: Start) -> None:
    """A program that is missing is in the log before anybody knocks."""
    daemon = start(pair.server, config(door("a", "7000,8000", start_command="/nowhere/open-door %IP%")))
    line = next(line for line in daemon.notes() if "/nowhere/open-door" in line)
    assert line.endswith("there is no program /nowhere/open-door")
    send_knock(pair.client, "10.7.0.1", "7000", "8000")
    daemon.wait_for("command returned non-zero status code (127)")
