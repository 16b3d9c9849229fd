"""What commands need: tools found in command lines, and what is lacking for them."""

from __future__ import annotations

import pytest

from knockd.leases.required_rights import lacking
from knockd.process.capabilities import Rights

NOTHING = Rights(root=False, capabilities=frozenset())
ROOT = Rights(root=True, capabilities=frozenset())
NET = Rights(root=False, capabilities=frozenset({"CAP_NET_ADMIN", "CAP_NET_RAW"}))
BOTH = Rights(root=True, capabilities=NET.capabilities)


def tools(line: str) -> list[str]:
    """The tools that a line runs."""
    return [tool for tool, _ in lacking(line, NOTHING)]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("iptables -I INPUT -s %IP% -j ACCEPT", ["iptables"]),
        ("/usr/sbin/ip6tables -I INPUT -s %IP% -j ACCEPT", ["ip6tables"]),
        ("nft add element inet filter knocked { %IP% }", ["nft"]),
        ("iptables -A X; sleep 30; iptables -D X", ["iptables"]),
        ("ipset add a %IP% && (ip route flush cache | cat)", ["ipset", "ip"]),
        ("if ufw status; then ufw allow from %IP%; fi", ["ufw"]),
        ("TABLE=x exec nft list table x", ["nft"]),
        ("! systemctl start ssh || service ssh start &", ["systemctl", "service"]),
        ("echo ip nft >> /var/log/knocks", []),
        ("logger 'systemctl; ip'", []),
        ("/bin/true", []),
        ("firewall-cmd --add-rich-rule='rule", ["firewall-cmd"]),
        ("", []),
    ],
)
def test_tools_are_what_a_shell_would_run(line: str, expected: list[str]) -> None:
    """Words that are only arguments are no tools."""
    assert expected == tools(line)


@pytest.mark.parametrize(
    ("line", "have", "expected"),
    [
        ("iptables -L", NOTHING, [("iptables", "CAP_NET_ADMIN")]),
        ("iptables -L", NET, []),
        ("nft list ruleset", ROOT, [("nft", "CAP_NET_ADMIN")]),
        ("ufw status", NET, [("ufw", "the user root")]),
        ("ufw status", ROOT, [("ufw", "CAP_NET_ADMIN")]),
        ("ufw status", BOTH, []),
        (
            "iptables-legacy -L",
            NOTHING,
            [("iptables-legacy", "the user root and CAP_NET_ADMIN and CAP_NET_RAW")],
        ),
        ("systemctl start ssh", NET, [("systemctl", "the user root")]),
        ("systemctl start ssh", ROOT, []),
        ("sudo nft list ruleset", BOTH, [("sudo", "CAP_SETUID and CAP_SETGID")]),
        ("nft list ruleset; ufw status", BOTH, []),
    ],
)
def test_what_is_lacking(line: str, have: Rights, expected: list[tuple[str, str]]) -> None:
    """Root without capabilities may write root's files; capabilities without root change the firewall."""
    assert expected == list(lacking(line, have))
