"""What is advised about a firewall, in the words of its tool."""

from __future__ import annotations

from knockd.doctor.cures import advise_established, advise_open, advise_order
from knockd.doctor.openings import Opening, find_openings
from knockd_conf.firewall_tools import Version
from tests.support.doubles.played import door


def opening(start: str, version: Version = 4) -> Opening:
    """What a start command opens."""
    (one,) = find_openings(door("1", start_command=start), version, legacy=False)
    assert isinstance(one, Opening)
    return one


APPENDED = opening("iptables -A INPUT -s %IP% -j ACCEPT")
INSERTED = opening("iptables -I INPUT -s %IP% -j ACCEPT")
NFT = opening("nft add rule ip f i ip saddr %IP% accept")
SET = opening("nft add element inet f knocked { %IP% }")
UFW = opening("ufw allow from %IP% to any port 22", 6)


def test_order() -> None:
    """A rule at the end goes first; one that is first needs the other gone, or a rule in the other chain."""
    assert "-I in place of -A" in advise_order(APPENDED, "x")
    assert "'nft insert rule'" in advise_order(NFT, "x")
    assert advise_order(INSERTED, "'drop' in inet f i").startswith("move that rule")
    assert "inet f knocked" in advise_order(SET, "policy drop of inet f other")
    assert "ufw prepend" in advise_order(UFW, "'-A ufw6-user-input -j DROP' (ip6tables)")


def test_established() -> None:
    """Who uses iptables is told of iptables, for the IP version and the chain in question."""
    assert "'iptables -I INPUT -m conntrack" in advise_established(INSERTED, "input", "x")
    assert "'ip6tables -I OUTPUT -m conntrack" in advise_established(UFW, "output", "x")
    assert "'iptables -I FORWARD" in advise_established(
        SET, "forward", "policy drop of chain FORWARD (iptables)"
    )
    assert "'ct state established,related accept' first in the chain of hook input" in advise_established(
        SET, "input", "policy drop of inet f input"
    )


def test_open() -> None:
    """A rule is taken away, a policy changed, and who has neither is shown a whole firewall."""
    policy = "policy accept of chain INPUT (iptables)"
    assert advise_open(["'-A INPUT -j ACCEPT' (iptables)"], [4], False, "/there").startswith(
        "take that rule away"
    )
    assert "'iptables -P INPUT DROP'" in advise_open([policy], [4, 6], False, "/there")
    assert "'ip6tables -P FORWARD DROP'" in advise_open([policy], [6], True, "/there")
    assert "ufw.conf in /there show a whole firewall each" in advise_open([], [4], False, "/there")
