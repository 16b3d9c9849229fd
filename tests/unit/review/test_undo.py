"""Commands that take back what another one did."""

from __future__ import annotations

import pytest

from knockd.review.undo import undoes


@pytest.mark.parametrize(
    ("earlier", "later"),
    [
        (
            "/sbin/iptables -A INPUT -s 192.0.2.7 -p tcp --dport 22 -j ACCEPT",
            "/sbin/iptables -D INPUT -s 192.0.2.7 -p tcp --dport 22 -j ACCEPT",
        ),
        (
            "iptables -I INPUT 1 -s 192.0.2.7 -p tcp --dport 22 -j ACCEPT",
            "iptables -D INPUT -s 192.0.2.7 -p tcp --dport 22 -j ACCEPT",
        ),
        (
            "nft add element inet filter knocked4 { 192.0.2.7 timeout 30s }",
            "nft delete element inet filter knocked4 { 192.0.2.7 }",
        ),
        ("ufw allow from 192.0.2.7 to any port 22", "ufw delete allow from 192.0.2.7 to any port 22"),
        ("ufw insert 1 allow from 192.0.2.7", "ufw delete allow from 192.0.2.7"),
        ("ipset add knocked 192.0.2.7", "ipset del knocked 192.0.2.7"),
        ("firewall-cmd --add-source=192.0.2.7", "firewall-cmd --remove-source=192.0.2.7"),
    ],
)
def test_pairs(earlier: str, later: str) -> None:
    """The same rule added, then deleted; never the other way round, and never itself."""
    assert undoes(later, earlier)
    assert not undoes(earlier, later)
    assert not undoes(earlier, earlier)


def test_another_address_is_another_rule() -> None:
    """A rule of another address is not taken back."""
    assert not undoes("ipset del knocked 192.0.2.8", "ipset add knocked 192.0.2.7")


def test_scripts_are_not_understood() -> None:
    """Commands that name no rule take nothing back, alike or not."""
    assert not undoes("/usr/local/bin/close 192.0.2.7", "/usr/local/bin/open 192.0.2.7")
    assert not undoes("", "")
