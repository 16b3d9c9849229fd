"""The ports whose connections keep a door open, as they are written."""

from __future__ import annotations

import re

import pytest

from knockd_conf.model import Service
from knockd_conf.protocol import Protocol
from knockd_conf.services import MAX_SERVICES, parse_services


def test_ports_and_ranges() -> None:
    """Each has its protocol; white space and case do not matter, and the same twice is one."""
    expected = (
        Service(22, 22, Protocol.TCP),
        Service(51820, 51820, Protocol.UDP),
        Service(60000, 61000, Protocol.UDP),
    )
    assert expected == parse_services("22/tcp, 51820 / UDP,60000-61000/udp,22/tcp")


@pytest.mark.parametrize("text", ["22/tcp", "60000-61000/udp"])
def test_printed_as_written(text: str) -> None:
    """A service is printed as it is written."""
    assert [text] == [str(one) for one in parse_services(text)]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "expected port/tcp or port/udp, divided by commas, got ''"),
        ("ssh", "expected port/tcp or port/udp, divided by commas, got 'ssh'"),
        ("22/sctp", "expected port/tcp or port/udp, divided by commas, got '22/sctp'"),
        ("22", "expected 22/tcp or 22/udp, got '22'"),
        ("22/tcp,443:TCP", "expected 443/tcp, got '443:TCP'"),
        ("0/tcp", "expected a port from 1 to 65535, got '0'"),
        ("65536/udp", "expected a port from 1 to 65535, got '65536'"),
        ("90-80/tcp", "expected the lower port of a range first, got '90-80/tcp'"),
        (",".join(["1/tcp"] * 33), "expected at most 32 ports and ranges, got 33"),
    ],
)
def test_mistakes(text: str, message: str) -> None:
    """A bad value is refused with what was expected and what was seen."""
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        parse_services(text)


def test_as_many_as_there_may_be() -> None:
    """As many as that are taken."""
    text = ",".join(f"{port}/tcp" for port in range(1, MAX_SERVICES + 1))
    assert MAX_SERVICES == len(parse_services(text))
