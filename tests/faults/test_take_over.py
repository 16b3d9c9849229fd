"""Knocks under way when one packet process takes over from another: none is lost, none counts twice."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.e2e.conftest import BOTH_READERS, Pair, Start
from tests.support.daemons.doors import SERVER, config, door
from tests.support.lab.hosts import Host
from tests.support.samples.frames import ethernet, packet

KNOCKS = 30
EVERY = 0.7
"""Seconds between two changes of interfaces."""

PORTS = (700, 800, 900)
BROADCAST = b"\xff" * 6


@contextmanager
def containers(host: Host) -> Iterator[None]:
    """An interface of the host comes or goes every EVERY seconds, as those of containers do."""
    ended = threading.Event()

    def come_and_go() -> None:
        number = 0
        while not ended.wait(EVERY):
            number += 1
            host.ip(f"link add c{number} type veth peer name d{number}", f"link set c{number} up")
            if ended.wait(EVERY):
                return
            host.ip(f"link del c{number}")

    thread = threading.Thread(target=come_and_go)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def knock(client: Host, source: str, gap: float) -> None:
    """A knock with ``gap`` seconds between its packets."""
    for port in PORTS:
        client.send_frames("eth0", [ethernet(BROADCAST, BROADCAST, packet(source, SERVER[4], port))])
        time.sleep(gap)


def knock_for_a_while(client: Host, gap: float, every: float) -> list[str]:
    """Knocks of many sources, one begun every so many seconds; returns the sources when all have ended."""
    sources = [f"198.51.100.{number}" for number in range(1, KNOCKS + 1)]
    threads = []
    for source in sources:
        threads.append(threading.Thread(target=knock, args=(client, source, gap)))
        threads[-1].start()
        time.sleep(every)
    for thread in threads:
        thread.join()
    return sources


@pytest.mark.parametrize("gap", [0.02, 0.5])
def test_containers_come_and_go(pair: Pair, start: Start, gap: float) -> None:
    """With any, every knock opens once, however often other interfaces come and go meanwhile."""
    daemon = start(pair.server, config(door("secret", "700,800,900"), interface="any"), interface=None)
    with containers(pair.server):
        sources = knock_for_a_while(pair.client, gap, 0.2)
    time.sleep(0.5)
    changes = daemon.count("listening on") - 1
    opened = [daemon.count(f"{source}: secret: OPEN SESAME") for source in sources]
    print(f"{len(sources)} knocks, {changes} packet processes took over")
    assert changes >= 4
    assert opened == [1] * len(sources)


@BOTH_READERS
def test_reloads(pair: Pair, start: Start) -> None:
    """A HUP that calls for another packet process loses no knock at a door that stays as it is."""

    def text(latency: int) -> str:
        other = door("other", f"{latency},{latency + 100}")
        return config(other, door("secret", "700,800,900"), Latency=latency)

    daemon, ended = start(pair.server, text(10)), threading.Event()

    def reload() -> None:
        latency = 10
        while not ended.wait(0.4):
            latency = 21 - latency
            daemon.write_config(text(latency))
            daemon.signal(signal.SIGHUP)

    thread = threading.Thread(target=reload)
    thread.start()
    sources = knock_for_a_while(pair.client, 0.5, 0.2)
    ended.set()
    thread.join()
    time.sleep(0.5)
    assert daemon.count("listening on") >= 5
    assert [daemon.count(f"{source}: secret: OPEN SESAME") for source in sources] == [1] * len(sources)


def test_ignored_sources_stay_ignored(pair: Pair, start: Start) -> None:
    """Whom a door ignores it ignores after a take-over too."""
    doors = door("secret", "700,800,900", seq_cooldown=600), door("marker", "1700,1800")
    daemon = start(pair.server, config(*doors, interface="any"), interface=None)
    knock(pair.client, "198.51.100.1", 0.0)
    daemon.wait_for("secret: OPEN SESAME")
    pair.server.ip("link add c0 type veth peer name d0", "link set c0 up")
    daemon.wait_for("listening on", times=2)
    knock(pair.client, "198.51.100.1", 0.0)
    knock(pair.client, "198.51.100.2", 0.0)
    daemon.wait_for("198.51.100.2: secret: OPEN SESAME")
    assert daemon.count("198.51.100.1: secret: OPEN SESAME") == 1
