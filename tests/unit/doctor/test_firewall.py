"""What a firewall makes of strangers, knockers and their connections, judged by what was really printed."""

from __future__ import annotations

from dataclasses import replace

import pytest

from knockd.doctor.findings import Finding
from knockd.doctor.firewall import Surroundings, judge_firewall
from knockd.doctor.iptables_filter import read_iptables_rules
from knockd.doctor.rulesets import Ruleset, merge_rulesets
from knockd.keeper.settings import Settings
from knockd_conf.model import Door, Service
from knockd_conf.protocol import Protocol
from tests.support.doubles.played import door
from tests.support.samples.firewalls import load_ruleset
from tests.support.samples.printed import EXAMPLES

HERE = Surroundings(
    ("eth0",), frozenset({bytes((10, 7, 0, 1)), bytes.fromhex("fd000007" + "0" * 23 + "1")}), (4, 6)
)
FOUR = HERE._replace(versions=(4,))

INSERT = "iptables -I INPUT -s %IP% -p tcp --dport 22 -j ACCEPT"
APPEND = INSERT.replace("-I", "-A")
UFW = "ufw allow from %IP% to any port 22"


def found(
    ruleset: Ruleset, start: str, *, here: Surroundings = FOUR, **values: object
) -> list[tuple[str, str, str]]:
    """Name, text and cure of all that is found for a door with this start command."""
    one = door("1", name="ssh", start_command=start, **values)
    return [finding[:3] for finding in judge_firewall([one], ruleset, here).findings]


def names(ruleset: Ruleset, start: str, *, here: Surroundings = FOUR, **values: object) -> list[str]:
    """The names of what is found."""
    return [name for name, *_ in found(ruleset, start, here=here, **values)]


def iptables(*rules: str, policy: str = "DROP", output: str = "ACCEPT") -> Ruleset:
    """A filter table for IPv4 with these rules."""
    head = [
        "*filter",
        f":INPUT {policy} [0:0]",
        ":FORWARD ACCEPT [0:0]",
        f":OUTPUT {output} [0:0]",
        ":doors - [0:0]",
    ]
    return read_iptables_rules("\n".join((*head, *rules, "COMMIT")), "ip")


KEPT = "-A INPUT -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT"


def example_doors(name: str, host: str) -> tuple[Door, ...]:
    """The doors of an example, on a host."""
    settings = Settings(str(EXAMPLES / f"{name}.conf"), host=host, allow_insecure_config=True)
    return settings.load_config().doors


@pytest.mark.parametrize("name", ["iptables", "nftables", "router", "router-nat", "fleet"])
def test_examples(name: str) -> None:
    """The firewalls of the examples are well, and nothing of them is left out."""
    here = HERE._replace(interfaces=("ppp0",))
    looked = judge_firewall(example_doors(name, "edge"), load_ruleset(f"example-{name}"), here)
    assert () == looked.findings
    assert () == looked.unlooked


def test_example_for_ufw() -> None:
    """The example for ufw is well beside a rule that denies the port."""
    looked = judge_firewall(example_doors("ufw", "edge"), load_ruleset("ufw"), HERE._replace(ufw_active=True))
    assert () == looked.findings


def test_no_firewall() -> None:
    """Without any rule everybody is let in, over both IP versions."""
    ((name, text, cure),) = found(load_ruleset("open"), INSERT, here=HERE._replace(examples="/there"))
    assert name == "firewall-open"
    assert text == (
        "tcp 22 is open for everybody over IPv4 and IPv6, whoever has knocked at ssh: no rule drops anything"
    )
    assert "nftables.conf, iptables.conf and ufw.conf in /there" in cure


def test_policy_accept() -> None:
    """A policy that accepts is named, and how it is changed."""
    ((name, text, cure),) = found(iptables(KEPT, policy="ACCEPT"), INSERT)
    assert name == "firewall-open"
    assert text.endswith("whoever has knocked at ssh: policy accept of chain INPUT (iptables)")
    assert "run 'iptables -P INPUT DROP'" in cure


def test_a_rule_that_accepts() -> None:
    """A rule that lets everybody in is named in its own words."""
    rule = "-A INPUT -p tcp -m tcp --dport 22 -j ACCEPT"
    ((name, text, _),) = found(iptables(KEPT, rule), INSERT)
    assert name == "firewall-open"
    assert text.endswith(f": '{rule}' (iptables)")


