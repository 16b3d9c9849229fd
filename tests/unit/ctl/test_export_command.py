"""The command that prints what a client of a door needs."""

from __future__ import annotations

import pytest

from knockd.ctl.export_command import show_export
from tests.support.doubles.played import door

ACCEPT = "iptables -A INPUT -s %IP% -p {} --dport {} -j ACCEPT"


@pytest.mark.parametrize(
    ("commands", "end"),
    [
        ([ACCEPT.format("tcp", 22)], " --verify 22"),
        ([ACCEPT.format("tcp", 22)] * 2, " --verify 22"),
        ([ACCEPT.format("tcp", 22), ACCEPT.format("tcp", 23)], ""),
        ([ACCEPT.format("udp", 22)], ""),
        ([ACCEPT.format("tcp", "22:23")], ""),
        (["my-script %IP%"], ""),
        ([], ""),
    ],
)
def test_the_port_that_the_door_opens(commands: list[str], end: str) -> None:
    """A client is told to look at the one TCP port that the door certainly opens."""
    four, six = [*commands, None, None][:2]
    found = show_export(door("1", "ssh", start_command=four, start_command_6=six), "/etc/knockd.conf")
    assert f"knockctl export ssh --host THIS.SERVER{end}" == found


def test_odd_names() -> None:
    """Names are quoted for the shell, and the configuration is named where it is not the usual one."""
    found = show_export(door("1", "my ssh"), "/tmp/my knockd.conf")
    assert "knockctl export -c '/tmp/my knockd.conf' 'my ssh' --host THIS.SERVER" == found
