"""The words of firewall tools, and for which IP version of a knocker their commands work.

Pure.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from typing import Final, Literal

from knockd_conf.iptables_words import parse_rule
from knockd_conf.shell_words import SimpleCommand

Version = Literal[4, 6]

KNOCKER: Final = re.compile(r"%(?:IP|NET)%|\$KNOCKD_(?:IP|NET)\b|\$\{KNOCKD_(?:IP|NET)\}")
"""The knocker's address, or the network around it, as commands name them."""

NETWORK: Final = re.compile(r"%NET%|\$KNOCKD_NET\b|\$\{KNOCKD_NET\}")
"""The knocker's network."""

FAMILIES: Final = frozenset({"ip", "ip6", "inet", "arp", "bridge", "netdev"})
"""Families of nftables' tables."""

IPTABLES: Final = tuple(
    f"{name}{kind}" for name in ("iptables", "ip6tables") for kind in ("", "-nft", "-legacy")
)

_KNOCKER_NET = re.compile(rf"(?:{KNOCKER.pattern})(?:/[\d.]+)?")
_SYSTEM = frozenset({"", "/bin", "/sbin", "/usr/bin", "/usr/sbin", "/usr/local/bin", "/usr/local/sbin"})
_IPV4 = re.compile(r"(?:\d{1,3}\.){3}\d{1,3}(?:/\d+)?")


def find_version(command: SimpleCommand) -> Version | None:
    """The only IP version of a knocker for whom the command can work; None: it may serve both.

    Nothing is known of other programs: None. A command without the knocker's address serves both:
    whoever knocks, it does the same.
    """
    directory = command.words[0].rpartition("/")[0]
    judge = _TOOLS.get(command.program) if directory in _SYSTEM else None
    return judge(command.words) if judge is not None else None


def _iptables(words: Sequence[str]) -> Version | None:
    six = words[0].rpartition("/")[2].startswith("ip6")
    if not _matches_knocker(words):
        return None
    if any(word in (("-4", "--ipv4") if six else ("-6", "--ipv6")) for word in words):
        return None
    return 6 if six else 4


def _matches_knocker(words: Sequence[str]) -> bool:
    """Whether a rule of iptables has the knocker's address as source or destination."""
    values = [value for option, value in parse_rule(words).options if option[-2:] in ("-s", "-d")]
    return any(_KNOCKER_NET.fullmatch(part) for value in values for part in value.split(","))


def split_nft(words: Sequence[str]) -> list[list[str]] | None:
    """The commands that ``nft`` is given, each as its words; None when they are in a file."""
    at = 1
    while at < len(words) and words[at].startswith("-"):
        if re.fullmatch(r"-[a-zA-Z]*[fiDI][a-zA-Z]*|--(file|interactive|define|includepath).*", words[at]):
            return None
        at += 1
    commands: list[list[str]] = [[]]
    depth = 0
    for found in re.finditer(r'"[^"]*"?|[{};,\n]|[^\s{};,"]+', " ".join(words[at:])):
        depth += (found[0] == "{") - (found[0] == "}")
        if found[0] in ";\n" and depth <= 0:
            commands.append([])
        else:
            commands[-1].append(found[0])
    return [command for command in commands if command]


def read_elements(command: Sequence[str]) -> Iterator[tuple[str, str, str]]:
    """Family, table with set, and each element of ``add element`` and its like."""
    named = list(command[2:])
    family = named.pop(0) if named and named[0] in FAMILIES else "ip"
    where = " ".join(named[:2])
    element: list[str] = []
    ended = False
    for word in (*named[2:], ","):
        if word in ("{", "}", ","):
            if element:
                yield family, where, " ".join(element)
            element, ended = [], False
            continue
        ended = ended or word in ("timeout", "expires", "comment", "counter", ":")
        if not ended:
            element.append(word)


def read_long_options(words: Sequence[str]) -> Iterator[tuple[str, str]]:
    """The long options of a command with their values, empty where there is none."""
    for word, following in zip(words, (*words[1:], ""), strict=True):
        name, equals, value = word.partition("=")
        if name.startswith("--"):
            yield name, value if equals else "" if following.startswith("--") else following


def _nft(words: Sequence[str]) -> Version | None:
    versions = {_nft_version(command) for command in split_nft(words) or ()}
    return versions.pop() if len(versions) == 1 else None


def _nft_version(words: Sequence[str]) -> Version | None:
    named: set[Version] = set()
    for header, field, rest in zip(words, words[1:], _tails(words), strict=False):
        value = next((word for word in rest if word not in ("{", "!=", "==", "eq", "ne")), "")
        if header in ("ip", "ip6") and field in ("saddr", "daddr") and _KNOCKER_NET.fullmatch(value):
            named.add(6 if header == "ip6" else 4)
    if not named and words[1:2] == ["element"] and any(_KNOCKER_NET.fullmatch(word) for word in words):
        family = words[2] if words[2:3] and words[2] in FAMILIES else "ip"
        named = {4} if family == "ip" else {6} if family == "ip6" else set()
    return named.pop() if len(named) == 1 else None


def _tails(words: Sequence[str]) -> Iterator[Sequence[str]]:
    for at in range(len(words)):
        yield words[at + 2 : at + 5]


def _ufw(words: Sequence[str]) -> Version | None:
    follows = dict(pairwise(words))
    source, destination = follows.get("from", ""), follows.get("to", "")
    if not _KNOCKER_NET.fullmatch(source):
        return None
    return 4 if _IPV4.fullmatch(destination) else 6 if destination.count(":") > 1 else None


def _firewall_cmd(words: Sequence[str]) -> Version | None:
    versions: set[Version | None] = set()
    for word in words:
        if word.startswith(("--add-rich-rule=", "--remove-rich-rule=")):
            family = re.search(r"\bfamily=[\"']?ipv([46])\b", word)
            ours = re.search(rf"\baddress=[\"']?(?:{KNOCKER.pattern})", word) is not None
        elif word in ("--add-rule", "--remove-rule", "--passthrough"):
            family = re.search(r" ipv([46]) ", " ".join(words))
            ours = _matches_knocker(words)
        elif word.startswith(("--add-", "--remove-")):
            family, ours = None, False
        else:
            continue
        versions.add(None if family is None or not ours else 4 if family[1] == "4" else 6)
    return versions.pop() if len(versions) == 1 else None


_TOOLS: dict[str, Callable[[Sequence[str]], Version | None]] = {
    **{f"{name}{kind}": _iptables for name in ("iptables", "ip6tables") for kind in ("", "-nft", "-legacy")},
    "nft": _nft,
    "ufw": _ufw,
    "firewall-cmd": _firewall_cmd,
}