@pytest.mark.parametrize(
    "rule",
    [
        "-A INPUT -s 203.0.113.7/32 -p tcp --dport 22 -j ACCEPT",
        "-A INPUT -p udp --dport 22 -j ACCEPT",
        "-A INPUT -p tcp --dport 23 -j ACCEPT",
        "-A INPUT -i lo -j ACCEPT",
        "-A INPUT -i eth1 -j ACCEPT",
        "-A INPUT -p icmp -j ACCEPT",
        "-A INPUT -p tcp -m set --match-set friends src -j ACCEPT",
        "-A INPUT -m recent --rcheck --name KNOCK -j ACCEPT",
        "-A OUTPUT -p tcp --dport 22 -j ACCEPT",
    ],
)
def test_rules_for_some(rule: str) -> None:
    """What lets in some, or something else, is no hole."""
    assert [] == names(iptables(KEPT, rule), INSERT)


def test_another_version_is_open() -> None:
    """A firewall for IPv4 alone leaves the door's port open over IPv6."""
    ((name, text, _),) = found(iptables(KEPT), INSERT, here=HERE, start_command_6="")
    assert name == "firewall-open"
    assert text.startswith("tcp 22 is open for everybody over IPv6,")


def test_a_rule_before_the_door_s() -> None:
    """A door that appends its rule behind one that drops opens nothing; -I would."""
    rule = "-A INPUT -p tcp -m tcp --dport 22 -j REJECT --reject-with tcp-reset"
    ((name, text, cure),) = found(iptables(KEPT, rule), APPEND)
    assert name == "rule-too-late"
    assert text == f"door ssh opens tcp 22 over IPv4, and it stays closed: '{rule}' (iptables) comes first"
    assert cure == "write -I in place of -A: the door's rule comes first then"
    assert [] == names(iptables(KEPT, rule), INSERT)
    assert [] == names(iptables(KEPT), APPEND)


def test_positions() -> None:
    """-I CHAIN NUMBER puts the rule in front of that number."""
    rules = iptables(KEPT, "-A INPUT -p tcp -j DROP")
    assert [] == names(rules, INSERT.replace("INPUT", "INPUT 2"))
    assert ["rule-too-late"] == names(rules, INSERT.replace("INPUT", "INPUT 3"))


def test_another_table_has_the_last_word() -> None:
    """nft's chain drops what iptables lets in."""
    both = load_ruleset("example-nftables").with_chain(
        "ip filter INPUT", iptables(KEPT).chains["ip filter INPUT"]
    )
    ((name, text, cure),) = found(both, INSERT)
    assert name == "rule-too-late"
    assert "policy drop of inet filter input comes first" in text
    assert cure.startswith("add a rule there that accepts")


def test_a_chain_that_nobody_jumps_to() -> None:
    """A rule in a chain of its own does nothing where the chain is not reached."""
    rules = iptables(KEPT)
    assert ["rule-too-late"] == names(rules, INSERT.replace("INPUT", "doors"))
    assert [] == names(iptables(KEPT, "-A INPUT -j doors"), INSERT.replace("INPUT", "doors"))


def test_sessions_are_cut() -> None:
    """Without a rule for established connections they end with the door."""
    ((name, text, cure),) = found(iptables(), INSERT)
    assert name == "sessions-cut"
    assert text == (
        "a connection to tcp 22 over IPv4 ends when door ssh closes: policy drop of chain INPUT (iptables)"
    )
    assert cure == (
        "run 'iptables -I INPUT -m conntrack --ctstate ESTABLISHED,RELATED -j ACCEPT' and keep it"
    )


def test_sessions_of_others_are_kept() -> None:
    """A rule for somebody else keeps the connections of no knocker."""
    rules = iptables("-A INPUT -s 203.0.113.0/24 -j ACCEPT")
    assert ["sessions-cut"] == names(rules, INSERT)


def test_replies() -> None:
    """A policy of OUTPUT that drops keeps the service from answering, unless there is a rule for it."""
    assert ["replies-dropped"] == names(iptables(KEPT, output="DROP"), INSERT)
    out = "-A OUTPUT -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT"
    assert [] == names(iptables(KEPT, out, output="DROP"), INSERT)
    assert [] == names(iptables(KEPT, "-A OUTPUT -p tcp --sport 22 -j ACCEPT", output="DROP"), INSERT)


