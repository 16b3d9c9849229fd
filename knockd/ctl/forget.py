"""``knockctl forget``: gives up on a door that cannot be closed, and says what that leaves.

World: the process and its standard streams.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from knockd.ctl.asking import ask, print_json, run_asking
from knockd.ctl.fields import Fields
from knockd.ctl.options import Asking, make_parser
from knockd.ctl.parser import Parser
from knockd.ctl.reply import read_lease
from knockd_conf.text import printable


def run_command(arguments: Sequence[str]) -> int:
    """Runs ``knockctl forget`` with the arguments after its name; the exit status."""
    return run_asking("forget", arguments, _parser(), _forget)


def _parser() -> Parser:
    parser = make_parser(
        "forget",
        "LEASE",
        "Gives up on a door that could not be closed: its stop command is not run any more, and knockctl"
        " status says no more of it. What the start command did stays, unless you undo it by hand.",
    )
    parser.add_argument("lease", metavar="LEASE", help="as knockctl status shows it")
    return parser


def _forget(found: argparse.Namespace, asking: Asking) -> int:
    reply = ask(asking, "Forget", lease=found.lease)
    fields = Fields(reply)
    lease, command = fields.record("lease", read_lease), fields.text("command")
    if asking.json:
        print_json(reply)
        return 0
    print(printable(f"forgotten: {lease.door} for {lease.whom}, which stays open until you close it."))
    print("This was its stop command, which is not run any more:")
    print(f"  {printable(command)}")
    return 0
