"""The daemon's answer to Fleet as a value, field by field, as knockd/control/interface.py describes it.

Pure.
"""

from __future__ import annotations

from knockd.ctl.fields import Fields
from knockd.ctl.reply import Store, read_store
from knockd_conf.classes import NamedTuple


class Gateway(NamedTuple):
    """Another gateway. ``skew``: seconds by which its clock is ahead of ours, give or take ``trip``."""

    name: str
    run: str
    heard: float
    skew: float
    trip: float


class Opening(NamedTuple):
    """A door that is open in the fleet. ``gateway``: which one has opened it; None: one that has left."""

    door: str
    address: str
    seconds_left: float
    gateway: str | None


class Fleet(NamedTuple):
    """The fleet as a gateway sees it. ``run`` is None where its process of the fleet has not answered."""

    gateway: str
    run: str | None
    fleet: str
    servers: tuple[str, ...]
    store: Store
    latency: float | None
    refusal: str | None
    gateways: tuple[Gateway, ...]
    gateways_total: int
    openings: tuple[Opening, ...]
    openings_total: int
    forged: int
    dropped: int
    used: int
    unreachable: int


def read_fleet(found: object) -> Fleet:
    """The answer. Raises UnknownReply."""
    of = Fields(found)
    refused = of.record("refused", Fields)
    return Fleet(
        of.text("gateway"),
        of.maybe_text("run"),
        of.text("fleet"),
        of.texts("servers"),
        of.record("store", read_store),
        of.maybe_number("latency"),
        of.maybe_text("refusal"),
        of.items("gateways", _read_gateway),
        of.count("gateways_total"),
        of.items("openings", _read_opening),
        of.count("openings_total"),
        of.count("forged"),
        of.count("dropped"),
        refused.maybe_count("used") or 0,
        refused.maybe_count("unreachable") or 0,
    )


def _read_gateway(found: object) -> Gateway:
    of = Fields(found)
    return Gateway(of.text("name"), of.text("run"), of.number("heard"), of.number("skew"), of.number("trip"))


def _read_opening(found: object) -> Opening:
    of = Fields(found)
    return Opening(of.text("door"), of.text("address"), of.number("seconds_left"), of.maybe_text("gateway"))
