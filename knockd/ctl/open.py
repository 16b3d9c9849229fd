"""``knockctl open``: opens a door for an address, as a knock would.

World: the process and its standard streams.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import Any

from knockd.ctl.asking import PATIENCE, ask, print_json, run_asking
from knockd.ctl.complaints import NOT_DONE
from knockd.ctl.fields import Fields
from knockd.ctl.lease_words import describe_lease
from knockd.ctl.options import Asking, make_parser, read_address, read_seconds
from knockd.ctl.parser import Parser
from knockd.ctl.reply import read_lease
from knockd_conf.text import printable


def run_command(arguments: Sequence[str]) -> int:
    """Runs ``knockctl open`` with the arguments after its name; the exit status."""
    return run_asking("open", arguments, _parser(), _open)


def _parser() -> Parser:
    parser = make_parser(
        "open",
        "DOOR IP",
        "Opens a door for an address as its knock would: runs its start command, and later its stop command.",
    )
    parser.add_argument("door", metavar="DOOR", help="the door's name")
    parser.add_argument("ip", metavar="IP", help="the address that is let in")
    parser.add_argument(
        "--for",
        dest="seconds",
        metavar="TIME",
        help="how long (90, 90s, 10m, 2h); default: the door's Cmd_Timeout",
    )
    parser.add_argument(
        "--destination", metavar="IP", help="the address knocked at, for commands with %%DST%%"
    )
    parser.add_argument("--interface", metavar="NAME", help="where, for commands with %%IFACE%%")
    return parser


def _open(found: argparse.Namespace, asking: Asking) -> int:
    parameters: dict[str, Any] = {"door": found.door, "address": read_address("IP", found.ip)}
    if found.seconds is not None:
        parameters["seconds"] = read_seconds("--for", found.seconds)
    if found.destination is not None:
        parameters["destination"] = read_address("--destination", found.destination)
    if found.interface is not None:
        parameters["interface"] = found.interface
    reply = ask(asking, "Open", patience=PATIENCE, **parameters)
    lease = Fields(reply).maybe_record("lease", read_lease)
    if asking.json:
        print_json(reply)
        return NOT_DONE if lease is not None and lease.unopened else 0
    if lease is None:
        door = printable(found.door)
        print(f"{door} was opened for {parameters['address']}; it has no stop command, so nothing closes it")
    else:
        print(printable(describe_lease(lease)))
    if (note := Fields(reply).maybe_text("note")) is not None:
        print(f"note: {printable(note)}")
    return NOT_DONE if lease is not None and lease.unopened else 0
