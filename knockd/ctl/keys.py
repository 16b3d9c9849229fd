"""``knockctl keys``: whose signed knocks open which doors, until when, and when each last did.

World: the process, its standard streams, the time and files.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Iterator, Sequence
from typing import Any

from knockd.control.client import CallError, Control, ControlError
from knockd.ctl.asking import print_json
from knockd.ctl.complaints import NOT_DONE
from knockd.ctl.door_config import RefusedError, add_config, insist_on_config
from knockd.ctl.export_command import show_export
from knockd.ctl.fields import Fields, UnknownReply
from knockd.ctl.key_table import KeyRow, KnownKey, format_keys, join_keys, read_known, row_as_json
from knockd.ctl.loading import list_keys, names_config
from knockd.ctl.options import add_socket, read_socket
from knockd.ctl.parser import Parser, UsageError
from knockd.ctl.signers import SignerFile, read_signers
from knockd.ctl.terminal import complain, find_columns, prepare_output, shows_blocks
from knockd.review.cells import count_of
from knockd.review.clock import Clock
from knockd_conf.classes import NamedTuple
from knockd_conf.model import Config
from knockd_conf.text import printable

SUBCOMMAND = "keys"


class Asked(NamedTuple):
    """What the daemon says: its keys, and why no signed knock opens a door now; else why it says nothing."""

    keys: tuple[KnownKey, ...] | None
    waiting: tuple[tuple[str, str], ...] = ()
    why: str = ""


def run_command(arguments: Sequence[str]) -> int:
    """Runs ``knockctl keys`` with the arguments after its name; the exit status.

    1: something is not well; 64 usage; 77 neither the configuration nor the daemon may be read; 78 the
    configuration is bad and no daemon runs.
    """
    prepare_output()
    try:
        return _list(_parser().parse_args(list(arguments)))
    except UsageError as error:
        complain(f"{printable(str(error))}\ntry 'knockctl keys --help'", SUBCOMMAND)
        return os.EX_USAGE
    except RefusedError as error:
        complain(str(error), SUBCOMMAND)
        return error.status


def _list(found: argparse.Namespace) -> int:
    asked = _ask(read_socket(found), found.config)
    config: Config | None = None
    files: Sequence[SignerFile] | None = None
    unread = ""
    try:
        config = insist_on_config(found.config)
        files = read_signers(config)
    except RefusedError as error:
        if asked.keys is None:
            raise
        unread = str(error)
    rows = join_keys(files, asked.keys)
    problems = list(find_problems(files, rows, asked.waiting))
    now = time.time()
    if found.json:
        print_json(
            {
                "asked": asked.keys is not None,
                "keys": [row_as_json(row, now) for row in rows],
                "problems": problems,
                "notes": [text for text in (asked.why, unread) if text],
            }
        )
        return NOT_DONE if problems else os.EX_OK
    for line in _format(rows, problems, now):
        print(line)
    for note in (asked.why, unread):
        if note:
            print(f"note: {printable(note)}")
    opened = {name for row in rows for name in row.doors}
    if config is not None and (door := next((one for one in config.doors if one.name in opened), None)):
        print(f"What a client needs: {show_export(door, found.config)}")
    return NOT_DONE if problems else os.EX_OK


def _format(rows: Sequence[KeyRow], problems: Sequence[str], now: float) -> Iterator[str]:
    if problems:
        yield f"{count_of(len(problems), 'thing is', 'things are')} not well:"
        yield from (f"  {printable(problem)}" for problem in problems)
    if rows:
        yield from format_keys(rows, now, find_columns(), "…" if shows_blocks() else "...", Clock())
    else:
        yield "No key may knock: knockctl authorize FILE.pub lets one in."


def find_problems(
    files: Sequence[SignerFile] | None, rows: Sequence[KeyRow], waiting: Sequence[tuple[str, str]]
) -> Iterator[str]:
    """Yields what is not well: a sentence each, not escaped yet."""
    for door, why in waiting:
        yield f"no signed knock opens {door} now: {why}"
    for file in files or ():
        if file.error and (file.doors or not file.missing):
            yield f"{file.path}: {file.error}"
        yield from (f"{file.path}: {problem}" for problem in file.problems)
    for row in rows:
        if row.loaded is False:
            yield f"{row.path}:{row.line}: the daemon has not read this key yet: knockctl reload"
        elif files is not None and row.every_door is None:
            yield f"{row.path}: the daemon has a key still that is not in it: knockctl reload"


def _ask(socket: str, config_path: str) -> Asked:
    try:
        with Control(socket) as control:
            status = Fields(control.call("Status"))
            running = status.text("config")
            if not names_config(running, config_path):
                return Asked(None, why=f"the daemon that runs has another configuration, {running}")
            waiting = status.items("doors", _read_waiting)
            keys = tuple(map(read_known, list_keys(control)))
            return Asked(keys, tuple(one for one in waiting if one[1]))
    except ControlError as error:
        if error.status == os.EX_UNAVAILABLE:
            return Asked(None, why="no daemon runs here, so this is what the files say")
        return Asked(None, why=f"the daemon was not asked, so this is what the files say: {error.text}")
    except CallError as error:
        return Asked(
            None, why=f"the daemon was not asked, so this is what the files say: it says {error.name}"
        )
    except UnknownReply as error:
        return Asked(None, why=f"the daemon is of another version ({error}), so this is what the files say")


def _read_waiting(found: Any) -> tuple[str, str]:
    """The name of a door, and why no signed knock opens it; empty: one does, or it has no port of them."""
    fields = Fields(found)
    waiting = fields.maybe_record("signed", lambda one: Fields(one).maybe_text("waiting"))
    return fields.text("name"), waiting or ""


def _parser() -> Parser:
    parser = Parser(
        prog="knockctl keys",
        usage="knockctl keys [OPTION...]",
        description="Lists the SSH keys that may knock: whose each is, which doors it opens, until when, from"
        " where, and when it last did. The exit status is 1 when something is not well.",
        epilog="See knockctl(1), and Signed knocks in knockd.conf(5).",
    )
    add = parser.add_argument
    add("--json", action="store_true", help="print it as JSON")
    add_config(parser)
    add_socket(parser)
    return parser
