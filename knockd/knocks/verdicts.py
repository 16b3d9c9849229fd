"""What a packet of one source was at a watch, in one word, with stages and times. Pure."""

from __future__ import annotations

from enum import Enum

from knockd_conf.classes import dataclass


class Kind(Enum):
    """What a packet to a step or guard port of a watch is there."""

    ELSEWHERE = "not-our-address"
    FLAGS = "wrong-flags"
    NOT_ADMITTED = "not-admitted"
    """The door's Allow and Deny leave its source out."""
    USED_UP = "used-up"
    """The sequence can be used once, and has been."""
    GUARD = "guard"
    """It ends all attempts; the source is ignored until a time."""
    GUARD_AGAIN = "guard-again"
    """The source was ignored already, and is for longer now."""
    IGNORED = "ignored"
    """The source has touched a guard not long ago."""
    COOLDOWN = "cooldown"
    """The source has opened the door not long ago, and is ignored for longer by that than by a guard."""
    BEGINS = "first-step"
    NEXT = "next-step"
    REPEAT = "repeated-step"
    WRONG = "wrong-step"
    """It ends all attempts: its step is not due yet."""
    UNBEGUN = "no-attempt"
    """A later step, and there is no attempt that it could go on with."""
    ENDS_ANOTHER = "ends-another-knock"
    """The first step, but the packet has opened another door: it begins nothing."""
    OPENS = "opens"
    STALE = "stale"
    """The last step of a sequence that opens nothing: its time is over or has not come, or it was used."""
    USED = "used"
    """The last step of a sequence that has opened, or a later one of its key: nothing opens."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a packet did at one watch. Times are in seconds of the caller's clock.

    Stages are those of the foremost attempt: steps done, 0 without one.
    """

    watch: int
    """Its place among the watches."""
    door: int
    kind: Kind
    before: int = 0
    """The stage when it came, of attempts that were still in time."""
    stage: int = 0
    """The stage after it."""
    expired: int = 0
    """The stage of attempts that were all too old when it came."""
    late: float = 0.0
    """By how many seconds the youngest of those was too old."""
    until: float = 0.0
    """Until when the source is ignored, where it is."""
    begins: bool = False
    """It begins an attempt: the only one (BEGINS), or one besides those that there are."""
    quick: bool = False
    """It opens though its source is ignored: the knock was quick beside the time since the last guard."""
    silent: bool = False
    """The watch opens nothing: there is no line about it but that a whole sequence came (STALE, USED)."""
