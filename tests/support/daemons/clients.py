"""Knocks by every client there is: both programs called knock, nmap, nc and hping3.

A step is ``port`` or ``port:udp``. Between two steps is time for the daemon to judge the first. No two
packets have the same ports and addresses, but for those that are sent again.
"""

from __future__ import annotations

import itertools
import sys
import time
from collections.abc import Callable, Mapping

from tests.support.daemons.daemon import environment
from tests.support.lab.hosts import Host

PAUSE = 0.1
"""Seconds between two steps."""

_SOURCE_PORTS = itertools.count(20_000)

Knock = Callable[..., None]
"""Takes a host, the address to knock at, and the steps."""


def knock_ours(host: Host, address: str, *steps: str) -> None:
    """Our knock."""
    options = ("-d", f"{PAUSE * 1000:.0f}")
    host.popen(sys.executable, "-m", "knockd.client", *options, address, *steps, env=environment()).wait(20)
    time.sleep(PAUSE)


def knock_old(host: Host, address: str, *steps: str) -> None:
    """Debian's knock 0.8."""
    host.run("/usr/bin/knock", "-d", f"{PAUSE * 1000:.0f}", address, *steps)
    time.sleep(PAUSE)


def knock_nmap(host: Host, address: str, *steps: str) -> None:
    """nmap, a port at a time, as its users do."""
    six = ("-6",) if ":" in address else ()
    for port, udp in map(_split, steps):
        scan = "-sU" if udp else "-sS"
        host.run("nmap", *six, "-n", "-Pn", scan, "--send-ip", "--max-retries", "0", "-p", port, address)
        time.sleep(PAUSE)


def knock_nc(host: Host, address: str, *steps: str) -> None:
    """nc, which connects: where nobody answers it sends its SYN again."""
    for port, udp in map(_split, steps):
        if udp:
            host.run("nc", "-u", "-w1", "-q0", address, port, stdin="x", check=False)
        else:
            host.run("nc", "-z", "-w1", address, port, check=False)
        time.sleep(PAUSE)


def knock_hping3(host: Host, address: str, *steps: str, flags: str = "-S") -> None:
    """hping3, with the TCP flags that its options name."""
    for port, udp in map(_split, steps):
        kind = "-2" if udp else flags
        host.run(
            "hping3", "-q", "-c", "1", "-s", str(next(_SOURCE_PORTS)), kind, "-p", port, address, check=False
        )
        time.sleep(PAUSE)


CLIENTS: Mapping[str, Knock] = {
    "our knock": knock_ours,
    "knock 0.8": knock_old,
    "nmap": knock_nmap,
    "nc": knock_nc,
    "hping3": knock_hping3,
}


def _split(step: str) -> tuple[str, bool]:
    port, _, protocol = step.partition(":")
    return port, protocol == "udp"
