"""``knockctl doctor``: what locks people out, and what to do.

World: the process and its standard streams.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Mapping, Sequence
from typing import Any

from knockd.control.client import CallError, ControlError
from knockd.ctl.asking import ask, run_asking
from knockd.ctl.options import Asking, make_parser
from knockd.ctl.parser import Parser, UsageError
from knockd.ctl.terminal import find_columns
from knockd_conf.text import printable

DEFAULT_CONFIG = "/etc/knockd.conf"
UNWELL = 1
"""Exit status when something is wrong."""

MOST_COLUMNS = 100
MOST_DIGITS = 6
"""Of a delay in milliseconds: a quarter of an hour."""


def run_command(arguments: Sequence[str]) -> int:
    """Runs ``knockctl doctor`` with the arguments after its name; returns the exit status."""
    return run_asking("doctor", arguments, _parser(), _examine)


def _parser() -> Parser:
    parser = make_parser(
        "doctor",
        "",
        "Looks at everything that may lock people out: interfaces, configuration, commands, firewall, clock,"
        " state directory, service and the running daemon, and says what to do. It changes nothing. Root is"
        " told most. The exit status is 1 when something is wrong.",
    )
    parser.add_argument(
        "-c",
        "--config",
        metavar="FILE",
        help=f"configuration to look at; default: the running daemon's, else {DEFAULT_CONFIG}",
    )
    parser.add_argument(
        "--knock",
        metavar="DOOR",
        help="knock at a door in a network of its own, and show each step; runs nothing, needs root",
    )
    parser.add_argument(
        "--delay", metavar="MS", help="with --knock: milliseconds between packets, as knock -d; default: 0"
    )
    return parser


def _examine(found: argparse.Namespace, asking: Asking) -> int:
    if found.knock is not None or found.delay is not None:
        return _knock(found, asking)
    # The firewall's, the configuration's and the checks' modules: no other subcommand needs them.
    from knockd.doctor.examination import examine
    from knockd.doctor.findings import is_well
    from knockd.doctor.report import format_json, format_report

    asked = _ask_daemon(asking)
    looked = list(examine(_choose_config(found, asked), asked, _ask_fleet(asking, asked)))
    if asking.json:
        print(format_json(looked))
    else:
        for line in format_report(looked, min(find_columns(), MOST_COLUMNS)):
            print(line)
    return os.EX_OK if is_well(looked) else UNWELL


def _knock(found: argparse.Namespace, asking: Asking) -> int:
    """Tries a knock. Raises UsageError."""
    if found.knock is None:
        raise UsageError("--delay: expected with --knock")
    if asking.json:
        raise UsageError("--json: expected without --knock, which prints a line for each step")
    delay = found.delay or "0"
    if not delay.isascii() or not delay.isdigit() or len(delay) > MOST_DIGITS:
        raise UsageError(f"--delay: expected whole milliseconds, got '{printable(delay)}'")
    from knockd.doctor.knock import run_knock  # it needs the capture library

    asked = _ask_daemon(asking)
    columns = min(find_columns(), MOST_COLUMNS)
    return run_knock(_choose_config(found, asked), found.knock, asked, delay=int(delay), columns=columns)


def _choose_config(found: argparse.Namespace, asked: Mapping[str, Any] | str) -> str:
    """The configuration to look at: the one that was named, else the running daemon's. Raises UsageError."""
    running = None if isinstance(asked, str) else asked.get("config")
    path: str = found.config or running or DEFAULT_CONFIG
    try:
        return os.path.abspath(path)
    except OSError as error:
        reason = f"expected an absolute path, for there is no working directory: {error.strerror}"
        raise UsageError(f"--config: {reason}") from None


def _ask_fleet(asking: Asking, status: Mapping[str, Any] | str) -> Mapping[str, Any] | str:
    """The reply of Fleet, or why there is none; ``status`` is that of Status."""
    if isinstance(status, str):
        return status
    if status.get("fleet") is None:
        return "the daemon has no fleet: knockctl reload"
    return _ask_daemon(asking, "Fleet")


def _ask_daemon(asking: Asking, method: str = "Status") -> Mapping[str, Any] | str:
    """The reply of a method, or why there is none."""
    try:
        return ask(asking, method)
    except ControlError as error:
        return error.text
    except CallError as error:
        return f"it answers {error.name}"
