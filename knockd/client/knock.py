"""The knock itself: hits in order, with the pause between them. Sending, waiting and output are arguments.

Pure.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import TYPE_CHECKING

from knockd.client.hits import Hit
from knockd_conf.classes import NamedTuple

if TYPE_CHECKING:
    from knockd.client.network import Destination

Send = Callable[[Hit], None]
"""Sends one hit. Raises OSError when no packet has left."""


class Target(NamedTuple):
    """An address to knock at, and what sends a hit there."""

    where: Destination
    send: Send


def send_hits(
    hits: Collection[Hit],
    targets: Sequence[Target],
    *,
    delay: int,
    pause: Callable[[float], None],
    announce: Callable[[str], None],
    complain: Callable[[str, OSError, Destination], None],
    secret: bool = False,
) -> int:
    """Send every hit, in order, to each target, and pause after it, the last one included.

    Returns how many packets have left. ``delay`` is in milliseconds, ``pause`` takes seconds.
    ``announce`` gets 0.8's line before each packet. A packet that cannot be sent goes to ``complain``
    (what was tried, which names no port where that is ``secret``, why it failed, and where), and the
    others go on. 0.8 pauses after the last hit too, and scripts that connect right after the knock live
    on that.
    """
    left = 0
    for number, hit in enumerate(hits, 1):
        for where, send in targets:
            deed = f"hitting {hit.protocol} {where.text}:{hit.label}"
            announce(deed)
            try:
                send(hit)
                left += 1
            except OSError as error:
                complain(f"hit {number} of {len(hits)} at {where.text}" if secret else deed, error, where)
        if delay:
            pause(delay / 1000)
    return left
