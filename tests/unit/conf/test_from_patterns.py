"""Patterns of from=, as sshd(8) has them."""

from __future__ import annotations

import re
from ipaddress import ip_address, ip_network

import pytest

from knockd_conf.access import Access, make_networks
from knockd_conf.from_patterns import parse_from


@pytest.mark.parametrize(
    ("text", "allow", "deny"),
    [
        ("192.0.2.7", ["192.0.2.7/32"], []),
        ("192.0.2.0/24,2001:db8::/32", ["192.0.2.0/24", "2001:db8::/32"], []),
        ("192.0.2.*", ["192.0.2.0/24"], []),
        ("10.*", ["10.0.0.0/8"], []),
        ("10.0.*.*", ["10.0.0.0/16"], []),
        ("2001:DB8:*", ["2001:db8::/32"], []),
        ("2001:db8:1:2:3:4:5:*", ["2001:db8:1:2:3:4:5:0/112"], []),
        ("255.*", ["255.0.0.0/8"], []),
        ("*", [], []),
        ("192.0.2.1,*", [], []),
        ("*,!192.0.2.0/24", [], ["192.0.2.0/24"]),
        ("!192.0.2.7,192.0.2.*,192.0.2.0/24", ["192.0.2.0/24"], ["192.0.2.7/32"]),
    ],
)
def test_patterns(text: str, allow: list[str], deny: list[str]) -> None:
    """Addresses, networks, wildcards that are networks, and what is excluded."""
    expected = make_networks(map(ip_network, allow)), make_networks(map(ip_network, deny))
    assert expected == parse_from(text)


def test_who_is_excluded_wins() -> None:
    """As for Deny beside Allow."""
    access = Access(*parse_from("192.0.2.*,!192.0.2.7"))
    assert access.admits(ip_address("192.0.2.6").packed)
    assert not access.admits(ip_address("192.0.2.7").packed)
    assert not access.admits(ip_address("198.51.100.1").packed)


NETWORKS = "expected from= with addresses and networks, as in 192.0.2.0/24, got '{}'"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "expected from= with addresses divided by commas without blanks, got ''"),
        (
            "192.0.2.1, 192.0.2.2",
            "expected from= with addresses divided by commas without blanks, got ' 192.0.2.2'",
        ),
        ("192.0.2.1,", "expected from= with addresses divided by commas without blanks, got ''"),
        ("!192.0.2.1", "expected from=\"PATTERN,...\" with a pattern without '!', or *, got '!192.0.2.1'"),
        (
            "home.example",
            "from=: expected an address or a network, got 'home.example': a name is no rule, as whoever"
            " answers for it would say who may knock",
        ),
        ("192.0.2.1/24", "from=: expected 192.0.2.0/24, got '192.0.2.1/24'"),
        (
            "::ffff:192.0.2.1",
            "from=: expected 192.0.2.1 (packets of IPv4 come with the address itself),"
            " got '::ffff:192.0.2.1'",
        ),
        ("none", "expected from= with addresses and networks, got 'none'"),
        *(
            (text, NETWORKS.format(text))
            for text in (
                "*.example",
                "192.0.2.?",
                "192.0.2.1*",
                "1.2.3.4.*",
                "1.*.*.*.*",
                "256.*",
                "2001:db8::*",
                "2001:0:*",
                "*:1",
                "0a.*",
                "01.*",
                "1.*.3",
            )
        ),
    ],
)
def test_mistakes(text: str, expected: str) -> None:
    """What is no network is refused: a name cannot be trusted, other wildcards have no meaning in bits."""
    with pytest.raises(ValueError, match=f"^{re.escape(expected)}$"):
        parse_from(text)
