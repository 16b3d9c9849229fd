"""Gateways that share their openings: real firewalls, a real store, one knock."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

from knockd.keeper.fleet import BUDGET
from tests.support.daemons.doors import SECRET, door
from tests.support.daemons.fleet import (
    LOST,
    OPENED,
    OPENED_TOO,
    OVER,
    REACHED,
    STEPS,
    FleetLab,
    Gateway,
    find_fleet_child,
    measure_openings,
    noting,
    ssh,
    wait_joined,
    wait_let_in,
    wait_shut_out,
)
from tests.support.lab.services import send_knock, session
from tests.support.lab.waiting import wait_until


def left(gateway: Gateway) -> float:
    """The seconds that its only lease has left; 0: it has none."""
    leases = gateway.call("Status")["leases"]
    assert len(leases) <= 1
    return float(leases[0]["seconds_left"] or 0.0) if leases else 0.0


def test_one_knock_opens_all(fleet: FleetLab) -> None:
    """A knock at one gateway opens at three, and at each the door closes when its time is over."""
    fleet.store.start()
    gateways = fleet.start_all(3, ssh(cmd_timeout=5))
    client, address = fleet.add_client()
    send_knock(client, gateways[0].address, *STEPS)
    wait_let_in(gateways, address)
    for gateway in gateways[1:]:
        gateway.daemon.wait_for(f"{address}: ssh: opened at gateway g1, so here, too")
        assert gateway.daemon.count(OPENED) == 0
    wait_shut_out(gateways, address)
    assert [one.daemon.count(f"{address}: ssh: {OVER}") for one in gateways] == [1, 1, 1]


def test_extended_and_closed_by_hand(fleet: FleetLab) -> None:
    """More time that is given at one gateway is had at all; closed at one it is closed at all."""
    fleet.store.start()
    gateways = fleet.start_all(3, ssh())
    client, address = fleet.add_client()
    send_knock(client, gateways[0].address, *STEPS)
    wait_let_in(gateways, address)
    wait_until(lambda: all(left(one) > 0 for one in gateways), 10, "it is open at all")
    gateways[1].call("Extend", door="ssh", address=address, seconds=300.0)
    for gateway in gateways:
        wait_until(lambda: left(gateway) > 200, 10, f"more time at {gateway.name}")  # noqa: B023
        assert left(gateway) <= 360
    gateways[2].call("Close", door="ssh", address=address)
    wait_shut_out(gateways, address)
    for gateway in gateways[:2]:
        gateway.daemon.wait_for(f"{address}: ssh: closed at gateway g3, so here, too")


def test_a_session_keeps_all_open(fleet: FleetLab) -> None:
    """While somebody is connected at one gateway the door is open at all, and then it closes at all."""
    fleet.store.start()
    text = ssh(cmd_timeout=4, close_when_idle=3, service=f"{SECRET}/tcp")
    first, second = fleet.start_all(2, text)
    client, address = fleet.add_client()
    second.host.run("nft", "insert", "rule", "inet", "filter", "input", "th", "dport", str(SECRET), "accept")
    with session(second.host, client, second.address, SECRET) as ends:
        assert ends is not None
        send_knock(client, first.address, *STEPS)
        wait_let_in([first, second], address)
        knocked = time.monotonic()
        second.daemon.wait_for("still connected, open until")
        while time.monotonic() < knocked + 14:
            assert second.lets_in(address)
            assert first.lets_in(address)
            time.sleep(0.2)
    wait_shut_out([first, second], address)


def test_who_joins_takes_over(fleet: FleetLab) -> None:
    """A gateway that joins late, and one that was killed, open what is open, for the time that is left."""
    fleet.store.start()
    first, second = fleet.start_all(2, ssh())
    client, address = fleet.add_client()
    other, later = fleet.add_client(1)
    send_knock(client, first.address, *STEPS)
    wait_let_in([first, second], address)
    time.sleep(2)
    third = fleet.add_gateway().start(ssh())
    wait_let_in([third], address)
    wait_until(lambda: left(third) > 0, 10, "it is open")
    assert left(third) <= 58 + 1
    second.kill()
    second.host.run("nft", "flush", "set", "inet", "filter", "knocked4")
    send_knock(other, third.address, *STEPS)
    wait_let_in([first, third], later)
    second.start(ssh())
    wait_let_in([second], later)
    assert second.daemon.count(f"{address}: ssh: {OPENED_TOO}") == 0


def test_one_that_is_cut_off(fleet: FleetLab) -> None:
    """A gateway without the store closes by its own clock; what opens there the others hear afterwards."""
    fleet.store.start()
    gateways = fleet.start_all(3, ssh(cmd_timeout=20))
    first, _, third = gateways
    client, address = fleet.add_client()
    other, later = fleet.add_client(1)
    send_knock(client, first.address, *STEPS)
    wait_let_in(gateways, address)
    with third.cut_off():
        third.daemon.wait_for(LOST, timeout=20)
        first.call("Close", door="ssh", address=address)
        wait_shut_out(gateways[:2], address)
        wait_shut_out([third], address, 30)
        third.daemon.wait_for(f"{address}: ssh: {OVER}")
        send_knock(other, third.address, *STEPS)
        wait_let_in([third], later)
    third.daemon.wait_for(REACHED, timeout=30, times=2)
    wait_let_in(gateways[:2], later)


def test_commands_are_local(fleet: FleetLab, tmp_path: Path) -> None:
    """Each gateway runs its own commands; who has no such door, or does not share it, does nothing."""
    fleet.store.start()
    doors = [ssh(start_command=f"echo {name} %IP% >> {tmp_path / name}") for name in ("one", "two")]
    private = ssh(start_command=f"echo three >> {tmp_path / 'three'}", Fleet_Share="no")
    gateways = [fleet.add_gateway().start(text) for text in (*doors, private, ssh("other", "1,2,3"))]
    wait_joined(gateways)
    client, address = fleet.add_client()
    send_knock(client, gateways[0].address, *STEPS)
    gateways[1].daemon.wait_for(OPENED_TOO)
    for name in ("one", "two"):
        ran = tmp_path / name
        wait_until(lambda: ran.exists() and ran.read_text() == f"{name} {address}\n", 10, f"{name} has run")  # noqa: B023
    send_knock(client, gateways[2].address, *STEPS)
    gateways[2].daemon.wait_for(OPENED)
    time.sleep(1)
    assert [one.daemon.count(OPENED_TOO) for one in gateways] == [0, 1, 0, 0]
    assert not gateways[3].call("Status")["leases"]


def test_plain_doors_wait_for_nobody(fleet: FleetLab, tmp_path: Path) -> None:
    """At a door that asks the fleet nothing a knock opens while the fleet's child stands still."""
    fleet.store.start()
    noted = tmp_path / "noted"
    plain = door("plain", ",".join(STEPS), start_command=noting(noted))
    gateway = fleet.add_gateway().start(plain, Fleet_Share="no")
    gateway.daemon.wait_for(REACHED)
    client, _ = fleet.add_client()
    child = find_fleet_child(gateway)
    os.kill(child, signal.SIGSTOP)
    delays = measure_openings(gateway, client, noted)
    os.kill(child, signal.SIGCONT)
    assert min(delays) < BUDGET


def test_what_a_gateway_shows(fleet: FleetLab) -> None:
    """Each gateway knows the others, who is in, and how the store is."""
    fleet.store.start()
    gateways = fleet.start_all(3, ssh())
    client, address = fleet.add_client()
    send_knock(client, gateways[0].address, *STEPS)
    wait_let_in(gateways, address)
    for gateway in gateways:
        seen = gateway.call("Fleet")
        assert seen["gateway"] == gateway.name
        others = {one["name"]: one for one in seen["gateways"]}
        assert set(others) == {one.name for one in gateways} - {gateway.name}
        assert all(0 <= one["heard"] < 30 and abs(one["skew"]) < 5 for one in others.values())
        assert [(one["door"], one["address"], one["gateway"]) for one in seen["openings"]] == [
            ("ssh", address, "g1")
        ]
        assert seen["store"]["problem"] is None
    fleet.store.kill()
    wait_until(lambda: gateways[1].call("Fleet")["store"]["problem"], 10, "the store is missed")
    assert gateways[1].call("Status")["fleet"]["problem"]
