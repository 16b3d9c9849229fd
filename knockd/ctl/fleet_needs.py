"""What is not well with a fleet, as one of its gateways sees it: a sentence each, and what to do.

Pure.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from knockd.ctl.fleet_reply import Fleet
from knockd.ctl.status_needs import EVENTS, Need
from knockd.review.cells import count_of
from knockd_conf.text import show_span

MOST_SKEW: Final = 5.0
"""Seconds by which clocks may differ."""

_CLOSED: Final = "Doors with Fleet_Required stay closed."


def list_fleet_needs(fleet: Fleet) -> list[Need]:
    """What is not well, the worst first."""
    return [*_store_needs(fleet), *_gateway_needs(fleet), *_message_needs(fleet)]


def _store_needs(fleet: Fleet) -> Iterator[Need]:
    store = fleet.store
    if store.problem is not None:
        yield Need(
            f"The store has not been reached for {show_span(store.seconds)}: {store.problem}. {_CLOSED}",
            f"look whether it runs and can be reached: {', '.join(fleet.servers)}; {EVENTS}",
        )
    elif fleet.run is None:
        yield Need("The process that speaks with the fleet does not answer.", EVENTS)
    elif fleet.refusal is not None:
        yield Need(
            f"The store has not done what it was asked for last: {fleet.refusal}. {_CLOSED}",
            "mend the store: memory, rights of the user, which server is the primary; see docs/fleet.md",
        )


def _gateway_needs(fleet: Fleet) -> Iterator[Need]:
    if fleet.store.problem is not None or fleet.run is None:
        return
    if not fleet.gateways:
        yield Need(
            "No other gateway is there.",
            "on the others: knockctl status --fleet; Fleet, Fleet_Name and Fleet_Key are to be the same",
        )
    for one in fleet.gateways:
        if abs(one.skew) - one.trip > MOST_SKEW:
            way = "ahead of" if one.skew > 0 else "behind"
            yield Need(
                f"The clock of {one.name} is {show_span(abs(one.skew))} {way} ours: one of us may refuse"
                " rotating and signed knocks.",
                "timedatectl, here and there",
            )


def _message_needs(fleet: Fleet) -> Iterator[Need]:
    if fleet.forged:
        yield Need(
            f"{count_of(fleet.forged, 'message', 'messages')} had not the fleet's code.",
            "look who else may write to the store, and whether all gateways have the same Fleet_Key",
        )
