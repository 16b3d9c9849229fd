"""Which interfaces are listened on."""

from __future__ import annotations

from dataclasses import replace

import pytest

from knockd.net.interface import Interface
from knockd.net.rtnetlink import Link
from knockd.net.selection import (
    Change,
    Scene,
    choose_interfaces,
    compare_scenes,
    make_scene,
    missing_interfaces,
)


def there(*names: str) -> dict[str, Interface]:
    """Interfaces that are up; ``name@kind`` is a part of one of that kind, ``-name`` is down."""
    made = {}
    for index, text in enumerate(names, 1):
        name, _, kind = text.strip("-").partition("@")
        made[name] = Interface(Link(index, name, 1, up=text[0] != "-", part_of=kind))
    return made


THERE = there("lo", "eth0", "eth1", "br0", "veth7@bridge", "eth2@bond", "eth3@team", "vrf7@vrf", "-eth4")
WITHOUT_ETH0 = there("lo", "wan")
ROUTES = ("wan", "ppp0")


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        (("eth1",), ("eth1",)),
        (("eth1", "ppp9", "eth0"), ("eth1", "ppp9", "eth0")),
        (("eth1", "eth0", "eth1"), ("eth1", "eth0")),
        (("any",), ("lo", "eth0", "eth1", "br0", "vrf7")),
        (("auto",), ROUTES),
        ((), ("eth0",)),
    ],
    ids=["one", "several", "each once", "any leaves parts of others out", "auto", "default"],
)
def test_choice(wanted: tuple[str, ...], expected: tuple[str, ...]) -> None:
    """What the configuration asks for, as interface names in order."""
    assert choose_interfaces(wanted, THERE, ROUTES) == expected


def test_default_without_eth0() -> None:
    """Without eth0 the default is the interfaces of the default routes."""
    assert choose_interfaces((), WITHOUT_ETH0, ROUTES) == ROUTES


def test_no_default_route() -> None:
    """Without eth0 and default route there is none to listen on."""
    assert choose_interfaces((), WITHOUT_ETH0, ()) == ()


UP = there("lo", "eth0", "eth1", "-ppp0")
WAITING = {
    "all there": (("eth0", "eth1"), ("eth0", "eth1"), ()),
    "one of two": (("eth0", "ppp0"), ("eth0", "ppp0"), ("ppp0",)),
    "none of two": (("ppp0", "ppp1"), ("ppp0", "ppp1"), ("ppp0", "ppp1")),
    "any": (("any",), ("lo", "eth0"), ()),
    "any, none up": (("any",), (), ("any (none is up)",)),
    "auto": (("auto",), ("eth0", "ppp0"), ()),
    "auto without a default route": (("auto",), (), ("auto (there is no default route)",)),
    "default": ((), ("eth0",), ()),
    "default without a default route": ((), (), ("eth0 or a default route",)),
}


@pytest.mark.parametrize(("wanted", "chosen", "expected"), WAITING.values(), ids=WAITING)
def test_waiting(wanted: tuple[str, ...], chosen: tuple[str, ...], expected: tuple[str, ...]) -> None:
    """What is asked for by name and not there is waited for; auto and any are content with what there is."""
    assert missing_interfaces(wanted, chosen, UP) == expected


def test_waiting_for_the_default() -> None:
    """An eth0 that is down is waited for by its name."""
    assert missing_interfaces((), ("eth0",), there("lo", "-eth0")) == ("eth0",)


ETHERNET, PPP = 1, 512
ONE, TWO = frozenset({b"1"}), frozenset({b"2"})


def scene(
    up: frozenset[int] = frozenset({1, 2, 3}), /, **captures: tuple[int, int, frozenset[bytes]]
) -> Scene:
    """A scene of interfaces (index, kind, addresses)."""
    return Scene(
        {name: (index, kind) for name, (index, kind, _) in captures.items()},
        {name: addresses for name, (_, _, addresses) in captures.items()},
        up,
    )


