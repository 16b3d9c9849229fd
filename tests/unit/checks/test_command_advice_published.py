"""Commands of the kinds that people publish: what works has no warning, whatever a warning could mistake."""

from __future__ import annotations

import pytest

from knockd.checks.command_advice import find_command_notes
from tests.support.doubles.played import door

RULE = "-s %IP% -p tcp --dport 22 -j ACCEPT"
FOUR, SIX = "/sbin/iptables -{} INPUT " + RULE, "/usr/sbin/ip6tables -{} INPUT " + RULE
RICH = "\"rule family='ipv4' source address='%IP%' service name='ssh' accept\""
STATE = "-s %IP% -p tcp -m state --state NEW -m tcp --dport 22 -j ACCEPT"
COMMENT = '-s %IP% -p tcp --dport 22 -m conntrack --ctstate NEW -m comment --comment "knock" -j ACCEPT'
SYN = "INPUT -s %IP% -p tcp --syn -j ACCEPT"
SSH, TCP = "from %IP% to any port 22", "proto tcp from %IP% to any port 22"
HANDLE = "$(nft -a list chain inet filter input | awk '/%IP%/{print $NF}')"
NAT = "PREROUTING -s %IP% -p tcp --dport 443 -j REDIRECT --to-ports 22"

GOOD = {
    "packaged": (FOUR.format("A"), FOUR.format("D")),
    "inserted": (FOUR.format("I").replace("INPUT", "INPUT 1"), FOUR.format("D")),
    "for IPv6": (SIX.format("A"), SIX.format("D")),
    "only syn": (f"iptables -A {SYN}", f"iptables -D {SYN}"),
    "state": (f"/sbin/iptables -I INPUT 5 {STATE}", f"/sbin/iptables -D INPUT {STATE}"),
    "comment": (f"iptables -w -I INPUT {COMMENT}", f"iptables -w -D INPUT {COMMENT}"),
    "NAT": (f"iptables -t nat -I {NAT}", f"iptables -t nat -D {NAT}"),
    "chain": ("iptables -A KNOCK -s %IP% -j ACCEPT", "iptables -D KNOCK -s %IP% -j ACCEPT"),
    "two rules": (f"{FOUR.format('A')}; {SIX.format('A')}", f"{FOUR.format('D')} && {SIX.format('D')}"),
    "asked first": (f"{FOUR.format('C')} || {FOUR.format('I')}", None),
    "for a while": (f"{FOUR.format('I')}; sleep 30; {FOUR.format('D')}", None),
    "in a shell": (f'/bin/sh -c "{FOUR.format("I")} && sleep 10 && {FOUR.format("D")}"', None),
    "in the background": (f"({FOUR.format('I')}; sleep 10; {FOUR.format('D')}) &", None),
    "both versions": (f"if echo %IP% | grep -q :; then {SIX.format('I')}; else {FOUR.format('I')}; fi", None),
    "logged": (f"{FOUR.format('I')} && logger 'open %IP%'", f"{FOUR.format('D')} && logger 'closed %IP%'"),
    "mailed": (f'{FOUR.format("I")}; echo "%IP% knocked" | mail -s "knock from %IP%" root', FOUR.format("D")),
    "banned": ("iptables -I INPUT -s %IP% -j DROP", "iptables -D INPUT -s %IP% -j DROP"),
    "ufw": (f"/usr/sbin/ufw allow {SSH}", f"/usr/sbin/ufw delete allow {SSH}"),
    "ufw, protocol": (f"ufw allow {TCP}", f"ufw --force delete allow {TCP}"),
    "ufw, comment": ("ufw insert 1 allow from %IP% comment 'knock'", "ufw delete allow from %IP%"),
    "ufw, profile": ("ufw allow from %IP% to any app SSH", "ufw delete allow from %IP% to any app SSH"),
    "ipset": ("ipset -exist add knock %IP% timeout 3600", "ipset del knock %IP%"),
    "nft, timeout": ("nft add element inet filter knocked { %IP% timeout 30m }", None),
    "nft": ("nft 'add element inet filter ssh { %IP% }'", "nft delete element inet filter ssh { %IP% }"),
    "nft, rule": (
        "nft insert rule inet filter input ip saddr %IP% tcp dport 22 accept",
        f"nft delete rule inet filter input handle {HANDLE}",
    ),
    "firewalld": (f"firewall-cmd --add-rich-rule={RICH} --timeout=60", None),
    "firewalld, zone": (
        "firewall-cmd --zone=a --add-source=%IP%",
        "firewall-cmd --zone=a --remove-source=%IP%",
    ),
    "script": ("/usr/local/bin/knock open %IP% >> /var/log/knock 2>&1", "/usr/local/bin/knock close %IP%"),
    "service": ("systemctl start ssh", "service ssh stop"),
    "docker": ("/usr/bin/docker start vpn > /dev/null 2>&1", "docker stop vpn"),
    "wake on LAN": ("/usr/sbin/etherwake -i br-lan 00:00:5e:00:53:01", None),
    "OpenWrt": ("uci set firewall.@rule[9].enabled=1; uci commit; /etc/init.d/firewall restart", None),
    "hosts.allow": ('echo "sshd: %IP%" >> /etc/hosts.allow', "sed -i '/sshd: %IP%$/d' /etc/hosts.allow"),
    "route": ("ip route add %IP%/32 via 10.0.0.1", "ip route del %IP%/32"),
    "date": ('echo "$(date +%Y-%m-%d_%H%M%S) %IP%" >> /var/log/knocks', None),
    "message": ('curl -s "https://chat.example/send?text=%D0%BA%20from%20%IP%" > /dev/null', None),
    "reboot": ("/sbin/shutdown -r now", None),
}


@pytest.mark.parametrize("name", GOOD)
def test_what_works_has_no_warning(name: str) -> None:
    """In one door with start and stop command, and in two doors, one that opens and one that closes."""
    start, stop = GOOD[name]
    one = door("1", name="a", start_command=start, stop_command=stop)
    two = [door("1", name="open", start_command=start), door("2", name="close", start_command=stop)]
    assert [] == [note.message for note in find_command_notes([one, *two])]


@pytest.mark.parametrize(
    ("start", "stop"),
    [
        ("iptables -I INPUT -p tcp --dport 22 -j ACCEPT", "iptables -D INPUT -p tcp --dport 22 -j ACCEPT"),
        ("iptables -D INPUT -p tcp --dport 22 -j DROP", "iptables -A INPUT -p tcp --dport 22 -j DROP"),
        ("iptables -P INPUT ACCEPT", "iptables -P INPUT DROP"),
        ("ufw allow 22", "ufw deny 22"),
        ("ufw allow ssh", "ufw delete allow ssh"),
        ("ufw disable", "ufw enable"),
        ("firewall-cmd --add-service=ssh", "firewall-cmd --remove-service=ssh"),
        ("systemctl stop nftables", "systemctl start nftables"),
    ],
)
def test_who_opens_for_everybody_is_told_once(start: str, stop: str) -> None:
    """The command that opens is named, the one that closes is not."""
    one = door("1", name="a", start_command=start, stop_command=stop)
    (note,) = find_command_notes([one])
    assert "opens for everybody" in note.message
    assert [] == list(find_command_notes([door("1", name="close", start_command=stop)]))
