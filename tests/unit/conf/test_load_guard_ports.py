"""Guard_Ports in a file: auto, none or a list, for all doors or for one."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from knockd_conf.model import Config, GuardPorts, Step
from knockd_conf.protocol import Protocol

Load = Callable[..., Config]
Problems = Callable[..., list[str]]

WANTED = "expected auto, none or a list of ports, got "
VALUES = [
    ("auto", GuardPorts(auto=True)),
    ("AUTO", GuardPorts(auto=True)),
    ("none", GuardPorts(auto=False)),
    ("None", GuardPorts(auto=False)),
    ("22", GuardPorts(auto=False, ports=(Step(22),))),
    ("1, 65535 ,7:udp", GuardPorts(auto=False, ports=(Step(1), Step(65535), Step(7, Protocol.UDP)))),
    ("5,5:TCP,5:UDP", GuardPorts(auto=False, ports=(Step(5), Step(5, Protocol.UDP)))),
]

MISTAKES = [
    ("", WANTED + "''"),
    ("yes", WANTED + "'yes'"),
    ("auto,22", WANTED + "'auto,22'"),
    ("none none", WANTED + "'none none'"),
    ("-1", WANTED + "'-1'"),
    (":udp", WANTED + "':udp'"),
    ("22,none", "expected a port from 0 to 65535, got 'none'"),
    ("65536", "expected a port from 0 to 65535, got '65536'"),
    ("22;23", "expected commas between steps, got ';'"),
    ("20-25", "expected single ports (there are no ranges: write each), got '20-25'"),
    ("22:icmp", "expected tcp or udp, got 'icmp'"),
    ("22,,23", "expected a step before and behind each comma, got none"),
]


@pytest.mark.parametrize(("text", "expected"), VALUES, ids=[row[0] for row in VALUES])
def test_value(load_text: Load, text: str, expected: GuardPorts) -> None:
    """A value means the same in [options] and in a door."""
    config = load_text(f"[options]\nGuard_Ports = {text}\n[a]\nsequence = 1\nguard_ports = {text}\n")
    assert (config.options.guard_ports, config.doors[0].guard_ports) == (expected, expected)


def test_default(load_text: Load) -> None:
    """Guards are chosen automatically unless something else is said; a door says nothing by itself."""
    config = load_text("[a]\nsequence = 1\n")
    assert (config.options.guard_ports, config.doors[0].guard_ports) == (GuardPorts(auto=True), None)


def test_template(load_text: Load) -> None:
    """A door inherits the key from its template, and its own wins."""
    config = load_text(
        "[quiet]\nGuard_Ports = none\n[a : quiet]\nsequence = 1\n[b : quiet]\nsequence = 2\nGuard_Ports = 9\n"
    )
    assert [door.guard_ports for door in config.doors] == [
        GuardPorts(auto=False),
        GuardPorts(auto=False, ports=(Step(9),)),
    ]


def test_variant(load_text: Load) -> None:
    """A host may have guards of its own."""
    text = "[a]\nsequence = 1\nGuard_Ports = none\nGuard_Ports[web1] = 7\n"
    assert load_text(text, host="web1").doors[0].guard_ports == GuardPorts(auto=False, ports=(Step(7),))
    assert load_text(text, host="web2").doors[0].guard_ports == GuardPorts(auto=False)


@pytest.mark.parametrize(("text", "message"), MISTAKES, ids=[row[0] for row in MISTAKES])
def test_mistake(problems: Problems, text: str, message: str) -> None:
    """A bad value is refused with what was expected and what was seen, in [options] and in a door."""
    assert problems(f"[options]\nGuard_Ports = {text}\n[a]\nsequence = 1\nGuard_Ports = {text}\n") == [
        f"knockd.conf:2: Guard_Ports: {message}",
        f"knockd.conf:5: Guard_Ports: {message}",
    ]


def test_no_value(problems: Problems) -> None:
    """A line with the key alone is refused."""
    assert problems("[options]\nGuard_Ports\n") == [
        "knockd.conf:2: Guard_Ports: expected Guard_Ports = value, got no '='"
    ]


def test_misspelt(problems: Problems) -> None:
    """A near miss of the key's name is answered with the name."""
    assert problems("[a]\nsequence = 1\nguard_port = none\n") == [
        "knockd.conf:3: guard_port: expected a known key (the nearest is Guard_Ports), got 'guard_port'"
    ]