ETH0, TUN0 = (2, ETHERNET, ONE), (3, PPP, ONE)
BOTH = scene(eth0=ETH0, tun0=TUN0)
STEPS = {
    "nothing": (BOTH, BOTH, set(), Change.NOTHING),
    "still nothing there": (scene(), scene(), set(), Change.NOTHING),
    "an address": (BOTH, scene(eth0=(2, ETHERNET, TWO), tun0=TUN0), set(), Change.ADDRESSES),
    "an address of an interface that is not listened on": (
        BOTH,
        replace(BOTH, own=TWO),
        set(),
        Change.ADDRESSES,
    ),
    "another interface": (scene(eth0=ETH0), BOTH, set(), Change.OTHER),
    "the first interface": (scene(), scene(eth0=ETH0), set(), Change.OTHER),
    "another index": (BOTH, scene(eth0=ETH0, tun0=(9, PPP, ONE)), set(), Change.OTHER),
    "another link type": (BOTH, scene(eth0=ETH0, tun0=(3, ETHERNET, ONE)), set(), Change.OTHER),
    "down and up again": (BOTH, BOTH, {3}, Change.OTHER),
    "one is gone": (BOTH, scene(frozenset({1, 2}), eth0=ETH0), {3}, Change.FEWER),
    "one is gone, unheard": (BOTH, scene(frozenset({1, 2}), eth0=ETH0), set(), Change.FEWER),
    "the last one is gone": (scene(eth0=ETH0), scene(frozenset({1})), {2}, Change.OTHER),
    "one is no longer wanted": (BOTH, scene(eth0=ETH0), set(), Change.OTHER),
    "renamed": (BOTH, scene(eth0=ETH0), set(), Change.OTHER),
    "gone while another came": (
        BOTH,
        scene(frozenset({1, 2, 4}), eth0=ETH0, x=(4, 1, ONE)),
        {3},
        Change.OTHER,
    ),
}


@pytest.mark.parametrize(("held", "now", "ended", "expected"), STEPS.values(), ids=STEPS)
def test_change(held: Scene, now: Scene, ended: set[int], expected: Change) -> None:
    """Captures are opened and closed only when that is called for; what ended by itself is let go."""
    assert compare_scenes(held, now, ended) is expected


HOME, SECOND, THIRD = b"\x0a\0\0\1", b"\x0a\0\0\2", b"\x0a\0\0\3"
LAN = Interface(
    Link(2, "lan", ETHERNET, up=True, alternatives=frozenset({"inside"})),
    frozenset({HOME, SECOND, THIRD}),
    {"lan:0": frozenset({SECOND}), "lan:1": frozenset({THIRD})},
)
HOST = {"lan": LAN, "ppp0": Interface(Link(3, "ppp0", PPP, up=False), ONE)}


@pytest.mark.parametrize(
    ("chosen", "addresses"),
    [
        (("lan",), {HOME, SECOND, THIRD}),
        (("inside",), {HOME, SECOND, THIRD}),
        (("lan:0",), {SECOND}),
        (("lan:0", "lan:1"), {SECOND, THIRD}),
        (("lan:0", "lan"), {HOME, SECOND, THIRD}),
    ],
    ids=["name", "other name", "label", "two labels", "label and name"],
)
def test_names_and_addresses(chosen: tuple[str, ...], addresses: set[bytes]) -> None:
    """By whatever name, its interface is captured; a label has its own addresses alone."""
    made = make_scene(chosen, HOST)
    assert made == Scene({"lan": (2, ETHERNET)}, {"lan": frozenset(addresses)}, frozenset({2}), LAN.addresses)


def test_absent_and_down() -> None:
    """What is not there, or down, is not captured; addresses of what is down are nobody's."""
    assert make_scene(("ppp0", "lan:7"), HOST) == Scene({}, {}, frozenset({2}), LAN.addresses)


def test_a_label_that_is_not_there() -> None:
    """A label is waited for until an address has it."""
    assert missing_interfaces(("lan:0", "lan:7"), ("lan:0", "lan:7"), HOST) == ("lan:7",)
