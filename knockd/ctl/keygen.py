"""``knockctl keygen``: makes a key of a door whose sequences rotate, a knock secret, or a fleet's key.

``host_secret.py`` and ``fleet_key.py`` make the other two.

World: the process, its standard streams and the time.
"""

from __future__ import annotations

import argparse
import os
import shlex
import time
from collections.abc import Iterator, Sequence

from knockd.ctl.complaints import NOT_DONE
from knockd.ctl.parser import Parser, UsageError
from knockd.ctl.terminal import complain, prepare_output
from knockd.files.secret_file import change_secret
from knockd_conf.key_file import NamedKey, format_key, parse_date, parse_keys, parse_name
from knockd_conf.model import Door
from knockd_conf.text import printable
from knockd_conf.timed import KEY_BYTES

SUBCOMMAND = "keygen"
DEFAULT_NAME = "owner"


class NotAddedError(Exception):
    """Why a key was not added to a file; its text says so."""


def run_command(arguments: Sequence[str]) -> int:
    """Runs ``knockctl keygen`` with the arguments after its name; the exit status.

    1: the name is taken, or the file is none of keys; 64 usage; 73 the file cannot be written.
    """
    prepare_output()
    try:
        found = _parser().parse_args(list(arguments))
        if found.host is not None:
            return _make_host(found)
        if found.fleet is not None:
            return _make_fleet(found)
        if found.config is not None:
            raise UsageError("--config: expected with --host only")
        return _make(found.file, _read_name(found), _read_day(found))
    except UsageError as error:
        complain(f"{printable(str(error))}\ntry 'knockctl keygen --help'", SUBCOMMAND)
        return os.EX_USAGE


def add_key(old: bytes, key: NamedKey) -> bytes:
    """The text of a key file with one key more. Raises NotAddedError, which shows no line."""
    if _holds_keys(old):
        found = parse_keys(old)
        if found.problems:
            raise NotAddedError(f"{found.problems[0]}: mend it, or name another file")
        if any(one.name == key.name for one in found.keys):
            raise NotAddedError(
                f"{key.name} has a key in it already: choose another name, or delete that line"
            )
    end = b"" if not old or old.endswith(b"\n") else b"\n"
    new = old + end + format_key(key).encode() + b"\n"
    if problems := parse_keys(new).problems:
        raise NotAddedError(problems[0])
    return new


def advise(path: str, name: str, door: Door | None) -> Iterator[str]:
    """What to do with a key that was added to a file: lines to print. ``door``: one that has the file."""
    yield f"{name} has a key in {printable(path)} now."
    if door is None:
        yield "The door that it opens needs this line in /etc/knockd.conf, in place of its Sequence:"
        yield ""
        yield f"    Sequence_Key = {printable(path)}"
        yield ""
        yield "Then, as root:"
        yield ""
        yield "    knockd -t && knockctl reload"
    else:
        yield f"It opens {printable(door.name)} within {door.sequence_period} s, if that is loaded. Then:"
        yield ""
    shown = shlex.quote("DOOR" if door is None else printable(door.name))
    yield f"    knockctl export {shown} --name {name} --host THIS.SERVER"
    yield ""
    yield f"prints what the client of {name} needs, as secret as the key itself."
    yield f"To shut {name} out, delete the line that begins with {name} from the file."


def _make(path: str | None, name: str, day: str) -> int:
    from secrets import token_bytes  # hashlib and random, which a mistake does not wait for

    from knockd.process import privileges

    privileges.leave_no_core()
    key = NamedKey(name, token_bytes(KEY_BYTES), day)
    if path is None:
        print(format_key(key))
        return os.EX_OK
    path = os.path.abspath(path)
    try:
        change_secret(path, lambda old: add_key(old, key))
    except NotAddedError as error:
        complain(f"{printable(path)}: {error}", SUBCOMMAND)
        return NOT_DONE
    except OSError as error:
        complain(f"{printable(path)}: {explain(error, path)}", SUBCOMMAND)
        return os.EX_CANTCREAT
    for line in advise(path, name, _find_door(path)):
        print(line)
    return os.EX_OK


