"""Status and Counters: answered with what is known, and told anew to who watches."""

from __future__ import annotations

import json
from typing import Any

import pytest

from knockd.control.call import Call, Caller
from knockd.fleet.verbs import Overview
from knockd.keeper.control_status import EVERY, StatusMethods
from knockd.keeper.counters import Counters
from knockd.keeper.figures import FigureDesk, Figures
from knockd.keeper.fleet_setup import FleetState
from knockd.keeper.status import Snapshot
from knockd_conf.errors import Note, Problem
from tests.support.doubles.fleet import ToldFleet
from tests.support.doubles.manual_loop import ManualLoop
from tests.support.samples.snapshots import daemon


class Asked:
    """A daemon that answers calls. Its packet process answers at once; time passes when a test says so."""

    def __init__(self) -> None:
        self.loop = ManualLoop()
        self.daemon = daemon()
        self.reads = 0
        desk = FigureDesk(self.loop.loop, lambda: None)
        self.counters = Counters()
        self.fleet = ToldFleet()
        self.methods = StatusMethods(self.loop.loop, desk, self.read, self.counters, self.fleet.ask)
        self.desk = desk

    def read(self, _: Figures) -> Snapshot:
        """The daemon of now."""
        self.reads += 1
        return self.daemon

    def call(
        self, method: str, *, more: bool = False, uid: int = 0, **parameters: object
    ) -> tuple[Call, list[Any]]:
        """Calls a method; returns the call and the list that has its answers."""
        answers: list[Any] = []
        call = Call(
            parameters, Caller(uid, 0, 1), lambda data, _: answers.append(json.loads(data[:-1])), more=more
        )
        self.methods.methods[method](call)
        self.settle()
        return call, answers

    def settle(self) -> None:
        """The packet process answers, and all is told."""
        self.desk.finish()
        self.loop.turn()

    def pass_time(self) -> None:
        """The timer of the watchers fires."""
        self.loop.now += EVERY
        self.loop.fire()
        self.settle()


def test_status() -> None:
    """One answer, and nothing waits then."""
    asked = Asked()
    _, answers = asked.call("Status")
    assert [answer["parameters"]["pid"] for answer in answers] == [17]
    asked.methods.change()
    assert asked.loop.waiting == []


def test_of_an_address() -> None:
    """An address is known in any spelling."""
    _, (answer,) = Asked().call("Status", address="2001:DB8:0::1")
    assert answer["parameters"]["leases"] == []
    _, (answer,) = Asked().call("Status", address="203.0.113.7", door="ssh")
    assert [lease["id"] for lease in answer["parameters"]["leases"]] == ["run.1"]


@pytest.mark.parametrize("text", ["router.example", "203.0.113.0/24", "", "fe80::1%eth0", "1.2.3\0"])
def test_no_address(text: str) -> None:
    """What is no address is refused with what was expected."""
    _, (answer,) = Asked().call("Status", address=text)
    assert answer["error"] == "org.knockd.Control.BadValue"
    assert answer["parameters"]["parameter"] == "address"


def test_no_such_door() -> None:
    """Who asks for a door that is not there is told which there are."""
    _, (answer,) = Asked().call("Status", door="shh")
    assert answer == {
        "error": "org.knockd.Control.NoSuchDoor",
        "parameters": {"door": "shh", "doors": ["ssh", "web"]},
    }


def test_door_that_was() -> None:
    """A door that a reload has removed is known as long as it is open."""
    asked = Asked()
    asked.daemon = daemon(doors=())
    _, (answer,) = asked.call("Status", door="ssh")
    assert answer["parameters"]["leases_total"] == 1


def test_watch() -> None:
    """Who watches hears of changes, however many there are at most once a second."""
    asked = Asked()
    _, answers = asked.call("Status", more=True)
    assert answers[0]["continues"]
    assert asked.loop.waiting == []
    asked.methods.change()
    asked.methods.change()
    assert asked.loop.waiting == [EVERY]
    asked.daemon = daemon(pid=18)
    asked.pass_time()
    assert [answer["parameters"]["pid"] for answer in answers] == [17, 18]
    assert asked.loop.waiting == []


def test_watch_a_door() -> None:
    """Each watcher is told of what it asked for."""
    asked = Asked()
    _, of_all = asked.call("Status", more=True)
    _, of_web = asked.call("Status", more=True, door="web")
    asked.methods.change()
    asked.pass_time()
    assert of_all[1]["parameters"]["leases_total"] == 1
    assert of_web[1]["parameters"]["leases_total"] == 0
    assert asked.reads == 3


def test_change_after_a_while() -> None:
    """A change after a quiet time is told at once."""
    asked = Asked()
    asked.call("Status", more=True)
    asked.loop.now += 7.0
    asked.methods.change()
    assert asked.loop.waiting == [0.0]


def test_a_watcher_leaves() -> None:
    """When nobody watches any more no timer runs."""
    asked = Asked()
    call, answers = asked.call("Status", more=True)
    asked.methods.change()
    call.leave()
    assert asked.loop.waiting == []
    asked.methods.change()
    assert asked.loop.waiting == []
    assert len(answers) == 1


def test_a_watcher_leaves_while_the_packet_process_is_asked() -> None:
    """Nobody is told then."""
    asked = Asked()
    call, answers = asked.call("Status", more=True)
    asked.methods.change()
    asked.loop.now += EVERY
    asked.loop.fire()
    call.leave()
    asked.settle()
    assert len(answers) == 1
    assert asked.reads == 1


def test_counters() -> None:
    """What was counted comes with the versions that count."""
    asked = Asked()
    asked.counters.hear("open", {"door": "ssh", "ip": "192.0.2.1"})
    _, (answer,) = asked.call("Counters")
    told = answer["parameters"]
    assert {"name": "openings", "door": "ssh", "value": 1.0} in told["counts"]
    assert told["left_out"] == 0
    assert told["version"] == "0.9.0"
    assert told["python"] == "3.11.7"


def test_counters_of_a_fleet() -> None:
    """Its child is asked, too, for what it alone has counted."""
    asked = Asked()
    asked.daemon = daemon(fleet=FleetState("store.example:6379", "", 60.0, 1, {}))
    asked.fleet.overview = [Overview(1, {"forged": 4.0}, (), (), more=False)]
    _, (answer,) = asked.call("Counters")
    counts = answer["parameters"]["counts"]
    assert {"name": "fleet_store_up", "value": 1.0} in counts
    assert {"name": "fleet_forged", "value": 4.0} in counts


@pytest.mark.parametrize("uid", [0, 1_000])
def test_steps_are_for_root(uid: int) -> None:
    """What is wrong with a file may quote a sequence, and so may a note on one: root alone reads that."""
    asked = Asked()
    busy = Note("/etc/knockd.conf", 3, "Sequence", "step 443/tcp is a busy port")
    odd = Note("/etc/knockd.conf", 4, "Flags", "does nothing")
    problem = Problem("/etc/knockd.conf", 7, "Sequence", "expected a port, got '7000;8000'")
    asked.daemon = daemon(refused=(problem,), notes=(busy, odd))
    _, (answer,) = asked.call("Status", uid=uid)
    told = answer["parameters"]
    assert ("443" in str(told)) is (uid == 0)
    assert ("7000" in str(told)) is (uid == 0)
    assert told["refused"][0]["line"] == 7
    assert told["notes"][1] == "/etc/knockd.conf:4: Flags: does nothing"
    if uid:
        assert told["refused"][0]["text"] == "/etc/knockd.conf:7: Sequence: root alone is told what"
        assert told["notes"][0] == "/etc/knockd.conf:3: Sequence: root alone is told what"
