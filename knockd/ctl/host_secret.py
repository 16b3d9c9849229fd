"""``knockctl keygen --host``: makes the knock secret of this host, and says what the configuration needs.

World: files, standard output and this host's ports.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from shlex import quote
from typing import Final

from knockd.ctl.door_config import DEFAULT_CONFIG, read_config
from knockd.ctl.new_secret import make_secret
from knockd_conf import keys
from knockd_conf.errors import ConfigError
from knockd_conf.knock_secret import KNOCK
from knockd_conf.model import Config, Options, Step
from knockd_conf.text import printable

DEFAULT_SECRET: Final = "/etc/knockd/knock_secret"
DEFAULT_KEYS: Final = "/etc/knockd/authorized_keys"


def make_host_secret(path: str | None, config_path: str = DEFAULT_CONFIG) -> int:
    """Makes the secret in ``path``, None: where the configuration says; the exit status.

    One that is there is kept. 1: the file holds something else; 73 it cannot be written.
    """
    config = _find_config(config_path)
    chosen = os.path.abspath(path or (config and config.options.knock_secret) or DEFAULT_SECRET)
    folder = path is None and os.path.isdir(os.path.dirname(os.path.dirname(chosen)))
    if status := make_secret(chosen, KNOCK, "the knock secret of this host", make_directory=folder):
        return status
    lines = list(propose(config, chosen, lambda: choose_free_port(config)))
    for line in advise(lines, config_path):
        print(line)
    return os.EX_OK


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
