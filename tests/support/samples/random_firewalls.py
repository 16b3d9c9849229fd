"""Random firewalls of iptables and nftables, from a seed, with chains that jump to each other."""

from __future__ import annotations

import random
from collections.abc import Iterator

IPTABLES = (
    *("", "-p tcp", "-p udp", "! -p tcp", "-p icmp", "-p tcp --syn", "-p tcp ! --syn"),
    *("-p tcp --dport 22", "-p tcp --dport 20:25", "-p tcp ! --dport 22", "-p tcp --sport 1024:65535"),
    *("-p tcp --sport 1:1023", "-p tcp -m multiport --dports 22,80", "-p tcp -m multiport ! --dports 22,80"),
    *("-p tcp --tcp-flags SYN,RST SYN,RST", "-s 203.0.113.0/24", "! -s 203.0.113.0/24"),
    *("-d 10.7.0.0/24", "! -d 10.7.0.1", "-d 224.0.0.0/4", "-i eth0", "! -i eth0", "-i lo", "-i eth+"),
    *("-m conntrack --ctstate NEW", "-m conntrack ! --ctstate NEW", "-m conntrack --ctstate INVALID"),
    *("-m conntrack --ctstate ESTABLISHED", "-m conntrack --ctstatus DNAT", "-m mark --mark 7"),
    *("-m addrtype --dst-type LOCAL", "-m addrtype ! --dst-type LOCAL", "-m addrtype --dst-type BROADCAST"),
    *("-m limit --limit 100/sec --limit-burst 200", "-m comment --comment '-j DROP'"),
)
TARGETS = ("ACCEPT", "DROP", "REJECT", "RETURN", "LOG", "one", "two")

NFT = (
    *("", "tcp dport 22", "tcp dport != 22", "tcp dport { 22, 80 }", "tcp dport != { 22, 80 }"),
    *("tcp dport 20-25", "tcp dport > 22", "tcp dport <= 22", "udp dport 22", "th dport 22"),
    *("tcp dport @ports", "tcp dport != @ports", "tcp sport 1024-65535", "tcp sport < 1024"),
    *("meta l4proto tcp", "meta l4proto != tcp", "meta l4proto { tcp, udp }", "ip protocol icmp"),
    *("ip saddr 203.0.113.0/24", "ip saddr != 203.0.113.0/24", "ip saddr @friends", "ip saddr != @friends"),
    *("ip daddr 10.7.0.1", "ip daddr != 10.7.0.0/24", "ip daddr 224.0.0.0/4", "ip6 saddr ::/0"),
    *("meta nfproto ipv4", "meta nfproto ipv6", "iif lo", "iifname eth0", "iifname != eth0"),
    *('iifname { "eth*", "ppp0" }', "ct state new", "ct state { established, related }", "ct state != new"),
    *("ct state invalid", "ct status dnat", "tcp flags syn", "tcp flags & (fin|syn|rst|ack) == syn"),
    *("tcp flags & (fin|syn|rst|ack) != syn", "fib daddr type local", "fib daddr type != local"),
    *("fib daddr type { broadcast, multicast }", "fib saddr . iif oif missing", "limit rate 100/second"),
    *("limit rate over 100/second burst 200 packets", "icmp type echo-request", "meta pkttype host"),
    *("meta pkttype != host", "meta mark 7", "ip saddr . tcp dport @pairs", "meta protocol ip"),
)
VERDICTS = (
    *("accept", "drop", "reject", "return", "counter", "log", "jump one", "jump two", "goto one"),
    "ct state vmap { new : accept, established : drop }",
    "tcp dport vmap { 22 : jump one, 80 : drop }",
    "tcp dport vmap { 22 : drop }",
    "ip saddr vmap { 203.0.113.0/24 : accept }",
    'iifname vmap { "eth0" : jump two, "lo" : accept }',
    "ct state . tcp dport vmap { new . 22 : accept, established . 22 : accept }",
)
MOST_RULES = 6

TABLE = """table inet f {
  set friends { type ipv4_addr; elements = { 203.0.113.7 }; }
  set ports { type inet_service; elements = { 22, 443 }; }
  set pairs { type ipv4_addr . inet_service; }
  chain two { }
  chain one { }
  chain input { type filter hook input priority filter; policy POLICY; }
}
"""


def make_iptables(seed: int) -> Iterator[str]:
    """Yields commands; not each of them is one that iptables takes."""
    chosen = random.Random(seed)
    yield from ("iptables -N two", "iptables -N one")
    for chain, never in (("two", ("one", "two")), ("one", ("one",)), ("INPUT", ())):
        for _ in range(chosen.randint(1, MOST_RULES)):
            target = chosen.choice([one for one in TARGETS if one not in never])
            verb = "-g" if target in ("one", "two") and chosen.random() < 0.3 else "-j"
            yield f"iptables -A {chain} {_match(chosen, IPTABLES)} {verb} {target}"
    yield f"iptables -P INPUT {chosen.choice(['ACCEPT', 'DROP'])}"


def make_nft(seed: int) -> Iterator[str]:
    """Yields the commands of nft that follow TABLE; not each of them is one that it takes."""
    chosen = random.Random(seed)
    for chain, never in (("two", ("one", "two")), ("one", ("one",)), ("input", ())):
        for _ in range(chosen.randint(1, MOST_RULES)):
            verdict = chosen.choice([one for one in VERDICTS if not any(name in one for name in never)])
            yield f"nft add rule inet f {chain} '{_match(chosen, NFT)} {verdict}'"


def _match(chosen: random.Random, matches: tuple[str, ...]) -> str:
    """One match, or two."""
    return f"{chosen.choice(matches)} {chosen.choice(matches) if chosen.random() < 0.4 else ''}".strip()
