"""``knockctl status``: how the daemon is, and who is in.

World: the process and its standard streams.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence

from knockd.control.client import Control
from knockd.ctl.asking import ask, print_json, run_asking
from knockd.ctl.complaints import NOT_DONE
from knockd.ctl.options import Asking, add_target, make_parser, read_target
from knockd.ctl.parser import Parser, UsageError
from knockd.ctl.reply import Status, read_status
from knockd.ctl.status_needs import list_needs
from knockd.ctl.status_screen import format_status
from knockd.ctl.targets import Target
from knockd.ctl.terminal import find_columns, shows_blocks, wants_colour


def run_command(arguments: Sequence[str]) -> int:
    """Runs ``knockctl status`` with the arguments after its name; the exit status, 1 when not all is well."""
    return run_asking("status", arguments, _parser(), _status)


def _parser() -> Parser:
    parser = make_parser(
        "status",
        "[DOOR|IP]",
        "Says what is not well, who is in, how long still and by which knock, what is listened on, and which"
        " knocks are under way; with a door or an address only what is of it. The exit status is 1 when not"
        " all is well.",
    )
    add_target(parser, "DOOR|IP")
    parser.add_argument("-w", "--watch", action="store_true", help="show it again when it changes, until ^C")
    parser.add_argument(
        "--fleet", action="store_true", help="the other gateways, who is in there, and the store between them"
    )
    return parser


def _status(found: argparse.Namespace, asking: Asking) -> int:
    target = read_target(found)
    if found.fleet:
        return _show_fleet(found, asking, target)
    if found.watch:
        return _watch(asking, target)
    reply = ask(asking, "Status", **target.parameters)
    status = read_status(reply)
    if asking.json:
        print_json(reply)
    else:
        print("\n".join(_format(status, target)))
    return NOT_DONE if list_needs(status) else 0


def _show_fleet(found: argparse.Namespace, asking: Asking, target: Target) -> int:
    """Shows the fleet. Raises UsageError."""
    if found.watch or target.parameters:
        raise UsageError(f"--fleet: expected no {'--watch' if found.watch else 'door or address'} with it")

    from knockd.ctl.fleet_needs import list_fleet_needs
    from knockd.ctl.fleet_reply import read_fleet
    from knockd.ctl.fleet_screen import format_fleet

    reply = ask(asking, "Fleet")
    fleet = read_fleet(reply)
    if asking.json:
        print_json(reply)
    else:
        print("\n".join(format_fleet(fleet, find_columns(), wants_colour(), unicode=shows_blocks())))
    return NOT_DONE if list_fleet_needs(fleet) else 0


def _watch(asking: Asking, target: Target) -> int:
    with Control(asking.socket) as control:
        replies = control.watch("Status", **target.parameters)
        if asking.json:
            for reply in replies:
                print_json(reply, one_line=True)
            return 0

        from knockd.ctl.watch import watch_status

        watch_status(replies, lambda status: _format(status, target))
        return 0


def _format(status: Status, target: Target) -> list[str]:
    return format_status(
        status, time.time(), find_columns(), wants_colour(), unicode=shows_blocks(), target=target
    )
