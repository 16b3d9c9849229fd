"""What to do about a firewall that is in the way of a door, or wide open: for the tool that made the rules.

Pure.
"""

from __future__ import annotations

from collections.abc import Sequence

from knockd.doctor.openings import Opening

_IPTABLES = "iptables"


def advise_order(opening: Opening, rule: str) -> str:
    """How a door's rule comes in front of ``rule``, which drops the knocker."""
    if opening.tool == "ufw" and "ufw" in rule:
        return "write 'ufw prepend allow ...' as Start_Command: its rule comes in front of all others then"
    if opening.rule is not None and opening.position is None and opening.tool != "ufw":
        verb = "'nft insert rule'" if opening.tool == "nft" else "-I in place of -A"
        return f"write {verb}: the door's rule comes first then"
    if rule.startswith("policy"):
        return (
            f"add a rule there that accepts what {opening.place} accepts: every base chain has the last word"
        )
    return "move that rule behind the door's, or take it away"


def advise_established(opening: Opening, hook: str, rule: str) -> str:
    """The rule that keeps connections, in the words of the tool that made ``rule``."""
    if _IPTABLES in rule or opening.tool.startswith(("iptables", "ip6tables", "ufw")):
        program = "ip6tables" if opening.version == 6 else _IPTABLES
        chain = hook.upper()
        return f"run '{program} -I {chain} -m conntrack --ctstate ESTABLISHED,RELATED -j ACCEPT' and keep it"
    return f"put 'ct state established,related accept' first in the chain of hook {hook}, and keep it"


def advise_open(rules: Sequence[str], versions: Sequence[int], forwarded: bool, examples: str) -> str:
    """How a port is closed for who has not knocked. ``examples``: the folder of whole firewalls."""
    ruling = [rule for rule in rules if not rule.startswith("policy")]
    if ruling:
        return "take that rule away, once the door has let you in"
    chain = "FORWARD" if forwarded else "INPUT"
    if any(_IPTABLES in rule for rule in rules):
        program = "ip6tables" if list(versions) == [6] else _IPTABLES
        return (
            f"accept ESTABLISHED,RELATED and lo in {chain}, then run '{program} -P {chain} DROP';"
            f" {examples}/iptables.conf has all of it"
        )
    return (
        f"drop what nobody has asked for: nftables.conf, iptables.conf and ufw.conf in {examples}"
        " show a whole firewall each"
    )
