"""What is counted since the daemon's start."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace

from knockd.control.idl import check_fields, read_interface
from knockd.control.interface import DESCRIPTION
from knockd.fleet.verbs import Overview
from knockd.keeper.counters import MOST_DOORS, Counters, build_counts
from knockd.keeper.figures import OTHERS, FigureBook, Figures
from knockd.keeper.fleet_setup import FleetState
from knockd.keeper.status import MOST_BYTES, Signing, Snapshot
from knockd.leases.door_commands import START_FAILED
from knockd.process.figures import Counted
from tests.support.doubles.lease_manager import DOOR, knock
from tests.support.doubles.played import door
from tests.support.samples.snapshots import daemon

FAILED = {"ip": "192.0.2.1", "door": "ssh", "status": 1}


def counted(counters: Counters) -> dict[str, float]:
    """Every count that is not 0, those of a door or an interface as ``name of``."""
    rows, left_out = build_counts(daemon(open_at={}), counters, FigureBook())
    assert left_out == 0
    of_daemon = {"up", "config_age", "worker_starts", "journal_elsewhere"}
    named = ((row.get("door") or row.get("interface"), row) for row in rows)
    return {
        row["name"] + (f" {of}" if of else ""): row["value"]
        for of, row in named
        if row["value"] and row["name"] not in of_daemon | {"instructions"}
    }


def test_nothing() -> None:
    """At the start nothing has been counted, and every name is there."""
    rows, _ = build_counts(daemon(), Counters(), FigureBook())
    assert {row["name"] for row in rows} == {
        *("up", "config_age", "openings", "refusals", "attempts", "guard_hits", "spoiled", "expired"),
        *("ignored", "held_back", "leases", "failed_leases", "start_failures", "stop_failures"),
        *("worker_starts", "reloads", "reload_refusals", "journal_failures", "journal_elsewhere"),
        "instructions",
    }
    assert counted(Counters()) == {}


def test_events() -> None:
    """Each event of the log counts, and what a line counts."""
    counters = Counters()
    counters.hear("open", {"ip": "192.0.2.1", "door": "ssh"})
    counters.hear("opened-by-hand", {"ip": "192.0.2.1", "door": "ssh", "uid": 0, "pid": 9})
    counters.hear("held-back", {"count": 7})
    counters.hear("door-held-back", {"count": 2, "door": "ssh"})
    counters.hear("command-failed", {"verb": "start", **FAILED})
    counters.hear("command-failed", {"verb": "stop", **FAILED})
    counters.hear("command-too-long", {"verb": "stop", **FAILED})
    for event in ("reading", "config-kept", "state-problem", "stopping"):
        counters.hear(event, {})
    assert counted(counters) == {
        "openings ssh": 2,
        "held_back": 9,
        "stop_failures": 2,
        "reloads": 1,
        "reload_refusals": 1,
        "journal_failures": 1,
    }


def test_signed() -> None:
    """Openings by signed knocks count by door, and what did nothing by reason; doors without any show 0."""
    counters = Counters()
    counters.hear("signed-opened", {"ip": "192.0.2.1", "door": "ssh", "key": "a", "fingerprint": "b"})
    told = daemon(
        signed={("ssh", 0): Signing(7, 1, None), ("web", 0): Signing(7, 1, None)},
        signed_refusals={"repeated": 3},
    )
    rows, _ = build_counts(told, counters, FigureBook())
    assert [row for row in rows if row["name"].startswith("signed")] == [
        {"name": "signed_openings", "door": "ssh", "value": 1.0},
        {"name": "signed_openings", "door": "web", "value": 0.0},
        {"name": "signed_refusals", "reason": "repeated", "value": 3.0},
    ]
    rows, _ = build_counts(daemon(), counters, FigureBook())
    assert {"name": "signed_openings", "door": "ssh", "value": 1.0} in rows


def test_fleet() -> None:
    """What the fleet has opened and refused is told where there is one, and what its child has counted."""
    counters = Counters()
    counters.hear("fleet-opened", {"ip": "192.0.2.1", "door": "ssh", "gateway": "gw2"})
    told = daemon(fleet=FleetState("store.example:6379", "", 60.0, 2, {"used": 3}))
    gateways = (("gw2", "ab", 1.0, -7.5, 0.01), ("gw3", "cd", 1.0, 2.0, 0.01))
    overview = [
        Overview(1, {"forged": 4.0, "latency": 0.002}, gateways[:1], (), more=True),
        Overview(1, {"forged": 4.0, "latency": 0.002}, gateways[1:], (), more=False),
    ]

    def of_fleet(daemon: Snapshot, overview: Sequence[Overview]) -> dict[str, float]:
        rows, _ = build_counts(daemon, counters, FigureBook(), overview)
        of = ("name", "door", "reason")
        return {
            " ".join(row[name] for name in of if name in row): row["value"]
            for row in rows
            if row["name"].startswith("fleet")
        }

    known = {
        "fleet_store_up": 1.0,
        "fleet_gateways": 2.0,
        "fleet_refusals used": 3.0,
        "fleet_refusals unreachable": 0.0,
        "fleet_openings ssh": 1.0,
    }
    asked = {"fleet_forged": 4.0, "fleet_latency": 0.002, "fleet_skew": 7.5}
    assert of_fleet(told, overview) == {**known, **asked}
    down = told._replace(fleet=FleetState("", "no route", 60.0, 2, {"used": 3}))
    assert of_fleet(down, ()) == {**known, "fleet_store_up": 0.0}
    assert of_fleet(daemon(), ()) == {}


def test_answers() -> None:
    """An opening that came to nothing is a refusal, or a start command that has failed."""
    counters = Counters()
    passed_on: list[str | None] = []
    answer = counters.count_answers(lambda _, reason: passed_on.append(reason))
    reasons = [None, "1024 leases are open", START_FAILED]
    for reason in reasons:
        answer(knock(), reason)
    assert counted(counters) == {"refusals ssh": 1, "start_failures": 1}
    assert passed_on == reasons


def test_packet_process() -> None:
    """What packet processes have counted is told by event, and by interface."""
    book = FigureBook()
    book.events.update(begun=5, guarded=4, spoiled=3, expired=2, ignored=1)
    book.received["eth0"], book.dropped["eth0"] = 90, 2
    rows, _ = build_counts(daemon(), Counters(), book)
    assert [
        {"name": "attempts", "value": 5.0},
        {"name": "guard_hits", "value": 4.0},
        {"name": "spoiled", "value": 3.0},
        {"name": "expired", "value": 2.0},
        {"name": "ignored", "value": 1.0},
    ] == [row for row in rows if row["name"] in {"attempts", "guard_hits", "spoiled", "expired", "ignored"}]
    assert [
        {"name": "instructions", "interface": "eth0", "value": 40.0},
        {"name": "received", "interface": "eth0", "value": 90.0},
        {"name": "dropped", "interface": "eth0", "value": 2.0},
    ] == [row for row in rows if "interface" in row]


def test_leases() -> None:
    """Leases are counted by the door's name, those that could not be closed together."""
    rows, _ = build_counts(daemon(open_at={("ssh", 0): 3}, failed=1), Counters(), FigureBook())
    assert {"name": "leases", "door": "ssh", "value": 3.0} in rows
    assert {"name": "leases", "door": "web", "value": 0.0} in rows
    assert {"name": "failed_leases", "value": 1.0} in rows


