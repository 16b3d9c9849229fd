"""What commands name: ports that no guard may be, and the one IP version that they work for."""

from __future__ import annotations

import pytest

from knockd_conf.command_words import MAX_RANGE, ip_version_of, numbers_named


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        ("iptables -I INPUT -s %IP% -p tcp --dport 22 -j ACCEPT", {22}),
        ("iptables -I INPUT -s %IP% -p tcp --dport=8080 -j ACCEPT", {8080}),
        ("iptables -I INPUT -m multiport --dports 80,443,8000:8002", {80, 443, 8000, 8001, 8002}),
        ("nft add rule inet f i tcp dport { 22, 5000-5002 } accept", {22, 5000, 5001, 5002}),
        ('firewall-cmd --add-rich-rule=\'rule port port="8443" protocol="tcp" accept\'', {8443}),
        ("ufw allow from %IP% to any port 22 proto tcp", {22}),
        ("ufw allow 2222/tcp", {2222}),
        ("iptables -t nat -A PREROUTING -j DNAT --to-destination 192.168.1.5:3389", {3389}),
        ("ssh -p2200 admin@host.example open", {22, 2200}),
        ("socat TCP-LISTEN:7001,fork TCP:[2001:db8::1]:22", {7001, 2001, 1, 22}),
        ("sleep 30; iptables -D INPUT -s %IP%", {30}),
        ("ufw allow from %IP% to any app OpenSSH", {22}),
        ("iptables -A INPUT -p tcp --dport https -j ACCEPT", {443}),
    ],
)
def test_ports_that_a_command_names(command: str, expected: set[int]) -> None:
    """Numbers that stand alone, as values, in lists, behind hosts, as services; ranges port by port."""
    assert expected == numbers_named(command)


@pytest.mark.parametrize(
    "command",
    [
        *("open 192.168.0.22", "open 10.22.0.0", "eth22", "22nd", "x_22", "0", "65536", "123456", "a.22", ""),
        *("/usr/local/ssh/open", "my-ssh", "https-open"),
    ],
)
def test_what_is_no_port(command: str) -> None:
    """Parts of addresses and names, and what is too large, name no port."""
    assert frozenset() == numbers_named(command)


def test_a_long_range_names_its_ends() -> None:
    """A range of nearly everything does not take every guard away."""
    assert {1024, 65535} == numbers_named("--dport 1024:65535")
    assert MAX_RANGE + 1 == len(numbers_named(f"--dport 1000:{1000 + MAX_RANGE}"))


def test_a_range_that_goes_down_names_its_ends() -> None:
    """It is none."""
    assert {80, 70} == numbers_named("80-70")


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        ("/sbin/iptables -A INPUT -s %IP% -p tcp --dport 22 -j ACCEPT", 4),
        ("ip6tables -A INPUT -s %IP% -j ACCEPT", 6),
        ("iptables -I INPUT -s %IP% -j ACCEPT; sleep 30; iptables -D INPUT -s %IP% -j ACCEPT", 4),
        ("iptables -C INPUT -s %IP% -j ACCEPT || iptables -A INPUT -s %IP% -j ACCEPT", 4),
        ("sudo sh -c 'ip6tables -I INPUT -s %IP% -j ACCEPT && logger open'", 6),
        ("(iptables -I INPUT -s %IP% -j ACCEPT) >/dev/null 2>&1 &", 4),
        ("echo 'open for %IP%' | mail root; iptables -I INPUT -s %IP% -j ACCEPT", 4),
    ],
)
def test_a_command_for_one_version(command: str, expected: int) -> None:
    """Every part of weight works for knockers of that version alone."""
    assert expected == ip_version_of(command)


@pytest.mark.parametrize(
    "command",
    [
        "",
        "echo %IP%",
        "/usr/local/bin/open %IP%",
        "iptables -I INPUT -p tcp --dport 22 -j ACCEPT",
        "iptables -s %IP% -j ACCEPT; ip6tables -s %IP% -j ACCEPT",
        "iptables -s %IP% -j ACCEPT || ip6tables -s %IP% -j ACCEPT",
        "if echo %IP% | grep -q :; then ip6tables -s %IP%; else iptables -s %IP%; fi",
        "case %IP% in *:*) exit;; esac; iptables -s %IP% -j ACCEPT",
        "iptables -I INPUT -s %IP% -j ACCEPT; iptables -I INPUT -p tcp --dport 80 -j ACCEPT",
        "iptables -I INPUT -s %IP% -j ACCEPT; systemctl start ssh",
        "echo 'sshd: %IP%' >> /etc/hosts.allow; iptables -I INPUT -s %IP% -j ACCEPT",
        "iptables -I INPUT -s $(echo %IP%) -j ACCEPT",
        "iptables -I INPUT -s %IP% -j ACCEPT '",
    ],
)
def test_a_command_that_may_serve_both(command: str) -> None:
    """It names both, branches, does something for whoever knocks, or nothing is known of it."""
    assert ip_version_of(command) is None
