"""Whether one command line takes back what another one did: a firewall rule added and deleted again.

Pure.
"""

from __future__ import annotations

import re

_ADD = frozenset({"-A", "-I", "--append", "--insert", "add", "insert", "allow"})
_DELETE = frozenset({"-D", "--delete", "del", "delete"})


def undoes(later: str, earlier: str) -> bool:
    """Whether ``later`` is ``earlier`` with each word that adds replaced by one that deletes.

    Reads the words of iptables, ipset, nft, ufw and firewall-cmd. Never true of commands that do not name
    the same rule in the same words, so a script that opens and another that closes are not seen.
    """
    first, first_adds, first_deletes = _rule(earlier)
    second, second_adds, second_deletes = _rule(later)
    signs = bool(first_adds), bool(first_deletes), bool(second_adds), bool(second_deletes)
    return signs == (True, False, False, True) and first == second


def _rule(command: str) -> tuple[list[str], int, int]:
    """The words of a command with its signs taken out, and how many of them add and delete."""
    rule: list[str] = []
    adds = deletes = 0
    words = command.split()
    for at, word in enumerate(words):
        before = words[at - 1] if at else ""
        if word in _DELETE:
            deletes += 1
        elif word in _ADD and before in _DELETE:
            pass  # ufw's `delete allow`
        elif word in _ADD:
            adds += 1
        elif word.startswith("--add-") or word.startswith("--remove-"):
            adds += word.startswith("--add-")
            deletes += word.startswith("--remove-")
            rule.append(word.partition("-")[2].partition("-")[2].partition("-")[2])
        elif word.isdigit() and (before == "insert" or _is_place(words, at)):
            pass  # where a rule is inserted
        elif word == "timeout" or before == "timeout":
            pass  # an element of a set that the kernel takes out by itself
        else:
            rule.append(re.sub(r"^[{,]+|[},]+$", "", word))
    return [word for word in rule if word], adds, deletes


def _is_place(words: list[str], at: int) -> bool:
    return at >= 2 and words[at - 2] in ("-I", "--insert")
