"""Which interfaces are listened on."""

from __future__ import annotations

import pytest

from knockd.engine.interfaces import choose

THERE = {"lo": False, "eth0": False, "eth1": False, "br0": False, "veth7": True}
"""Interfaces of a machine, and whether each is a bridge's port."""

WITHOUT_ETH0 = {"lo": False, "wan": False}
ROUTES = ("wan", "ppp0")


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        (("eth1",), ("eth1",)),
        (("eth1", "ppp9", "eth0"), ("eth1", "ppp9", "eth0")),
        (("eth1", "eth0", "eth1"), ("eth1", "eth0")),
        (("any",), ("lo", "eth0", "eth1", "br0")),
        (("auto",), ROUTES),
        ((), ("eth0",)),
    ],
    ids=["one", "several", "each once", "any leaves bridge ports out", "auto", "default"],
)
def test_choice(wanted: tuple[str, ...], expected: tuple[str, ...]) -> None:
    """What the configuration asks for, as interface names in order."""
    assert choose(wanted, THERE, ROUTES) == expected


def test_default_without_eth0() -> None:
    """Without eth0 the default is the interfaces of the default routes."""
    assert choose((), WITHOUT_ETH0, ROUTES) == ROUTES


def test_no_default_route() -> None:
    """Without eth0 and default route there is none to listen on."""
    assert choose((), WITHOUT_ETH0, ()) == ()
