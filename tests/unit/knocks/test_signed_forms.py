"""Why a UDP packet has not the form of a signed knock."""

from __future__ import annotations

import pytest

from knockd.knocks.refusals import Cause
from knockd.knocks.signed_forms import find_misshape
from knockd_bpf.wire import DLT_EN10MB
from knockd_conf.signed_sizes import SIZE
from tests.support.samples.headers import DESTINATION, LINKTYPES, UDP, extension, framed, ipv4, ipv6, udp

GOOD = udp(47_811, bytes(SIZE))


@pytest.mark.parametrize("linktype", LINKTYPES.values(), ids=LINKTYPES)
@pytest.mark.parametrize("packet", [ipv4(GOOD, UDP), ipv4(GOOD, UDP, options=b"\1" * 8), ipv6(GOOD, UDP)])
def test_has_the_form(linktype: int, packet: bytes) -> None:
    """A datagram of that length has it, with IPv4 options as well, over every link."""
    assert find_misshape(linktype, framed(linktype, packet)) is None


def test_priority_tag() -> None:
    """A tag without a VLAN is no part of the packet."""
    assert find_misshape(DLT_EN10MB, framed(DLT_EN10MB, ipv4(GOOD, UDP), tag=b"\x81\0\x20\0")) is None


@pytest.mark.parametrize(
    ("packet", "cause", "reason"),
    [
        (ipv4(udp(1, bytes(12)), UDP), Cause.LENGTH, "12 bytes of UDP: a signed knock has 124"),
        (ipv6(udp(1, bytes(125)), UDP), Cause.LENGTH, "125 bytes of UDP: a signed knock has 124"),
        (ipv4(udp(1, b""), UDP), Cause.LENGTH, "0 bytes of UDP: a signed knock has 124"),
        (ipv4(GOOD[:4] + b"\0\3" + GOOD[6:], UDP), Cause.LENGTH, "0 bytes of UDP: a signed knock has 124"),
        (
            ipv4(GOOD, UDP, fragment=0x2000),
            Cause.FRAGMENT,
            "a fragment: a signed knock comes in one piece",
        ),
        (
            ipv6(GOOD, UDP, extensions=(extension(DESTINATION),)),
            Cause.EXTENSIONS,
            "extension header 60 in front of UDP: a signed knock has none",
        ),
        (
            ipv4(GOOD, UDP, total=100),
            Cause.MALFORMED,
            "bad IP header: it leaves 80 bytes for UDP, which says 132",
        ),
        (
            ipv6(GOOD, UDP, payload=131),
            Cause.MALFORMED,
            "bad IP header: it leaves 131 bytes for UDP, which says 132",
        ),
        (
            ipv4(GOOD[:100], UDP, total=152),
            Cause.CUT,
            "cut short: 92 of 124 bytes were captured",
        ),
    ],
)
def test_reasons(packet: bytes, cause: Cause, reason: str) -> None:
    """Each reason there is, in words."""
    assert find_misshape(DLT_EN10MB, framed(DLT_EN10MB, packet)) == (cause, reason)
