"""What the packet process says of itself when the keeper asks: messages of the link, and how many may come.

Pure.
"""

from __future__ import annotations

from knockd.knocks.events import Underway
from knockd_conf.classes import NamedTuple

MOST_UNDERWAY = 20
"""Attempts that are named in one answer."""


class Counted(NamedTuple):
    """What an interface has brought since its capture was opened, and what its filter costs.

    ``instructions`` and ``most_executed`` are 0 where libpcap's own filter is at work.
    """

    interface: int
    link_type: int
    received: int
    missed: int
    instructions: int
    most_executed: int


class Totals(NamedTuple):
    """How many attempts are under way, and how many events there were since the packet process started."""

    attempts: int
    begun: int
    guarded: int
    spoiled: int
    expired: int
    ignored: int


Figure = Counted | Underway | Totals


def count_figures(interfaces: int) -> int:
    """The most figures of one answer of a packet process with so many interfaces."""
    return interfaces + MOST_UNDERWAY + 1
