"""Firewalls as nft, iptables and ufw have really printed them, and how they were recorded.

``python -m tests.support.lab.enter python -m tests.support.samples.firewalls`` records them anew.
"""

from __future__ import annotations

from pathlib import Path

from knockd.doctor.iptables_filter import read_iptables_rules
from knockd.doctor.nft_filter import read_nft_rules, read_rule_texts
from knockd.doctor.rulesets import Ruleset, merge_rulesets
from tests.support.lab.hosts import Host, Lab
from tests.support.samples.printed import example

FOLDER = Path(__file__).with_name("recorded_firewalls")

PRINTERS = {
    "nft.json": ("nft", "-j", "list", "ruleset"),
    "nft.txt": ("nft", "-t", "-a", "list", "ruleset"),
    "iptables.txt": ("iptables-save",),
    "ip6tables.txt": ("ip6tables-save",),
    "legacy.txt": ("iptables-legacy-save",),
    "ufw.txt": ("ufw", "status"),
}
"""File and the command that prints it."""

KEPT = "-A {} -m conntrack --ctstate ESTABLISHED,RELATED -j ACCEPT"

NFT = """
table inet filter {
  set ports { type inet_service; elements = { 22, 8022 }; }
  set friends { type ipv4_addr; flags interval; elements = { 203.0.113.0/24 }; }
  set knocked { type ipv4_addr . inet_service; flags timeout; }
  chain input {
    type filter hook input priority filter; policy drop;
    ct state vmap { established : accept, related : accept, invalid : drop }
    iif lo accept
    iifname { "eth0", "ppp*" } tcp flags & (fin|syn|rst|ack) != syn ct state new drop
    tcp flags syn limit rate over 1000/second drop
    ip protocol icmp accept
    icmpv6 type { nd-neighbor-solicit, nd-router-advert } accept
    ip saddr @friends tcp dport @ports accept
    ip saddr . tcp dport @knocked accept
    tcp dport vmap { 80 : accept, 8080 : jump web, 9000-9010 : drop }
    udp dport > 60000 accept
    ip daddr 224.0.0.0/4 accept
    fib daddr type broadcast drop
    ct status dnat accept
    meta mark 7 accept
    ip saddr != { 10.0.0.0/8, 192.0.2.1 } tcp dport 7000 log prefix "x" drop
  }
  chain web { limit rate 10/second accept; meta nfproto ipv6 return; drop; }
  chain output { type filter hook output priority filter; policy accept; }
}
"""

SETS = {
    "open": ("sh", "true", ("nft.json", "nft.txt")),
    "nft-rich": ("nft", NFT, ("nft.json", "nft.txt")),
    "legacy": (
        "sh",
        f"iptables-legacy {KEPT.format('INPUT')}; iptables-legacy -A INPUT -s 203.0.113.7 -j ACCEPT;"
        " iptables-legacy -P INPUT DROP",
        ("legacy.txt",),
    ),
    "iptables-rich": (
        "sh",
        "iptables -N doors; iptables -N log-drop;"
        ' iptables -A log-drop -m limit --limit 5/min -j LOG --log-prefix "a \\"b\\" ";'
        " iptables -A log-drop -j DROP;"
        " iptables -A INPUT -i lo -j ACCEPT;"
        " iptables -A INPUT -p tcp ! --syn -m conntrack --ctstate NEW -j DROP;"
        f" iptables {KEPT.format('INPUT')};"
        " iptables -A INPUT -p icmp --icmp-type echo-request -j ACCEPT;"
        " iptables -A INPUT -m addrtype --dst-type BROADCAST -j DROP;"
        " iptables -A INPUT -p tcp -m multiport --dports 80,443,8000:8010"
        " -m comment --comment 'the web' -j ACCEPT;"
        " iptables -A INPUT -j doors; iptables -A INPUT -s 192.0.2.0/24 -j ACCEPT;"
        " iptables -A INPUT -p tcp -g log-drop; iptables -P INPUT DROP;"
        " iptables -t nat -A PREROUTING -i eth0 -p tcp --dport 2222 -j DNAT --to-destination 192.168.1.10:22",
        ("iptables.txt",),
    ),
    "ufw": ("ufw", "ufw default deny incoming; ufw --force enable; ufw deny 22; ufw allow 80/tcp", ()),
    "ufw-off": ("ufw", "true", ("ufw.txt",)),
}
"""By its name: who sets a firewall up, how, and which programs are asked (of ufw: all but nft)."""


def load_ruleset(name: str) -> Ruleset:
    """A recorded firewall as the doctor reads it."""
    parts: list[Ruleset] = []
    if text := load_text(name, "nft.json"):
        parts.append(read_nft_rules(text, read_rule_texts(load_text(name, "nft.txt"))))
    parts += (
        read_iptables_rules(load_text(name, file), family, kind)
        for file, family, kind in (
            ("iptables.txt", "ip", ""),
            ("ip6tables.txt", "ip6", ""),
            ("legacy.txt", "ip", "legacy "),
        )
    )
    return merge_rulesets(parts)


def load_text(name: str, file: str) -> str:
    """What a program has printed of a recorded firewall, empty when it was not asked."""
    path = FOLDER / f"{name}-{file}"
    return path.read_text() if path.exists() else ""


def record_all() -> None:
    """Records every firewall, those of the examples too, on hosts of their own."""
    for name in ("nftables", "iptables", "router", "router-nat", "fleet"):
        lines = [line[2:] for line in example(name).splitlines() if line.startswith("#\t")]
        tool = "nft" if lines[0].startswith("table") else "sh"
        files: tuple[str, ...] = (
            ("nft.json", "nft.txt") if tool == "nft" else ("iptables.txt", "ip6tables.txt")
        )
        _record(f"example-{name}", tool, "\n".join(lines) + "\n", files)
    for name, (tool, text, files) in SETS.items():
        _record(name, tool, text, files or ("iptables.txt", "ip6tables.txt", "ufw.txt"))


def _record(name: str, tool: str, text: str, files: tuple[str, ...]) -> None:
    with Lab() as lab:
        host = lab.host("recorded")
        if tool == "nft":
            host.run("nft", "-f", "-", stdin=text)
        elif tool == "ufw":
            record_with_ufw(host, name, text, files)
            return
        else:
            host.run("sh", "-e", stdin=text)
        for file in files:
            (FOLDER / f"{name}-{file}").write_text(host.run(*PRINTERS[file]).rstrip() + "\n")


PRIVATE_UFW = (
    "cp -a /etc/ufw /run/ufw-copy && mount -t tmpfs -o mode=755 tmpfs /etc/ufw"
    " && cp -a /run/ufw-copy/. /etc/ufw && rm -r /run/ufw-copy;"
)
"""First commands behind ``unshare -m``: what ufw writes stays with the test."""


def record_with_ufw(host: Host, name: str, text: str, files: tuple[str, ...]) -> None:
    """Records a firewall of ufw, whose files are its own."""
    for file in files:
        printed = host.run(
            "unshare",
            "-m",
            "sh",
            "-ec",
            f"{PRIVATE_UFW} ({text}) > /dev/null 2>&1; {' '.join(PRINTERS[file])}",
        )
        (FOLDER / f"{name}-{file}").write_text(printed.rstrip() + "\n")


if __name__ == "__main__":
    record_all()
