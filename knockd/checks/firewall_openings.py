"""Whether a command of a firewall tool lets everybody in, judged by what it does.

Pure.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from knockd_conf.firewall_tools import IPTABLES, read_elements, read_long_options, split_nft
from knockd_conf.iptables_words import Rule, parse_rule
from knockd_conf.shell_words import SimpleCommand


def find_opening(command: SimpleCommand) -> str | None:
    """What to write instead when a command lets everybody in, whoever has knocked; else None."""
    judge = _OPENINGS.get(command.program)
    return judge(command.words) if judge is not None else None


_ANYWHERE = frozenset({"", "any", "0/0", "0.0.0.0/0", "::/0", "anywhere"})
_MATCHES = frozenset({"set", "recent", "mac", "owner", "geoip", "policy", "iprange", "string", "mark"})
"""Modules of iptables that choose packets otherwise than by a plain -s."""


def _open_iptables(words: Sequence[str]) -> str | None:
    rule = parse_rule(words)
    target = rule.value("-j")
    outward = rule.chain in ("OUTPUT", "POSTROUTING")
    if rule.command == "-P" and target == "ACCEPT" and not outward:
        return "leave the policy as it is and insert a rule with -s %IP%"
    if outward or _is_narrow(rule):
        return None
    if rule.command in ("-A", "-I", "-R") and target in ("ACCEPT", "DNAT", "REDIRECT"):
        return "add -s %IP%"
    if rule.command == "-D" and target in ("DROP", "REJECT") and rule.chain:
        return "leave that rule as it is and insert one with -s %IP% -j ACCEPT in front of it"
    return None


def _is_narrow(rule: Rule) -> bool:
    """Whether a rule is for some sources only, or for connections that there are already."""
    options = dict(rule.options)
    states = options.get("--ctstate", options.get("--state"))
    return (
        options.get("-s", "") not in _ANYWHERE
        or options.get("-i") == "lo"
        or any(option in ("! -s", "--src-range") for option in options)
        or any(option == "-m" and value in _MATCHES for option, value in rule.options)
        or (states is not None and "NEW" not in states)
    )


def _open_nft(words: Sequence[str]) -> str | None:
    for command in split_nft(words) or ():
        verb, kind = (*command, "", "")[:2]
        if command[:2] == ["flush", "ruleset"]:
            return "add one rule or element for %IP%"
        if verb not in ("add", "insert", "create", "replace"):
            continue
        if kind == "rule" and not any(word in ("saddr", "lo") or word[0] == "@" for word in command):
            established = "state" in command and "new" not in command
            if not established and any(word in ("accept", "dnat", "redirect") for word in command):
                return "add ip saddr %IP% (and ip6 saddr %IP% in Start_Command_6)"
        elements = [element for _, _, element in read_elements(command)] if kind == "element" else []
        if elements and not _DENIES.search(" ".join(command[2:5])) and all(map(_PORTS.fullmatch, elements)):
            return "add %IP% to a set of addresses"
    return None


_PORTS = re.compile(r"\d+(-\d+)?|[a-z][a-z-]*")
_DENIES = re.compile(r"(?i)block|ban|deny|drop|reject|black|bad|abus|dos\b")


def _open_ufw(words: Sequence[str]) -> str | None:
    rest = [word for word in words[1:] if word not in ("--force", "rule", "route", "prepend")]
    if rest[:1] == ["insert"]:
        rest = rest[2:]
    if rest[:1] == ["disable"] or (rest[:2] == ["default", "allow"] and "outgoing" not in rest):
        return "ufw allow from %IP%"
    if rest[:1] not in (["allow"], ["limit"]) or "out" in rest or len(rest) < 2:
        return None
    source = rest[rest.index("from") + 1 :][:1] if "from" in rest else []
    return None if source and source[0] not in _ANYWHERE else "write 'from %IP% to any port ...'"


_ZONES = frozenset({"block", "dmz", "drop", "external", "home", "internal", "nm-shared", "public", "work"})


def _open_firewall_cmd(words: Sequence[str]) -> str | None:
    cure = 'write a rich rule with source address="%IP%"'
    if "--panic-off" in words:
        return cure
    options = list(read_long_options(words))
    everywhere = all(value in _ZONES for name, value in options if name == "--zone")
    for name, value in options:
        if name in ("--add-port", "--add-service", "--add-forward-port", "--add-protocol") and everywhere:
            return cure
        if name == "--add-rich-rule" and "accept" in value and not re.search(r"\bsource\b", value):
            return cure
        if name == "--set-target" and value == "ACCEPT":
            return cure
    if "--add-rule" in words and "--direct" in words:
        at = words.index("--add-rule")  # ipv4 TABLE CHAIN PRIORITY RULE
        return _open_iptables(["iptables", "-A", *words[at + 3 : at + 4], *words[at + 5 :]])
    return None


def _open_ipset(words: Sequence[str]) -> str | None:
    verb, name, entry = (*(word for word in words[1:] if word not in ("-exist", "-!")), "", "", "")[:3]
    if verb not in ("add", "-A") or _DENIES.search(name):
        return None
    return "write %IP%" if entry in _ANYWHERE - {""} or re.fullmatch(r"(tcp:|udp:)?[\d-]+", entry) else None


def _open_service(words: Sequence[str]) -> str | None:
    if "stop" in words and any(_FIREWALL.fullmatch(word) for word in words):
        return "leave it running and add one rule for %IP%"
    return None


_FIREWALL = re.compile(r"(ufw|firewalld|nftables|iptables|ip6tables|netfilter-persistent)(\.service)?")

_OPENINGS: dict[str, Callable[[Sequence[str]], str | None]] = {
    **dict.fromkeys(IPTABLES, _open_iptables),
    **dict.fromkeys(("systemctl", "service", "rc-service"), _open_service),
    "nft": _open_nft,
    "ufw": _open_ufw,
    "firewall-cmd": _open_firewall_cmd,
    "ipset": _open_ipset,
}
