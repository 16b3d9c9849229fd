"""``knockctl extend``: gives an address that is in more time.

World: the process and its standard streams.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from knockd.ctl.asking import ask, print_json, run_asking
from knockd.ctl.fields import Fields
from knockd.ctl.lease_words import describe_lease
from knockd.ctl.options import Asking, make_parser, read_address, read_seconds
from knockd.ctl.parser import Parser
from knockd.ctl.reply import read_lease
from knockd_conf.text import printable


def run_command(arguments: Sequence[str]) -> int:
    """Runs ``knockctl extend`` with the arguments after its name; the exit status."""
    return run_asking("extend", arguments, _parser(), _extend)


def _parser() -> Parser:
    parser = make_parser("extend", "DOOR IP TIME", "Gives an address that is in more time.")
    parser.add_argument("door", metavar="DOOR", help="the door's name")
    parser.add_argument("ip", metavar="IP", help="the address that is in")
    parser.add_argument("seconds", metavar="TIME", help="how much more (90, 90s, 10m, 2h)")
    return parser


def _extend(found: argparse.Namespace, asking: Asking) -> int:
    reply = ask(
        asking,
        "Extend",
        door=found.door,
        address=read_address("IP", found.ip),
        seconds=read_seconds("TIME", found.seconds),
    )
    lease = Fields(reply).record("lease", read_lease)
    if asking.json:
        print_json(reply)
    else:
        print(printable(describe_lease(lease)))
    return 0
