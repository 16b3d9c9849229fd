"""``knockctl export``: what a client needs to know of a door, as a ``knock://`` address, QR code or profile.

World: the process, its standard streams and the configuration's files.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from knockd.ctl.complaints import EX_CONFIG, EX_NOPERM, NOT_DONE
from knockd.ctl.door_config import RefusedError, add_config, insist_on_config, insist_on_door
from knockd.ctl.parser import Parser, UsageError
from knockd.ctl.profile_lines import format_files
from knockd.ctl.qr import NoCodeError, draw_code
from knockd.ctl.terminal import complain, is_terminal, prepare_output
from knockd.sequences.key_reader import read_key_file
from knockd.signed.key_files import read_knock_secret
from knockd_conf.key_file import NamedKey
from knockd_conf.knock_uri import KnockUri, format_uri
from knockd_conf.model import Door, Options
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
        if found.qr and found.profile:
            raise UsageError("--profile: expected without --qr, which draws an address")
        if found.qr and not found.force and not is_terminal(1):
            raise UsageError("--qr: expected a terminal to draw on, got none; --force draws all the same")
        config = insist_on_config(found.config)
        door = insist_on_door(found.door, config.doors, SUBCOMMAND)
        uri = make_uri(door, config.options, found)
        _print(uri, found)
    except UsageError as error:
        complain(f"{printable(str(error))}\ntry 'knockctl export --help'", SUBCOMMAND)
        return os.EX_USAGE
    except RefusedError as error:
        complain(str(error), SUBCOMMAND)
        return error.status
    _warn(door, uri)
    return os.EX_OK


def make_uri(door: Door, options: Options, found: argparse.Namespace) -> KnockUri:
    """What a client needs to know of a door. Raises RefusedError, UsageError."""
    uri = KnockUri(
        found.host.removeprefix("[").removesuffix("]"),
        door.name,
        delay=_read_number("--delay", found.delay),
        verify=_read_number("--verify", found.verify),
        both=found.both,
    )
    if door.is_signed and found.name is None and not found.sequence:
        path = options.knock_secret or ""
        with _reading(path):
            return uri._replace(signed=door.signed_port, secret=read_knock_secret(path), bind=found.bind)
    if found.bind:
        raise UsageError("--bind: expected for signed knocks only, a sequence has no address in it")
    return _add_sequence(uri, door, found.name)


def _add_sequence(uri: KnockUri, door: Door, whose: str | None) -> KnockUri:
    name = printable(door.name)
    if door.one_time_file is not None:
        raise RefusedError(
            f"{name} takes each sequence once, and an address has one: copy {printable(door.one_time_file)}"
            " to the client instead (knock --sequence-file)",
            NOT_DONE,
        )
    if door.sequence_key is None:
        if whose is not None:
            raise UsageError(f"--name: expected for a door with Sequence_Key, {name} has none")
        if not door.steps:
            raise UsageError(f"--sequence: expected for a door that has one, signed knocks alone open {name}")
        return uri._replace(sequence=tuple(Port(step.port, step.protocol) for step in door.steps))
    key = _read_key(door, door.sequence_key, whose)
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


def _print(uri: KnockUri, found: argparse.Namespace) -> None:
    text = format_checked(uri)
    if found.profile:
        try:
            print(format_files(uri))
        except ValueError as error:
            raise RefusedError(f"--profile: {error}", NOT_DONE) from None
        return
    if not found.qr:
        print(text)
        return
    try:
        draw_code(text)
    except NoCodeError as error:
        raise RefusedError(f"--qr: {error}", os.EX_UNAVAILABLE if error.missing else NOT_DONE) from None


def _warn(door: Door, uri: KnockUri) -> None:
    sys.stdout.flush()
    if uri.signed is not None:
        complain(
            "keep it between you and your clients: it has the knock secret, which hides who knocks here;"
            " it opens nothing without an SSH key that knockctl keys lists",
            SUBCOMMAND,
        )
        return
    whose = f" as {uri.name}" if uri.name else ""
    complain(f"keep this secret: whoever has it can knock at {printable(door.name)}{whose}", SUBCOMMAND)
    if door.flags is not None and not door.flags.fit_clients:
        complain(
            "its TCPFlags want packets that ordinary clients do not send, so only knock --flags opens it",
            SUBCOMMAND,
        )


@contextmanager
def _reading(path: str) -> Iterator[None]:
    """Where a secret is read. Raises RefusedError for a file that cannot be used."""
    from knockd.process import privileges  # ctypes, which a plain door does not need

    privileges.leave_no_core()
    try:
        yield
    except PermissionError as error:
        status = EX_CONFIG if os.geteuid() == 0 else EX_NOPERM
        raise RefusedError(f"{printable(path)}: {printable(str(error.strerror))}", status) from None
    except OSError as error:
        raise RefusedError(f"{printable(path)}: {printable(str(error.strerror))}", EX_CONFIG) from None


def _read_key(door: Door, path: str, name: str | None) -> NamedKey:
    with _reading(path):
        found = read_key_file(path)
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
        description="Prints a knock:// address with all that a client needs to know of a door: for signed"
        " knocks the port and the knock secret, else its key or its sequence. It is as secret as these."
        " knock --import takes it, and apps on telephones.",
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
    add("--bind", action="store_true", help="have the client sign its address, too: not behind NAT")
    add("--sequence", action="store_true", help="the sequence of a door that signed knocks open as well")
    add("--both", action="store_true", help="have the client knock by IPv4 and by IPv6")
    add("--profile", action="store_true", help="print what goes into the files of a client's knock")
    add("--qr", action="store_true", help="draw it as QR code; needs the Python package segno")
    add("--force", action="store_true", help="with --qr: draw also where standard output is no terminal")
    add_config(parser)
    return parser
