"""What the command line decides, for the daemon's whole life: it wins over the file at every reload."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple, overload

from knockd.edge import netlink
from knockd.edge.privileges import NoSuchUserError, User, is_user, packet_user
from knockd.engine.commands import encoded
from knockd.engine.interfaces import choose
from knockd_conf import Config, ConfigError, Problem, TrustPolicy
from knockd_conf.model import Options

DEFAULT_PID_FILE = "/var/run/knockd.pid"


class Loaded(NamedTuple):
    """A good configuration, and who the packet process becomes under it (None: stays who it is)."""

    config: Config
    user: User | None


@dataclass(frozen=True, slots=True)
class Settings:
    """The command line; all paths are absolute. None: the file or the default decides."""

    config_path: str
    directory: str = "/"
    """Where knockd was started: relative paths in the file are meant from there, as in 0.8."""
    interfaces: tuple[str, ...] = ()
    log_file: str | None = None
    pid_file: str | None = None
    state_dir: str | None = None
    host: str | None = None
    daemon: bool = False
    verbose: bool = False
    debug: bool = False
    lookup: bool = False
    ipv6: bool = True
    allow_insecure_config: bool = False

    def read(self) -> Loaded:
        """Reads what the daemon runs by. It may ask for users and names far away. Raises ConfigError."""
        config = self.load()
        try:
            return Loaded(config, packet_user(config.options.user))
        except NoSuchUserError as error:  # removed since the line before
            raise ConfigError([Problem(config.path, None, "User", str(error))]) from None

    def load(self) -> Config:
        """Reads the configuration and lays the command line over it. Raises ConfigError."""
        from knockd_conf.load import load  # here, for the daemon itself never reads one

        trust = TrustPolicy.current(allow_insecure=self.allow_insecure_config)
        config = load(self.config_path, host=self.host, trust=trust, is_user=is_user)
        if not config.doors:
            raise ConfigError([Problem(config.path, None, None, "expected at least one door, got none")])
        doors = tuple(
            replace(door, one_time_file=self._absolute(door.one_time_file)) for door in config.doors
        )
        return replace(config, doors=doors, options=self._over(config.options))

    def _over(self, options: Options) -> Options:
        return replace(
            options,
            interface=self.interfaces or options.interface,
            log_file=self.log_file or self._absolute(options.log_file),
            state_dir=self.state_dir or self._absolute(options.state_dir),
            pid_file=self.pid_file or self._absolute(options.pid_file) or DEFAULT_PID_FILE,
        )

    @overload
    def _absolute(self, path: str) -> str: ...
    @overload
    def _absolute(self, path: None) -> None: ...
    @overload
    def _absolute(self, path: str | None) -> str | None: ...
    def _absolute(self, path: str | None) -> str | None:
        """A path of the file, from where knockd was started; a daemon changes its directory.

        The file is UTF-8: as the locale has it a path could be another one, or none at all.
        """
        return None if path is None else os.path.join(self.directory, os.fsdecode(encoded(path)))


def listening_on(config: Config) -> tuple[str, ...]:
    """The interfaces that a configuration asks for here and now; they need not exist."""
    there = netlink.interfaces()
    return choose(
        config.options.interface,
        {name: interface.bridge_port or not interface.up for name, interface in there.items()},
        netlink.default_route_interfaces(there),
    )


def missing(names: Sequence[str]) -> str | None:
    """Why these interfaces cannot all be opened, and which there are; None when all are there."""
    there = netlink.interfaces()
    known = ", ".join(there)
    if not names:
        return f"no interface has a default route; name one with -i or Interface: {known}"
    absent = [name for name in names if name not in there]
    if absent:
        return f"no interface {', '.join(absent)} here; there are: {known}"
    return None


def down(names: Sequence[str]) -> tuple[str, ...]:
    """Which of these interfaces exist but are down."""
    there = netlink.interfaces()
    return tuple(name for name in names if name in there and not there[name].up)
