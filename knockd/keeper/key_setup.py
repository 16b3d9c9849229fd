"""What doors with keys are made of in the daemon: files of notes, the kernel's clock, forked children.

Those that open by sequences of keys and those that open by signatures have one record and one clock. A daemon
without such doors has none of the code in its memory: it is imported for the first one.

World: the environment and a child process.
"""

from __future__ import annotations

import os
from binascii import crc32
from collections.abc import Callable
from typing import TYPE_CHECKING

from knockd.leases.journal_file import find_runtime_directory
from knockd.log.logger import Log
from knockd.process.fork import fork_child
from knockd.process.loop import Loop
from knockd_conf.classes import NamedTuple
from knockd_conf.model import Config
from knockd_conf.trust import TrustPolicy

if TYPE_CHECKING:
    from knockd.sequences.burnt_periods import BurntPeriods
    from knockd.sequences.keyed_doors import KeyedDoors
    from knockd.sequences.recorded_clock import RecordedClock
    from knockd.signed.signed_doors import SignedDoors
    from knockd.signed.used_nonces import UsedNonces


class _Shared(NamedTuple):
    """What doors of both kinds have in common. The record keeps what either has used, whichever there are."""

    clock: RecordedClock
    burnt: BurntPeriods
    nonces: UsedNonces
    policy: TrustPolicy


class KeySetup:
    """Makes the doors with keys when a configuration has the first; nothing is read or started before.

    ``made`` are these doors, None before. ``changed`` is called when other sequences are live.
    """

    def __init__(self, loop: Loop, log: Log, config: Config) -> None:
        # Not the configuration: its commands would stay in memory after a reload.
        self._loop, self._log = loop, log
        self._path, self._state_dir, self._insecure = config.path, config.options.state_dir, config.insecure
        self._shared: _Shared | None = None
        self.made: KeyedDoors | None = None
        self.changed: Callable[[], None] = lambda: None

    def get(self) -> KeyedDoors:
        """The doors with keys, for who has one."""
        if self.made is None:
            self.made = self._make()
            self.made.changed = self.tell
        return self.made

    def _make(self) -> KeyedDoors:
        from knockd.sequences.key_child import start_key_child
        from knockd.sequences.keyed_doors import KeyedDoors

        clock, burnt, _, policy = self._share()
        return KeyedDoors(
            self._loop,
            self._log,
            burnt,
            clock,
            lambda questions, now: start_key_child(fork_child, questions, policy, now),
        )

    def make_signed(self) -> SignedDoors:
        """The doors that open by signatures."""
        from knockd.signed.signed_child import start_signed_child
        from knockd.signed.signed_doors import SignedDoors

        clock, _, nonces, policy = self._share()
        return SignedDoors(
            self._loop,
            self._log,
            clock,
            nonces,
            lambda question: start_signed_child(fork_child, question, policy),
        )

    def _share(self) -> _Shared:
        """Notes of this boot are named after the configuration: they stay when that has another StateDir."""
        if self._shared is None:
            from knockd.sequences.burnt_periods import BurntPeriods
            from knockd.sequences.kernel_clock import read_clock
            from knockd.sequences.key_record import NAME, KeyRecord
            from knockd.sequences.recorded_clock import RecordedClock
            from knockd.signed.used_nonces import UsedNonces

            policy = TrustPolicy.current(allow_insecure=self._insecure)
            name = f"{NAME}-{crc32(os.fsencode(os.path.realpath(self._path))):08x}"
            record = KeyRecord(self._state_dir, find_runtime_directory(), name, policy, self._log)
            clock = RecordedClock(self._log, record, read_clock)
            self._shared = _Shared(clock, BurntPeriods(record), UsedNonces(record), policy)
        return self._shared

    def tell(self) -> None:
        """Other sequences are live."""
        self.changed()

    def adopt(self, config: Config) -> None:
        """Takes the doors of a configuration; all key files are read anew."""
        if self.made is not None or any(door.sequence_key is not None for door in config.doors):
            self.get().adopt(config)

    def reap(self) -> None:
        """Collects children that have ended; call it on SIGCHLD."""
        if self.made is not None:
            self.made.reap()

    def stop(self) -> None:
        """The daemon ends."""
        if self.made is not None:
            self.made.stop()
