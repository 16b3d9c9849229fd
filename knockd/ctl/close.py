"""``knockctl close``: closes a door, everything that is open for an address, or all.

World: the process and its standard streams.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from knockd.ctl.asking import PATIENCE, ask, print_json, run_asking
from knockd.ctl.complaints import NOT_DONE
from knockd.ctl.fields import Fields
from knockd.ctl.lease_words import describe_lease
from knockd.ctl.options import Asking, add_target, make_parser, read_target
from knockd.ctl.parser import Parser, UsageError
from knockd.ctl.reply import read_lease
from knockd.ctl.targets import Target
from knockd_conf.text import printable


def run_command(arguments: Sequence[str]) -> int:
    """Runs ``knockctl close`` with the arguments after its name; the exit status."""
    return run_asking("close", arguments, _parser(), _close)


def _parser() -> Parser:
    parser = make_parser(
        "close",
        "DOOR|IP|all",
        "Runs the stop commands of a door, of an address, of both (DOOR IP), or of all that is open.",
    )
    add_target(parser, "DOOR|IP|all")
    parser.add_argument("--all", action="store_true", help="all that is open")
    return parser


def _close(found: argparse.Namespace, asking: Asking) -> int:
    if found.all and (found.words or found.door is not None or found.ip is not None):
        raise UsageError("--all closes everything: it goes with no door and no address")
    target = Target(all=True) if found.all else read_target(found, may_be_all=True)
    if target == Target():
        raise UsageError("expected a door, an address or all, got none")
    reply = ask(asking, "Close", patience=PATIENCE, **target.parameters)
    fields = Fields(reply)
    closed, failed, running = (fields.items(name, read_lease) for name in ("closed", "failed", "running"))
    if asking.json:
        print_json(reply)
    else:
        for lease in closed:
            print(printable(f"{lease.door} is closed for {lease.whom}"))
        for lease in (*failed, *running):
            print(printable(describe_lease(lease)))
        if not closed + failed + running:
            print("nothing was open")
    return NOT_DONE if failed or running else 0
