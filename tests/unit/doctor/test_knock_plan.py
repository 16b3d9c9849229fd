"""What a knock in the lab is: addresses, packets, flags, for each IP version."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_address, ip_network

import pytest

from knockd.client.plan import Signed
from knockd.doctor.knock_plan import LINKS, Link, Untried, Way, find_door, plan_signed, plan_ways
from knockd.knocks.watch import watches_of
from knockd_conf.access import Access, make_networks
from knockd_conf.model import CommandFacts, Config, Door, FlagRule, Options
from tests.support.doubles.played import door, steps

SHUT = replace(door("7 8u"), start_command="open", stop_command="close")


def planned(one: Door, *, ipv6: bool = True) -> list[Way | Untried]:
    """What is planned for a door."""
    (watch,) = watches_of([one])
    return list(plan_ways(one, watch, ipv6=ipv6))


def reasons(one: Door, *, ipv6: bool = True) -> dict[int, str]:
    """Why it is not knocked at, by IP version."""
    return {it.version: it.reason for it in planned(one, ipv6=ipv6) if isinstance(it, Untried)}


def test_both() -> None:
    """A door without a target is knocked at by IPv4 and IPv6, as knock does."""
    assert planned(SHUT) == [Way(link, SHUT.steps, None) for link in LINKS]
    four, six = planned(SHUT)
    assert isinstance(four, Way)
    assert isinstance(six, Way)
    assert four.command == "knock 192.0.2.1 7:tcp 8:udp"
    assert six.command == "knock 2001:db8::1 7:tcp 8:udp"


def test_door_with_a_key() -> None:
    """What is knocked at a door with a key is shown without its ports: they are good for a while."""
    one = replace(SHUT, name="home", sequence_key="/k")
    (four, six) = planned(one)
    assert isinstance(four, Way)
    assert isinstance(six, Way)
    assert four.steps == SHUT.steps
    assert four.command == "knock --key FILE --door home 192.0.2.1"
    assert [four.show_step(number) for number in (0, 1)] == ["tcp", "udp"]
    plain, _ = planned(SHUT)
    assert isinstance(plain, Way)
    assert [plain.show_step(number) for number in (0, 1)] == ["7:tcp", "8:udp"]


def test_signed() -> None:
    """A signed knock is one packet, by both versions, with the command that would send it."""
    one = replace(SHUT, name="home", signed_port=47_811, target=(ip_address("203.0.113.5"),))
    signed = Signed(47_811, "/secret", "home", "/id")
    way, six = plan_signed(one, signed, ipv6=True)
    assert way == Way(Link(4, "203.0.113.5", "192.0.2.2"), steps("47811u"), None, signed=signed)
    assert way.command == "knock --signed 47811 --secret /secret --door home --identity /id 203.0.113.5"
    assert isinstance(six, Untried)
    way, _ = plan_signed(replace(one, target=()), signed._replace(identity=None), ipv6=True)
    assert isinstance(way, Way)
    assert way.command == "knock --signed 47811 --secret /secret --door home 192.0.2.1"


def test_targets() -> None:
    """The first address of Target is knocked at that a host of the lab can have."""
    target = tuple(map(ip_address, ("127.0.0.1", "203.0.113.5", "203.0.113.6", "fe80::1")))
    four, six = planned(replace(SHUT, target=target))
    assert four == Way(Link(4, "203.0.113.5", "192.0.2.2"), SHUT.steps, None)
    assert six == Untried(6, "its Target has no IPv6 address that a host could have")


def test_target_that_is_the_clients() -> None:
    """A target with the address of the lab's client makes that another one."""
    four, _ = planned(replace(SHUT, target=(ip_address("192.0.2.2"),)))
    assert isinstance(four, Way)
    assert four.link == Link(4, "192.0.2.2", "192.0.2.3")


@pytest.mark.parametrize(
    ("rule", "flags"),
    [
        (FlagRule(2, 0), None),
        (FlagRule(0, 16), None),
        (FlagRule(1, 16), "fin"),
        (FlagRule(0, 2), "!syn"),
        (FlagRule(3, 0), "fin,syn"),
    ],
)
def test_flags(rule: FlagRule, flags: str | None) -> None:
    """Flags that no ordinary client sends are asked for as the option of knock writes them."""
    four, _ = planned(replace(SHUT, flags=rule))
    assert isinstance(four, Way)
    assert four.command == f"knock {f'--flags {flags} ' if flags else ''}192.0.2.1 7:tcp 8:udp"


def test_flags_of_udp() -> None:
    """A sequence of UDP has no flags."""
    four, _ = planned(replace(door("7u 8u"), start_command="open", flags=FlagRule(1, 0)))
    assert isinstance(four, Way)
    assert four.flags is None


def test_without_ipv6() -> None:
    """Where knockd does not listen to IPv6, that is not tried."""
    assert reasons(SHUT, ipv6=False) == {6: "knockd does not listen to IPv6 (-4)"}


def test_without_a_command() -> None:
    """A version for which there is no start command is not tried."""
    assert reasons(replace(SHUT, start_command_6="")) == {6: "the door has no start command for IPv6"}
    assert reasons(replace(SHUT, start_command=None)) == {
        4: "the door has no start command for IPv4",
        6: "the door has no start command for IPv6",
    }


def test_commands_of_one_version() -> None:
    """A version for which a command cannot work is not tried."""
    facts = (CommandFacts(version=4), CommandFacts())
    assert reasons(replace(SHUT, facts=facts)) == {6: "its start command works for IPv4 knockers only"}
    facts = (CommandFacts(), CommandFacts(version=6))
    assert reasons(replace(SHUT, facts=facts)) == {4: "its stop command works for IPv6 knockers only"}


def test_find_door() -> None:
    """A door is found by its name, also as it is printed; the first of several."""
    names = ("ssh", "w\x1bb", "ssh")
    doors = tuple(replace(SHUT, name=name) for name in names)
    config = Config("/f", Options(), doors, "host", ("/f",))
    assert [find_door(config, name) for name in ("ssh", "w\x1bb", r"w\x1bb", "nix")] == [0, 1, 1, None]


def shut_to(allow: str, deny: str = "") -> list[Way | Untried]:
    """What is planned for a door with these networks."""
    rule = Access(*(make_networks(map(ip_network, text.split())) for text in (allow, deny)))
    return planned(replace(SHUT, access=rule))


def test_a_client_that_may_knock() -> None:
    """The client has an address that may knock, by choice one that nobody has."""
    assert [Way(link, SHUT.steps, None) for link in LINKS] == shut_to("192.0.2.0/24 2001:db8::/32")
    four, six = shut_to("10.0.0.0/8 fe80::/10 fd00::/8", "10.0.0.1")
    assert four == Way(Link(4, "192.0.2.1", "10.0.0.3"), SHUT.steps, None)
    assert six == Way(Link(6, "2001:db8::1", "fd00::1"), SHUT.steps, None)
    four, _ = shut_to("203.0.113.7")
    assert four == Way(Link(4, "192.0.2.1", "203.0.113.7"), SHUT.steps, None)


def test_nobody_may_knock() -> None:
    """A version of which no client could have an address that may knock is not tried."""
    reason = "Allow and Deny leave no IPv{} address that a client could have"
    assert [Untried(version, reason.format(version)) for version in (4, 6)] == shut_to(
        "127.0.0.0/8 fe80::/10"
    )
    four, six = shut_to("192.0.2.1")
    assert four == Untried(4, reason.format(4))
    assert six == Untried(6, reason.format(6))
