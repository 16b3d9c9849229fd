"""For which IP version a command of a firewall tool works, judged by where it has the knocker's address."""

from __future__ import annotations

import pytest

from knockd_conf.firewall_tools import find_version, split_nft
from knockd_conf.shell_words import split_script


def version(text: str) -> int | None:
    """The version of the one simple command in ``text``."""
    (command,) = split_script(text).commands
    return find_version(command)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("/sbin/iptables -A INPUT -s %IP% -j ACCEPT", 4),
        ("iptables -w -I INPUT 1 --source=%IP%/32 -j ACCEPT", 4),
        ("iptables-legacy -I FORWARD -d $KNOCKD_IP -j ACCEPT", 4),
        ("iptables -4 -I INPUT -s%IP% -j ACCEPT", 4),
        ("iptables -I INPUT ! -s 192.0.2.1,%IP% -j DROP", 4),
        ("/usr/sbin/ip6tables -A INPUT --src ${KNOCKD_IP}/64 -j ACCEPT", 6),
        ("ip6tables-nft -A INPUT -s %IP% -j ACCEPT", 6),
        ("nft add element filter knocked { %IP% }", 4),
        ("nft add element ip filter knocked '{ %IP% timeout 30s }'", 4),
        ("nft 'add element ip6 filter knocked { %IP% }'", 6),
        ("nft -a insert rule inet filter input ip saddr %IP% tcp dport { 22, 80 } accept", 4),
        ("nft 'add rule inet filter input ip6 saddr { %IP% } accept; add element ip6 f k { %IP% }'", 6),
        ("nft add rule inet filter input ip saddr != %IP% drop", 4),
        ("ufw allow from %IP% to 192.0.2.1 port 22", 4),
        ("ufw route allow proto tcp from %IP% to 2001:db8::1 port 22", 6),
        ("""firewall-cmd --add-rich-rule='rule family="ipv4" source address="%IP%" accept' --timeout=9""", 4),
        ("firewall-cmd --remove-rich-rule='rule family=ipv6 source address=%IP%/128 accept'", 6),
        ("firewall-cmd --direct --add-rule ipv4 filter INPUT 0 -s %IP% -j ACCEPT", 4),
    ],
)
def test_the_version_of_a_command_for_the_knocker(text: str, expected: int) -> None:
    """The knocker's address stands where the tool takes addresses of one version only."""
    assert expected == version(text)


@pytest.mark.parametrize(
    "text",
    [
        # Whoever knocks, these do the same.
        "iptables -I INPUT -p tcp --dport 22 -j ACCEPT",
        "iptables -I INPUT -s 192.0.2.1 -j ACCEPT",
        "iptables -I INPUT -m comment --comment '%IP%' -j ACCEPT",
        "nft add rule inet filter input tcp dport 22 accept comment '%IP%'",
        "nft add element ip filter open { 22 }",
        "ufw allow from any to 192.0.2.1 comment %IP%",
        "firewall-cmd --add-rich-rule='rule family=ipv4 port port=22 protocol=tcp log prefix=%IP% accept'",
        # The tool takes both.
        "nft add element inet filter knocked { %IP% }",
        "ipset add knocked %IP%",
        "ufw allow from %IP% to any port 22",
        "firewall-cmd --add-source=%IP%",
        "firewall-cmd --add-rich-rule='rule source address=%IP% accept'",
        # A part of it does something for both.
        "nft 'add element ip f k { %IP% }; add rule ip f c tcp dport 22 accept'",
        "nft 'add element ip f k { %IP% }; add element ip6 f k { %IP% }'",
        "firewall-cmd --add-rich-rule='rule family=ipv4 source address=%IP% accept' --add-port=22/tcp",
        # Nothing is known of it.
        "/opt/bin/iptables -s %IP%",
        "/usr/local/bin/open.sh %IP%",
        "iptables-restore -s %IP%",
        "iptables -6 -I INPUT -s %IP%",
        "ip6tables --ipv4 -I INPUT -s %IP%",
        "nft -f /etc/open.nft",
        "nft --file=/etc/open.nft",
        "nft",
        "iptables -s",
    ],
)
def test_what_may_serve_both_versions(text: str) -> None:
    """Where both may be served, or nothing is certain, there is no version."""
    assert version(text) is None


def test_commands_of_nft_end_outside_of_braces() -> None:
    """A semicolon inside a block belongs to the block."""
    words = ["nft", "-a", "add set ip f k { type ipv4_addr; }; add", "table", "x"]
    first = ["add", "set", "ip", "f", "k", "{", "type", "ipv4_addr", ";", "}"]
    assert [first, ["add", "table", "x"]] == split_nft(words)