def test_a_set_that_is_not_there() -> None:
    """A command that adds to no set opens nothing; the set's type is said."""
    start = "nft add element inet filter knocked { %IP% }"
    ((name, text, cure),) = found(load_ruleset("example-nftables"), start)
    assert name == "place-missing"
    assert text == "there is no set inet filter knocked, so door ssh opens nothing"
    assert cure == "nft add set inet filter knocked '{ type ipv4_addr; }'"


def test_a_table_that_is_not_there() -> None:
    """Where the whole table is missing, as after a boot that loads no rules, the rules have to be loaded."""
    start = "nft add element inet knockd knocked4 { %IP% }"
    ((name, text, cure),) = found(load_ruleset("example-nftables"), start)
    assert (name, text) == (
        "place-missing",
        "there is no set inet knockd knocked4, so door ssh opens nothing",
    )
    assert cure == "load the rules that make it, also at boot (systemctl enable nftables)"


def test_a_set_of_networks_that_is_not_there() -> None:
    """The set that a network is to be added to is one for networks."""
    start = "nft add element inet filter knocked { %NET% }"
    ((name, _, cure),) = found(load_ruleset("example-nftables"), start, open_prefix=(24, 56))
    assert name == "place-missing"
    assert cure == "nft add set inet filter knocked '{ type ipv4_addr; flags interval; }'"


def test_the_rule_of_a_network_is_the_knockers() -> None:
    """A rule for the network is judged as one for the address."""
    rule = INSERT.replace("%IP%", "%NET%")
    assert [] == names(iptables(KEPT), rule, open_prefix=(24, 56))
    late = rule.replace("-I", "-A")
    assert names(iptables("-A INPUT -j DROP", KEPT), late, open_prefix=(24, 56)) == names(
        iptables("-A INPUT -j DROP", KEPT), INSERT.replace("-I", "-A")
    )


def test_a_set_that_nobody_asks_for() -> None:
    """A set that no rule uses opens nothing."""
    start = "nft add element inet filter unused { %IP% }"
    rules = load_ruleset("nft-rich")
    assert ["set-unused"] == names(replace(rules, sets=rules.sets | {"inet filter unused"}), start)


def test_a_set_that_is_used_otherwise() -> None:
    """Where it is not known what a rule does with a set, that is said, and no more."""
    start = "nft add element inet filter knocked { %IP% . 22 }"
    rules = replace(load_ruleset("nft-rich"), chains={})
    looked = judge_firewall([door("1", start_command=start)], rules, FOUR)
    assert ("how the firewall uses the set inet filter knocked",) == looked.unlooked
    assert () == looked.findings


def test_a_set_with_ports() -> None:
    """Of a set of addresses and ports the command names the port."""
    start = "nft add element inet filter knocked { %IP% . 22 }"
    assert [] == names(load_ruleset("nft-rich"), start)


def test_a_chain_that_is_not_there() -> None:
    """A rule for a chain that is not there opens nothing."""
    assert ["place-missing"] == names(iptables(KEPT), INSERT.replace("INPUT", "nowhere"))
    assert ["place-missing"] == names(
        load_ruleset("open"), "nft add rule inet filter input ip saddr %IP% accept"
    )


def test_a_built_in_chain() -> None:
    """iptables makes its own chains when they are asked for."""
    assert ["firewall-open"] == names(load_ruleset("open"), APPEND)


def test_rules_of_nft() -> None:
    """A rule that nft adds at the end of a chain comes behind the others, one that it inserts before them."""
    start = "nft insert rule inet filter input ip saddr %IP% tcp dport 9005 accept"
    assert [] == names(load_ruleset("nft-rich"), start)
    ((name, _, cure),) = found(load_ruleset("nft-rich"), start.replace("insert", "add"))
    assert name == "rule-too-late"
    assert cure == "write 'nft insert rule': the door's rule comes first then"


def test_ufw() -> None:
    """A rule that ufw puts behind one that denies the port opens nothing; prepend would."""
    here = FOUR._replace(ufw_active=True)
    ((name, text, cure),) = found(load_ruleset("ufw"), UFW, here=here)
    assert name == "rule-too-late"
    assert "'-A ufw-user-input -p tcp -m tcp --dport 22 -j DROP' (iptables) comes first" in text
    assert cure.startswith("write 'ufw prepend allow ...'")
    assert [] == names(load_ruleset("ufw"), UFW.replace("ufw", "ufw prepend"), here=here)
    assert ["firewall-open"] == names(load_ruleset("ufw"), UFW.replace("22", "80"), here=here)


