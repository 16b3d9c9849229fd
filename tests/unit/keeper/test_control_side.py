"""What the control socket's methods are joined to."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from types import SimpleNamespace
from typing import Any, cast

import pytest

from knockd.control import idl
from knockd.control.interface import DESCRIPTION
from knockd.keeper import control_side
from knockd.keeper.control_side import ControlSide
from knockd.keeper.fleet_setup import FleetState
from knockd.keeper.life import Lifecycle
from tests.support.doubles.fleet import ToldFleet
from tests.support.doubles.lease_manager import knock
from tests.support.doubles.linked_workers import CONFIG, LinkedWorkers, captured
from tests.support.samples.snapshots import NOW, lease


class Side:
    """A control side among doubles: its methods, its calls of the service manager, its leases."""

    def __init__(self, workers: LinkedWorkers, monkeypatch: pytest.MonkeyPatch) -> None:
        self.make_methods: Callable[[], dict[str, Any]] = dict
        self.updates = 0
        self.fleet = ToldFleet()
        self.leases = SimpleNamespace(
            answered=lambda _knock, _reason: None,
            changed=None,
            ask=SimpleNamespace(all=lambda: (lease(),)),
            counts=(1, 0),
            now=NOW,
        )
        monkeypatch.setattr(control_side, "Control", self.control)
        self.side = ControlSide(
            workers.loop.loop,
            workers,
            cast(Any, self.leases),
            workers.supervisor,
            self.fleet,
            life=Lifecycle(lambda _before, _life: None),
            config=lambda: CONFIG,
            refused=tuple,
            request_reload=lambda _done: None,
            update_status=self.update,
        )

    def control(self, *given: Any) -> None:
        """Takes what makes the methods."""
        self.make_methods = given[2]

    def update(self) -> None:
        """The service manager may be told of a change."""
        self.updates += 1


def test_every_method(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each method of the interface has who answers it."""
    with captured() as workers:
        made = Side(workers, monkeypatch)
        methods = made.make_methods()
    assert methods.keys() == idl.read_interface(DESCRIPTION).methods.keys()


def test_changes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever changes, the service manager may be told."""
    with captured() as workers:
        made = Side(workers, monkeypatch)
        made.side.note_change()
        made.side.note_up()
        made.leases.changed()
        line = made.side.make_line().text
    assert made.updates == 3
    assert line == "1 door on eth0; 1 open; ssh: 203.0.113.7, 7 s left"


def test_a_store_that_is_not_reached(monkeypatch: pytest.MonkeyPatch) -> None:
    """The service manager's line says so, and so does why no knock opens a door that needs it."""
    with captured() as workers:
        made = Side(workers, monkeypatch)
        made.fleet.told = FleetState("store.example:6379", "Connection refused", 5.0, 2, {})
        line = made.side.make_line().text
        plain, needs = knock().door, replace(knock().door, fleet_required=True)
        assert made.side._explain_disabled(plain) is None
        why = made.side._explain_disabled(needs)
    assert "; the store of the fleet is not reached (Connection refused); 1 open" in line
    assert why == "no knock opens it now: the store of the fleet is not reached: Connection refused"


def test_reload_without_a_packet_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """A reload is over when no packet process can be started for it, and who asked for it is told so."""
    told: list[dict[str, bool]] = []
    with captured() as workers:
        made = Side(workers, monkeypatch)
        made.make_methods()
        answering = made.side._answering
        assert answering is not None
        monkeypatch.setattr(answering.verbs, "take_effect", lambda **given: told.append(given))
        workers.supervisor._call = workers.supervisor._call._replace(up=made.side.note_up)
        workers.error = OSError(11, "Resource temporarily unavailable")
        workers.change_captures()
        workers.error = None
        workers.change_captures()
        workers.take_over(1)
    assert told == [{"failed": True}, {"failed": False}]


def test_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Answers to openings are counted, and passed on to who has asked for one."""
    with captured() as workers:
        made = Side(workers, monkeypatch)
        made.leases.answered(knock(), "no")
        made.make_methods()
        made.leases.answered(knock(), "no")
    assert made.side._counters.totals["refusals"] == 2
