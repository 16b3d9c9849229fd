"""One knock from end to end: names are looked up, packets sent, a port is looked at, a line struck out.

World: sockets and files.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import ExitStack

from knockd.client import network
from knockd.client.hits import Hit
from knockd.client.knock import Target, send_hits
from knockd.client.network import Destination
from knockd.client.options import Options
from knockd.client.output import say, tell
from knockd.client.plan import Plan
from knockd.client.senders import failure, sender
from knockd.client.sources import Source, open_source
from knockd.client.status import INTERRUPTED, NO_HOST, NO_PERMISSION, UNAVAILABLE, Refused
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
                Target(where, opened.enter_context(sender(where, None if source.udp else options.flags)))
                for where in destinations
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
    settle_line(source, outcome, mark=options.mark)
    return outcome.status


def find_destinations(plan: Plan, version: int | None) -> tuple[Destination, ...]:
    """The addresses to knock at. Raises Refused."""
    try:
        if plan.both:
            return network.resolve_both(plan.host, version)
        return (network.resolve_host(plan.host, version),)
    except network.UnknownHost as error:
        raise Refused(NO_HOST, str(error)) from None


def make_hands(options: Options, plan: Plan, source: Source, targets: Sequence[Target]) -> Hands:
    """What acts for this knock. Where a command follows, standard output is the command's alone."""
    verbose = (tell if options.command else say) if options.verbose else None
    port = plan.verify or 0

    def send(hits: Sequence[Hit], delay: int, which: int | None) -> int:
        return send_hits(
            hits,
            targets if which is None else [targets[which]],
            delay=delay,
            pause=time.sleep,
            announce=verbose or (lambda _: None),
            complain=lambda deed, error, where: tell(failure(deed, error, where)),
            secret=verbose is None and not options.ports,
        )

    def look(patience: float) -> str:
        from knockd.client.verify import await_answer, try_once

        answer = await_answer(lambda span: try_once([one.where for one in targets], port, span), patience)
        return "" if answer.where is not None else answer.seen

    def glance() -> str:
        from knockd.client.verify import GLANCE

        return look(GLANCE)

    def wait() -> str:
        from knockd.client.verify import PATIENCE

        return look(PATIENCE)

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
