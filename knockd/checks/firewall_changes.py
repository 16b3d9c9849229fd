"""What a command of a firewall tool adds and removes, so that a stop command can be held against its start.

Pure.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from knockd_conf.classes import NamedTuple
from knockd_conf.firewall_tools import IPTABLES, read_elements, read_long_options, split_nft
from knockd_conf.iptables_words import parse_rule
from knockd_conf.shell_words import SimpleCommand


class Change(NamedTuple):
    """Something that a command adds to a firewall or removes from it, written one way."""

    adds: bool
    tool: str
    where: str
    """The chain, set or zone."""
    what: frozenset[str]
    """The words of the rule, whatever their order."""

    @property
    def key(self) -> tuple[str, str, frozenset[str]]:
        """What adding and removing it have in common."""
        return self.tool, self.where, self.what


def find_changes(command: SimpleCommand) -> tuple[Change, ...] | None:
    """What a command adds and removes, in order; None: not known, as of rules that go by their number."""
    judge = _CHANGES.get(command.program)
    return judge(command.words) if judge is not None else None


def _change_iptables(words: Sequence[str]) -> tuple[Change, ...] | None:
    rule = parse_rule(words)
    if rule.command in ("-C", "-L", "-S"):
        return ()
    known = rule.command in ("-A", "-I") or (rule.command == "-D" and rule.options and not rule.number)
    if not known:
        return None
    where = rule.chain if rule.table == "filter" else f"{rule.table} {rule.chain}"
    return (Change(rule.command != "-D", words[0].rpartition("/")[2], where, rule.match()),)


def _change_nft(words: Sequence[str]) -> tuple[Change, ...] | None:
    changes: list[Change] = []
    for command in split_nft(words) or [[""]]:
        if command[1:2] != ["element"] or command[0] not in ("add", "create", "delete", "destroy"):
            return None
        adds = command[0] in ("add", "create")
        changes += (
            Change(adds, "nft", f"{family} {where}", frozenset({element}))
            for family, where, element in read_elements(command)
        )
    return tuple(changes)


def _change_ufw(words: Sequence[str]) -> tuple[Change, ...] | None:
    rest = [word for word in words[1:] if word not in ("--force", "prepend", "rule")]
    if rest[:1] == ["insert"]:
        rest = rest[2:]
    if rest[:1] == ["status"]:
        return ()
    adds = "delete" not in rest[:2]
    rest = [word for word in rest if word != "delete"]
    verbs = ("allow", "deny", "reject", "limit")
    if not rest or not (rest[0] in verbs or (rest[0] == "route" and rest[1:2] and rest[1] in verbs)):
        return None
    what: set[str] = set()
    side = ""
    at = 0
    while at < len(rest):
        word, following = rest[at], (*rest[at + 1 : at + 2], "")[0]
        if word in ("from", "to"):
            side = word
        if word in ("from", "to", "port", "app", "proto", "on"):
            of_side = side if word in ("port", "app") else ""
            if (word, following) not in (("from", "any"), ("to", "any")):
                what.add(f"{of_side} {word} {following.removesuffix('/32')}".strip())
            at += 2
        elif word == "comment":
            at += 2
        else:
            what.add(word)
            at += 1
    return (Change(adds, "ufw", "", frozenset(what - {"in"})),)


def _change_firewall_cmd(words: Sequence[str]) -> tuple[Change, ...] | None:
    changes: list[Change] = []
    zone = next((value for name, value in read_long_options(words) if name == "--zone"), "")
    where = f"{zone} permanent".strip() if "--permanent" in words else zone
    for name, value in read_long_options(words):
        for verb in ("--add-", "--remove-"):
            if name.startswith(verb) and name not in ("--add-rule", "--remove-rule", "--remove-rules"):
                what = frozenset({f"{name.removeprefix(verb)} {value}".strip()})
                changes.append(Change(verb == "--add-", "firewall-cmd", where, what))
    return tuple(changes) if changes or "--reload" in words else None


def _change_ipset(words: Sequence[str]) -> tuple[Change, ...] | None:
    verb, name, entry = (*(word for word in words[1:] if word not in ("-exist", "-!")), "", "", "")[:3]
    if verb not in ("add", "del") or not entry:
        return None
    return (Change(verb == "add", "ipset", name, frozenset({entry})),)


_CHANGES: dict[str, Callable[[Sequence[str]], tuple[Change, ...] | None]] = {
    **dict.fromkeys(IPTABLES, _change_iptables),
    "nft": _change_nft,
    "ufw": _change_ufw,
    "firewall-cmd": _change_firewall_cmd,
    "ipset": _change_ipset,
}
