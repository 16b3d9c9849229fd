"""Who may knock."""

from __future__ import annotations

from ipaddress import ip_address, ip_network

import pytest

from knockd_conf.access import Access, make_networks


def access(allow: str = "", deny: str = "") -> Access:
    """Access by networks in text."""
    return Access(*(make_networks(map(ip_network, text.split())) for text in (allow, deny)))


@pytest.mark.parametrize(
    ("rule", "address", "expected"),
    [
        (access(), "192.0.2.1", True),
        (access("192.0.2.0/24"), "192.0.2.1", True),
        (access("192.0.2.0/24"), "192.0.3.1", False),
        (access("192.0.2.0/24"), "::c000:201", False),
        (access("192.0.2.0/24 2001:db8::/32"), "2001:db8:1::1", True),
        (access("0.0.0.0/0"), "255.255.255.255", True),
        (access("", "192.0.2.0/24"), "192.0.2.1", False),
        (access("", "192.0.2.0/24"), "2001:db8::1", True),
        (access("192.0.2.0/24", "192.0.2.7"), "192.0.2.7", False),
    ],
)
def test_who_is_admitted(rule: Access, address: str, expected: bool) -> None:
    """Networks of the address's own version count, and Deny wins."""
    assert expected is rule.admits(ip_address(address).packed)