def _make_host(found: argparse.Namespace) -> int:
    from knockd.ctl.door_config import DEFAULT_CONFIG
    from knockd.ctl.host_secret import make_host_secret

    _refuse_others(found, "--host, which makes no key but the host's secret")
    if found.fleet is not None:
        raise UsageError("--fleet: expected without --host")
    if found.host == "":
        raise UsageError("--host: expected a file, got ''")
    return make_host_secret(None if found.host is True else found.host, found.config or DEFAULT_CONFIG)


def _make_fleet(found: argparse.Namespace) -> int:
    from knockd.ctl.fleet_key import DEFAULT_KEY, make_fleet_key

    _refuse_others(found, "--fleet, which makes no key but the fleet's")
    if found.config is not None:
        raise UsageError("--config: expected with --host only")
    if found.fleet == "":
        raise UsageError("--fleet: expected a file, got ''")
    return make_fleet_key(DEFAULT_KEY if found.fleet is True else found.fleet)


def _refuse_others(found: argparse.Namespace, wanted: str) -> None:
    """Raises UsageError where something of a named key is given too."""
    for option, value in (("NAME", found.name), ("--file", found.file), ("--expires", found.expires)):
        if value is not None:
            raise UsageError(f"{option}: expected without {wanted}")


def _find_door(path: str) -> Door | None:
    """The first door that has this key file in the usual configuration, if that is good."""
    from knockd.ctl.door_config import DEFAULT_CONFIG, read_doors
    from knockd_conf.errors import ConfigError

    try:
        doors = read_doors(DEFAULT_CONFIG)
    except ConfigError:
        return None
    return next((door for door in doors if door.sequence_key == path), None)


def explain(error: OSError, path: str) -> str:
    """Why a file could not be changed, and what to do."""
    folder = os.path.dirname(path)
    reason = printable(str(error.strerror or error))
    if isinstance(error, FileNotFoundError) and not os.path.isdir(folder):
        return f"{reason}; make its directory first: install -d -m 700 {printable(shlex.quote(folder))}"
    return reason


def _holds_keys(data: bytes) -> bool:
    """Whether there is more than comments."""
    lines = data.removesuffix(b"\n").split(b"\n") if data else []
    return not all(line.startswith(b"#") for line in lines)


def _read_name(found: argparse.Namespace) -> str:
    try:
        return parse_name(DEFAULT_NAME if found.name is None else found.name)
    except ValueError as error:
        raise UsageError(f"NAME: {error}, got '{found.name}'") from None


def _read_day(found: argparse.Namespace) -> str:
    if found.expires is None:
        return ""
    try:
        day = parse_date(found.expires)
    except ValueError as error:
        raise UsageError(f"--expires: {error}, got '{found.expires}'") from None
    if day < time.strftime("%Y-%m-%d"):
        raise UsageError(f"--expires: expected a day that is not over, got '{day}'")
    return day


def _parser() -> Parser:
    parser = Parser(
        prog="knockctl keygen",
        usage="knockctl keygen [OPTION...] [NAME]\n       knockctl keygen --host [FILE] [-c FILE]"
        "\n       knockctl keygen --fleet [FILE]",
        description="Makes a key of a door whose sequences rotate (Sequence_Key), and prints its line,"
        " or adds it to a file that nobody else may read. Each person, best each device, has its own."
        " With --host it makes the knock secret of this host, for doors that signed knocks open,"
        " with --fleet the key of gateways that share a store.",
        epilog="See knockctl(1), and Rotating sequences and Signed knocks in knockd.conf(5).",
    )
    parser.add_argument("name", nargs="?", metavar="NAME", help=f"whose key it is; default: {DEFAULT_NAME}")
    parser.add_argument(
        "--file",
        metavar="FILE",
        help="add it to this file, which is made when there is none; default: print it",
    )
    parser.add_argument(
        "--expires",
        metavar="DATE",
        help="last day on which it opens, as 2026-12-31; default: it opens for ever",
    )
    parser.add_argument(
        "--host",
        nargs="?",
        const=True,
        metavar="FILE",
        help="make the knock secret of this host, and propose a port of signed knocks;"
        " default: in the file of Knock_Secret, else /etc/knockd/knock_secret",
    )
    parser.add_argument(
        "--fleet",
        nargs="?",
        const=True,
        metavar="FILE",
        help="make the key of a fleet (Fleet_Key); default: in /etc/knockd/fleet_key",
    )
    parser.add_argument(
        "-c", "--config", metavar="FILE", help="with --host: the configuration; default: /etc/knockd.conf"
    )
    return parser
