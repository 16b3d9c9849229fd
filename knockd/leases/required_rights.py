"""What well-known commands need, so that the log can say why one cannot work here.

Pure.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Iterator, Mapping

from knockd.log.logger import Log
from knockd.process.capabilities import Rights
from knockd_conf.model import Door

ROOT = "the user root"
"""What stands beside capabilities for tools that ask for root by name or write root's files."""

_NET = ("CAP_NET_ADMIN",)
_AS = ("CAP_SETUID", "CAP_SETGID")
_LEGACY = (ROOT, "CAP_NET_ADMIN", "CAP_NET_RAW")
_NEEDS: Mapping[str, tuple[str, ...]] = {
    "iptables": _NET,
    "ip6tables": _NET,
    "iptables-nft": _NET,
    "ip6tables-nft": _NET,
    # A lock file in /run, and a raw socket to read and write rules by.
    "iptables-legacy": _LEGACY,
    "ip6tables-legacy": _LEGACY,
    "nft": _NET,
    "ipset": _NET,
    "ip": _NET,
    "tc": _NET,
    "conntrack": _NET,
    "ufw": (ROOT, *_NET),
    "fw3": (ROOT, *_NET),
    "fw4": (ROOT, *_NET),
    # These ask another service, which wants to know who asks.
    "firewall-cmd": (ROOT,),
    "systemctl": (ROOT,),
    "service": (ROOT,),
    "rc-service": (ROOT,),
    "etherwake": ("CAP_NET_RAW",),
    "modprobe": (ROOT, "CAP_SYS_MODULE"),
    "mount": (ROOT, "CAP_SYS_ADMIN"),
    "umount": (ROOT, "CAP_SYS_ADMIN"),
    "sudo": _AS,
    "su": _AS,
    "runuser": _AS,
    "setpriv": _AS,
}

_SEPARATORS = frozenset("();|&")
_KEYWORDS = frozenset({"if", "then", "else", "elif", "do", "while", "until", "!", "{", "}"})
_WRAPPERS = frozenset({"exec", "command", "env", "nice", "nohup", "time"})
"""Words that run the words after them."""


class RequiredRights:
    """Compares what the commands of doors need with what they ``have``, and logs what they lack."""

    def __init__(self, log: Log, have: Rights) -> None:
        self._log = log
        self._have = have

    def check_doors(self, doors: Iterable[Door]) -> None:
        """Logs every tool in the commands of a door that cannot work, once for each door."""
        for door in doors:
            lines = door.commands()
            missing = dict(pair for line in lines if line for pair in lacking(line, self._have))
            self._warn(door.name, missing.items())

    def explain_failure(self, door: str, line: str) -> None:
        """Logs why a command has failed, where that is for lack of a right."""
        self._warn(door, lacking(line, self._have))

    def _warn(self, door: str, missing: Iterable[tuple[str, str]]) -> None:
        for tool, rights in missing:
            self._log("command-rights", door=door, command=tool, rights=rights)


def lacking(line: str, have: Rights) -> Iterator[tuple[str, str]]:
    """The known tools that a command line runs without enough rights: (tool, what it lacks), each once."""
    seen = set()
    for tool in _tools(line):
        missing = [need for need in _NEEDS[tool] if not _has(have, need)]
        if missing and tool not in seen:
            seen.add(tool)
            yield tool, " and ".join(missing)


def _has(have: Rights, need: str) -> bool:
    return have.root if need == ROOT else need in have.capabilities


def _tools(line: str) -> Iterator[str]:
    """The known tools among the words that a shell would take for programs."""
    expected = True
    for word in _words(line):
        if word and _SEPARATORS.issuperset(word):
            expected = True
        elif expected and "=" not in word and word not in _KEYWORDS and word not in _WRAPPERS:
            expected = False
            tool = word.rsplit("/", 1)[-1]
            if tool in _NEEDS:
                yield tool


def _words(line: str) -> list[str]:
    lexer = shlex.shlex(line, posix=True, punctuation_chars=True)
    lexer.whitespace_split = True
    try:
        return list(lexer)
    except ValueError:  # a quotation without its end, which the shell will complain of
        return line.split()
