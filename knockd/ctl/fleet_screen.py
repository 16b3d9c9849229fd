"""The answer to Fleet as lines for a terminal of 80 columns: what is not well first.

No text of the daemon, or of another gateway, is raw.

Pure.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from knockd.ctl.fleet_needs import list_fleet_needs
from knockd.ctl.fleet_reply import Fleet, Gateway
from knockd.review.cells import count_of, cut_to, lay_out, wrap_to
from knockd_conf.text import show_span

INDENT: Final = "  "
BOLD, RED, PLAIN = "\x1b[1m", "\x1b[31m", "\x1b[0m"

DIGITS: Final = 8
"""Of a run: they tell gateways of one name apart."""

GATEWAY_TITLES: Final = ("GATEWAY", "RUN", "HEARD", "CLOCK", "ROUND TRIP")
GATEWAY_LEAST: Final = (12, DIGITS, 8, 12, 10)
OPEN_TITLES: Final = ("DOOR", "ADDRESS", "LEFT", "OPENED AT")
OPEN_LEAST: Final = (8, 39, 8, 9)


def format_fleet(fleet: Fleet, columns: int = 80, colour: bool = False, *, unicode: bool = True) -> list[str]:
    """Lines of at most ``columns``, of which there may be more than a screen has."""
    return _Screen(fleet, columns, colour, "…" if unicode else "...").lines()


class _Screen:
    def __init__(self, fleet: Fleet, columns: int, colour: bool, mark: str) -> None:
        self._fleet, self._columns, self._colour, self._mark = fleet, columns, colour, mark

    def lines(self) -> list[str]:
        """All lines."""
        return [*self._top(), "", *self._gateways(), "", *self._openings(), "", *self._bottom()]

    def _top(self) -> list[str]:
        fleet = self._fleet
        others = count_of(fleet.gateways_total, "other gateway", "other gateways")
        text = f"Fleet {fleet.fleet} as {fleet.gateway} sees it: {others}"
        lines = [self._bold(cut_to(text, self._columns, self._mark))]
        needs = list_fleet_needs(fleet)
        if not needs:
            return [*lines, "All is well."]
        few = len(needs) == 1
        lines.append(self._bold("1 thing is not well:" if few else f"{len(needs)} things are not well:", RED))
        for need in needs:
            lines += self._wrap(need.text, INDENT)
            lines += self._wrap(f"-> {need.todo}", 2 * INDENT)
        return lines

    def _gateways(self) -> list[str]:
        fleet = self._fleet
        own = (fleet.gateway, (fleet.run or "?")[:DIGITS], "this one", "", "")
        rows = [GATEWAY_TITLES, own, *map(_gateway_row, fleet.gateways)]
        more = fleet.gateways_total - len(fleet.gateways)
        heading = f"Gateways: {fleet.gateways_total + 1:,}" + (
            f" ({len(rows) - 1} are shown)" if more else ""
        )
        return self._table(heading, rows, GATEWAY_LEAST)

    def _openings(self) -> list[str]:
        fleet = self._fleet
        if not fleet.openings:
            unknown = fleet.run is None
            return [self._bold("Nobody knows what is open." if unknown else "Nothing is open in the fleet.")]
        rows = [
            (one.door, one.address, show_span(one.seconds_left), one.gateway or "one that has left")
            for one in fleet.openings
        ]
        more = fleet.openings_total - len(rows)
        heading = f"Open in the fleet: {fleet.openings_total:,}" + (
            f" ({len(rows)} are shown)" if more else ""
        )
        return self._table(heading, [OPEN_TITLES, *rows], OPEN_LEAST)

    def _bottom(self) -> list[str]:
        fleet, store = self._fleet, self._fleet.store
        if store.problem is None:
            parts = [f"{store.endpoint or '?'}, reached for {show_span(store.seconds)}"]
            if fleet.latency is not None:
                parts.append(f"answers in {show_brief(fleet.latency)}")
        else:
            parts = [f"not reached for {show_span(store.seconds)}"]
        return [
            *self._labelled("Store", ", ".join(parts)),
            *self._labelled("Servers", ", ".join(fleet.servers)),
            *self._labelled(
                "Refused knocks",
                f"{fleet.used:,} used at another gateway, {fleet.unreachable:,} as the store did not answer",
            ),
            *self._labelled(
                "Messages", f"{fleet.forged:,} without the fleet's code, {fleet.dropped:,} late or repeated"
            ),
        ]

    def _table(self, heading: str, rows: Sequence[Sequence[str]], least: Sequence[int]) -> list[str]:
        lines = lay_out(rows, self._columns - len(INDENT), self._mark, least=least)
        return [self._bold(heading), *(INDENT + line for line in lines)]

    def _labelled(self, label: str, text: str) -> list[str]:
        (first, *more) = wrap_to(f"{label}: {text}", self._columns - len(INDENT), self._mark)
        if self._colour and first.startswith(label):
            first = f"{BOLD}{label}{PLAIN}{first.removeprefix(label)}"
        return [first, *(INDENT + line for line in more)]

    def _wrap(self, text: str, indent: str) -> list[str]:
        return [indent + line for line in wrap_to(text, self._columns - len(indent), self._mark)]

    def _bold(self, text: str, red: str = "") -> str:
        return f"{BOLD}{red}{text}{PLAIN}" if self._colour else text


def _gateway_row(one: Gateway) -> tuple[str, ...]:
    heard = f"{show_span(one.heard)} ago"
    return one.name, one.run[:DIGITS], heard, show_skew(one.skew, one.trip), show_brief(one.trip)


def show_skew(skew: float, trip: float) -> str:
    """How a clock stands to ours, give or take ``trip``."""
    if abs(skew) <= trip:
        return "as ours"
    return f"{show_brief(abs(skew))} {'ahead' if skew > 0 else 'behind'}"


def show_brief(seconds: float) -> str:
    """A span of seconds or less: ``0.4 ms``, ``12 ms``, ``3 s``."""
    if seconds >= 1.0:
        return show_span(seconds)
    return f"{seconds * 1000:.1f} ms" if seconds < 0.01 else f"{seconds * 1000:.0f} ms"
