"""The answer to Status."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from knockd.control.idl import check_fields, read_interface
from knockd.control.interface import DESCRIPTION
from knockd.keeper.figures import Attempt, Figures
from knockd.keeper.fleet_setup import FleetState
from knockd.keeper.live_doors import Rotating
from knockd.keeper.status import MOST_BYTES, MOST_LEASES, Journal, Signing, Snapshot, Wanted, build_status
from knockd.leases.journal import State
from knockd.process.figures import Counted
from knockd_conf.errors import Problem
from tests.support.doubles.played import door
from tests.support.doubles.signed import PORT, signed_door
from tests.support.samples.snapshots import WEB, daemon, lease


def test_status() -> None:
    """All that is known is told, in the words of the interface."""
    assert build_status(daemon()) == {
        "version": "0.9.0",
        "pid": 17,
        "life": "up",
        "seconds_up": 3_600.0,
        "config": "/etc/knockd.conf",
        "config_age": 60.0,
        "interfaces": [
            {
                "name": "eth0",
                "link_type": "Ethernet",
                "addresses": ["10.0.0.1"],
                "received": 90,
                "dropped": 2,
                "instructions": 40,
                "most_executed": 12,
            }
        ],
        "waiting": ["ppp0"],
        "deaf": ["eth1 has no address"],
        "doors": [
            {
                "name": "ssh",
                "occurrence": 0,
                "open": 1,
                "closes": True,
                "disabled": False,
                "expires": None,
                "waiting": None,
                "rotation": None,
                "signed": None,
                "fleet": None,
                "close_when_idle": None,
            },
            {
                "name": "web",
                "occurrence": 0,
                "open": 0,
                "closes": False,
                "disabled": True,
                "expires": None,
                "waiting": None,
                "rotation": None,
                "signed": None,
                "fleet": None,
                "close_when_idle": None,
            },
        ],
        "doors_total": 2,
        "leases": [
            {
                "id": "run.1",
                "door": "ssh",
                "occurrence": 0,
                "address": "203.0.113.7",
                "network": None,
                "state": "open",
                "unopened": False,
                "seconds_open": 3.0,
                "seconds_left": 7.0,
                "by": "knock at 10.0.0.1 on eth0",
                "destination": "10.0.0.1",
                "interface": "eth0",
                "failures": 0,
                "in_use": False,
            }
        ],
        "leases_total": 1,
        "failed_total": 0,
        "attempts": [{"address": "192.0.2.1", "door": "web", "stage": 1, "steps": 2, "seconds_left": 9.0}],
        "attempts_total": 1,
        "worker": 18,
        "worker_restarts": 2,
        "journal": {"place": "/run/knockd", "lasts": True, "reason": "Read-only file system"},
        "fleet": None,
        "refused": [
            {
                "path": "/etc/knockd.conf",
                "line": 7,
                "text": "/etc/knockd.conf:7: Sequence: expected ports, got 'x'",
            }
        ],
        "notes": ["a note"],
    }


def test_as_the_interface_says() -> None:
    """The answer has the fields that the interface declares, of its types, and no other."""
    interface = read_interface(DESCRIPTION)
    for one in (daemon(), daemon(figures=Figures(), worker=None)):
        told = build_status(one)
        assert check_fields(interface, interface.methods["Status"].answers, told) == without_nulls(told)


def without_nulls(value: object) -> object:
    """A value without fields that are null."""
    if isinstance(value, dict):
        return {name: without_nulls(one) for name, one in value.items() if one is not None}
    return [without_nulls(one) for one in value] if isinstance(value, list) else value


def test_without_figures() -> None:
    """What the packet process has not said is null."""
    told = build_status(daemon(figures=Figures()))
    assert told["interfaces"] == [
        {
            "name": "eth0",
            "addresses": ["10.0.0.1"],
            "link_type": None,
            "received": None,
            "dropped": None,
            "instructions": None,
            "most_executed": None,
        }
    ]
    assert told["attempts"] == []
    assert told["attempts_total"] is None


def test_close_when_idle() -> None:
    """A door that closes when it is idle says after how many seconds."""
    (row,) = build_status(daemon(doors=(door("1 2", close_when_idle=60.0),)))["doors"]
    assert row["close_when_idle"] == 60.0


def test_filter_of_libpcap() -> None:
    """What libpcap's own filter costs nobody knows; other link types have their numbers."""
    (row,) = build_status(daemon(figures=Figures({"eth0": Counted(0, 147, 9, 0, 0, 0)})))["interfaces"]
    assert row["instructions"] is None
    assert row["most_executed"] is None
    assert row["link_type"] == "link type 147"


