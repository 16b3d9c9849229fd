"""Knocking until the port answers: looks and knocks in their order, and what is said when none helped.

Pure.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

from knockd.client.hits import Hit
from knockd.client.plan import Plan
from knockd.client.status import IO_ERROR, OK, TEMPORARY

RETRY_DELAY: Final = 100
"""Milliseconds between the packets of a second knock at least: the first may have failed as they overtook
each other."""


class Hands(NamedTuple):
    """What acts for a knock.

    ``hits`` takes the number of the try, from 1, and may wait; ``send`` takes hits and a delay in
    milliseconds and returns how many packets have left. ``look`` says what was seen at the port instead
    of an answer, ``""`` when it answered: ``glance`` before the knock, ``look`` after it.
    """

    hits: Callable[[int], Sequence[Hit]]
    send: Callable[[Sequence[Hit], int], int]
    glance: Callable[[], str]
    look: Callable[[], str]
    tell: Callable[[str], None]


class Outcome(NamedTuple):
    """The exit status, whether a whole knock was sent, and whether the port was seen to open by it."""

    status: int
    knocked: bool = False
    opened: bool = False


def knock_until_open(plan: Plan, hands: Hands, *, if_needed: bool = False) -> Outcome:
    """Knock once, or with ``verify`` at most ``tries`` times."""
    before = plan.verify is not None and not hands.glance()
    if before:
        hands.tell(_answers_already(plan, if_needed))
        if if_needed:
            return Outcome(OK)
    seen = ""
    for number in range(1, plan.tries + 1):
        delay = plan.delay if number == 1 else max(plan.delay, RETRY_DELAY)
        if not hands.send(hands.hits(number), delay):
            hands.tell("nothing could be sent, so nothing was knocked")
            return Outcome(IO_ERROR)
        if plan.verify is None:
            return Outcome(OK, knocked=True)
        seen = hands.look()
        if not seen:
            return Outcome(OK, knocked=True, opened=not before)
    hands.tell(_stays_closed(plan, seen))
    return Outcome(TEMPORARY, knocked=True)


def _answers_already(plan: Plan, if_needed: bool) -> str:
    then = "no knock is needed" if if_needed else "knocking all the same"
    return f"port {plan.verify} of {plan.host} answers before the knock; {then}"


def _stays_closed(plan: Plan, seen: str) -> str:
    times = "1 knock" if plan.tries == 1 else f"{plan.tries} knocks"
    advice = "the log of knockd there says whether the knock arrived"
    if plan.keyed is not None:
        advice += ", and whether this machine's clock is right"
    return f"port {plan.verify} of {plan.host} did not open after {times} ({seen}); {advice}"
