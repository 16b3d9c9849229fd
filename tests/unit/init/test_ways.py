"""By which rule a door opens at firewalls as they were really printed."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from knockd.doctor.firewall_reader import Firewall
from knockd.doctor.iptables_filter import read_iptables_rules
from knockd.doctor.rulesets import Chain, Ruleset, merge_rulesets
from knockd.init.walls import PROGRAMS, Walls
from knockd.init.ways import NoToolError, Stranger, Tool, Way, choose_ways, find_closed
from knockd_conf.model import Service
from knockd_conf.protocol import Protocol
from tests.support.samples.firewalls import load_ruleset

SSH = Service(22, 22, Protocol.TCP)
STRANGER = Stranger(SSH, ("eth0",), frozenset({bytes((10, 7, 0, 1))}))
ALL = {name: f"/usr/sbin/{name}" for name in PROGRAMS}


def walls(ruleset: Ruleset | None, *without: str, legacy: bool = False, **values: Any) -> Walls:
    """A firewall of which every program is here but for some; chains named as iptables' are its own."""
    names = ruleset.chains if ruleset is not None else {}
    made = Walls(
        Firewall(ruleset, legacy, None, ()),
        {name: path for name, path in ALL.items() if name not in without},
        frozenset(name for name in names if name.endswith((" filter INPUT", " raw PREROUTING"))),
    )
    return made._replace(**values)


def chosen(made: Walls, stranger: Stranger = STRANGER) -> list[tuple[int, Tool, str, str, bool]]:
    """Version, tool, program's name, place and whether strangers come in, of every way."""
    return [
        (way.version, way.tool, way.name, way.place, way.wide_open) for way in choose_ways(made, stranger)
    ]


def iptables(*lines: str, family: str = "ip", kind: str = "") -> Ruleset:
    """A filter table of iptables, or of ip6tables."""
    return read_iptables_rules("\n".join(("*filter", *lines, "COMMIT")), family, kind)


CLOSED, OPEN = ":INPUT DROP [0:0]", ":INPUT ACCEPT [0:0]"
ACCEPTS = "-A INPUT -p tcp -m tcp --dport 22 -j ACCEPT"


def nft(place: str = "inet filter in", **values: object) -> Ruleset:
    """A firewall of one chain of nft that drops all that comes in."""
    chain = Chain(hook="input", drops=True, name=place)
    return Ruleset({place: replace(chain, **values)})  # type: ignore[arg-type]


def test_a_chain_of_nft() -> None:
    """A chain of nft that drops strangers gets a rule for each version, with a set in its table."""
    assert [
        Way(4, Tool.NFT, "/usr/sbin/nft", "inet filter in", False, "inet filter knocked4"),
        Way(6, Tool.NFT, "/usr/sbin/nft", "inet filter in", False, "inet filter knocked6"),
    ] == list(choose_ways(walls(nft()), STRANGER))


def test_sets_that_are_there() -> None:
    """A set of somebody else's is not used."""
    made = Ruleset(nft().chains, frozenset({"inet filter knocked4", "inet filter knocked4_2"}))
    assert ["inet filter knocked4_3", "inet filter knocked6"] == [
        way.members for way in choose_ways(walls(made), STRANGER)
    ]


def test_nothing_at_all() -> None:
    """Where nothing drops strangers, a table of nft's own is put in front."""
    assert [
        (4, Tool.GATE, "nft", "inet knockd input", True),
        (6, Tool.GATE, "nft", "inet knockd input", True),
    ] == chosen(walls(load_ruleset("open")))


def test_a_gate_that_is_there() -> None:
    """A second gate has a table of its own, so that the first one stays when it is taken away."""
    made = Ruleset({"inet knockd input": Chain(hook="input")})
    assert {"inet knockd_2 input"} == {way.place for way in choose_ways(walls(made), STRANGER)}


def test_an_empty_chain_of_nft() -> None:
    """A chain that accepts everything, as Debian installs it, is no firewall."""
    assert {Tool.GATE} == {way.tool for way in choose_ways(walls(nft(drops=False)), STRANGER)}


def test_the_other_version_is_open() -> None:
    """Each version is judged for itself: behind a table for IPv4 alone IPv6 is open."""
    assert [
        (4, Tool.NFT, "nft", "ip filter in", False),
        (6, Tool.GATE, "nft", "inet knockd input", True),
    ] == chosen(walls(nft("ip filter in", versions=(4,))))


def test_two_chains_that_drop() -> None:
    """Every base chain has the last word: each that drops strangers gets a rule, in one set of its table."""
    chain = Chain(hook="input", drops=True, versions=(4,))
    raw = Chain(hook="prerouting", drops=True, versions=(4,), priority=-300)
    ways = choose_ways(walls(Ruleset({"ip filter in": chain, "ip filter early": raw})), STRANGER)
    four = [way for way in ways if way.version == 4]
    assert ["ip filter in", "ip filter early"] == [way.place for way in four]
    assert {"ip filter knocked4"} == {way.members for way in four}