DOOR = Wanted(door="ssh")
ADDRESS = Wanted(address="203.0.113.9")
LEASES = (lease(1), lease(2, WEB), lease(3, source="203.0.113.9", state=State.FAILED))


@pytest.mark.parametrize(
    ("wanted", "doors", "leases", "failed"),
    [
        (Wanted(), ["ssh", "web"], ["run.3", "run.2", "run.1"], 1),
        (DOOR, ["ssh"], ["run.3", "run.1"], 1),
        (ADDRESS, ["ssh", "web"], ["run.3"], 1),
        (Wanted("web", "203.0.113.9"), ["web"], [], 0),
    ],
)
def test_wanted(wanted: Wanted, doors: list[str], leases: list[str], failed: int) -> None:
    """Only what is asked for is listed and counted; what could not be closed comes first."""
    told = build_status(daemon(leases=LEASES, failed=1), wanted)
    assert [row["name"] for row in told["doors"]] == doors
    assert [row["id"] for row in told["leases"]] == leases
    assert told["leases_total"] == len(leases)
    assert told["failed_total"] == failed


def test_what_is_tried_again_is_not_left_out() -> None:
    """What could not be closed yet is listed however many have opened since: somebody has to hear of it."""
    late = lease(1, state=State.RETRYING, failures=2)
    many = (late, *(lease(number) for number in range(2, MOST_LEASES + 3)))
    told = build_status(daemon(leases=many, retrying=1))
    assert told["leases"][0]["state"] == "retrying"
    assert told["leases"][1]["id"] == many[-1].id


def test_a_door_that_nobody_can_open_is_not_left_out() -> None:
    """Of very many doors those without a sequence come first: somebody has to hear of them."""
    doors = tuple(door("1 2", name=f"door{n}") for n in range(1_000))
    told = build_status(daemon(doors=doors, disabled=frozenset({("door999", 0)})))
    assert [row["name"] for row in told["doors"][:2]] == ["door999", "door0"]
    assert told["doors"][0]["disabled"]


def test_door_with_keys() -> None:
    """The names of its keys are told, the first ones, and when the next sequence begins; never a port."""
    rotating = Rotating(None, tuple(f"key{n}" for n in range(10)), 30, 17.24)
    told = build_status(
        daemon(rotating={("ssh", 0): rotating, ("web", 0): Rotating("no clock", (), 60, None)})
    )
    ssh, web = told["doors"]
    assert ssh["waiting"] is None
    assert ssh["rotation"] == {
        "keys": [f"key{n}" for n in range(8)],
        "keys_total": 10,
        "period": 30.0,
        "seconds_left": 17.2,
    }
    assert web["waiting"] == "no clock"
    assert web["rotation"] == {"keys": [], "keys_total": 0, "period": 60.0, "seconds_left": None}


def test_door_of_signed_knocks() -> None:
    """Port, number of keys and why none opens it are told; why, also as that of a door without a sequence."""
    doors = (signed_door("ssh"), replace(door("4 5", name="web"), signed_port=7))
    signed = {("ssh", 0): Signing(PORT, 2, "no secret"), ("web", 0): Signing(7, 1, "no secret")}
    ssh, web = build_status(daemon(doors=doors, disabled={("ssh", 0)}, signed=signed))["doors"]
    assert ssh["signed"] == {"port": PORT, "keys_total": 2, "waiting": "no secret"}
    assert (ssh["disabled"], ssh["waiting"]) == (True, "no secret")
    assert web["signed"] == {"port": 7, "keys_total": 1, "waiting": "no secret"}
    assert (web["disabled"], web["waiting"]) == (False, None)
    good = {("ssh", 0): Signing(PORT, 2, None)}
    ssh, _ = build_status(daemon(doors=doors, disabled=frozenset(), signed=good))["doors"]
    assert ssh["signed"] == {"port": PORT, "keys_total": 2, "waiting": None}
    assert ssh["waiting"] is None


