"""What was found of one packet, before it is said: of all watches of a door, what is worth a line.

Pure.
"""

from __future__ import annotations

from collections.abc import Iterable

from knockd.knocks.events import Event, Expired, Guarded, Opened, Spoiled, Stage, Stale
from knockd.knocks.port_table import PortRole
from knockd_conf.classes import NamedTuple


class Unheard(NamedTuple):
    """An ignored source began a knock: ``key`` (source and tag) and role have the reason."""

    key: bytes
    role: PortRole


Finding = Event | Unheard

_ORDER = (Expired, Guarded, Unheard, Spoiled, Stage, Stale)
"""How one packet's lines about a door follow each other."""

_OF_A_STRANGER = (Guarded, Unheard, Spoiled)
"""What is no news of a packet that is right at another watch of the door."""


def settle(found: Iterable[Finding], *, right: bool) -> list[Finding]:
    """What is said of a packet that concerns several watches of one door: one finding of a kind at most.

    That is the one of the foremost attempt; an opening is all that is said. ``right``: the packet
    begins, goes on with or repeats an attempt at one of the watches, or is a step of one that opens nothing
    (a knock that has opened may be retransmitted).
    """
    kinds: dict[type[Finding], Finding] = {}
    for one in found:
        kind = type(one)
        if kind not in kinds or _stage(one) > _stage(kinds[kind]):
            kinds[kind] = one
    if Opened in kinds:
        return [kinds[Opened]]
    return [kinds[kind] for kind in _ORDER if kind in kinds and not (right and kind in _OF_A_STRANGER)]


def _stage(one: Finding) -> int:
    return one.stage if isinstance(one, Expired | Guarded | Spoiled | Stage) else 0
