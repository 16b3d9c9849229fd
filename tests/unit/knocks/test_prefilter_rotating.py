"""The filter of a door whose sequence rotates: it fits into the kernel however many keys the door has."""

from __future__ import annotations

import random
from ipaddress import ip_address

import pytest

from knockd.knocks.prefilter import Prefilter, prefilter
from knockd.knocks.taken import Taken
from knockd.knocks.watch import Watch
from knockd.sequences.rotating_watches import RECOGNISED, KeySequences, make_watches
from knockd_bpf.vm import run_program
from knockd_bpf.wire import DLT_EN10MB, TCP
from knockd_conf.model import FlagRule, GuardPorts
from knockd_conf.timed import Rule, derive_ports
from tests.support.oracles.kernel import loads
from tests.support.samples.headers import framed, ipv4, tcp

NOW = 60_000_000
LOCAL = frozenset(ip_address(one).packed for one in ("192.0.2.1", "2001:db8::1", "fe80::1"))
SYN = 0x02


def watches(keys: int, protocol: str) -> tuple[Watch, ...]:
    """The watches of a door with so many keys."""
    made, rule = random.Random(keys), Rule(protocol=protocol)
    near = range(NOW - RECOGNISED, NOW + RECOGNISED + 1)
    keyed = []
    for number in range(keys):
        key = made.randbytes(32)
        ports = {period: derive_ports(key, "ssh", period, rule) for period in near}
        keyed.append(KeySequences(0, str(number), rule.period, NOW, ports))
    plain = [Watch(0, (), FlagRule(SYN, 0x10))]
    return make_watches(plain, [GuardPorts()], Taken(), keyed, lambda _, key, period: int(key) << 32 | period)


def passes(made: Prefilter, port: int) -> bool:
    """Whether the program lets a SYN to a port through."""
    frame = framed(DLT_EN10MB, ipv4(tcp(port), destination="192.0.2.1"))
    return run_program(made.fitted.program.instructions, *made.layout.view(frame)).verdict > 0


@pytest.mark.parametrize("protocol", ["tcp", "mixed"])
@pytest.mark.parametrize(("keys", "most"), [(1, 160), (5, 600), (32, 3_000)])
def test_size(keys: int, most: int, protocol: str) -> None:
    """With seven sequences a key the program stays exact, and the kernel takes it."""
    fitted = prefilter(watches(keys, protocol), LOCAL, DLT_EN10MB).fitted
    assert fitted.widened == 0
    assert len(fitted.program) <= most
    assert loads(fitted.program)


def test_ports() -> None:
    """Steps of all seven sequences pass, and guards of those that open; nothing else does."""
    made = watches(1, "tcp")
    wanted = {one.port for watch in made for one in (*watch.steps, *watch.guards)}
    compiled = prefilter(made, LOCAL, DLT_EN10MB)
    near = {port + beside for port in wanted for beside in (-1, 0, 1)}
    found = {port for port in near if passes(compiled, port)}
    assert wanted == found
    assert 7 * 4 + 3 * 8 == len(wanted)
    assert all(not watch.guards for watch in made if not watch.opens)
    assert all(step.protocol == TCP for watch in made for step in watch.steps)
