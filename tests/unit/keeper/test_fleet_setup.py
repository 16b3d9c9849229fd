"""Without a fleet nobody is asked, and none of its code is there."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from dataclasses import replace
from types import SimpleNamespace
from typing import Any, cast

from knockd.fleet.verbs import Overview
from knockd.keeper.fleet_setup import Burnt, FleetSetup, FleetState
from tests.support.doubles.lease_manager import DOOR, PlayedManager, configuration

OVERVIEW = Overview(1, {}, (), (), more=False)


def test_no_fleet() -> None:
    """Every knock opens at once."""
    played, answers = PlayedManager(), list[str | None]()
    setup = FleetSetup(played.loop.loop, lambda *_, **__: None, played.manager, dict, lambda: None)
    setup.adopt(configuration())
    setup.admit(DOOR, None, answers.append)
    setup.admit(replace(DOOR, fleet_required=False), Burnt("signed a b", 60), answers.append)
    assert answers == [None, None]
    setup.look()
    setup.reap()
    setup.stop()
    assert setup.made is None


def test_state() -> None:
    """How the store is: nothing without a fleet, nor once a reload has taken it away."""
    played, parts = PlayedManager(), list[list[Overview]]()
    setup = FleetSetup(played.loop.loop, lambda *_, **__: None, played.manager, dict, lambda: None)
    setup.adopt(configuration())
    setup.ask(parts.append)
    assert setup.state is None
    assert parts == [[]]
    made = SimpleNamespace(
        adopt=lambda _: None,
        ask=lambda then: then([OVERVIEW]),
        endpoint="store.example:6379",
        problem="no route",
        since=played.loop.now - 5.0,
        gateways=Counter({"gw2": 2, "gw3": 1}),
        refused=Counter(used=1),
    )
    setup.made = cast(Any, made)
    setup.adopt(configuration(fleet=(object(),)))
    assert setup.state == FleetState("store.example:6379", "no route", 5.0, 3, {"used": 1})
    setup.ask(parts.append)
    assert parts[1:] == [[OVERVIEW]]
    setup.adopt(configuration())
    setup.ask(parts.append)
    assert setup.state is None
    assert parts[2:] == [[]]


def test_why_shut() -> None:
    """A door that needs the store is shut while it is not reached."""
    needs, state = replace(DOOR, fleet_required=True), FleetState("", "no route", 5.0, 0, {})
    assert state.why_shut(needs) == "the store of the fleet is not reached: no route"
    assert state.why_shut(replace(DOOR, fleet_required=False)) is None
    assert state._replace(problem="").why_shut(needs) is None


def test_no_code() -> None:
    """The keeper imports neither the fleet nor a network library for it."""
    code = (
        "import sys, knockd.keeper.keeper\n"
        "print([name for name in sys.modules if name.startswith(('knockd.fleet', 'valkey', 'asyncio', 'ssl'))"
        " or name == 'knockd.keeper.fleet'])"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"


def test_a_door_that_does_not_depend_on_it() -> None:
    """A plain knock asks nobody, where the fleet is not required: it waits for no other process."""
    played, answers = PlayedManager(), list[str | None]()
    setup = FleetSetup(played.loop.loop, lambda *_, **__: None, played.manager, dict, lambda: None)
    setup.made = object()  # type: ignore[assignment]  # whoever asks it fails
    setup.admit(replace(DOOR, fleet_required=False), None, answers.append)
    assert answers == [None]
