"""Fleet of the control socket: the other gateways, what is open among them, and their store.

Pure.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Final

from knockd.control.call import Call
from knockd.keeper.control_values import Row, cut
from knockd.keeper.fleet_setup import FleetSetup, FleetState
from knockd.keeper.status import fit, store_row
from knockd_conf.classes import NamedTuple
from knockd_conf.model import Config

if TYPE_CHECKING:
    from knockd.fleet.verbs import Overview

MOST_GATEWAYS: Final = 100
MOST_BYTES: Final = 25_000
"""Of gateways, and of openings, in an answer: a message has 64 kB."""


class ChildFigures(NamedTuple):
    """What the child says of itself. ``run`` is None where it has said nothing."""

    run: str | None = None
    refusal: str = ""
    latency: float = 0.0
    openings: float = 0.0
    burnt: float = 0.0
    forged: float = 0.0
    dropped: float = 0.0


def read_figures(parts: Sequence[Overview]) -> ChildFigures:
    """The figures of an overview. The child may lie: what is of another type is left out."""
    said = parts[0].figures if parts else {}
    fields = ChildFigures._fields
    texts = {name: said[name] for name in fields[:2] if isinstance(said.get(name), str)}
    numbers = {name: max(0.0, said[name]) for name in fields[2:] if isinstance(said.get(name), float)}
    return ChildFigures(**texts, **numbers)


class FleetCalls:
    """``config`` is the configuration in effect, ``fleet`` what there is of the one it has."""

    def __init__(self, config: Callable[[], Config], fleet: FleetSetup) -> None:
        self._config, self._fleet = config, fleet

    def show(self, call: Call) -> None:
        """Answers as soon as the process that speaks with the fleet has."""
        if self._fleet.state is None:
            call.fail("NoFleet")
        else:
            self._fleet.ask(lambda parts: self._answer(call, parts))

    def _answer(self, call: Call, parts: Sequence[Overview]) -> None:
        state = self._fleet.state
        if state is None:  # a reload has taken it away meanwhile
            call.fail("NoFleet")
        else:
            call.reply(build_fleet(self._config(), state, parts))


def build_fleet(config: Config, state: FleetState, parts: Sequence[Overview]) -> Row:
    """The answer. ``parts`` are those of an overview; none: there is none."""
    figures = read_figures(parts)
    gateways = sorted((row for part in parts for row in part.gateways), key=lambda row: (row[0], row[1]))
    openings = sorted((row for part in parts for row in part.openings), key=lambda row: row[2])
    return {
        "gateway": cut(config.host),
        "run": None if figures.run is None else cut(figures.run),
        "fleet": config.options.fleet_name,
        "servers": [cut(str(one)) for one in config.options.fleet],
        "store": store_row(state),
        "latency": figures.latency or None,
        "refusal": cut(figures.refusal) or None,
        "gateways": fit(map(_gateway, gateways[:MOST_GATEWAYS]), MOST_BYTES),
        "gateways_total": len(gateways),
        "openings": fit(map(_opening, openings), MOST_BYTES),
        "openings_total": int(figures.openings),
        "burnt": int(figures.burnt),
        "forged": int(figures.forged),
        "dropped": int(figures.dropped),
        "refused": dict(state.refused),
    }


def _gateway(row: Sequence[Any]) -> Row:
    name, run, heard, skew, trip = row
    return {
        "name": cut(name),
        "run": cut(run),
        "heard": round(heard, 1),
        "skew": round(skew, 3),
        "trip": round(trip, 6),
    }


def _opening(row: Sequence[Any]) -> Row:
    door, address, left, gateway = row
    return {
        "door": cut(door),
        "address": address,
        "seconds_left": round(left, 1),
        "gateway": cut(gateway) or None,
    }
