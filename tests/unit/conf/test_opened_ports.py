"""Which ports a start command opens, where that is certain."""

from __future__ import annotations

import pytest

from knockd_conf.opened_ports import find_opened_ports


def ports(*commands: str) -> str:
    """The ports that the commands open, in words."""
    return " ".join(map(str, find_opened_ports(commands)))


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        ("iptables -I INPUT -s %IP% -p tcp --dport 22 -j ACCEPT", "22/tcp"),
        ("/sbin/iptables -A INPUT -s %IP% -p tcp --dport ssh -j ACCEPT", "22/tcp"),
        ("ip6tables -w -A INPUT -s %IP% -p udp --dport 60000:61000 -j ACCEPT", "60000-61000/udp"),
        ("iptables -I INPUT -p tcp -m multiport --dports 80,443 -s %IP% -j ACCEPT", "80/tcp 443/tcp"),
        ("iptables -t nat -I PREROUTING -s %IP% -p tcp --dport 2222 -j REDIRECT --to-ports 22", "2222/tcp"),
        ("iptables -I INPUT -s %IP% -p tcp --dport 22 -j ACCEPT; logger 'open %IP%'", "22/tcp"),
        ("nft insert rule inet filter input ip saddr %IP% tcp dport 22 accept", "22/tcp"),
        (
            "nft add rule inet filter input ip saddr %IP% udp dport { 53, 100-200 } accept",
            "53/udp 100-200/udp",
        ),
        ("ufw allow from %IP% to any port 22 proto tcp", "22/tcp"),
        ("ufw insert 1 allow proto udp from %IP% to any port 53,100:200", "53/udp 100-200/udp"),
        ("ufw allow from %IP% to any port 53", "53/tcp 53/udp"),
        (
            "firewall-cmd --add-rich-rule='rule family=ipv4 source address=%IP%"
            ' port port="22" protocol="tcp" accept\'',
            "22/tcp",
        ),
    ],
)
def test_certain(command: str, expected: str) -> None:
    """A rule that accepts packets to a port of TCP or UDP opens that port."""
    assert expected == ports(command)


@pytest.mark.parametrize(
    "command",
    [
        "",
        "/usr/local/bin/open %IP%",
        "iptables -I INPUT -s %IP% -j ACCEPT",
        "iptables -I INPUT -s %IP% -p tcp ! --dport 22 -j ACCEPT",
        "iptables -I INPUT -s %IP% -p tcp --dport 22 -j knocked",
        "iptables -I INPUT -s %IP% -p tcp --dport rsync -j ACCEPT",
        "iptables -I INPUT -s %IP% -p sctp --dport 22 -j ACCEPT",
        "iptables -I INPUT -s %IP% -p tcp --dport 70000 -j ACCEPT",
        "iptables -I OUTPUT -d %IP% -p tcp --dport 22 -j ACCEPT",
        "iptables -D INPUT -s %IP% -p tcp --dport 22 -j DROP",
        "if true; then iptables -I INPUT -s %IP% -p tcp --dport 22 -j ACCEPT; fi",
        "iptables -I INPUT -s %IP% -p tcp --dport 22 -j ACCEPT; /usr/local/bin/more",
        "nft add element inet filter knocked { %IP% }",
        "nft add rule inet filter input ip saddr %IP% accept",
        "nft add rule inet filter input ip saddr %IP% th dport 22 accept",
        "nft add rule inet filter input ip saddr %IP% tcp dport 22 jump knocked",
        "nft add rule inet filter input ip saddr %IP% tcp dport != 22 accept",
        "nft add rule inet filter input ip saddr %IP% tcp dport @ports accept",
        "nft -f /etc/open.nft",
        "ufw allow from %IP%",
        "ufw allow from %IP% port 22 to any",
        "ufw allow out from %IP% to any port 22",
        "ufw deny from %IP% to any port 22",
        "firewall-cmd --add-rich-rule='rule family=ipv4 source address=%IP% service name=ssh accept'",
        "firewall-cmd --add-port=22/tcp",
    ],
)
def test_uncertain(command: str) -> None:
    """Nothing is said of a command that may open more, or elsewhere, or does something else besides."""
    assert "" == ports(command)


def test_several_commands() -> None:
    """The ports of all commands count, each once; one that is not certain leaves none."""
    four = "iptables -I INPUT -s %IP% -p tcp --dport {} -j ACCEPT".format
    six = "ip6tables -I INPUT -s %IP% -p tcp --dport {} -j ACCEPT".format
    assert "22/tcp 80/tcp" == ports(four(22), six(22), six(80))
    assert "" == ports(four(22), "/usr/local/bin/open6 %IP%")


def test_too_many() -> None:
    """Of more ports than Service may have none is taken."""
    many = ",".join(map(str, range(1, 34)))
    assert "" == ports(f"nft add rule inet f i ip saddr %IP% tcp dport {{ {many} }} accept")
