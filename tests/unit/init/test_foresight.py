"""What will be wrong at the firewall when all lines have been run."""

from __future__ import annotations

from dataclasses import replace

import pytest

from knockd.doctor.firewall import Surroundings
from knockd.doctor.firewall_reader import Firewall
from knockd.doctor.iptables_filter import read_iptables_rules
from knockd.doctor.rulesets import Chain, Ruleset, merge_rulesets
from knockd.init.commands import make_command
from knockd.init.foresight import find_trouble
from knockd.init.walls import PROGRAMS, Walls
from knockd.init.ways import Stranger, Tool, choose_ways
from knockd_conf.model import Service
from knockd_conf.protocol import Protocol
from tests.support.doubles.played import door
from tests.support.samples.firewalls import load_ruleset

SSH = Service(22, 22, Protocol.TCP)
OWN = frozenset({bytes((10, 7, 0, 1)), bytes.fromhex("fd000007" + "0" * 23 + "1")})
HERE = Surroundings(("eth0",), OWN, (4, 6))
KEPT = "-A INPUT -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT"
ACCEPTS = "-A INPUT -p tcp -m tcp --dport 22 -j ACCEPT"
CLOSED, OPEN = ":INPUT DROP [0:0]", ":INPUT ACCEPT [0:0]"


def foreseen(ruleset: Ruleset, *, ufw: bool = False, zone: str = "") -> tuple[set[Tool], list[str]]:
    """The tools that are chosen for a firewall, and the names of what is wrong with them."""
    places = frozenset(name for name in ruleset.chains if name.endswith(" filter INPUT"))
    walls = Walls(
        Firewall(ruleset, False, ufw, ()), {name: name for name in PROGRAMS}, places, ufw=ufw, zone=zone
    )
    ways = choose_ways(walls, Stranger(SSH, HERE.interfaces, HERE.own))
    four, six = make_command(ways, SSH, 4), make_command(ways, SSH, 6)
    made = replace(door("1", name="ssh"), start_command=four.start, start_command_6=six.start)
    here = HERE._replace(ufw_active=ufw)
    found = find_trouble(made, ways, SSH, ruleset, here)
    return {way.tool for way in ways}, [finding.name for finding in found]


def iptables(*lines: str) -> Ruleset:
    """The same rules for both versions."""
    text = "\n".join(("*filter", *lines, "COMMIT"))
    return merge_rulesets([read_iptables_rules(text, "ip"), read_iptables_rules(text, "ip6")])


@pytest.mark.parametrize(
    ("ruleset", "tool"),
    [
        (load_ruleset("open"), Tool.GATE),
        (load_ruleset("example-nftables"), Tool.NFT),
        (load_ruleset("example-iptables"), Tool.IPTABLES),
        (iptables(CLOSED, KEPT), Tool.IPTABLES),
        (iptables(CLOSED, KEPT, ACCEPTS), Tool.IPTABLES),
        (iptables(OPEN, KEPT, ACCEPTS), Tool.IPTABLES),
        (iptables(CLOSED, KEPT, "-A INPUT -p tcp -j REJECT"), Tool.IPTABLES),
    ],
    ids=["none", "nft", "iptables", "drops", "accepts", "accepts all", "rejects"],
)
def test_all_is_well(ruleset: Ruleset, tool: Tool) -> None:
    """With the lines that are proposed a knocker comes in and stays, and nobody else does."""
    assert ({tool}, []) == foreseen(ruleset)


def test_ufw() -> None:
    """With ufw too."""
    assert ({Tool.UFW}, []) == foreseen(load_ruleset("ufw"), ufw=True)


def test_nothing_keeps_connections() -> None:
    """A firewall without a rule for established connections would end them when the door closes."""
    assert ["sessions-cut"] * 2 == foreseen(iptables(CLOSED))[1]
    assert ["sessions-cut"] * 2 == foreseen(Ruleset({"inet filter in": Chain(hook="input", drops=True)}))[1]


def test_no_way_out() -> None:
    """A firewall that lets no answer out is told of."""
    output = Chain(hook="output", drops=True)
    assert "replies-dropped" in foreseen(Ruleset({"inet filter out": output}))[1]


def test_firewalld_is_not_judged() -> None:
    """What firewalld makes of a rule is not known, so nothing is said."""
    chain = Chain(hook="input", drops=True)
    assert ({Tool.FIREWALLD}, []) == foreseen(Ruleset({"inet firewalld filter_INPUT": chain}), zone="public")
