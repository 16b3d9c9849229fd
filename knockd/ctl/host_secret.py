"""``knockctl keygen --host``: makes the knock secret of this host, and says what the configuration needs.

World: the process, its standard streams and this host's ports.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from shlex import quote
from typing import Final

from knockd.ctl.complaints import NOT_DONE
from knockd.ctl.door_config import DEFAULT_CONFIG, read_config
from knockd.ctl.terminal import complain
from knockd.files.secret_file import change_secret, make_folder
from knockd_conf import keys
from knockd_conf.errors import ConfigError
from knockd_conf.knock_secret import KNOCK, Kind, format_secret, parse_secret
from knockd_conf.model import Config, Options, Step
from knockd_conf.signed_packet import SECRET_BYTES
from knockd_conf.text import printable

SUBCOMMAND = "keygen"
DEFAULT_SECRET: Final = "/etc/knockd/knock_secret"
DEFAULT_KEYS: Final = "/etc/knockd/authorized_keys"


class ThereError(Exception):
    """A file has a secret already."""


def make_host_secret(path: str | None, config_path: str = DEFAULT_CONFIG) -> int:
    """Makes the secret in ``path``, None: where the configuration says; the exit status.

    One that is there is kept. 1: the file holds something else; 73 it cannot be written.
    """
    from knockd.ctl.keygen import explain
    from knockd.process import privileges

    privileges.leave_no_core()
    config = _find_config(config_path)
    chosen = os.path.abspath(path or (config and config.options.knock_secret) or DEFAULT_SECRET)
    try:
        if path is None and os.path.isdir(os.path.dirname(os.path.dirname(chosen))):
            make_folder(os.path.dirname(chosen))
        change_secret(chosen, lambda old: add_secret(old, os.urandom(SECRET_BYTES)))
        print(f"{printable(chosen)} has the knock secret of this host now.")
    except ThereError:
        print(f"{printable(chosen)} has the knock secret of this host already, and keeps it.")
        print("(To make another one, remove the file first: all clients have to get it then.)")
    except ValueError as error:
        complain(f"{printable(chosen)}: {error}; mend it, or name another file", SUBCOMMAND)
        return NOT_DONE
    except OSError as error:
        complain(f"{printable(chosen)}: {explain(error, chosen)}", SUBCOMMAND)
        return os.EX_CANTCREAT
    lines = list(propose(config, chosen, lambda: choose_free_port(config)))
    for line in advise(lines, config_path):
        print(line)
    return os.EX_OK


def add_secret(old: bytes, secret: bytes, kind: Kind = KNOCK) -> bytes:
    """The text of a file with a secret. Raises ThereError, and ValueError where it is none of secrets."""
    if any(line.strip() and not line.lstrip().startswith(b"#") for line in old.split(b"\n")):
        parse_secret(old, kind)
        raise ThereError
    end = b"" if not old or old.endswith(b"\n") else b"\n"
    comment = "" if old else f"{kind.comment}\n"
    return old + end + f"{comment}{format_secret(secret)}\n".encode()


def propose(config: Config | None, path: str, port: Callable[[], int]) -> Iterator[tuple[str, str]]:
    """Yields keys and values that [options] lack; ``config``: None where it cannot be used."""
    options = Options() if config is None else config.options
    signed = [] if config is None else [door for door in config.doors if door.is_signed]
    if not options.signed_port and not signed:
        yield keys.SIGNED_PORT.name, str(port())
    if options.knock_secret != path:
        yield keys.KNOCK_SECRET.name, path
    if options.authorized_keys is None and not (signed and all(door.authorized_keys for door in signed)):
        yield keys.AUTHORIZED_KEYS.name, DEFAULT_KEYS


def advise(lines: Sequence[tuple[str, str]], config_path: str) -> Iterator[str]:
    """What to do next: lines to print. ``lines``: what the configuration lacks."""
    if lines:
        width = max(len(name) for name, _ in lines)
        yield f"These lines belong into [options] of {printable(config_path)}:"
        yield ""
        for name, value in lines:
            yield f"    {name:<{width}} = {printable(value)}"
        yield ""
        yield "The keys in Authorized_Keys open all doors then, but those with Signed_Port = none. As root:"
    else:
        yield f"{printable(config_path)} has all that it needs. Let keys in, as root:"
    yield ""
    option = "" if config_path == DEFAULT_CONFIG else f" -c {quote(printable(config_path))}"
    if lines:
        yield f"    knockd -t{option}"
    yield f"    knockctl authorize{option} FILE.pub --door DOOR"


def choose_free_port(config: Config | None) -> int:
    """A UDP port at which nothing is served on this host, and that no door has."""
    from secrets import randbelow

    from knockd.init.host import read_ports
    from knockd.init.ports import choose_port
    from knockd.net.ports_in_use import ports_in_use

    in_use: frozenset[Step] = frozenset()
    with suppress(OSError):
        in_use = ports_in_use()
    ports = read_ports(in_use)
    taken = ports.taken | (frozenset() if config is None else frozenset(_find_knocked(config)))
    return choose_port(randbelow, taken, ports.clients)


def _find_knocked(config: Config) -> Iterator[int]:
    """Yields the ports of steps and guards, which no signed knock may share."""
    for door in config.doors:
        guards = door.guard_ports or config.options.guard_ports
        yield from (port.port for port in (*door.steps, *guards.ports))


def _find_config(path: str) -> Config | None:
    try:
        return read_config(path)
    except ConfigError:
        return None
