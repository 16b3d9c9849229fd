"""What -t and --dry-run say about guard ports, and the line in the log."""

from __future__ import annotations

from pathlib import Path

import pytest

from knockd.check import scans
from knockd.dryrun import as_text, filters, guard_line
from knockd.engine.guards import guards_of
from knockd.engine.texts import CLASSIC
from knockd_conf import Config, TrustPolicy
from knockd_conf.load import load
from tests.support.played import steps

WARNING = "a port scan in {} order opens it: no guard port is close before or between its steps"


@pytest.fixture
def config(tmp_path: Path) -> Config:
    """Doors with all kinds of guards."""
    path = tmp_path / "knockd.conf"
    path.write_text(
        "[shipped]\nsequence = 7000,8000,9000\n"
        "[bare]\nsequence = 7100,8100\nGuard_Ports = none\n"
        "[first]\nsequence = 1,2,3\n"
        "[last]\nsequence = 65535,65534,65533\n"
        "[single]\nsequence = 7200:udp\nGuard_Ports = 7000, 7199:udp\n"
        "[late]\nsequence = 7300,7400\nGuard_Ports = 7500\n"
    )
    return load(str(path), host="here", trust=TrustPolicy(enforce=False))


def lines(config: Config, listening: str = "") -> tuple[list[str], list[str]]:
    """The warnings, and each door's guards as a line."""
    live = [door.steps for door in config.doors]
    guards = guards_of(config.doors, live, config.options.guard_ports, frozenset(steps(listening)))
    return list(scans(config, live, guards)), [guard_line(one) for one in guards]


def test_warnings_of_scans(config: Config) -> None:
    """-t names every door that a scan in order would open, and no other."""
    warnings, _ = lines(config)
    assert warnings == [
        f"bare: {WARNING.format('ascending')}",
        f"first: {WARNING.format('ascending')}",
        f"last: {WARNING.format('descending')}",
        f"single: {WARNING.format('descending')}",
        f"late: {WARNING.format('ascending')}",
    ]


def test_services_can_take_the_guards_away(config: Config) -> None:
    """With services all around its first step, a door is still guarded by what is between its steps."""
    warnings, guards = lines(config, " ".join(str(port) for port in range(6990, 7010) if port != 7000))
    assert not any(warning.startswith("shipped") for warning in warnings)
    assert guards[0].startswith("7999:tcp, 8001:tcp, 8999:tcp, 9001:tcp; left out: 6999:tcp has a listening")


def test_guards_as_lines(config: Config) -> None:
    """-t and --dry-run show the guards of every door and each port left out with the reason."""
    _, guards = lines(config, "8001")
    assert guards == [
        "6999:tcp, 7001:tcp, 7999:tcp, 8002:tcp, 8999:tcp, 9001:tcp;"
        " left out: 8001:tcp has a listening socket",
        "none",
        "4:tcp; left out: 2:tcp is a knock port, 3:tcp is a knock port, 1:tcp is a knock port",
        "65532:tcp; left out: 65534:tcp is a knock port, 65533:tcp is a knock port,"
        " 65535:tcp is a knock port",
        "7199:udp; left out: 7000:tcp is a knock port",
        "7500:tcp",
    ]


def test_dry_run_covers_guards(config: Config) -> None:
    """The filter lets guards through, and they are listed door by door below it."""
    live = tuple(door.steps for door in config.doors)
    guards = guards_of(config.doors, live, config.options.guard_ports, frozenset())
    made = filters(config, ["nowhere0"], live, guards, ipv6=True)
    text = as_text(made, config, guards)
    assert text.splitlines()[-6:] == [
        "guards of shipped: 6999:tcp, 7001:tcp, 7999:tcp, 8001:tcp, 8999:tcp, 9001:tcp",
        "guards of bare: none",
        "guards of first: 4:tcp; left out: 2:tcp is a knock port, 3:tcp is a knock port,"
        " 1:tcp is a knock port",
        "guards of last: 65532:tcp; left out: 65534:tcp is a knock port, 65533:tcp is a knock port,"
        " 65535:tcp is a knock port",
        "guards of single: 7199:udp; left out: 7000:tcp is a knock port",
        "guards of late: 7500:tcp",
    ]
    assert "  tcp 1-4, 6999-7001, 7100, 7300, 7400, 7500, 7999-8001, 8100, 8999-9001, 65532-65535" in text
    assert "  udp 7199-7200" in text


def test_line_in_the_log() -> None:
    """The classic line has the form of 0.8's other lines about a source at a door."""
    line = CLASSIC["guarded"].format(who="192.0.2.1", door="ssh", seconds=25.0)
    assert line == "192.0.2.1: ssh: guard port, ignored for 25 seconds"
