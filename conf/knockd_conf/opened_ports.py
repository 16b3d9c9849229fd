"""Which ports a door's start commands open to the knocker, where that is certain.

Pure.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from typing import Final

from knockd_conf.command_words import SERVICES
from knockd_conf.firewall_tools import IPTABLES, split_nft
from knockd_conf.iptables_words import parse_rule
from knockd_conf.model import Service
from knockd_conf.protocol import MAX_PORT, Protocol
from knockd_conf.services import MAX_SERVICES
from knockd_conf.shell_words import HARMLESS, split_script

_PORTS: Final = re.compile(r"(\d{1,5})(?:[:-](\d{1,5}))?")
_TARGETS: Final = frozenset({"ACCEPT", "DNAT", "REDIRECT"})
_VERDICTS: Final = frozenset({"accept", "dnat", "redirect"})


def find_opened_ports(commands: Iterable[str]) -> tuple[Service, ...]:
    """The ports that the commands open, each once; none where anything of it is not certain."""
    found: list[Service] = []
    for text in commands:
        script = split_script(text)
        if not script.plain:
            return ()
        for command in script.commands:
            if command.program in HARMLESS and not command.written:
                continue
            judge = _TOOLS.get(command.program)
            opened = judge(command.words) if judge is not None else ()
            if not opened:
                return ()
            found += opened
    services = tuple(sorted(set(found)))
    return services if len(services) <= MAX_SERVICES else ()


def _make_services(protocols: Sequence[str], ports: Iterable[str]) -> tuple[Service, ...]:
    """Ports and ranges of these protocols; none where one of them is not understood."""
    if any(name.lower() not in ("tcp", "udp") for name in protocols):
        return ()
    found: list[Service] = []
    for part in ports:
        both = _parse_range(part)
        if both is None:
            return ()
        found += [Service(*both, Protocol[name.upper()]) for name in protocols]
    return tuple(found)


def _parse_range(text: str) -> tuple[int, int] | None:
    if text.lower() in SERVICES:
        return SERVICES[text.lower()], SERVICES[text.lower()]
    found = _PORTS.fullmatch(text)
    if found is None:
        return None
    low, high = int(found[1]), int(found[2] or found[1])
    return (low, high) if 0 < low <= high <= MAX_PORT else None


def _iptables(words: Sequence[str]) -> tuple[Service, ...]:
    rule = parse_rule(words)
    ports = rule.value("--dport") or rule.value("--dports")
    outward = rule.chain in ("OUTPUT", "POSTROUTING")
    if rule.command not in ("-A", "-I") or rule.value("-j") not in _TARGETS or outward or not ports:
        return ()
    return _make_services([rule.value("-p") or ""], ports.split(","))


def _nft(words: Sequence[str]) -> tuple[Service, ...]:
    found: list[Service] = []
    for command in split_nft(words) or ():
        if command[0] not in ("add", "insert") or command[1:2] != ["rule"] or _VERDICTS.isdisjoint(command):
            return ()
        at = [index for index, word in enumerate(command) if word == "dport"]
        if len(at) != 1:
            return ()
        opened = _make_services(command[at[0] - 1 : at[0]], _read_set(command[at[0] + 1 :]))
        if not opened:
            return ()
        found += opened
    return tuple(found)


def _read_set(words: Sequence[str]) -> list[str]:
    """The value that a match of nft is compared with: one word, or those between braces."""
    if words[:1] != ["{"]:
        return [*words[:1]]
    end = words.index("}") if "}" in words else len(words)
    return [word for word in words[1:end] if word != ","]


def _ufw(words: Sequence[str]) -> tuple[Service, ...]:
    rest = [word for word in words[1:] if word not in ("--force", "rule", "route", "prepend")]
    if rest[:1] == ["insert"]:
        rest = rest[2:]
    if rest[:1] not in (["allow"], ["limit"]) or "out" in rest or "to" not in rest or "from" not in rest:
        return ()
    behind = rest[rest.index("to") + 2 :]
    if "port" not in behind or rest.index("from") > rest.index("to"):
        return ()
    ports = behind[behind.index("port") + 1 :][:1]
    named = rest[rest.index("proto") + 1 :][:1] if "proto" in rest else ["tcp", "udp"]
    return _make_services(named, [part for text in ports for part in text.split(",")])


_RICH_PORT = re.compile(r"\bport\s+port=[\"']?([\d-]+)[\"']?\s+protocol=[\"']?(\w+)")


def _firewall_cmd(words: Sequence[str]) -> tuple[Service, ...]:
    found: list[Service] = []
    for word in words[1:]:
        name, _, rule = word.partition("=")
        if not name.startswith(("--add-", "--direct", "--passthrough", "--set-", "--panic", "--remove-")):
            continue
        port = _RICH_PORT.search(rule)
        if name != "--add-rich-rule" or port is None or not re.search(r"\baccept\b", rule):
            return ()
        opened = _make_services([port[2]], [port[1]])
        if not opened:
            return ()
        found += opened
    return tuple(found)


_TOOLS: Final[dict[str, Callable[[Sequence[str]], tuple[Service, ...]]]] = {
    **dict.fromkeys(IPTABLES, _iptables),
    "nft": _nft,
    "ufw": _ufw,
    "firewall-cmd": _firewall_cmd,
}
