"""Fleet of the control socket: what the keeper knows, and what its child says."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from knockd.control import idl
from knockd.control.interface import DESCRIPTION
from knockd.fleet.verbs import Overview
from knockd.keeper.fleet_calls import MOST_BYTES, MOST_GATEWAYS, FleetCalls
from knockd.keeper.fleet_setup import FleetState
from knockd_conf.model import Config, FleetEndpoint, FleetKind
from tests.support.doubles.fleet import ToldFleet
from tests.support.doubles.lease_manager import configuration
from tests.support.doubles.made_calls import MadeCalls

SERVER = FleetEndpoint(FleetKind.SINGLE, True, "store.example", 6379)
CONFIG: Config = replace(configuration(fleet=(SERVER,), fleet_name="edge"), host="gw1")
REACHED = FleetState("store.example:6379", "", 60.0, 2, {"used": 3})
FIGURES: dict[str, Any] = {
    "run": "0011223344556677",
    "latency": 0.002,
    "refusal": "",
    "forged": 1.0,
    "dropped": 2.0,
    "openings": 2.0,
    "burnt": 3.0,
}
FIRST = Overview(
    7, FIGURES, (("gw3", "cd", 1.23, 0.0104, 0.0021),), (("ssh", "192.0.2.7", 60.04, "gw1"),), more=True
)
LAST = Overview(7, FIGURES, (("gw2", "ab", 4.0, -7.5, 0.01),), (("web", "2001:db8::7", 5.0, ""),), more=False)


class _Reloaded(ToldFleet):
    """A fleet that is another way when its child answers."""

    def __init__(self, later: FleetState | None) -> None:
        super().__init__()
        self._later = later

    def ask(self, then: Callable[[list[Overview]], None]) -> None:
        """Answers, as it is then."""
        self.told = self._later
        super().ask(then)


def ask(
    *parts: Overview, state: FleetState | None = REACHED, later: FleetState | None = REACHED
) -> tuple[str, Any]:
    """What Fleet answers; a reply fits the interface. ``later`` is the state when the child has answered."""
    made, fleet = MadeCalls(), _Reloaded(later)
    fleet.told, fleet.overview = state, list(parts)
    FleetCalls(lambda: CONFIG, fleet).show(made.make())
    kind, found = made.take()
    if kind == "reply":
        known = idl.read_interface(DESCRIPTION)
        idl.check_fields(known, known.methods["Fleet"].answers, found)
    return kind, found


def test_all() -> None:
    """Gateways are told by name, openings with the one first that closes first."""
    kind, found = ask(FIRST, LAST)
    assert kind == "reply"
    assert found == {
        "gateway": "gw1",
        "run": "0011223344556677",
        "fleet": "edge",
        "servers": ["valkeys://store.example:6379"],
        "store": {"endpoint": "store.example:6379", "problem": None, "seconds": 60.0, "gateways": 2},
        "latency": 0.002,
        "refusal": None,
        "gateways": [
            {"name": "gw2", "run": "ab", "heard": 4.0, "skew": -7.5, "trip": 0.01},
            {"name": "gw3", "run": "cd", "heard": 1.2, "skew": 0.01, "trip": 0.0021},
        ],
        "gateways_total": 2,
        "openings": [
            {"door": "web", "address": "2001:db8::7", "seconds_left": 5.0, "gateway": None},
            {"door": "ssh", "address": "192.0.2.7", "seconds_left": 60.0, "gateway": "gw1"},
        ],
        "openings_total": 2,
        "burnt": 3,
        "forged": 1,
        "dropped": 2,
        "refused": {"used": 3},
    }


def test_child_that_does_not_answer() -> None:
    """What the keeper knows is told all the same."""
    down = REACHED._replace(problem="its child has ended")
    kind, found = ask(state=down, later=down)
    assert (kind, found["run"], found["gateways"], found["latency"]) == ("reply", None, [], None)
    assert (found["store"]["problem"], found["refused"]) == ("its child has ended", {"used": 3})


def test_child_that_lies() -> None:
    """What is of another type than it should be is left out, and what is not known is not passed on."""
    lies = {"run": 7.0, "refusal": True, "latency": "x", "forged": False, "dropped": -1.0, "extra": "x"}
    _, found = ask(LAST._replace(figures=lies))
    assert (found["run"], found["refusal"], found["latency"]) == (None, None, None)
    assert (found["forged"], found["dropped"], found["openings_total"]) == (0, 0, 0)


def test_no_fleet() -> None:
    """Without one, also when a reload has taken it away meanwhile, that is the answer."""
    assert ask(state=None)[0] == "NoFleet"
    assert ask(FIRST, later=None)[0] == "NoFleet"


def test_bounds() -> None:
    """An answer fits however many gateways and openings there are, and whatever they are called."""
    rows = tuple((f"{n:04}" + "\u00e9" * 900, f"{n:016x}", 1.0, 0.1, 0.1) for n in range(150))
    openings = tuple(("\u00e9" * 900, "192.0.2.7", 5.0, "x" * 900) for _ in range(200))
    _, found = ask(LAST._replace(gateways=rows, openings=openings, figures={**FIGURES, "openings": 9_000.0}))
    assert found["gateways_total"] == 150
    assert found["openings_total"] == 9_000
    assert len(json.dumps(found)) < 2 * MOST_BYTES + 5_000
    few = tuple((f"gw{n}", "ab", 1.0, 0.1, 0.1) for n in range(150))
    assert len(ask(LAST._replace(gateways=few))[1]["gateways"]) == MOST_GATEWAYS