def test_ufw_is_not_active() -> None:
    """What ufw is told while it is not active does nothing."""
    here = FOUR._replace(ufw_active=False)
    assert ["ufw-off", "firewall-open"] == names(load_ruleset("open"), UFW, here=here)


def test_older_tables() -> None:
    """Where plain iptables is the older kind, its tables are meant."""
    here = FOUR._replace(legacy=True)
    assert [] == names(load_ruleset("legacy"), INSERT, here=here)
    assert [] == names(load_ruleset("legacy"), INSERT.replace("iptables", "iptables-legacy"))
    assert ["rule-too-late"] == names(load_ruleset("legacy"), INSERT)


def test_ipset() -> None:
    """A set of ipset is known by the rules that ask for it."""
    rule = "-A INPUT -p tcp -m set --match-set friends src -m tcp --dport 22 -j ACCEPT"
    assert [] == names(iptables(KEPT, rule), "ipset add friends %IP%")
    assert ["set-unused"] == names(iptables(KEPT), "ipset add friends %IP%")


def test_routers() -> None:
    """A router whose policy accepts lets everybody through to the host behind it."""
    rules = load_ruleset("example-router")
    chain = replace(rules.chains["inet filter forward"], drops=False)
    opened = replace(rules, chains={**rules.chains, "inet filter forward": chain})
    (finding,) = judge_firewall(example_doors("router", "edge"), opened, FOUR).findings
    assert finding.name == "firewall-open"
    assert "FORWARD" not in finding.text


def test_translation_that_is_not_let_through() -> None:
    """What is translated for a knocker must pass FORWARD too."""
    start = (
        "iptables -t nat -I PREROUTING -s %IP% -p tcp --dport 2222 -j DNAT --to-destination 192.168.1.10:22"
    )
    closed = read_iptables_rules("*filter\n:FORWARD DROP [0:0]\nCOMMIT\n", "ip")
    ((name, text, _),) = found(closed, start)
    assert name == "rule-too-late"
    assert "policy drop of chain FORWARD (iptables)" in text
    through = "-A FORWARD -m conntrack --ctstatus DNAT -j ACCEPT"
    assert [] == names(read_iptables_rules(f"*filter\n:FORWARD DROP [0:0]\n{through}\nCOMMIT\n", "ip"), start)


def test_unknown_commands() -> None:
    """That it is not known what a program does to a firewall is said; what changes nothing is passed over."""
    one = door("1", name="ssh", start_command="/usr/local/sbin/open %IP%; logger %IP%")
    looked = judge_firewall([one], load_ruleset("open"), FOUR)
    assert ("what open of door ssh does to a firewall",) == looked.unlooked
    assert () == looked.findings


def test_services() -> None:
    """Of a door whose command is not known the ports of its Service are looked at."""
    one = door("1", name="ssh", start_command="open %IP%", service=(Service(22, 22, Protocol.TCP),))
    (finding,) = judge_firewall([one], load_ruleset("open"), FOUR).findings
    assert "firewall-open" == finding.name
    assert finding.text.startswith("tcp 22 is open for everybody")


def test_the_place_is_said() -> None:
    """A finding about a door says where its command is."""
    one = door("1", name="ssh", start_command=INSERT)
    finding: Finding = judge_firewall([one], iptables(), FOUR).findings[0]
    assert f"{one.path}:{one.line}" == finding.place


def test_a_command_that_opens_two_firewalls() -> None:
    """Each base chain has the last word: what a command adds to both of them counts together."""
    early = "-t raw -I PREROUTING -s %IP% -p tcp --dport 22 -j ACCEPT"
    raw = read_iptables_rules("*raw\n:PREROUTING DROP [0:0]\nCOMMIT", "ip")
    established = "-A PREROUTING -p tcp --dport 22 ! --syn -j ACCEPT"
    kept = read_iptables_rules(f"*raw\n:PREROUTING DROP [0:0]\n{established}\nCOMMIT", "ip")
    assert ["rule-too-late"] == names(merge_rulesets([iptables(KEPT), kept]), INSERT)
    assert [] == names(merge_rulesets([iptables(KEPT), kept]), f"{INSERT} && iptables {early}")
    assert "sessions-cut" in names(merge_rulesets([iptables(KEPT), raw]), f"{INSERT}; iptables {early}")