def test_many_doors() -> None:
    """So many doors are counted by name, the others together; nothing is lost."""
    counters = Counters()
    for number in range(MOST_DOORS + 5):
        counters.hear("open", {"door": f"door{number}"})
    assert len(counters.by_door["openings"]) == MOST_DOORS + 1
    assert counters.by_door["openings"][OTHERS] == 5


def test_bounds() -> None:
    """However long names are, the rows fit into a message; those that do not are counted."""
    counters, book = Counters(), FigureBook()
    answer = counters.count_answers(lambda _, __: None)
    for number in range(MOST_DOORS + 5):
        counters.hear("open", {"door": "\u00e9" * 64 + str(number)})
        answer(knock(replace(DOOR, name="\u00e9" * 64 + str(number))), "x")
        book.received[f"{number:015d}"] = 1
    many = [door("1", name="\u00e8" * 64 + str(number)) for number in range(1_000)]
    rows, left_out = build_counts(daemon(doors=many, figures=Figures()), counters, book)
    assert len(json.dumps(rows)) <= MOST_BYTES + 2
    assert left_out > 0
    assert rows[0]["name"] == "up"


def test_as_the_interface_says() -> None:
    """Each row has the fields that the interface declares."""
    interface = read_interface(DESCRIPTION)
    book = FigureBook()
    book.received["eth0"] = 1
    rows, left_out = build_counts(
        daemon(figures=Figures({"eth0": Counted(0, 1, 9, 0, 40, 12)})), Counters(), book
    )
    answer = {"counts": rows, "left_out": left_out, "version": "0.9.0", "python": "3.11.7"}
    assert check_fields(interface, interface.methods["Counters"].answers, answer) == answer
