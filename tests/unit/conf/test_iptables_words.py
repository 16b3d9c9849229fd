"""Rules of iptables are read alike however they are written."""

from __future__ import annotations

import pytest

from knockd_conf.iptables_words import Rule, parse_rule


def rule(text: str) -> Rule:
    """The rule in the words of a command."""
    return parse_rule(text.split())


@pytest.mark.parametrize(
    "text",
    [
        "iptables -A INPUT -s %IP% -p tcp --dport 22 -j ACCEPT",
        "iptables -w 5 -A INPUT --jump ACCEPT --protocol TCP -m tcp --destination-port=22 --source %IP%/32",
        "iptables -AINPUT -s%IP% -ptcp --dport 22 -jACCEPT",
        "/sbin/iptables -t filter -v -A INPUT -p tcp --dport 22 --src %IP% -j ACCEPT",
    ],
)
def test_one_rule_in_many_words(text: str) -> None:
    """Long names, glued values, the order of options and what is no part of a rule make no difference."""
    found = rule(text)
    assert ("-A", "filter", "INPUT", False) == found[:4]
    assert {"-s %IP%", "-p tcp", "--dport 22", "-j ACCEPT"} == found.match()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("iptables -I INPUT 3 -j ACCEPT", ("-I", "filter", "INPUT", True)),
        ("iptables -D INPUT 3", ("-D", "filter", "INPUT", True)),
        ("iptables --delete INPUT -j DROP", ("-D", "filter", "INPUT", False)),
        ("iptables -t nat -A PREROUTING", ("-A", "nat", "PREROUTING", False)),
        ("iptables -P INPUT DROP", ("-P", "filter", "INPUT", False)),
        ("iptables -F", ("-F", "filter", "", False)),
        ("iptables", ("", "filter", "", False)),
        ("iptables %IP% - --", ("", "filter", "", False)),
    ],
)
def test_what_is_done_where(text: str, expected: tuple[str, str, str, bool]) -> None:
    """Command, table, chain, and whether a position is named."""
    assert expected == rule(text)[:4]


def test_a_policy_is_a_target() -> None:
    """-P names what else -j names."""
    assert "DROP" == rule("iptables -P INPUT DROP").value("-j")


@pytest.mark.parametrize("text", ["iptables -A X ! -s 192.0.2.1", "iptables -A X -s ! 192.0.2.1"])
def test_not(text: str) -> None:
    """Both ways of saying not are one, and another rule."""
    found = rule(text)
    assert {"! -s 192.0.2.1"} == found.match()
    assert found.value("-s") is None


def test_lists_have_no_order() -> None:
    """States, ports and addresses are sorted."""
    one = rule("iptables -A X --ctstate NEW,ESTABLISHED -m multiport --dports 80,22")
    other = rule("iptables -D X --ctstate ESTABLISHED,NEW -m multiport --dports 22,80")
    assert one.match() == other.match()
