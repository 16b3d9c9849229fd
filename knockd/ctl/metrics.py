"""``knockctl metrics``: what the daemon counted, for monitoring.

World: the process and its standard streams.
"""

from __future__ import annotations

import os
from argparse import Namespace
from collections.abc import Iterable, Sequence

from knockd.control.client import CallError, Control, ControlError
from knockd.ctl.asking import print_json, run_asking
from knockd.ctl.exposition import (
    DOWN,
    Family,
    format_openmetrics,
    format_prometheus,
    make_families,
    read_counters,
)
from knockd.ctl.fields import UnknownReply
from knockd.ctl.options import Asking, make_parser
from knockd.ctl.parser import UsageError
from knockd.ctl.reply import read_status
from knockd.ctl.terminal import complain
from knockd.ctl.textfile import write_textfile
from knockd_conf.text import printable

NAME = "metrics"

PATIENCE = 10.0
"""Seconds that an answer may take. A daemon that hangs is told as one that is down."""


def run_command(arguments: Sequence[str]) -> int:
    """Runs ``knockctl metrics`` with the arguments after its name; the exit status.

    As of ``run_asking``, and 73 when FILE could not be written. With --textfile a daemon that did not answer
    is written to FILE, too.
    """
    parser = make_parser(
        NAME,
        "",
        "Prints what the daemon has counted, as OpenMetrics text: openings, refusals, attempts, drops,"
        " leases, commands that failed, restarts, reloads. No label holds an address.",
    )
    parser.add_argument(
        "--prometheus", action="store_true", help="print Prometheus's own text format (0.0.4) instead"
    )
    parser.add_argument(
        "--textfile",
        metavar="FILE",
        help="replace FILE with it, for node_exporter's textfile collector (in Prometheus's format); a daemon"
        " that does not answer is written as knockd_up 0",
    )
    return run_asking(NAME, arguments, parser, _show)


def _show(options: Namespace, asking: Asking) -> int:
    if asking.json and (options.prometheus or options.textfile is not None):
        other = "prometheus" if options.prometheus else "textfile"
        raise UsageError(f"--json and --{other} exclude each other")
    try:
        with Control(asking.socket, timeout=PATIENCE) as control:
            counters, status = control.call("Counters"), control.call("Status")
        families = make_families(read_counters(counters), read_status(status))
    except (ControlError, CallError, UnknownReply):
        if options.textfile is not None:
            _write(options.textfile, DOWN)
        raise
    if options.textfile is not None:
        return _write(options.textfile, families)
    if asking.json:
        print_json({"version": status["version"], **counters})
    else:
        print((format_prometheus if options.prometheus else format_openmetrics)(families), end="")
    return os.EX_OK


def _write(path: str, families: Iterable[Family]) -> int:
    try:
        write_textfile(path, format_prometheus(families))
    except (OSError, ValueError) as error:
        complain(f"{printable(path)}: could not be written: {getattr(error, 'strerror', error)}", NAME)
        return os.EX_CANTCREAT
    return os.EX_OK
