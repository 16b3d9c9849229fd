"""What -t and --dry-run say about guard ports, and the line in the log."""

from __future__ import annotations

from pathlib import Path

import pytest

from knockd.checks.doors import find_scan_openings
from knockd.dryrun import build_filters, format_guards, format_text
from knockd.knocks.guards import guard_rules, guards_of, with_guards
from knockd.knocks.taken import Taken
from knockd.knocks.watch import watches_of
from knockd.log.catalogue import EVENTS
from knockd_conf.load import load
from knockd_conf.model import Config, GuardPorts
from knockd_conf.trust import TrustPolicy
from tests.support.doubles.played import door, steps

WARNING = "a port scan in {} order opens the door: no guard port is close before or between its steps"
STRIDES = (
    "an ordered scan of every n-th port opens the door, n being {}:"
    " choose ports that go up and down, or make one of them udp"
)


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
    guards = guards_of(
        watches_of(config.doors, live),
        guard_rules(config.doors, config.options.guard_ports),
        Taken().with_sockets(steps(listening)),
    )
    notes = [
        f"{note.line}: {note.message}"
        for note in find_scan_openings(config.doors, live, guards, skipping=True)
    ]
    return notes, [format_guards(one) for one in guards]


def test_warnings_of_scans(config: Config) -> None:
    """-t names every door that a scan in order would open, and no other, with the strides that do it."""
    warnings, _ = lines(config)
    assert warnings == [
        f"2: {STRIDES.format('5, 10, 20 ... 1000')}",  # shipped
        f"4: {WARNING.format('ascending')}",  # bare
        f"7: {WARNING.format('ascending')}",  # first
        f"9: {WARNING.format('descending')}",  # last
        f"11: {WARNING.format('descending')}",  # single
        f"14: {WARNING.format('ascending')}",  # late
    ]


@pytest.mark.parametrize(
    ("sequence", "told"),
    [
        ("7000 7007 7021", None),
        ("7000 7035 7000u", None),
        ("7000 7035 7070", "5"),
        ("7000 7100 7200", "5, 10, 20 ... 100"),
        ("9000 8000 7000", "5, 10, 20 ... 1000"),
        ("7000 8000 9001", None),
        ("7000 9000 8000", None),
    ],
)
def test_strides_in_words(sequence: str, told: str | None) -> None:
    """The least three round strides and the widest are named, of doors whose sequence stays."""
    usual, once = door(sequence), door("", one_time_file="/etc/once")
    live = [steps(sequence), steps(sequence)]
    guards = guards_of(watches_of([usual, once], live), [GuardPorts()] * 2, Taken())
    found = [note.message for note in find_scan_openings([usual, once], live, guards, skipping=True)]
    assert found == ([STRIDES.format(told)] if told else [])
    assert [] == list(find_scan_openings([usual, once], live, guards, skipping=False))


def test_services_can_take_the_guards_away(config: Config) -> None:
    """With services all around its first step, a door is still guarded by what is between its steps.

    A note about a few strides is all that is left.
    """
    warnings, guards = lines(config, " ".join(str(port) for port in range(6990, 7010) if port != 7000))
    assert [STRIDES.format("5, 10, 20 ... 1000")] == [one[3:] for one in warnings if one.startswith("2:")]
    assert guards[0].startswith(
        "6988:tcp, 7012:tcp, 7996-7999:tcp, 8001-8004:tcp, 8996-8999:tcp, 9001-9004:tcp; left out: 6999:"
    )


def test_guards_as_lines(config: Config) -> None:
    """-t and --dry-run show the guards of every door and each port left out with the reason."""
    _, guards = lines(config, "8001")
    assert guards == [
        "6996-6999:tcp, 7001-7004:tcp, 7996-7999:tcp, 8002-8005:tcp, 8996-8999:tcp, 9001-9004:tcp;"
        " left out: 8001:tcp has a listening socket",
        "none",
        "4-7:tcp; left out: 2:tcp is a knock port, 3:tcp is a knock port, 1:tcp is a knock port",
        "65529-65532:tcp; left out: 65534:tcp is a knock port, 65533:tcp is a knock port,"
        " 65535:tcp is a knock port",
        "7199:udp; left out: 7000:tcp is a knock port",
        "7500:tcp",
    ]


def test_dry_run_covers_guards(config: Config) -> None:
    """The filter lets guards through, and they are listed door by door below it."""
    live = tuple(door.steps for door in config.doors)
    guards = guards_of(
        watches_of(config.doors, live), guard_rules(config.doors, config.options.guard_ports), Taken()
    )
    made = build_filters(with_guards(watches_of(config.doors, live), guards), ["nowhere0"], ipv6=True)
    text = format_text(made, config, guards)
    assert text.splitlines()[-6:] == [
        "guards of shipped: 6996-6999:tcp, 7001-7004:tcp, 7996-7999:tcp, 8001-8004:tcp, 8996-8999:tcp,"
        " 9001-9004:tcp",
        "guards of bare: none",
        "guards of first: 4-7:tcp; left out: 2:tcp is a knock port, 3:tcp is a knock port,"
        " 1:tcp is a knock port",
        "guards of last: 65529-65532:tcp; left out: 65534:tcp is a knock port, 65533:tcp is a knock port,"
        " 65535:tcp is a knock port",
        "guards of single: 7199:udp; left out: 7000:tcp is a knock port",
        "guards of late: 7500:tcp",
    ]
    assert "  tcp 1-7, 6996-7004, 7100, 7300, 7400, 7500, 7996-8004, 8100, 8996-9004, 65529-65535" in text
    assert "  udp 7199-7200" in text


def test_line_in_the_log() -> None:
    """The classic line has the form of 0.8's other lines about a source at a door."""
    line = EVENTS["guarded"].text.format(who="192.0.2.1", door="ssh", seconds=25.0)
    assert line == "192.0.2.1: ssh: guard port, ignored for 25 seconds"
