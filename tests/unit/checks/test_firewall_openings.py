"""Which commands of firewall tools let everybody in: judged by what they do."""

from __future__ import annotations

import pytest

from knockd.checks.firewall_openings import find_opening
from knockd_conf.shell_words import split_script


def opening(text: str) -> str | None:
    """What to write instead of the one simple command in ``text``."""
    (command,) = split_script(text).commands
    return find_opening(command)


IPTABLES = "add -s %IP%"
ELEMENT = "add %IP% to a set of addresses"
NFT = "add ip saddr %IP% (and ip6 saddr %IP% in Start_Command_6)"
UFW = "write 'from %IP% to any port ...'"
RICH = 'write a rich rule with source address="%IP%"'
RUNNING = "leave it running and add one rule for %IP%"


@pytest.mark.parametrize(
    ("text", "cure"),
    [
        ("/sbin/iptables -I INPUT -p tcp --dport 22 -j ACCEPT", IPTABLES),
        ("ip6tables -A INPUT -p tcp --dport 22 -m comment --comment %IP% -j ACCEPT", IPTABLES),
        ("iptables -A INPUT -s 0.0.0.0/0 -m state --state NEW,ESTABLISHED -j ACCEPT", IPTABLES),
        ("iptables-legacy -R INPUT 1 -i eth0 -j ACCEPT", IPTABLES),
        ("iptables -t nat -A PREROUTING -p tcp --dport 22 -j DNAT --to 10.0.0.1", IPTABLES),
        ("iptables -P INPUT ACCEPT", "leave the policy as it is and insert a rule with -s %IP%"),
        (
            "iptables -D INPUT -p tcp --dport 22 -j DROP",
            "leave that rule as it is and insert one with -s %IP% -j ACCEPT in front of it",
        ),
        ("nft add rule inet filter input tcp dport 22 accept", NFT),
        ("nft 'insert rule inet filter input tcp dport { 22, 80 } ct state new accept'", NFT),
        ("nft add element inet filter open_ports { 22 }", ELEMENT),
        ("nft flush ruleset", "add one rule or element for %IP%"),
        ("ufw allow 22/tcp", UFW),
        ("ufw --force insert 1 allow ssh comment '%IP%'", UFW),
        ("ufw allow from any to any port 22", UFW),
        ("ufw limit ssh", UFW),
        ("ufw route allow in on eth0", UFW),
        ("ufw disable", "ufw allow from %IP%"),
        ("ufw default allow incoming", "ufw allow from %IP%"),
        ("firewall-cmd --add-port=22/tcp", RICH),
        ("firewall-cmd --zone=public --add-service ssh --timeout 60", RICH),
        ("firewall-cmd --add-rich-rule='rule service name=ssh accept'", RICH),
        ("firewall-cmd --permanent --set-target=ACCEPT", RICH),
        ("firewall-cmd --panic-off", RICH),
        ("firewall-cmd --direct --add-rule ipv4 filter INPUT 0 -p tcp --dport 22 -j ACCEPT", IPTABLES),
        ("ipset add open_ports 22", "write %IP%"),
        ("ipset -exist add allowed 0.0.0.0/0", "write %IP%"),
        ("systemctl stop ufw", RUNNING),
        ("service iptables stop", RUNNING),
    ],
)
def test_what_lets_everybody_in(text: str, cure: str) -> None:
    """A rule that accepts whatever source, a policy, an element that is no address, no firewall at all."""
    assert cure == opening(text)


@pytest.mark.parametrize(
    "text",
    [
        # For the knocker, or for somebody in particular.
        "iptables -I INPUT -s %IP% -p tcp --dport 22 -j ACCEPT",
        "iptables -I INPUT -s $KNOCKD_IP -j ACCEPT",
        "iptables -I INPUT -s 192.0.2.0/24 -j ACCEPT",
        "iptables -I INPUT ! -s 192.0.2.0/24 -j ACCEPT",
        "iptables -I INPUT -m set --match-set knocked src -j ACCEPT",
        "iptables -I INPUT -m state --state ESTABLISHED,RELATED -j ACCEPT",
        "iptables -I INPUT -i lo -j ACCEPT",
        "nft add rule inet filter input ip saddr %IP% accept",
        "nft add rule inet filter input ct state established accept",
        "nft add element inet filter knocked { %IP% }",
        "nft add element inet filter knocked { 192.0.2.1 }",
        "nft add element inet filter knocked { %IP% . 22 }",
        "ufw allow from %IP% to any port 22",
        "ufw allow proto tcp from 192.0.2.0/24",
        "firewall-cmd --add-rich-rule='rule family=ipv4 source address=%IP% accept'",
        "firewall-cmd --zone=trusted --add-source=%IP%",
        "firewall-cmd --zone=knocked --add-service=ssh",
        "ipset add knocked %IP%",
        # They close, or let nobody in.
        "iptables -D INPUT -p tcp --dport 22 -j ACCEPT",
        "iptables -A INPUT -p tcp --dport 22 -j DROP",
        "iptables -P INPUT DROP",
        "iptables -D INPUT 3",
        "iptables -A OUTPUT -p tcp --sport 22 -j ACCEPT",
        "iptables -P OUTPUT ACCEPT",
        "iptables -F",
        "iptables -I INPUT -p tcp --dport 22 -j LOG",
        "nft add rule inet filter input tcp dport 22 drop",
        "nft delete rule inet filter input handle 7",
        "nft delete element inet filter open_ports { 22 }",
        "nft add element inet filter blocked_ports { 22 }",
        "nft -f /etc/nftables.conf",
        "ufw delete allow 22",
        "ufw deny 22",
        "ufw allow out 22",
        "ufw default allow outgoing",
        "ufw status",
        "firewall-cmd --remove-service=ssh",
        "firewall-cmd --add-rich-rule='rule service name=ssh drop'",
        "firewall-cmd --reload",
        "ipset del open_ports 22",
        "ipset add blocked 22",
        "systemctl start ufw",
        "systemctl stop ssh",
        # Nothing is known of them.
        "/usr/local/bin/open.sh",
        "wakeonlan 00:00:5e:00:53:01",
    ],
)
def test_what_does_not(text: str) -> None:
    """No such word of commands that close, are for somebody, or that nobody knows."""
    assert opening(text) is None
