"""The knock itself: hits in order, with the pause between them. Sending, waiting and output are arguments.

Pure.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from knockd.client.hits import Hit

Send = Callable[[Hit], None]
"""Sends one hit. Raises OSError when no packet has left."""


def send_hits(
    hits: Iterable[Hit],
    address: str,
    send: Send,
    *,
    delay: int,
    pause: Callable[[float], None],
    announce: Callable[[str], None],
    complain: Callable[[str, OSError], None],
) -> None:
    """Send every hit, in order, and pause after each, the last one included.

    ``delay`` is in milliseconds, ``pause`` takes seconds. ``announce`` gets 0.8's line before
    each hit. A hit that cannot be sent goes to ``complain`` (what was tried, why it failed),
    and the others go on. 0.8 pauses after the last hit too, and scripts that connect right
    after the knock live on that.
    """
    for hit in hits:
        deed = f"hitting {hit.protocol} {address}:{hit.label}"
        announce(deed)
        try:
            send(hit)
        except OSError as error:
            complain(deed, error)
        if delay:
            pause(delay / 1000)
