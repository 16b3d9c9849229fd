"""One daemon alone: locks for StateDir, and for configuration with interfaces, so that no command runs twice.

Both are files of the runtime directory: one in StateDir, open for writing, would keep its disk from being
mounted read-only. Where no lock can be had the daemon runs without it: nobody is locked out for a full disk.

World: the environment.
"""

from __future__ import annotations

import os
from binascii import crc32

from knockd.files.process_lock import HeldError, ProcessLock
from knockd.files.state_dir import make_directory
from knockd.leases.journal_file import find_runtime_directory
from knockd.log.logger import Log
from knockd_conf.classes import NamedTuple
from knockd_conf.model import Config, Options
from knockd_conf.text import printable

NETWORK_NAMESPACE = "/proc/self/ns/net"

_USING = "state-"
"""Begins the name of the file that stands for a StateDir."""

_WATCH = 'Watch it with "knockctl status" or "knockctl log --follow"'


class Conflict(NamedTuple):
    """Another daemon that is in the way: what it has, and what to do."""

    fact: str
    advice: str


class _Place(NamedTuple):
    directory: str
    name: str


class OnlyDaemon:
    """The locks that this daemon has. ``also``: it runs beside others, and takes what is free.

    ``runtime`` is the runtime directory, and ``namespace`` a file that stands for the network namespace.
    """

    def __init__(
        self,
        config_path: str,
        log: Log,
        *,
        also: bool = False,
        runtime: str | None = None,
        namespace: str = NETWORK_NAMESPACE,
    ) -> None:
        self._config_path = os.path.realpath(config_path)
        self._log = log
        self._also = also
        self._runtime = runtime or find_runtime_directory()
        self._namespace = namespace
        self._held: dict[_Place, ProcessLock] = {}
        self._said: dict[_Place, str] = {}
        """Why a place is not locked, as it was logged."""

    def take(self, config: Config) -> Conflict | None:
        """Takes the locks of a configuration and gives up those of the one before.

        Returns what is in the way, if anything is: then all is as it was.
        """
        taken: dict[_Place, ProcessLock] = {}
        for find in (self._running, self._using):
            place = _Place(*os.path.split(config.options.state_dir))
            try:
                place = find(config.options)
                taken[place] = self._find_held(place) or ProcessLock(*place)
            except HeldError as error:
                conflict = self._explain(place, error.pid, config.options)
                if not self._also:
                    self._release(taken, but=self._held)
                    return conflict
                self._say(place, "second-daemon-forced", conflict.fact)
            except OSError as error:
                self._say(place, "no-lock", error.strerror or str(error))
            else:
                self._said.pop(place, None)
        self._release(self._held, but=taken)
        self._held = taken
        return None

    def release(self) -> None:
        """Gives all locks up."""
        self._release(self._held, but={})
        self._held = {}

    def _running(self, options: Options) -> _Place:
        """The file that stands for this configuration, on these interfaces, in this network namespace."""
        try:
            namespace = os.stat(self._namespace).st_ino
        except OSError:  # without /proc: the paths say enough
            namespace = 0
        asked = "\0".join((self._config_path, *options.interface))
        return _Place(self._runtime, f"running-{namespace}-{crc32(os.fsencode(asked)):08x}.lock")

    def _using(self, options: Options) -> _Place:
        """The file that stands for StateDir, by whatever path. Raises OSError when it cannot be made."""
        make_directory(options.state_dir)
        found = os.stat(options.state_dir)
        return _Place(self._runtime, f"{_USING}{found.st_dev:x}-{found.st_ino:x}.lock")

    def _find_held(self, place: _Place) -> ProcessLock | None:
        """The lock that we have already at a place; it may be the file that another path led to."""
        return next((lock for lock in self._held.values() if lock.is_at(*place)), None)

    def _release(self, locks: dict[_Place, ProcessLock], *, but: dict[_Place, ProcessLock]) -> None:
        kept = {id(lock) for lock in but.values()}
        for lock in locks.values():
            if id(lock) not in kept:
                lock.release(remove=True)

    def _explain(self, place: _Place, pid: int, options: Options) -> Conflict:
        other = f"another knockd (pid {pid})" if pid else "another knockd, whose pid is of another container,"
        if place.name.startswith(_USING):
            fact = f"{other} uses StateDir {printable(options.state_dir)}"
            return Conflict(
                fact, f"{_WATCH}; give this one a --state-dir of its own, or force it with --also."
            )
        interfaces = f" on {printable(','.join(options.interface))}" if options.interface else ""
        fact = f"{other} runs by {printable(self._config_path)}{interfaces}: each command would run twice"
        return Conflict(fact, f"{_WATCH}; --also starts this one all the same.")

    def _say(self, place: _Place, event: str, reason: str) -> None:
        if self._said.get(place) != reason:
            self._said[place] = reason
            self._log(event, path=os.path.join(*place), reason=reason)