def test_iptables_that_drops() -> None:
    """A chain of iptables gets a rule of iptables, whoever looks after the other version."""
    both = merge_rulesets([iptables(CLOSED), iptables(CLOSED, family="ip6")])
    assert [
        (4, Tool.IPTABLES, "iptables-nft", "ip filter INPUT", False),
        (6, Tool.IPTABLES, "ip6tables-nft", "ip6 filter INPUT", False),
    ] == chosen(walls(both, legacy=True))


def test_plain_iptables_where_it_is_of_the_kind() -> None:
    """The usual name is written where it means the same."""
    assert (4, Tool.IPTABLES, "iptables", "ip filter INPUT", False) == chosen(walls(iptables(CLOSED)))[0]
    older = iptables(CLOSED, kind="legacy ")
    assert "iptables-legacy" == chosen(walls(older))[0][2]
    assert "iptables" == chosen(walls(older, legacy=True))[0][2]


def test_iptables_that_accepts() -> None:
    """Who has made rules with iptables closes with iptables, the version without rules too."""
    assert [
        (4, Tool.IPTABLES, "iptables", "ip filter INPUT", True),
        (6, Tool.IPTABLES, "ip6tables", "ip6 filter INPUT", True),
    ] == chosen(walls(iptables(CLOSED, ACCEPTS)))


def test_an_unused_table_of_iptables() -> None:
    """Chains that somebody has only looked at are no firewall of iptables."""
    assert {Tool.GATE} == {way.tool for way in choose_ways(walls(iptables(OPEN)), STRANGER)}


def test_iptables_without_nft() -> None:
    """Without nft iptables closes what nothing closes."""
    assert {Tool.IPTABLES} == {way.tool for way in choose_ways(walls(Ruleset(), "nft"), STRANGER)}


def test_a_table_named_as_those_of_iptables() -> None:
    """A table of nft with names of iptables', which iptables refuses, is nft's."""
    made = walls(nft("ip filter INPUT", versions=(4,)), iptables_places=frozenset())
    assert (4, Tool.NFT, "nft", "ip filter INPUT", False) == chosen(made)[0]


@pytest.mark.parametrize(("port", "is_open"), [(22, False), (80, True)])
def test_ufw(port: int, is_open: bool) -> None:
    """An active ufw opens and closes, for both versions; at port 80 its rule lets everybody in."""
    stranger = STRANGER._replace(service=Service(port, port, Protocol.TCP))
    assert [
        (4, Tool.UFW, "ufw", "ip filter ufw-user-input", is_open),
        (6, Tool.UFW, "ufw", "ip6 filter ufw6-user-input", is_open),
    ] == chosen(walls(load_ruleset("ufw"), ufw=True), stranger)


def test_ufw_without_ipv6() -> None:
    """Where ufw leaves IPv6 alone something else has to close that."""
    four = read_only(load_ruleset("ufw"), "ip ")
    assert [Tool.UFW, Tool.IPTABLES] == [way.tool for way in choose_ways(walls(four, ufw=True), STRANGER)]


def read_only(ruleset: Ruleset, begins: str) -> Ruleset:
    """The chains of one family."""
    return Ruleset({name: one for name, one in ruleset.chains.items() if name.startswith(begins)})


FIREWALLD = "inet firewalld filter_INPUT"


@pytest.mark.parametrize("drops", [True, False])
def test_firewalld(drops: bool) -> None:
    """firewalld's own chains are opened and closed by firewalld, in its zone."""
    assert [
        (4, Tool.FIREWALLD, "firewall-cmd", "public", not drops),
        (6, Tool.FIREWALLD, "firewall-cmd", "public", not drops),
    ] == chosen(walls(nft(FIREWALLD, drops=drops), zone="public"))


def test_rules_that_are_not_known() -> None:
    """Who may not read rules gets the tool that is active, else one that closes."""
    assert {Tool.GATE} == {way.tool for way in choose_ways(walls(None), STRANGER)}
    assert {Tool.UFW} == {way.tool for way in choose_ways(walls(None, ufw=True), STRANGER)}
    assert all(way.wide_open for way in choose_ways(walls(None), STRANGER))


def test_no_program() -> None:
    """Without any program nothing can be closed, and the text says what to install."""
    with pytest.raises(NoToolError, match="install nftables"):
        choose_ways(walls(Ruleset(), *ALL), STRANGER)


def test_the_program_of_the_firewall_is_missing() -> None:
    """Rules of iptables without iptables: the text says which program is missing."""
    with pytest.raises(NoToolError, match="of iptables, and there is no such program"):
        choose_ways(walls(iptables(CLOSED), "iptables", "iptables-nft"), STRANGER)


def test_a_rule_of_which_nothing_is_known() -> None:
    """A rule with an unknown condition is an exception; what comes behind it decides."""
    packet = STRANGER.packet(4)
    unknown = "-A INPUT -p tcp -m tcp --dport 22 -m recent --rcheck --name knock -j {}"
    assert ("ip filter INPUT",) == find_closed(iptables(CLOSED, unknown.format("ACCEPT")), packet)
    assert () == find_closed(iptables(CLOSED, unknown.format("DROP"), ACCEPTS), packet)


def test_address_translation() -> None:
    """Chains of address translation drop nothing."""
    assert () == find_closed(nft("ip nat pre", hook="prerouting", nat=True), STRANGER.packet(4))
