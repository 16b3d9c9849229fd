"""``knockctl test``: what a knock would run, and as whom. It runs nothing.

World: the process and its standard streams.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from knockd.ctl.asking import ask, print_json, run_asking
from knockd.ctl.complaints import NOT_DONE
from knockd.ctl.options import Asking, make_parser, read_address
from knockd.ctl.parser import Parser
from knockd.ctl.rehearsal import format_rehearsal, read_rehearsal


def run_command(arguments: Sequence[str]) -> int:
    """Runs ``knockctl test`` with the arguments after its name; the exit status."""
    return run_asking("test", arguments, _parser(), _test)


def _parser() -> Parser:
    parser = make_parser(
        "test",
        "DOOR IP",
        "Prints exactly what a knock of an address at a door would run: command, words, environment and"
        " user, now and when the time is over. Runs nothing.",
    )
    parser.add_argument("door", metavar="DOOR", help="the door's name")
    parser.add_argument("ip", metavar="IP", help="the address that would knock")
    return parser


def _test(found: argparse.Namespace, asking: Asking) -> int:
    address = read_address("IP", found.ip)
    reply = ask(asking, "Test", door=found.door, address=address)
    rehearsal = read_rehearsal(reply)
    if asking.json:
        print_json(reply)
    else:
        for line in format_rehearsal(rehearsal, found.door, address):
            print(line)
    return NOT_DONE if rehearsal.obstacles else 0
