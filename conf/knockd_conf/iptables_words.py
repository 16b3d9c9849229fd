"""The words of an iptables command to one command with the options of its rule, written one way.

Pure.
"""

from __future__ import annotations

from collections.abc import Sequence

from knockd_conf.classes import NamedTuple

_COMMANDS = {
    **{"--append": "-A", "--insert": "-I", "--delete": "-D", "--replace": "-R", "--policy": "-P"},
    **{"--flush": "-F", "--check": "-C", "--list": "-L", "--list-rules": "-S", "--new-chain": "-N"},
    **{"--delete-chain": "-X", "--rename-chain": "-E", "--zero": "-Z"},
}
_OPTIONS = {
    **{"--source": "-s", "--src": "-s", "--destination": "-d", "--dst": "-d", "--protocol": "-p"},
    **{"--proto": "-p", "--jump": "-j", "--goto": "-g", "--in-interface": "-i", "--out-interface": "-o"},
    **{"--match": "-m", "--table": "-t", "--destination-port": "--dport", "--source-port": "--sport"},
    **{"--destination-ports": "--dports", "--source-ports": "--sports"},
}
_NO_PART = frozenset({"-w", "-W", "-v", "-n", "-x", "-4", "-6", "--wait", "--verbose", "--ipv4", "--ipv6"})
"""Options that are no part of a rule."""

_LISTS = frozenset({"--state", "--ctstate", "--dports", "--sports", "-s", "-d"})


class Rule(NamedTuple):
    """One command of iptables: ``command`` is ``-A``, ``-I``, ``-D`` ..., empty when there is none."""

    command: str
    table: str
    chain: str
    number: bool
    """Whether a position in the chain is named."""
    options: tuple[tuple[str, str], ...]
    """Option and value in order, without those that say the same twice; ``!`` stands before the option."""

    def value(self, option: str) -> str | None:
        """The value of an option that is not negated, None when it is not there."""
        return dict(self.options).get(option)

    def match(self) -> frozenset[str]:
        """The rule, whatever the order of its options."""
        return frozenset(f"{option} {value}".strip() for option, value in self.options)


def parse_rule(words: Sequence[str]) -> Rule:
    """The rule in the words of an iptables command. Total: any words make one."""
    command, chain, table, number = "", "", "filter", False
    options: list[tuple[str, str]] = []
    for option, values in _split_options(words[1:]):
        name = _COMMANDS.get(option, _OPTIONS.get(option, option))
        if name in _COMMANDS.values():
            command, chain = name, (*values, "")[0]
            number = name != "-P" and len(values) > 1
            if name == "-P":
                options.append(("-j", (*values, "", "")[1]))
        elif name == "-t":
            table = " ".join(values)
        elif name not in _NO_PART and (name, values) not in (("-m", ["tcp"]), ("-m", ["udp"])):
            options.append((name, _normalise(name, " ".join(values))))
    return Rule(command, table, chain, number, tuple(dict.fromkeys(options)))


def _split_options(words: Sequence[str]) -> list[tuple[str, list[str]]]:
    found: list[tuple[str, list[str]]] = []
    negated = False
    for word in words:
        if word == "!":
            negated = True
            continue
        if word.startswith("-") and word[1:2] not in ("", *"0123456789"):
            name, equals, value = word.partition("=")
            if not word.startswith("--") and len(word) > 2 and word[:2] not in _NO_PART:
                name, equals, value = word[:2], "=", word[2:]
            name = _OPTIONS.get(name, name)
            found.append((f"! {name}" if negated else name, [value] if equals else []))
        elif found:
            name, values = found[-1]
            if negated:  # the old way: -s ! address
                found[-1] = (f"! {name}", [*values, word])
            else:
                values.append(word)
        negated = False
    return found


def _normalise(option: str, value: str) -> str:
    if option in ("-p", "! -p"):
        return value.lower()
    if option.removeprefix("! ") in _LISTS:
        return ",".join(sorted(part.removesuffix("/32").strip() for part in value.split(",")))
    return value
