"""Gateways killed at random instants while people knock; what who owns the store makes, keeps and repeats."""

from __future__ import annotations

import random
import time
from typing import Any

import pytest

from knockd.fleet.records import Hello, Kind, Message, Row, Seal, Version
from tests.support.daemons.fleet import (
    OPENED_TOO,
    STEPS,
    STORE,
    FleetLab,
    ssh,
    wait_let_in,
)
from tests.support.daemons.fleet_kills import kill_often
from tests.support.lab.services import send_knock
from tests.support.lab.waiting import wait_until

KILLS = 6


def test_killed_at_random_instants(fleet: FleetLab) -> None:
    """Nothing opens twice by one packet, and nothing stays open past its time, whoever is killed when."""
    found = kill_often(fleet, KILLS, random.Random(1))
    assert found.problems == []
    assert found.opened >= KILLS
    assert found.shared >= KILLS


class Owner:
    """Who owns the store: hears all that passes, and publishes what it likes."""

    def __init__(self, fleet: FleetLab) -> None:
        valkey = pytest.importorskip("valkey")
        self._lan = fleet.lan
        self._client = valkey.Valkey(host=STORE)
        self._heard = self._client.pubsub()
        with self._lan.entered():
            self._heard.psubscribe("knockd:*")
            self._heard.get_message(timeout=5)

    def hear(self) -> list[tuple[bytes, bytes]]:
        """Channel and bytes of what was published since the last call."""
        found = []
        while (message := self._heard.get_message(timeout=0.2)) is not None:
            if message["type"] == "pmessage":
                found.append((message["channel"], message["data"]))
        return found

    def publish(self, channel: bytes, data: bytes) -> None:
        """Publishes a message."""
        with self._lan.entered():
            self._client.publish(channel, data)


def test_who_owns_the_store(fleet: FleetLab) -> None:
    """Random bytes, messages of another key, and all that was ever said, once more: nothing opens by them.

    Not at the gateways that have heard it, nor at one that was started anew with no memory of it, nor after
    the door has been closed.
    """
    fleet.store.start()
    owner = Owner(fleet)
    gateways = fleet.start_all(2, ssh())
    first, second = gateways
    client, address = fleet.add_client()
    send_knock(client, first.address, *STEPS)
    wait_let_in(gateways, address)
    first.call("Close", door="ssh", address=address)
    wait_until(lambda: not any(one.lets_in(address) for one in gateways), 20, "it is closed")
    said = owner.hear()
    channels = {channel for channel, _ in said}
    second.kill()
    second.host.run("nft", "flush", "set", "inet", "filter", "knocked4")
    second.start(ssh())
    second.daemon.wait_for("gateway g1 is there")
    said += owner.hear()
    everyone = min(channels, key=len)
    dice = random.Random(1)
    for _ in range(3):
        for channel, data in said:
            owner.publish(channel, data)
            owner.publish(everyone, data)
        for size in (0, 1, 31, 32, 33, 500, 300_000):
            owner.publish(everyone, dice.randbytes(size))
        for data in forged(Seal(bytes(32), "knockd"), address):
            owner.publish(everyone, data)
        time.sleep(2)
    assert not any(one.lets_in(address) for one in gateways)
    assert [one.daemon.count(OPENED_TOO) for one in gateways] == [0, 0]  # the second is another run
    send_knock(client, first.address, *STEPS)  # and all of it has hurt nobody
    wait_let_in(gateways, address)


def forged(seal: Seal, address: str) -> list[bytes]:
    """A gateway of another key: it greets, and opens."""
    run = "00" * 8
    hello: Any = Hello("11" * 8, False, 5.0)
    row = Row("ssh", address, 60.0, Version(99, run))
    bodies = ((Kind.HELLO, hello), (Kind.CHANGE, row))
    return [
        seal.seal(Message(kind, run, "g9", "", number, 0, time.monotonic(), body))
        for number, (kind, body) in enumerate(bodies, 1)
    ]
