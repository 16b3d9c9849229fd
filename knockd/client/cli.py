"""The knock command: arguments in, packets out, an exit status of sysexits.h.

Imports of everything that --help does not need are inside the functions, so that it starts fast.

World: the process and its standard streams.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from knockd.client.options import HELP, SYNOPSIS, Options, UsageError, parse_arguments

if TYPE_CHECKING:
    from knockd.client.hits import Hit
    from knockd.client.knock import Send
    from knockd.client.network import Destination

INTERRUPTED = 130
"""What a shell reports for a command ended by SIGINT: 128 + 2."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run ``knock`` with the arguments after its name (default: the process's own).

    The exit status: 0 done, 64 usage, 65 bad port, 68 unknown host, 69 impacket is missing,
    77 no right to a raw socket, 130 interrupted.
    """
    try:
        options = parse_arguments(sys.argv[1:] if argv is None else argv)
        if options.show is not None:
            say(HELP if options.show == "help" else version())
            return os.EX_OK
        return run_knock(options)
    except UsageError as error:
        complain(f"{error}\n{SYNOPSIS}\ntry 'knock --help' for the options")
        return os.EX_USAGE
    except KeyboardInterrupt:
        return INTERRUPTED


def run_knock(options: Options) -> int:
    """Check everything that can be checked, then knock; the exit status.

    Nothing is sent unless all ports are good and the host has an address: half a knock only
    starts an attempt that has to expire. A packet that this machine cannot send is reported
    and, as in 0.8, does not change the status.
    """
    import time

    from knockd.client import network
    from knockd.client.knock import send_hits

    hits, problems = read_hits(options, network.service_port)
    for problem in problems:
        complain(problem)
    if problems:
        return os.EX_DATAERR
    try:
        destination = network.resolve_host(options.host, options.version)
        with sender(options, destination, hits) as send:
            send_hits(
                hits,
                destination.text,
                send,
                delay=options.delay,
                pause=time.sleep,
                announce=say if options.verbose else lambda _: None,
                complain=lambda deed, error: complain(failure(deed, error, destination)),
            )
    except network.UnknownHost as error:
        complain(str(error))
        return os.EX_NOHOST
    except network.Unavailable as error:
        complain(str(error))
        return os.EX_NOPERM if error.permission else os.EX_UNAVAILABLE
    return os.EX_OK


def read_hits(
    options: Options, service: Callable[[str, str], int | None]
) -> tuple[tuple[Hit, ...], tuple[str, ...]]:
    """The hits of a command line, and a message for each argument that is not one."""
    from knockd.client.hits import parse_hit

    hits: list[Hit] = []
    problems: list[str] = []
    for text in options.ports:
        try:
            hits.append(parse_hit(text, service, udp=options.udp))
        except ValueError as error:
            problems.append(str(error))
    return tuple(hits), tuple(problems)


@contextmanager
def sender(options: Options, destination: Destination, hits: Sequence[Hit]) -> Iterator[Send]:
    """What sends one hit: TCP through a raw socket when flags are asked for, all else the ordinary way.

    Raises Unavailable on entering when a raw socket is needed and cannot be had.
    """
    from knockd.client import network
    from knockd_conf.protocol import Protocol

    def plain(hit: Hit) -> None:
        network.send_hit(destination, hit)

    if options.flags is None or all(hit.protocol is Protocol.UDP for hit in hits):
        yield plain
        return

    from knockd.client.raw_socket import raw_sender

    with raw_sender(destination, options.flags) as raw:
        yield lambda hit: (raw if hit.protocol is Protocol.TCP else plain)(hit)


def failure(deed: str, error: OSError, destination: Destination) -> str:
    """The message for a packet that could not be sent."""
    from knockd.client.network import advice

    reason = os.strerror(error.errno) if error.errno else str(error)
    hint = advice(error, destination)
    return f"{deed}: not sent: {reason}" + (f"; {hint}" if hint else "")


def version() -> str:
    """The line of ``-V``, in 0.8's form."""
    from knockd import __version__

    return f"knock {__version__}"


def say(text: str) -> None:
    """Write to standard output now. A reader that has gone away must not stop the knock half-way."""
    try:
        print(text.removesuffix("\n"), flush=True)
    except OSError:
        # Else the interpreter would fail on the unwritten rest when it ends.
        sink = os.open(os.devnull, os.O_WRONLY)
        os.dup2(sink, 1)
        os.close(sink)


def complain(text: str) -> None:
    """Write ``knock: ...`` to standard error."""
    print(f"knock: {text}", file=sys.stderr, flush=True)
