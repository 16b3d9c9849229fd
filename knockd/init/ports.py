"""The random ports of a first door, and that of signed knocks.

Pure.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from itertools import pairwise

from knockd.checks.doors import BUSY
from knockd.knocks.guards import BESIDE, REACH
from knockd_conf.model import Step
from knockd_conf.protocol import MAX_PORT, Protocol

STEPS = 4

APART = 2 * BESIDE + 1
"""Least distance of two steps: each has its guards on both sides for itself."""

LOWEST, HIGHEST = 1_024, MAX_PORT - REACH
"""Ports below are services' (RFC 6335); those close to the last one lack room for guards."""

CLIENT_PORTS = range(32_768, 61_000)
"""Ports from which clients connect, where the host does not say (ip(7), ip_local_port_range)."""

ENOUGH = 8_192
"""Ports to choose from: where fewer are left, ports of clients are taken too."""

SERVED = frozenset(
    {
        *(1194, 1433, 1521, 1723, 1883, 2049, 2222, 2375, 3000, 3128, 3306, 3389, 4443, 4444, 5000, 5060),
        *(5061, 5222, 5432, 5555, 5601, 5671, 5672, 5900, 5901, 6379, 6443, 6667, 7000, 7001, 8000, 8006),
        *(8008, 8080, 8081, 8086, 8088, 8123, 8291, 8333, 8443, 8448, 8545, 8883, 8888, 9000, 9001, 9042),
        *(9090, 9092, 9100, 9200, 9300, 9418, 9443, 10000, 10250, 11211, 15672, 16443, 19999, 22000, 25565),
        *(27015, 27017, 30303, 32400, 51413, 51820),
        *(port for ports in BUSY.values() for port in ports),
    }
)
"""Ports that scanners try first, for much is served there, whatever /etc/services says."""


def choose_steps(
    below: Callable[[int], int], taken: Collection[int], client_ports: Collection[int]
) -> tuple[Step, ...]:
    """Four steps, one of them UDP, that no scan in order meets.

    ``below(n)`` draws a number from 0 to n - 1. ``taken`` are ports that are in use or known, whatever their
    protocol; ports from which this host's clients connect are left out where enough others are left.
    """
    candidates = _find_candidates(taken, client_ports)
    while True:
        ports = [candidates[below(len(candidates))] for _ in range(STEPS)]
        if _are_apart(ports) and ports not in (sorted(ports), sorted(ports, reverse=True)):
            break
    udp = below(STEPS)
    return tuple(Step(port, Protocol.UDP if at == udp else Protocol.TCP) for at, port in enumerate(ports))


def choose_port(below: Callable[[int], int], taken: Collection[int], client_ports: Collection[int]) -> int:
    """A UDP port for signed knocks; arguments as above."""
    candidates = _find_candidates(taken, client_ports)
    return candidates[below(len(candidates))]


def _find_candidates(taken: Collection[int], client_ports: Collection[int]) -> list[int]:
    known = SERVED | frozenset(taken)
    every = [port for port in range(LOWEST, HIGHEST + 1) if port not in known]
    quiet = [port for port in every if port not in client_ports]
    return quiet if len(quiet) >= ENOUGH else every


def _are_apart(ports: Collection[int]) -> bool:
    return all(high - low >= APART for low, high in pairwise(sorted(ports)))
