"""``knockctl export``: what a client needs to know of a door, as a ``knock://`` address or a QR code.

World: the process, its standard streams and the configuration's files.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence

from knockd.ctl.complaints import EX_CONFIG, EX_NOPERM, NOT_DONE
from knockd.ctl.door_config import DEFAULT_CONFIG, RefusedError, insist_on_config, insist_on_door
from knockd.ctl.parser import Parser, UsageError
from knockd.ctl.qr import NoCodeError, draw_code
from knockd.ctl.terminal import complain, is_terminal, prepare_output
from knockd.sequences.key_reader import read_key_file
from knockd_conf.key_file import NamedKey
from knockd_conf.knock_uri import KnockUri, format_uri
from knockd_conf.model import Door
from knockd_conf.rotating import rule_of
from knockd_conf.text import printable
from knockd_conf.timed import Port

SUBCOMMAND = "export"


def run_command(arguments: Sequence[str]) -> int:
    """Runs ``knockctl export`` with the arguments after its name; the exit status.

    1: this door cannot be exported; 64 usage, or no such door or key; 69 the package for QR codes is missing;
    77 only root may read the files; 78 the configuration or the key file is bad.
    """
    prepare_output()
    try:
        found = _parser().parse_args(list(arguments))
        if found.qr and not found.force and not is_terminal(1):
            raise UsageError("--qr: expected a terminal to draw on, got none; --force draws all the same")
        door = insist_on_door(found.door, insist_on_config(found.config).doors, SUBCOMMAND)
        uri = make_uri(door, found)
        _print(format_checked(uri), qr=found.qr)
    except UsageError as error:
        complain(f"{printable(str(error))}\ntry 'knockctl export --help'", SUBCOMMAND)
        return os.EX_USAGE
    except RefusedError as error:
        complain(str(error), SUBCOMMAND)
        return error.status
    _warn(door, uri)
    return os.EX_OK


def make_uri(door: Door, found: argparse.Namespace) -> KnockUri:
    """What a client needs to know of a door. Raises RefusedError, UsageError."""
    name = printable(door.name)
    uri = KnockUri(
        found.host.removeprefix("[").removesuffix("]"),
        door.name,
        delay=_read_number("--delay", found.delay),
        verify=_read_number("--verify", found.verify),
        both=found.both,
    )
    if door.one_time_file is not None:
        raise RefusedError(
            f"{name} takes each sequence once, and an address has one: copy {printable(door.one_time_file)}"
            " to the client instead (knock --sequence-file)",
            NOT_DONE,
        )
    if door.sequence_key is None:
        if found.name is not None:
            raise UsageError(f"--name: expected for a door with Sequence_Key, {name} has none")
        return uri._replace(sequence=tuple(Port(step.port, step.protocol) for step in door.steps))
    key = _read_key(door, door.sequence_key, found.name)
    return uri._replace(key=key.key, name=key.name, rule=rule_of(door))


def format_checked(uri: KnockUri) -> str:
    """The address. Raises UsageError for what was given on the command line and no address can hold."""
    try:
        return format_uri(uri)
    except ValueError as error:
        option, _, what = str(error).partition(": ")
        raise UsageError(
            f"--{option}: {what}" if option in {"host", "delay", "verify"} else str(error)
        ) from None


def _print(text: str, *, qr: bool) -> None:
    if not qr:
        print(text)
        return
    try:
        draw_code(text)
    except NoCodeError as error:
        raise RefusedError(f"--qr: {error}", os.EX_UNAVAILABLE if error.missing else NOT_DONE) from None


def _warn(door: Door, uri: KnockUri) -> None:
    sys.stdout.flush()
    whose = f" as {uri.name}" if uri.name else ""
    complain(f"keep this secret: whoever has it can knock at {printable(door.name)}{whose}", SUBCOMMAND)
    if door.flags is not None and not door.flags.fit_clients:
        complain(
            "its TCPFlags want packets that ordinary clients do not send, so only knock --flags opens it",
            SUBCOMMAND,
        )


def _read_key(door: Door, path: str, name: str | None) -> NamedKey:
    from knockd.process import privileges  # ctypes, which a plain door does not need

    privileges.leave_no_core()
    try:
        found = read_key_file(path)
    except PermissionError as error:
        status = EX_CONFIG if os.geteuid() == 0 else EX_NOPERM
        raise RefusedError(f"{printable(path)}: {printable(str(error.strerror))}", status) from None
    except OSError as error:
        raise RefusedError(f"{printable(path)}: {printable(str(error.strerror))}", EX_CONFIG) from None
    if found.problems:
        raise RefusedError(f"{printable(path)}: {found.problems[0]}", EX_CONFIG)
    names = ", ".join(key.name for key in found.keys)
    if name is None and len(found.keys) > 1:
        raise UsageError(f"--name: expected one of {names}, the keys of {printable(door.name)}")
    key = next((key for key in found.keys if name in (None, key.name)), None)
    if key is None:
        raise UsageError(f"--name: expected one of {names}, got '{name}'")
    return key


def _read_number(option: str, text: str | None) -> int | None:
    if text is None:
        return None
    if not text.isascii() or not text.isdigit() or len(text) > 9:
        raise UsageError(f"{option}: expected a number, got '{text}'")
    return int(text)


def _parser() -> Parser:
    parser = Parser(
        prog="knockctl export",
        usage="knockctl export [OPTION...] DOOR --host HOST",
        description="Prints a knock:// address with all that a client needs to know of a door: its key, or"
        " its sequence. It is as secret as these. knock --import takes it, and apps on telephones.",
        epilog="See knockctl(1). docs/spec/rotating-sequence.md describes the address.",
    )
    add = parser.add_argument
    add("door", metavar="DOOR", help="the door's name")
    add("--host", metavar="HOST", required=True, help="name or address by which the client reaches this host")
    add("--name", metavar="KEY", help="whose key, where the door has several")
    add("--verify", metavar="PORT", help="TCP port that the door opens, by which the client sees that it did")
    add(
        "--delay",
        metavar="MS",
        help="milliseconds between the client's packets; default: as the client likes",
    )
    add("--both", action="store_true", help="have the client knock by IPv4 and by IPv6")
    add("--qr", action="store_true", help="draw it as QR code; needs the Python package segno")
    add("--force", action="store_true", help="with --qr: draw also where standard output is no terminal")
    add(
        "-c",
        "--config",
        metavar="FILE",
        default=DEFAULT_CONFIG,
        help="the configuration; default: %(default)s",
    )
    return parser
