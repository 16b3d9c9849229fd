"""What the start command of a door changes in a firewall."""

from __future__ import annotations

import pytest

from knockd.doctor.openings import Opening, Unread, find_openings, is_built_in
from knockd.doctor.packets import KNOCKER, Condition, Kind
from knockd.doctor.rulesets import End
from knockd_conf.firewall_tools import Version
from tests.support.doubles.played import door

WHO = Condition(Kind.SOURCE_SET, (KNOCKER,))
SSH = Condition(Kind.TO_PORT, ((22, 22),))
TCP = Condition(Kind.PROTOCOL, ("tcp",))


def opened(start: str, version: Version = 4, *, legacy: bool = False) -> list[Opening]:
    """What a door with this start command opens."""
    found = list(find_openings(door("1", name="ssh", start_command=start), version, legacy=legacy))
    return [one for one in found if isinstance(one, Opening)]


@pytest.mark.parametrize(
    ("start", "place", "position", "conditions"),
    [
        ("iptables -I INPUT -s %IP% -p tcp --dport 22 -j ACCEPT", "ip filter INPUT", 0, {TCP, SSH, WHO}),
        ("/sbin/iptables -w -A INPUT -s $KNOCKD_IP -j ACCEPT", "ip filter INPUT", None, {WHO}),
        ("iptables -I INPUT 3 -s %IP%/32 -j ACCEPT", "ip filter INPUT", 2, {WHO}),
        ("iptables-legacy -I doors -s %IP% -j ACCEPT", "legacy ip filter doors", 0, {WHO}),
        ("iptables -I INPUT -p tcp --dport 22 -j ACCEPT", "ip filter INPUT", 0, {TCP, SSH}),
        ("iptables -t nat -A PREROUTING -s %IP% -j DNAT --to 10.0.0.2", "ip nat PREROUTING", None, {WHO}),
        ("sudo ufw allow from %IP% to any port 22", "ip filter ufw-user-input", None, {SSH, WHO}),
        (
            "ufw prepend allow proto tcp from %IP% to any port 22",
            "ip filter ufw-user-input",
            0,
            {TCP, SSH, WHO},
        ),
        ("ufw insert 2 allow from %IP% to any app OpenSSH", "ip filter ufw-user-input", 1, {SSH, WHO}),
        ("ufw route allow from %IP%", "ip filter ufw-user-forward", None, {WHO}),
        (
            "nft add rule ip filter input ip saddr %IP% tcp dport 22 accept",
            "ip filter input",
            None,
            {TCP, SSH, WHO},
        ),
        ("nft insert rule inet f i ip saddr %IP% tcp dport '{ 22 }' accept", "inet f i", 0, {TCP, SSH, WHO}),
    ],
)
def test_rules(start: str, place: str, position: int | None, conditions: set[Condition]) -> None:
    """The rule that is added, and where it stands."""
    (one,) = opened(start)
    assert one.rule is not None
    assert place == one.place
    assert position == one.position
    assert conditions == set(one.rule.conditions)


def test_ends() -> None:
    """What a rule does with the knocker's packets."""
    ends = ("accept", "dnat to 10.0.0.2", "counter")
    rules = [opened(f"nft add rule ip t c ip saddr %IP% {end}")[0].rule for end in ends]
    assert [End.ACCEPT, End.DNAT, End.UNSURE] == [rule.end for rule in rules if rule is not None]


@pytest.mark.parametrize(
    ("start", "place", "element"),
    [
        ("nft add element inet filter knocked { %IP% }", "inet filter knocked", ()),
        ("nft add element ip filter knocked '{ %IP% timeout 30s }'", "ip filter knocked", ()),
        ("nft add element inet filter %DOOR% { %IP% . 22 }", "inet filter ssh", (22,)),
        ("ipset -exist add knocked %IP%,tcp:22", "knocked", (22,)),
    ],
)
def test_sets(start: str, place: str, element: tuple[int, ...]) -> None:
    """The set that the knocker is added to, and the ports that are added with the address."""
    (one,) = opened(start)
    assert one.rule is None
    assert place == one.place
    assert element == one.element


def test_a_set_that_is_renewed() -> None:
    """A transaction that adds, deletes and adds again opens one thing."""
    start = "nft 'add element ip t k { %IP% }; delete element ip t k { %IP% }; add element ip t k { %IP% }'"
    assert ["ip t k"] == [one.place for one in opened(start)]


@pytest.mark.parametrize(
    "start",
    [
        "ip6tables -I INPUT -s %IP% -j ACCEPT",
        "iptables -D INPUT -s %IP% -j ACCEPT",
        "nft add rule inet filter input ip6 saddr %IP% accept",
        "nft add rule inet filter input position 3 ip saddr %IP% accept",
        "ufw deny from %IP%",
        "ufw allow out to %IP%",
        "ipset del knocked %IP%",
        "echo %IP%",
    ],
)
def test_what_opens_nothing(start: str) -> None:
    """What is for the other IP version, takes away, or stands nobody knows where, opens nothing for IPv4."""
    assert [] == list(find_openings(door("1", start_command=start), 4, legacy=False))


def test_ipv6() -> None:
    """Knockers over IPv6 have a command of their own, or get the plain one."""
    both = door(
        "1", start_command="ufw allow from %IP%", start_command_6="ip6tables -I INPUT -s %IP% -j ACCEPT"
    )
    (six,) = find_openings(both, 6, legacy=False)
    assert isinstance(six, Opening)
    assert "ip6 filter INPUT" == six.place
    assert "start_command_6" == six.field
    (plain,) = opened("ufw allow from %IP%", 6)
    assert "ip6 filter ufw6-user-input" == plain.place
    assert "start_command" == plain.field
    assert [] == list(find_openings(door("1", start_command="x", start_command_6=""), 6, legacy=False))


def test_older_iptables() -> None:
    """Where plain iptables is the older kind its tables are meant, but by iptables-nft."""
    assert "legacy ip filter INPUT" == opened("iptables -I INPUT -s %IP% -j ACCEPT", legacy=True)[0].place
    assert "ip filter INPUT" == opened("iptables-nft -I INPUT -s %IP% -j ACCEPT", legacy=True)[0].place
    assert "legacy ip filter ufw-user-input" == opened("ufw allow from %IP%", legacy=True)[0].place


def test_other_programs() -> None:
    """What a program that is not known does is not known."""
    one = door("1", start_command="/usr/local/sbin/open %IP%")
    assert [Unread(one, "open")] == list(find_openings(one, 4, legacy=False))


def test_built_in() -> None:
    """Chains that iptables makes by itself."""
    assert is_built_in("legacy ip filter INPUT")
    assert not is_built_in("ip filter doors")
