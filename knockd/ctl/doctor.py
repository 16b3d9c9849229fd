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
from knockd.ctl.parser import Parser
from knockd.ctl.terminal import find_columns

DEFAULT_CONFIG = "/etc/knockd.conf"
UNWELL = 1
"""Exit status when something is wrong."""

MOST_COLUMNS = 100


def run_command(arguments: Sequence[str]) -> int:
    """Runs ``knockctl doctor`` with the arguments after its name; the exit status: 0, 1 or 64."""
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
    return parser


def _examine(found: argparse.Namespace, asking: Asking) -> int:
    # The firewall's, the configuration's and the checks' modules: no other subcommand needs them.
    from knockd.doctor.examination import examine
    from knockd.doctor.findings import is_well
    from knockd.doctor.report import format_json, format_report

    asked = _ask_daemon(asking)
    running = None if isinstance(asked, str) else asked.get("config")
    looked = list(examine(found.config or running or DEFAULT_CONFIG, asked))
    if asking.json:
        print(format_json(looked))
    else:
        for line in format_report(looked, min(find_columns(), MOST_COLUMNS)):
            print(line)
    return os.EX_OK if is_well(looked) else UNWELL


def _ask_daemon(asking: Asking) -> Mapping[str, Any] | str:
    """The reply of Status, or why there is none."""
    try:
        return ask(asking, "Status")
    except ControlError as error:
        return error.text
    except CallError as error:
        return f"it answers {error.name}"
