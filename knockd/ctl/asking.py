"""One question to the daemon: what goes wrong is said in a sentence, with an exit status of sysexits.h.

World: the process and its standard streams.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable, Mapping, Sequence
from json import dumps
from typing import Any

from knockd.control.client import TIMEOUT, CallError, Control, ControlError
from knockd.ctl.complaints import explain_refusal, explain_version, list_problems
from knockd.ctl.fields import UnknownReply
from knockd.ctl.options import Asking, read_asking
from knockd.ctl.parser import Parser, UsageError
from knockd.ctl.terminal import complain, prepare_output
from knockd_conf.text import printable

PATIENCE = 120.0
"""Seconds for an answer that waits for a command, which may take as long as Command_Deadline says."""

Act = Callable[[argparse.Namespace, Asking], int]
"""Asks, shows what was answered, gives the exit status."""


def run_asking(subcommand: str, arguments: Sequence[str], parser: Parser, act: Act) -> int:
    """Runs a subcommand; the exit status.

    1: it was not done; 64: usage, or no such door; 69 no daemon; 75 it starts or ends; 76 another version;
    77 no right; 78 its configuration is bad.
    """
    prepare_output()
    try:
        found = parser.parse_args(list(arguments))
        return _run(act, found, read_asking(subcommand, found))
    except UsageError as error:
        complain(f"{printable(str(error))}\ntry 'knockctl {subcommand} --help'", subcommand)
        return os.EX_USAGE
    except ControlError as error:
        complain(printable(error.text), subcommand)
        return error.status
    except UnknownReply as error:
        said = explain_version(str(error))
        complain(printable(said.text), subcommand)
        return said.status


def _run(act: Act, found: argparse.Namespace, asking: Asking) -> int:
    try:
        return act(found, asking)
    except CallError as error:
        if asking.json:
            print_json({"error": error.name, "parameters": dict(error.parameters)})
        for problem in list_problems(error.parameters):
            complain(printable(problem), asking.subcommand)
        said = explain_refusal(error.name, error.parameters, asking.subcommand)
        complain(printable(said.text), asking.subcommand)
        return said.status


def ask(asking: Asking, method: str, /, patience: float = TIMEOUT, **parameters: Any) -> Mapping[str, Any]:
    """The daemon's answer, for which it has some seconds. Raises ControlError, CallError."""
    with Control(asking.socket, patience) as control:
        return control.call(method, **parameters)


def print_json(found: Mapping[str, Any], *, one_line: bool = False) -> None:
    """Prints an answer as JSON, in ASCII."""
    print(dumps(found, indent=None if one_line else 2), flush=one_line)
