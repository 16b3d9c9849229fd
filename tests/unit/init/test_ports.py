"""Random ports of a first door: apart, out of order, and none that is known or in use."""

from __future__ import annotations

from random import Random

import pytest

from knockd.checks.doors import find_scan_openings
from knockd.init.ports import APART, CLIENT_PORTS, HIGHEST, LOWEST, SERVED, choose_port, choose_steps
from knockd.knocks.guards import Guards
from knockd_conf.protocol import MAX_PORT, Protocol
from tests.support.doubles.played import door

SEEDS = range(50)


def drawn(seed: int, taken: frozenset[int] = frozenset(), clients: range = CLIENT_PORTS) -> list[int]:
    """The ports of the steps that are chosen with these random numbers."""
    return [step.port for step in choose_steps(Random(seed).randrange, taken, clients)]


@pytest.mark.parametrize("seed", SEEDS)
def test_every_choice(seed: int) -> None:
    """Four ports that are apart, of nobody, and go up and down; one of them is UDP."""
    steps = choose_steps(Random(seed).randrange, frozenset(), CLIENT_PORTS)
    ports = [step.port for step in steps]
    assert 4 == len(ports)
    assert all(LOWEST <= port <= HIGHEST for port in ports)
    assert min(abs(one - other) for one in ports for other in ports if one != other) >= APART
    assert SERVED.isdisjoint(ports)
    assert set(CLIENT_PORTS).isdisjoint(ports)
    assert ports not in (sorted(ports), sorted(ports, reverse=True))
    assert [Protocol.UDP] == [step.protocol for step in steps if step.protocol is Protocol.UDP]


def test_no_scan_in_order_opens_it() -> None:
    """Not even without guards would a scan of every n-th port open the door."""
    for seed in SEEDS:
        steps = choose_steps(Random(seed).randrange, frozenset(), CLIENT_PORTS)
        one = door("1", name="ssh")
        assert [] == list(find_scan_openings([one], [steps], [Guards()], skipping=True))


def test_random_numbers_decide() -> None:
    """Every host gets other ports, and every step may be the UDP one."""
    assert len(SEEDS) == len({tuple(drawn(seed)) for seed in SEEDS})
    places = {
        [step.protocol for step in choose_steps(Random(seed).randrange, (), CLIENT_PORTS)].index(Protocol.UDP)
        for seed in SEEDS
    }
    assert {0, 1, 2, 3} == places


def test_taken_ports() -> None:
    """A port that is in use or known is never one."""
    taken = frozenset(range(LOWEST, MAX_PORT)) - frozenset(range(20_000, 30_000))
    assert all(20_000 <= port < 30_000 for seed in SEEDS for port in drawn(seed, taken))


def test_clients_with_nearly_all_ports() -> None:
    """Where clients connect from nearly everywhere, their ports are taken rather than a handful of others."""
    wide = range(LOWEST, MAX_PORT + 1)
    assert any(port > 2_000 for seed in SEEDS for port in drawn(seed, clients=wide))


def test_the_port_of_signed_knocks() -> None:
    """It is a random one of nobody, and none from which clients of this host connect."""
    ports = {choose_port(Random(seed).randrange, frozenset(), CLIENT_PORTS) for seed in SEEDS}
    assert len(ports) > len(SEEDS) - 5
    assert SERVED.isdisjoint(ports)
    assert set(CLIENT_PORTS).isdisjoint(ports)
    taken = frozenset(range(LOWEST, MAX_PORT + 1)) - {20_000}
    assert 20_000 == choose_port(Random(1).randrange, taken, CLIENT_PORTS)
