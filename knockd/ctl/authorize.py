"""``knockctl authorize``: lets an SSH key knock, once it was shown whose it is.

World: the process, its standard streams and the time.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Iterator, Sequence

from knockd.ctl.confirming import insist_on_yes
from knockd.ctl.door_config import RefusedError, add_config, insist_on_config
from knockd.ctl.export_command import show_export
from knockd.ctl.key_argument import read_key_argument, refuse_private
from knockd.ctl.key_change import change_keys
from knockd.ctl.key_lines import add_line, describe_key, name_key
from knockd.ctl.loading import load_keys
from knockd.ctl.new_signer import Entry, choose_doors, make_entries
from knockd.ctl.options import add_socket, read_socket
from knockd.ctl.parser import Parser, UsageError
from knockd.ctl.signers import read_signers
from knockd.ctl.terminal import complain, prepare_output
from knockd.review.clock import Clock
from knockd.signed.local_time import local_seconds
from knockd_conf.authorized_keys import EXPIRY, FROM
from knockd_conf.from_patterns import parse_from
from knockd_conf.key_file import parse_date
from knockd_conf.key_line import KeyLine
from knockd_conf.text import garbles, printable

SUBCOMMAND = "authorize"
_END_OF_DAY = "235959"


def run_command(arguments: Sequence[str]) -> int:
    """Runs ``knockctl authorize`` with the arguments after its name; the exit status.

    1: the key was not let in; 64 usage, or no such door; 65 it is no key that can knock, 66 its file cannot
    be read; 73 the file of keys cannot be written; 77 only root may read the configuration; 78 that is bad.
    """
    prepare_output()
    try:
        refuse_private(arguments)
        found = _parser().parse_args(list(arguments))
        options = list(_read_options(found))
        key = read_key_argument(found.key)
        _authorize(found, _rename(key, found.comment), options)
    except UsageError as error:
        complain(f"{printable(str(error))}\ntry 'knockctl authorize --help'", SUBCOMMAND)
        return os.EX_USAGE
    except RefusedError as error:
        complain(printable(str(error)), SUBCOMMAND)
        return error.status
    return os.EX_OK


def _authorize(found: argparse.Namespace, key: KeyLine, options: Sequence[tuple[str, str]]) -> None:
    socket = read_socket(found)
    config = insist_on_config(found.config)
    doors = choose_doors(config, found.door, SUBCOMMAND)
    entries = make_entries(read_signers(config), key, options, doors, local_seconds)
    for entry in entries:
        _show(entry)
    if not found.yes:
        insist_on_yes("Let this key knock?", "nothing was added")
    for entry in entries:
        _write(entry)
    whose = name_key(entries[0].key)
    print(f"{whose} is in {printable(' and '.join(entry.file.path for entry in entries))} now.")
    wanted = {(entry.file.path, key.key.fingerprint) for entry in entries}
    for line in load_keys(socket, found.config, wanted.issubset):
        print(line)
    name = entries[0].file.find_doors(entries[0].key)[0]
    door = next(door for door in config.doors if door.name == name)
    print(f"What its client needs: {show_export(door, found.config)}")


def _show(entry: Entry) -> None:
    for title, text in describe_key(entry.key, entry.file.find_doors(entry.key), Clock()):
        print(f"{title:<6} {printable(text)}")
    print(f"{'file':<6} {printable(entry.file.path)}")


def _write(entry: Entry) -> None:
    change_keys(entry.file.path, lambda old: add_line(old, entry.line, local_seconds), makes_folder=True)


def _rename(key: KeyLine, comment: str | None) -> KeyLine:
    if comment is None:
        return key
    if any(map(garbles, comment)) or comment != comment.strip():
        raise UsageError(f"--comment: expected text without control characters, got '{comment}'")
    return key._replace(comment=comment)


def _read_options(found: argparse.Namespace) -> Iterator[tuple[str, str]]:
    """Yields the options of the line. Raises UsageError."""
    if found.origin is not None:
        text = ",".join(part.strip() for part in found.origin.split(","))
        try:
            parse_from(text)
        except ValueError as error:
            raise UsageError(f"--from: {error}") from None
        yield FROM, text
    if found.expires is not None:
        try:
            day = parse_date(found.expires)
        except ValueError as error:
            raise UsageError(f"--expires: {error}, got '{found.expires}'") from None
        if day < time.strftime("%Y-%m-%d"):
            raise UsageError(f"--expires: expected a day that is not over, got '{day}'")
        yield EXPIRY, day.replace("-", "") + _END_OF_DAY


def _parser() -> Parser:
    parser = Parser(
        prog="knockctl authorize",
        usage="knockctl authorize [OPTION...] FILE.pub|-|KEY",
        description="Lets an SSH key (ssh-ed25519, or one in hardware) open doors by signed knocks: shows"
        " whose it is, asks, adds its line to the Authorized_Keys of the doors, and has the daemon read it.",
        epilog="See knockctl(1), and Signed knocks in knockd.conf(5).",
    )
    add = parser.add_argument
    add(
        "key",
        nargs="+",
        metavar="FILE.pub|-|KEY",
        help="its public half: a file, - for standard input, or its line, as 'ssh-ed25519 AAAA... me'",
    )
    add(
        "--door",
        action="append",
        metavar="NAME[,NAME]",
        help="the doors that it opens; default: all that signed knocks open, also those that come",
    )
    add("--expires", metavar="DATE", help="last day on which it knocks, as 2026-12-31; default: for ever")
    add(
        "--from",
        dest="origin",
        metavar="NETS",
        help="from where it may knock: addresses and networks, divided by commas; default: from anywhere",
    )
    add("--comment", metavar="TEXT", help="whose it is, for the log; default: the comment in its line")
    add("-y", "--yes", action="store_true", help="ask nothing")
    add_config(parser)
    add_socket(parser)
    return parser
