"""The filter of an interface lets through what its watches want, and nothing else."""

from __future__ import annotations

from ipaddress import ip_address

import pytest

from knockd.knocks.prefilter import SNAPLEN, Prefilter, prefilter
from knockd.knocks.signed_watch import SignedMinute, SignedPort, SignedWatch
from knockd.knocks.watch import Watch
from knockd_bpf.vm import run_program
from knockd_bpf.wire import DLT_EN10MB, DLT_LINUX_SLL, TCP, UDP
from tests.support.doubles.played import steps
from tests.support.samples.frames import ethernet, packet

PACKET_OTHERHOST = 3  # linux/if_packet.h
OURS, OURS6, OTHER = "10.0.0.1", "fd00::1", "10.0.0.9"
LOCAL = frozenset(ip_address(one).packed for one in (OURS, OURS6))
WATCH = Watch(0, steps("7000"), guards=steps("7001"))


def passes(made: Prefilter, port: int, destination: str = OURS) -> bool:
    """Whether a SYN passes."""
    source = "2001:db8::1" if ":" in destination else "192.0.2.1"
    frame = ethernet(bytes(6), bytes(6), packet(source, destination, port))
    return run_program(made.fitted.program.instructions, *made.layout.view(frame)).verdict > 0


def test_steps_and_guards_pass() -> None:
    """Steps and guards of a watch pass, other ports do not."""
    made = prefilter([WATCH], LOCAL, DLT_EN10MB)
    assert [port for port in range(6998, 7004) if passes(made, port)] == [7000, 7001]


def test_addresses() -> None:
    """Only packets to the interface or the watch's target pass; any where the addresses are unknown."""
    made = prefilter([WATCH], LOCAL, DLT_EN10MB)
    assert (passes(made, 7000), passes(made, 7000, OURS6), passes(made, 7000, OTHER)) == (True, True, False)
    aimed = prefilter(
        [Watch(0, steps("7000"), target=frozenset({ip_address(OTHER).packed}))], LOCAL, DLT_EN10MB
    )
    assert (passes(aimed, 7000), passes(aimed, 7000, OTHER)) == (False, True)
    assert passes(prefilter([WATCH], None, DLT_EN10MB), 7000, OTHER)


def test_frames_for_another_host() -> None:
    """They do not pass, unless a watch has a Target that is not the interface's own."""
    own, foreign = (
        Watch(0, steps("7000"), target=frozenset({ip_address(one).packed})) for one in (OURS, OTHER)
    )
    frame = ethernet(bytes(6), bytes(6), packet("192.0.2.1", OTHER, 7000))
    to_ours = ethernet(bytes(6), bytes(6), packet("192.0.2.1", OURS, 7000))
    for watches, sent, passed in (
        ([WATCH], to_ours, False),
        ([own], to_ours, False),
        ([foreign], frame, True),
    ):
        made = prefilter(watches, LOCAL, DLT_EN10MB)
        program, seen = made.fitted.program.instructions, made.layout.view(sent)
        assert run_program(program, *seen).verdict > 0
        assert (run_program(program, *seen, packet_type=PACKET_OTHERHOST).verdict > 0) is passed


def test_without_ipv6() -> None:
    """Where IPv6 is not wanted nothing of it passes."""
    made = prefilter([WATCH], LOCAL, DLT_EN10MB, ipv6=False)
    assert (passes(made, 7000), passes(made, 7000, OURS6)) == (True, False)


def test_a_watch_without_steps() -> None:
    """It leaves no trace in the filter, not even by its guards."""
    made = prefilter([Watch(0, (), guards=steps("7001"))], LOCAL, DLT_EN10MB)
    assert made.term.groups == ()
    assert not passes(made, 7001)


def test_limit() -> None:
    """The program is never longer than the limit: it is made wider instead."""
    watch = Watch(0, tuple(step for port in range(1, 60_000, 200) for step in steps(str(port))))
    exact, short = (prefilter([watch], LOCAL, DLT_EN10MB, limit=limit) for limit in (4096, 128))
    assert len(exact.fitted.program) > 128 >= len(short.fitted.program)
    assert exact.fitted.widened == 0 < short.fitted.widened
    assert passes(short, 1_001)


def test_text() -> None:
    """The text is for the link type's layout, and frames are cut where decode needs no more."""
    made = prefilter([WATCH], None, DLT_LINUX_SLL)
    assert "7000" in made.text()
    assert SNAPLEN in {one.k for one in made.fitted.program.instructions}


def test_unknown_link_type() -> None:
    """A link type that nobody can read is an error."""
    with pytest.raises(ValueError, match="147"):
        prefilter([WATCH], LOCAL, 147)


def test_signed_knocks() -> None:
    """Ports of signed knocks pass beside the steps, as long as a minute is live."""
    minute = SignedMinute(29_400_000, bytes(32), b"\1\2\3\4")
    signed = SignedWatch((SignedPort(47_811),), (minute,))
    made = prefilter([WATCH], LOCAL, DLT_EN10MB, signed=signed)
    assert {group.protocol for group in made.term.groups} == {TCP, UDP}
    assert "udp dst port 47811" in made.text()
    assert "udp" not in prefilter([WATCH], LOCAL, DLT_EN10MB, signed=signed._replace(minutes=())).text()
