"""The first day of a server with systemd: every line that knockd --init prints there is run."""

from __future__ import annotations

import pytest

from tests.e2e.conftest import Pair
from tests.support.daemons.doors import CLIENT, SERVER
from tests.support.daemons.first_day import (
    CLOSE,
    KEEP,
    PREPARE,
    START,
    Printed,
    knock_lines,
    parse_report,
)
from tests.support.lab.services import TcpService, can_connect, send_knock, wait_closed, wait_open
from tests.support.lab.systemd_unit import Unit
from tests.support.lab.tools import need


@pytest.fixture
def printed(unit: Unit, pair: Pair) -> Printed:
    """What --init said on a host without a firewall; its file is where it belongs."""
    need("nft")
    pair.server.ip(f"route add default via {CLIENT[4]}")
    unit.run("rm", "-f", "/etc/knockd.conf")
    return parse_report(unit.run("knockd", "--init"))


def test_the_service(unit: Unit, pair: Pair, printed: Printed) -> None:
    """systemctl starts the service, which opens the door out of its sandbox, and nobody else comes in."""
    unit.run("sh", "-ec", printed.lines(PREPARE))
    assert "systemctl enable --now knockd" == printed.lines(START)
    unit.run("sh", "-ec", printed.lines(START))
    unit.run("sh", "-ec", printed.lines(CLOSE))
    unit.run("sh", "-ec", printed.lines(KEEP))
    assert "enabled\n" == unit.run("systemctl", "is-enabled", "nftables")
    assert "" == unit.run("systemctl", "list-timers", "--no-legend", "knockd-undo-*")
    with TcpService(pair.server, 22):
        assert not can_connect(pair.client, SERVER[4], 22)
        send_knock(pair.client, SERVER[4], *knock_lines(printed)[1].split()[2:])
        wait_open(pair.client, SERVER[4], 22)
    assert "0600 root" == unit.run("stat", "-c", "0%a %U", "/etc/knockd.conf").strip()


def test_what_is_closed_is_undone(unit: Unit, pair: Pair, printed: Printed) -> None:
    """A timer of systemd's opens the port again, unless its owner stops it."""
    unit.run("sh", "-ec", printed.lines(PREPARE))
    lines, usual = printed.lines(CLOSE), "--on-active=5min"
    assert usual in lines
    soon = "--on-active=2s --timer-property=AccuracySec=100ms"  # else it may be a minute late
    with TcpService(pair.server, 22):
        unit.run("sh", "-ec", lines.replace(usual, soon))
        wait_closed(pair.client, SERVER[4], 22)
        wait_open(pair.client, SERVER[4], 22)
