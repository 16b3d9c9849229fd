"""What the command line decides, for the daemon's whole life: it wins over the file at every reload.

World: the environment.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, overload

from knockd.knocks.taken import Taken
from knockd.log.stamps import local_day
from knockd.net import interfaces
from knockd.net.interface import explain_deaf, find_interface
from knockd.net.selection import choose_interfaces
from knockd.process.privileges import NoSuchUserError, User, find_group, is_user, packet_user
from knockd_conf.classes import NamedTuple, dataclass
from knockd_conf.errors import ConfigError, Problem, seen
from knockd_conf.model import Config, Options
from knockd_conf.text import encoded, is_link_local, printable
from knockd_conf.trust import TrustPolicy

if TYPE_CHECKING:
    from knockd.checks.command_notes import Circumstances  # the daemon itself has no need of it

Files = Sequence[tuple[str, bytes]]
"""Paths and contents of configuration files, the main one first."""

DEFAULT_PID_FILE = "/var/run/knockd.pid"
CONTROL_GROUP = "knockd"
"""The group whose members may look through the control socket, where there is one."""


class Loaded(NamedTuple):
    """A good configuration, and who the packet process becomes under it (None: stays who it is).

    ``refused``: the problems of the file, in place of which the last good configuration is used, and
    ``kept`` is where that is kept. ``unkept``: why this configuration cannot be kept as the last good one.
    ``taken``: the ports that can be no automatic guards. ``control_group``: whose members may look through
    the control socket (None: nobody but root).
    """

    config: Config
    user: User | None
    refused: tuple[Problem, ...] = ()
    kept: str = ""
    unkept: str = ""
    taken: Taken = Taken()
    control_group: int | None = None


class NoDoorError(ConfigError):
    """A configuration without a door, as one has who wants nothing opened."""


@dataclass(frozen=True, slots=True)
class Settings:
    """The command line; all paths are absolute. None: the file or the default decides."""

    config_path: str
    directory: str = "/"
    """Where knockd was started: relative paths in the file are meant from there, as in 0.8.

    Empty where that is gone, or nobody may see it; then they are refused.
    """
    interfaces: tuple[str, ...] = ()
    log_file: str | None = None
    pid_file: str | None = None
    state_dir: str | None = None
    control_socket: str | None = None
    """Empty: there is to be none."""
    host: str | None = None
    daemon: bool = False
    verbose: bool = False
    debug: bool = False
    lookup: bool = False
    ipv6: bool = True
    allow_insecure_config: bool = False
    also: bool = False
    """Whether it runs beside another daemon of the same StateDir, or configuration and interfaces."""

    def load_all(self, given: Files | None = None) -> Loaded:
        """Returns what the daemon runs by, with the texts of the files. ``given``: as ``load_config``.

        May wait for name servers. Raises ConfigError.
        """
        # Here, for the daemon itself needs neither.
        from knockd.checks.fleet_host import find_missing_store_package
        from knockd.checks.notes import current_notes, current_taken
        from knockd.checks.reader import find_missing_reader
        from knockd.checks.signed_host import find_missing_package
        from knockd_conf.command_facts import find_facts

        config = self.load_config(given)
        finders = find_missing_package, find_missing_store_package, find_missing_reader
        if missing := [one for find in finders if (one := find(config))]:
            raise ConfigError(missing)
        taken, unsure = current_taken(config)
        notes = (*current_notes(config, taken, self.find_circumstances(config, starting=True)), *unsure)
        doors = tuple(replace(door, places=(), facts=find_facts(door)) for door in config.doors)
        config = replace(config, doors=doors, places=(), notes=notes)
        try:
            user = packet_user(config.options.user)
        except NoSuchUserError as error:  # removed since the line before
            raise ConfigError([Problem(config.path, None, "User", str(error))]) from None
        return Loaded(config, user, taken=taken, control_group=find_group(CONTROL_GROUP))

    def load_config(self, given: Files | None = None) -> Config:
        """Returns the configuration with the command line laid over it. Raises ConfigError.

        ``given``: paths and contents of its files as they were read once; they are not read again.
        """
        from knockd_conf.load import load  # here, for the daemon itself never reads one

        trust = TrustPolicy.current(allow_insecure=self.allow_insecure_config)
        config = load(self.config_path, given=given, host=self.host, trust=trust, is_user=is_user)
        if not config.doors:
            raise NoDoorError([Problem(config.path, None, None, "expected at least one door, got none")])
        doors = tuple(
            replace(
                door,
                one_time_file=self._absolute(door.one_time_file),
                sequence_key=self._absolute(door.sequence_key),
                authorized_keys=self._absolute(door.authorized_keys),
            )
            for door in config.doors
        )
        options = self._over(config.options)
        return replace(config, doors=doors, options=options, insecure=self.allow_insecure_config)

    def find_circumstances(self, config: Config, *, starting: bool = False) -> Circumstances:
        """Returns what commands of a configuration meet on this host now."""
        from knockd.checks.command_notes import Circumstances
        from knockd.checks.keys import SOON, Days

        there = interfaces.read_interfaces()
        watched = (find_interface(name, there) for name in wanted_interfaces(config))
        addresses = [address for one in watched if one is not None for address in one.addresses]
        wide = any(len(address) == 16 and not _is_local(address) for address in addresses)
        days = Days(local_day(), local_day(later=SOON))
        return Circumstances(ipv6=self.ipv6, ipv6_address=wide, starting=starting, days=days)

    def _over(self, options: Options) -> Options:
        return replace(
            options,
            interface=self.interfaces or options.interface,
            log_file=self.log_file or self._absolute(options.log_file),
            authorized_keys=self._absolute(options.authorized_keys),
            knock_secret=self._absolute(options.knock_secret),
            fleet_key=self._absolute(options.fleet_key),
            fleet_password=self._absolute(options.fleet_password),
            fleet_ca=self._absolute(options.fleet_ca),
            state_dir=self.choose_state_dir(options),
            control_socket=self._choose_control_socket(options.control_socket),
            pid_file=self.pid_file or self._absolute(options.pid_file) or DEFAULT_PID_FILE,
        )

    def choose_state_dir(self, options: Options) -> str:
        """The state directory under these options."""
        return self.state_dir or self._absolute(options.state_dir)

    def _choose_control_socket(self, path: str) -> str:
        if self.control_socket is not None:
            return self.control_socket
        return path and self._absolute(path)

    @overload
    def _absolute(self, path: str) -> str: ...
    @overload
    def _absolute(self, path: None) -> None: ...
    @overload
    def _absolute(self, path: str | None) -> str | None: ...
    def _absolute(self, path: str | None) -> str | None:
        """A path of the file, from where knockd was started; a daemon changes its directory.

        The file is UTF-8: as the locale has it a path could be another one, or none at all. Raises
        ConfigError for a relative path where there is no directory to start from.
        """
        if path is None:
            return None
        absolute = os.path.join(self.directory, os.fsdecode(encoded(path)))
        if not os.path.isabs(absolute):
            reason = f"expected an absolute path, for there is no working directory, got {seen(path)}"
            raise ConfigError([Problem(self.config_path, None, None, reason)])
        return absolute


def find_directory() -> str:
    """Returns the working directory; empty where it is gone, or nobody may see it."""
    try:
        return os.getcwd()
    except OSError:
        return ""


def _is_local(packed: bytes) -> bool:
    """Whether nobody beyond the link has this IPv6 address as destination (RFC 4291, section 2.5.6)."""
    return packed[:15] == bytes(15) or is_link_local(packed)


def wanted_interfaces(config: Config) -> tuple[str, ...]:
    """The interfaces that a configuration asks for on this host now; they need not exist."""
    there = interfaces.read_interfaces()
    return choose_interfaces(config.options.interface, there, interfaces.read_default_routes(there))


def explain_absent(names: Sequence[str]) -> str | None:
    """Why the interfaces of ``names`` cannot all be opened, and which there are; None when all are there."""
    there = interfaces.read_interfaces()
    known = ", ".join(map(printable, there))
    if not names:
        return f"no interface has a default route; name one with -i or Interface: {known}"
    absent = [printable(name) for name in names if find_interface(name, there) is None]
    if absent:
        return f"no interface {', '.join(absent)} here; there are: {known}"
    return None


def explain_trouble(names: Sequence[str], *, any_will_do: bool) -> Iterator[str]:
    """Yields why interfaces of ``names`` that exist hear no knocks: they are down, or have no address.

    ``any_will_do``: nobody named them, so that some have no address is as it should be.
    """
    there = interfaces.read_interfaces()
    for name in names:
        one = find_interface(name, there)
        if one is not None and not one.link.up:
            yield f"interface {printable(name)} is down"
        elif not any_will_do and (text := explain_deaf(name, there)):
            yield f"interface {text}"
