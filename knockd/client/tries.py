"""Knocking until the port answers, or no more: looks and knocks in order, and what is said when none helped.

Pure.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from knockd.client.hits import Hit
from knockd.client.plan import CLOSE, OPEN, RENEW, Plan
from knockd.client.status import IO_ERROR, OK, TEMPORARY
from knockd_conf.classes import NamedTuple

RETRY_DELAY: Final = 200
"""Milliseconds between the packets of a second knock at least: those of the first may have overtaken
each other."""


class Hands(NamedTuple):
    """What acts for a knock.

    ``hits`` takes the number of the try, from 1, and whether no sequence of a try before will do; it may
    wait. ``send`` takes hits, a delay in milliseconds, and the address's number, None for all addresses;
    it returns how many packets have left. ``is_used``: the present sequence has opened already, and
    will not again. ``glance`` before the knock says what was seen at the port instead of an answer, ``""``
    when it answered. ``look`` after it does too; of a knock that closes it says what was seen instead of
    silence.
    """

    hits: Callable[[int, bool], Sequence[Hit]]
    send: Callable[[Sequence[Hit], int, int | None], int]
    is_used: Callable[[], bool]
    glance: Callable[[], str]
    look: Callable[[], str]
    tell: Callable[[str], None]


class Outcome(NamedTuple):
    """The exit status, whether a whole knock was sent, and whether the port was seen to change by it."""

    status: int
    knocked: bool = False
    opened: bool = False


def knock_until_open(plan: Plan, hands: Hands, addresses: int = 1, *, if_needed: bool = False) -> Outcome:
    """Knock once, or with ``verify`` at most ``tries`` times, at one address or at several.

    A knock that closes is repeated until the port answers no more.

    A sequence of a key opens once, so it goes to one address: each try has another one, and without
    ``verify`` each address has a sequence of its own.
    """
    answered = plan.glances and not hands.glance()
    before = plan.glances and answered == (plan.verb != CLOSE)
    if before:
        used = hands.is_used()
        if plan.verb != RENEW:  # that the port answers is what it is for
            hands.tell(_is_already(plan, if_needed, used))
        if if_needed or used:
            return Outcome(OK)
    in_turn = plan.keyed is not None and addresses > 1
    rounds = plan.tries if plan.verify is not None else addresses if in_turn else 1
    left, seen = 0, ""
    for number in range(1, rounds + 1):
        hits = hands.hits(number, plan.verify is None and number > 1)
        delay = plan.delay if number == 1 else max(plan.delay, RETRY_DELAY)
        sent = hands.send(hits, delay, (number - 1) % addresses if in_turn else None)
        left += sent
        if not sent and not in_turn:
            break
        if sent and plan.verify is not None:
            seen = hands.look()
            if not seen:
                return Outcome(OK, knocked=True, opened=not before)
    if not left:
        hands.tell("nothing could be sent, so nothing was knocked")
        return Outcome(IO_ERROR)
    if plan.verify is None:
        return Outcome(OK, knocked=True)
    hands.tell(_stays_as_it_is(plan, seen))
    return Outcome(TEMPORARY, knocked=True)


def _is_already(plan: Plan, if_needed: bool, used: bool) -> str:
    port = f"port {plan.verify} of {plan.host}"
    if plan.verb == CLOSE:
        then = "nothing is to be closed" if if_needed else "closing all the same"
        return f"{port} does not answer before the knock; {then}"
    then = "the present sequence has opened it" if used else "knocking all the same"
    if if_needed:
        then = "no knock is needed"
    return f"{port} answers before the knock; {then}"


def _stays_as_it_is(plan: Plan, seen: str) -> str:
    times = "1 knock" if plan.tries == 1 else f"{plan.tries} knocks"
    advice = "the log of knockd there says whether the knock arrived"
    if plan.keyed is not None:
        advice += "; else look at this machine's clock, and at key, door, steps, period and ports"
    if plan.verb == RENEW:
        advice = f"--renew opens nothing, so knock without it; {advice}"
    if plan.verb == CLOSE:
        advice = f"what this key has not opened stays open; {advice}"
    did = {OPEN: "did not open", RENEW: "does not answer", CLOSE: "did not close"}[plan.verb]
    return f"port {plan.verify} of {plan.host} {did} after {times} ({seen}); {advice}"
