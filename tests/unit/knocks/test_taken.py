"""Ports that are used for something else than a scan, and the reason that is given."""

from __future__ import annotations

import pytest

from knockd.knocks.taken import Taken, number_of
from knockd_conf.model import Step
from knockd_conf.protocol import Protocol

TCP, UDP = 6 << 16, 17 << 16
TAKEN = Taken(
    named=frozenset({8001, 53}),
    in_use=frozenset({TCP | 8080, UDP | 53}),
    forwarded=((TCP | 80, TCP | 80), (TCP | 9000, TCP | 9010), (UDP | 9000, UDP | 9000)),
)
WHY = {
    TCP | 8001: "is named by a command",
    UDP | 8001: "is named by a command",
    UDP | 53: "is named by a command",
    TCP | 8080: "has a listening socket",
    UDP | 8080: None,
    TCP | 80: "is forwarded",
    TCP | 79: None,
    TCP | 8999: None,
    TCP | 9000: "is forwarded",
    TCP | 9010: "is forwarded",
    TCP | 9011: None,
    UDP | 9000: "is forwarded",
    UDP | 9001: None,
}


@pytest.mark.parametrize("port", WHY)
def test_reason(port: int) -> None:
    """The first reason is given; a range has all between its ends, of its protocol."""
    assert WHY[port] == TAKEN.why(port, routed=False)


def test_routed_host() -> None:
    """Sockets of this host are not those of another one; what that may serve is taken."""
    assert TAKEN.why(TCP | 8080, routed=True) is None
    assert "may be a service of the target" == TAKEN.why(TCP | 22, routed=True)
    assert "is forwarded" == TAKEN.why(TCP | 9005, routed=True)
    assert "is named by a command" == TAKEN.why(TCP | 8001, routed=True)


def test_signed_knocks() -> None:
    """Who sends a signed knock touches no guard, at this host's ports or another one's."""
    taken = Taken(signed=frozenset({UDP | 47_811}))
    for routed in (False, True):
        assert "is a port of signed knocks" == taken.why(UDP | 47_811, routed=routed)
        assert taken.why(TCP | 47_811, routed=routed) is None


def test_nothing_taken() -> None:
    """Without any knowledge every port is free."""
    assert Taken().why(TCP | 8080, routed=False) is None


def test_sockets() -> None:
    """Sockets are looked at again, and all else stays."""
    found = TAKEN.with_sockets([Step(7, Protocol.UDP)])
    assert TAKEN._replace(in_use=frozenset({UDP | 7})) == found


def test_number() -> None:
    """The protocol stands in front of the port."""
    assert UDP | 7 == number_of(Step(7, Protocol.UDP))
