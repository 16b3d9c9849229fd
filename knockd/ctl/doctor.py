"""``knockctl doctor``: what locks people out, and what to do.

World: the process and its standard streams.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from typing import NoReturn

from knockd.ctl.terminal import find_columns, prepare_output

DEFAULT_CONFIG = "/etc/knockd.conf"
UNWELL = 1
"""Exit status when something is wrong."""

MOST_COLUMNS = 100


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        self.exit(os.EX_USAGE, f"knockctl doctor: {message}\ntry 'knockctl doctor --help'\n")


def run_command(arguments: Sequence[str]) -> int:
    """Runs ``knockctl doctor`` with the arguments after its name; the exit status: 0, 1 or 64."""
    prepare_output()
    options = _parser().parse_args(arguments)

    # The firewall's, the configuration's and the checks' modules: no other subcommand needs them.
    from knockd.doctor.examination import examine
    from knockd.doctor.findings import is_well
    from knockd.doctor.report import format_json, format_report

    asked = "what a running daemon says of itself"
    path = options.config or DEFAULT_CONFIG
    looked = list(examine(path, asked))
    if options.json:
        print(format_json(looked))
    else:
        for line in format_report(looked, min(find_columns(), MOST_COLUMNS)):
            print(line)
    return os.EX_OK if is_well(looked) else UNWELL


def _parser() -> _Parser:
    parser = _Parser(
        prog="knockctl doctor",
        usage="knockctl doctor [OPTION...]",
        description="Looks at everything that may lock people out: interfaces, configuration, commands,"
        " firewall, clock, state directory, service and the running daemon; says what to do. Changes nothing."
        " Root is told most.",
        epilog="Exit status: 0 all is well, 1 something is wrong. See knockctl(1).",
    )
    parser.add_argument("-c", "--config", metavar="FILE", help=f"default: {DEFAULT_CONFIG}")
    parser.add_argument("--json", action="store_true", help="one JSON object")
    return parser
