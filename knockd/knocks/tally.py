"""What is told of attempts when somebody asks: how many events there were, and who is in a sequence now.

Pure.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import chain, islice

from knockd.knocks.attempts import Attempts
from knockd.knocks.touches import Stages
from knockd_conf.classes import NamedTuple, dataclass

MOST_LOOKED_AT = 256
"""Attempts that are looked at for those that are shown: a full table costs no packet any time."""


@dataclass(slots=True)
class Tally:
    """How many events there were, also those that a limit held back."""

    begun: int = 0
    """Attempts."""
    guarded: int = 0
    """Touches of guard ports; those of an ignored source but the first are none."""
    spoiled: int = 0
    expired: int = 0
    ignored: int = 0


class Found(NamedTuple):
    """An attempt by its key (source and tag), and when it began in seconds of the steady clock."""

    key: bytes
    stage: int
    since: float


def find_foremost(
    first: Attempts[float], advanced: Attempts[Stages], timeouts: Mapping[bytes, float], now: float
) -> Iterator[Found]:
    """Yields attempts that are not over: of the youngest those at the highest stage come first.

    ``timeouts`` are the seconds that an attempt at each tag may take. A source is found once at a tag.
    """
    ahead = [
        Found(key, *alive[0])
        for key, stages in islice(advanced.newest(), MOST_LOOKED_AT)
        if (alive := [one for one in stages if one[1] + timeouts[key[-2:]] >= now])
    ]
    ahead.sort(key=lambda one: (-one.stage, -one.since))
    begun = (
        Found(key, 1, since)
        for key, since in islice(first.newest(), MOST_LOOKED_AT)
        if since + timeouts[key[-2:]] >= now and advanced.get(key) is None
    )
    return chain(ahead, begun)
