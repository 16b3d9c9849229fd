"""The command line of those subcommands that ask the daemon: --json, --socket, doors and addresses.

World: the process.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable
from typing import TypeVar

from knockd.control.client import DEFAULT_SOCKET
from knockd.ctl.parser import Parser, UsageError
from knockd.ctl.targets import Target, choose_target, parse_address, parse_seconds
from knockd_conf.classes import NamedTuple

SOCKET_VARIABLE = "KNOCKD_SOCKET"
_T = TypeVar("_T")


class Asking(NamedTuple):
    """How the daemon is asked, and in what form its answer is shown."""

    subcommand: str
    socket: str
    json: bool


def make_parser(subcommand: str, usage: str, description: str) -> Parser:
    """A parser that knows --json and --socket; ``usage`` is what follows the options."""
    parser = Parser(
        prog=f"knockctl {subcommand}",
        usage=f"knockctl {subcommand} [OPTION...]{usage and ' ' + usage}",
        description=description,
        epilog="See knockctl(1).",
    )
    parser.add_argument("--json", action="store_true", help="print the daemon's answer as JSON")
    add_socket(parser)
    return parser


def add_socket(parser: Parser) -> None:
    """Adds --socket."""
    parser.add_argument(
        "--socket",
        metavar="PATH",
        help=f"control socket of the daemon; default: ${SOCKET_VARIABLE}, else {DEFAULT_SOCKET}",
    )


def add_target(parser: Parser, words: str) -> None:
    """Adds what names a door or an address: words, or options for a door that is named like one."""
    parser.add_argument("words", nargs="*", metavar=words, help="a door by its name, an address, or both")
    parser.add_argument("--door", metavar="NAME", help="this door, whatever its name looks like")
    parser.add_argument("--ip", metavar="IP", help="this address")


def read_asking(subcommand: str, found: argparse.Namespace) -> Asking:
    """How the daemon is asked."""
    return Asking(subcommand, read_socket(found), found.json)


def read_socket(found: argparse.Namespace) -> str:
    """Where the daemon is asked: --socket, else $KNOCKD_SOCKET, else the default."""
    path: str = (
        found.socket if found.socket is not None else os.environ.get(SOCKET_VARIABLE) or DEFAULT_SOCKET
    )
    if not path:
        raise UsageError("--socket: expected a path, got ''")
    return path


def read_target(found: argparse.Namespace, *, may_be_all: bool = False) -> Target:
    """What was named. Raises UsageError."""
    try:
        return choose_target(found.words, found.door, found.ip, may_be_all=may_be_all)
    except ValueError as error:
        raise UsageError(str(error)) from error


def read_address(name: str, text: str) -> str:
    """The address as the daemon writes it. Raises UsageError."""
    return _value(name, parse_address, text)


def read_seconds(name: str, text: str) -> float:
    """The seconds of a duration. Raises UsageError."""
    return _value(name, parse_seconds, text)


def _value(name: str, parse_text: Callable[[str], _T], text: str) -> _T:
    try:
        return parse_text(text)
    except ValueError as error:
        raise UsageError(f"{name}: {error}") from error
