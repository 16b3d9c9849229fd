"""OpenWrt's firewall as fw4 prints it: the ruleset of its default configuration, and what sets and rules add.

Taken from what firewall4 expects in its own tests (01_ruleset, 01_declaration, 02_usage).
"""

from __future__ import annotations

import re
from typing import NamedTuple

RULESET = """
table inet fw4
flush table inet fw4

table inet fw4 {
SETS
	define lan_devices = { "br-lan" }
	define wan_devices = { "WAN" }

	chain input {
		type filter hook input priority filter; policy drop;
		iif "lo" accept comment "!fw4: Accept traffic from loopback"
		ct state vmap { established : accept, related : accept } comment "!fw4: Handle inbound flows"
		tcp flags & (fin | syn | rst | ack) == syn jump syn_flood comment "!fw4: Rate limit TCP syn packets"
		iifname "br-lan" jump input_lan comment "!fw4: Handle lan IPv4/IPv6 input traffic"
		iifname "WAN" jump input_wan comment "!fw4: Handle wan IPv4/IPv6 input traffic"
		jump handle_reject
	}

	chain forward {
		type filter hook forward priority filter; policy drop;
		ct state vmap { established : accept, related : accept } comment "!fw4: Handle forwarded flows"
		iifname "br-lan" jump forward_lan comment "!fw4: Handle lan IPv4/IPv6 forward traffic"
		iifname "WAN" jump forward_wan comment "!fw4: Handle wan IPv4/IPv6 forward traffic"
		jump handle_reject
	}

	chain output {
		type filter hook output priority filter; policy accept;
		oif "lo" accept comment "!fw4: Accept traffic towards loopback"
		ct state vmap { established : accept, related : accept } comment "!fw4: Handle outbound flows"
		oifname "br-lan" jump output_lan comment "!fw4: Handle lan IPv4/IPv6 output traffic"
		oifname "WAN" jump output_wan comment "!fw4: Handle wan IPv4/IPv6 output traffic"
	}

	chain handle_reject {
		meta l4proto tcp reject with tcp reset comment "!fw4: Reject TCP traffic"
		reject with icmpx type port-unreachable comment "!fw4: Reject any other traffic"
	}

	chain syn_flood {
		limit rate 25/second burst 50 packets return comment "!fw4: Accept SYN packets below rate-limit"
		drop comment "!fw4: Drop excess packets"
	}

	chain input_lan {
		jump accept_from_lan
	}

	chain output_lan {
		jump accept_to_lan
	}

	chain forward_lan {
		jump accept_to_wan comment "!fw4: Accept lan to wan forwarding"
		jump accept_to_lan
	}

	chain accept_from_lan {
		iifname "br-lan" counter accept comment "!fw4: accept lan IPv4/IPv6 traffic"
	}

	chain accept_to_lan {
		oifname "br-lan" counter accept comment "!fw4: accept lan IPv4/IPv6 traffic"
	}

	chain input_wan {
		meta nfproto ipv4 udp dport 68 counter accept comment "!fw4: Allow-DHCP-Renew"
		meta nfproto ipv4 icmp type 8 counter accept comment "!fw4: Allow-Ping"
		meta nfproto ipv4 meta l4proto igmp counter accept comment "!fw4: Allow-IGMP"
		meta nfproto ipv6 udp dport 546 counter accept comment "!fw4: Allow-DHCPv6"
		ip6 saddr fe80::/10 icmpv6 type . icmpv6 code { 130 . 0, 131 . 0, 132 . 0, 143 . 0 } counter accept comment "!fw4: Allow-MLD"
		meta nfproto ipv6 icmpv6 type { 128, 129, 1, 3, 133, 134 } limit rate 1000/second counter accept comment "!fw4: Allow-ICMPv6-Input"
		meta nfproto ipv6 icmpv6 type . icmpv6 code { 2 . 0, 4 . 0, 4 . 1, 135 . 0, 136 . 0 } limit rate 1000/second counter accept comment "!fw4: Allow-ICMPv6-Input"
RULES
		jump reject_from_wan
	}

	chain output_wan {
		jump accept_to_wan
	}

	chain forward_wan {
		meta l4proto esp counter jump accept_to_lan comment "!fw4: Allow-IPSec-ESP"
		udp dport 500 counter jump accept_to_lan comment "!fw4: Allow-ISAKMP"
		jump reject_to_wan
	}

	chain accept_to_wan {
		meta nfproto ipv4 oifname "WAN" ct state invalid counter drop comment "!fw4: Prevent NAT leakage"
		oifname "WAN" counter accept comment "!fw4: accept wan IPv4/IPv6 traffic"
	}

	chain reject_from_wan {
		iifname "WAN" counter jump handle_reject comment "!fw4: reject wan IPv4/IPv6 traffic"
	}

	chain reject_to_wan {
		oifname "WAN" counter jump handle_reject comment "!fw4: reject wan IPv4/IPv6 traffic"
	}

	chain srcnat {
		type nat hook postrouting priority srcnat; policy accept;
		oifname "WAN" jump srcnat_wan comment "!fw4: Handle wan IPv4/IPv6 srcnat traffic"
	}

	chain srcnat_wan {
		meta nfproto ipv4 masquerade comment "!fw4: Masquerade IPv4 wan traffic"
	}
}
"""  # noqa: E501 - as it is printed
"""SETS and RULES are what a configuration adds; WAN is the device of the zone wan."""


class Section(NamedTuple):
    """A section of a file in /etc/config."""

    kind: str
    options: dict[str, str]


def read_uci(text: str) -> list[Section]:
    """The sections of a file in /etc/config; a list is an option with its last value."""
    sections: list[Section] = []
    for line in filter(None, map(str.strip, text.splitlines())):
        if line.startswith("config "):
            sections.append(Section(line.split()[1], {}))
            continue
        found = re.fullmatch(r"(?:option|list) (\w+) '([^']*)'", line)
        if found is None:
            raise ValueError(f"not a line of /etc/config: {line!r}")
        sections[-1].options[found[1]] = found[2]
    return sections


def print_fw4(uci: str, wan: str) -> str:
    """What ``fw4 print`` prints when ``uci`` stands at the end of its default configuration.

    Knows sets of source addresses, and rules of the zone wan that accept a TCP port for such a set.
    """
    sections = read_uci(uci)
    sets = [_print_set(one.options) for one in sections if one.kind == "ipset"]
    rules = [_print_rule(one.options) for one in sections if one.kind == "rule"]
    printed = RULESET.replace("SETS", "\n".join(sets)).replace("RULES", "\n".join(rules))
    return printed.replace("WAN", wan)


def _print_set(options: dict[str, str]) -> str:
    assert options["match"] == "src_ip"
    kind = {"ipv4": "ipv4_addr", "ipv6": "ipv6_addr"}[options["family"]]
    lines = (f"type {kind}", f"timeout {options['timeout']}s", "flags timeout")
    return f"\tset {options['name']} {{\n" + "".join(f"\t\t{line}\n" for line in lines) + "\t}\n"


def _print_rule(options: dict[str, str]) -> str:
    assert (options["src"], options["proto"], options["target"]) == ("wan", "tcp", "ACCEPT")
    protocol = {"ipv4": "ip", "ipv6": "ip6"}[options["family"]]
    return (
        f"\t\tmeta nfproto {options['family']} tcp dport {options['dest_port']} {protocol} saddr "
        f'@{options["ipset"]} counter accept comment "!fw4: {options["name"]}"'
    )