def test_fleet() -> None:
    """How the store is, what doors have of the fleet, and why none opens those that need it."""
    doors = (
        replace(door("1", name="ssh"), fleet_share=True, fleet_required=False),
        replace(door("2", name="web"), fleet_share=False, fleet_required=True),
    )
    state = FleetState("store.example:6379", "", 60.04, 2, {})
    told = build_status(daemon(doors=doors, fleet=state))
    assert told["fleet"] == {
        "endpoint": "store.example:6379",
        "problem": None,
        "seconds": 60.0,
        "gateways": 2,
    }
    ssh, web = (row["fleet"] for row in told["doors"])
    assert ssh == {"shared": True, "required": False, "waiting": None}
    assert web == {"shared": False, "required": True, "waiting": None}
    told = build_status(daemon(doors=doors, fleet=state._replace(endpoint="", problem="no route")))
    assert (told["fleet"]["endpoint"], told["fleet"]["problem"]) == (None, "no route")
    ssh, web = (row["fleet"]["waiting"] for row in told["doors"])
    assert ssh is None
    assert web == "the store of the fleet is not reached: no route"


ATTEMPTS = tuple(Attempt(f"192.0.2.{n}", "ssh", 1, 3, 9) for n in range(3))


@pytest.mark.parametrize(("total", "known"), [(3, 1), (4, None), (None, None)])
def test_attempts_of_an_address(total: int | None, known: int | None) -> None:
    """How many attempts an address has is known when all attempts are."""
    told = build_status(daemon(figures=Figures({}, ATTEMPTS, total)), Wanted(address="192.0.2.1"))
    assert [row["address"] for row in told["attempts"]] == ["192.0.2.1"]
    assert told["attempts_total"] == known


def long(count: int) -> Snapshot:
    """A daemon with as much of everything, all as long as it can be."""
    doors = [door("1", name=f"{n:064d}\u00e9", stop_command="x") for n in range(count)]
    names = [f"{n:015d}" for n in range(count)]
    six = "2001:db8:1111:2222:3333:4444:5555:6666"
    return daemon(
        doors=doors,
        leases=[lease(n, doors[n], source=six, state=State.RETRYING) for n in range(count)],
        listening=names,
        addresses={name: {n.to_bytes(16, "big") for n in range(200)} for name in names},
        waiting=names,
        deaf=["x" * 10_000] * count,
        figures=Figures({}, (Attempt(six, doors[0].name, 1, 3, 9),) * 20, 65_536),
        journal=Journal("/" + "x" * 4_000, False, "y" * 10_000),
        refused=[Problem("/" + "x" * 4_000, 7, None, "z" * 10_000)] * count,
        notes=["\u00e9" * 10_000] * count,
        config="/" + "x" * 4_000,
        fleet=FleetState("x" * 1_000, "y" * 10_000, 1.0, 7, {}),
    )


@pytest.mark.parametrize("count", [1, 50, 1_000, 5_000])
def test_bounds(count: int) -> None:
    """However much there is, the answer fits into a message; all is counted."""
    told = build_status(long(count))
    assert len(json.dumps(told)) < MOST_BYTES + 100
    assert told["doors_total"] == count
    assert told["leases_total"] == count
    assert told["leases"] != []
    assert told["doors"] != []


def test_most_leases() -> None:
    """With few doors 150 leases and more are listed."""
    told = build_status(daemon(leases=[lease(n) for n in range(1_000)]))
    assert 150 < len(told["leases"]) <= MOST_LEASES
    assert told["leases_total"] == 1_000


def test_a_lease_of_a_network() -> None:
    """A lease of a network is that of each address in it; the row has both."""
    wide = lease(1, door("1 2 3", name="ssh", stop_command="/bin/true", open_prefix=(24, 56)))
    told = build_status(daemon(leases=(wide,)), Wanted(address="203.0.113.99"))
    assert [(row["address"], row["network"]) for row in told["leases"]] == [("203.0.113.7", "203.0.113.0/24")]
    assert [] == build_status(daemon(leases=(wide,)), Wanted(address="203.0.114.7"))["leases"]
