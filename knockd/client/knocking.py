"""One knock from end to end: names are looked up, packets sent, a port is looked at, a line struck out.

World: sockets and files.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import AbstractContextManager, ExitStack, nullcontext

from knockd.client import network
from knockd.client.hits import Hit
from knockd.client.knock import Send, Target, send_hits
from knockd.client.network import Destination
from knockd.client.options import Options
from knockd.client.output import announcer, tell
from knockd.client.plan import CLOSE, Plan
from knockd.client.senders import failure, sender
from knockd.client.sources import Source, open_source
from knockd.client.status import INTERRUPTED, NO_HOST, NO_PERMISSION, TEMPORARY, UNAVAILABLE, Refused
from knockd.client.tries import Hands, Outcome, knock_until_open

OWN_HOST = (
    "{} is an address of this machine: these packets go over its loopback interface, and a knockd here "
    "hears them only if it listens to lo too (Interface = any)"
)


def run_knock(options: Options, plan: Plan) -> int:
    """Check everything that can be checked, then knock; the exit status. Raises Refused.

    Nothing is sent unless all ports are good, files can be read and the host has an address: half a
    knock only starts an attempt that has to expire.
    """
    source = open_source(options, plan)
    destinations = find_destinations(plan, options.version)
    with ExitStack() as opened:
        try:
            targets = [
                Target(where, opened.enter_context(_sender(where, source, options))) for where in destinations
            ]
        except network.Unavailable as error:
            raise Refused(NO_PERMISSION if error.permission else UNAVAILABLE, str(error)) from None
        for where in destinations:
            if network.is_own(where):
                tell(OWN_HOST.format(where.text))
        hands = make_hands(options, plan, source, targets)
        try:
            outcome = knock_until_open(plan, hands, len(targets), if_needed=options.if_needed)
        except KeyboardInterrupt:
            settle_line(source, Outcome(INTERRUPTED, knocked=True), mark=False)
            raise
    if outcome.opened:
        source.note()
    if outcome.status == TEMPORARY:
        for text in source.advice:
            tell(text)
    settle_line(source, outcome, mark=options.mark)
    return outcome.status


def _sender(where: Destination, source: Source, options: Options) -> AbstractContextManager[Send]:
    if source.sender is not None:
        return nullcontext(source.sender(where))
    return sender(where, None if source.udp else options.flags)


def find_destinations(plan: Plan, version: int | None) -> tuple[Destination, ...]:
    """The addresses to knock at. Raises Refused."""
    try:
        if plan.both:
            return network.resolve_both(plan.host, version)
        return (network.resolve_host(plan.host, version),)
    except network.UnknownHost as error:
        raise Refused(NO_HOST, str(error)) from None


def make_hands(options: Options, plan: Plan, source: Source, targets: Sequence[Target]) -> Hands:
    """What acts for this knock."""
    port = plan.verify or 0

    def send(hits: Sequence[Hit], delay: int, which: int | None) -> int:
        return send_hits(
            hits,
            targets if which is None else [targets[which]],
            delay=delay,
            pause=time.sleep,
            announce=announcer(verbose=options.verbose, command=bool(options.command)),
            complain=lambda deed, error, where: tell(failure(deed, error, where)),
            secret=not options.verbose and not options.ports,
        )

    def look(patience: float) -> str:
        from knockd.client.verify import await_answer, try_once

        answer = await_answer(lambda span: try_once([one.where for one in targets], port, span), patience)
        return "" if answer.where is not None else answer.seen

    def glance() -> str:
        from knockd.client.verify import GLANCE

        return look(GLANCE)

    def wait() -> str:
        from knockd.client.verify import PATIENCE, await_silence, try_once

        if plan.verb != CLOSE:
            return look(PATIENCE)
        answer = await_silence(lambda span: try_once([one.where for one in targets], port, span), PATIENCE)
        return "" if answer.where is None else f"{answer.where.text} still answers"

    return Hands(source.hits, send, source.is_used, glance, wait, tell)


def settle_line(source: Source, outcome: Outcome, *, mark: bool) -> None:
    """Strike the line out that was knocked, or say how to. Raises Refused."""
    if source.line is None or not outcome.knocked:
        return
    from knockd.client.one_time import advise_mark, strike_out

    if outcome.opened or (mark and outcome.status == 0):
        strike_out(source.line)
    else:
        tell(advise_mark(source.line))
