"""Sequences that have opened a door and are still in their file, since it could not be written.

They are noted beside the journal of leases, a line each, so that they open no second time: not after a HUP,
not after a restart. When the file can be written again they are struck out there, and forgotten here.

World: the notes of used sequences.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from knockd.log.logger import Log
from knockd.sequences.noted_lines import NotedLines
from knockd_conf.model import Step
from knockd_conf.trust import TrustPolicy

NAME: Final = "used-sequences"


class UsedSequences:
    """What is noted, by the path of the one-time file. ``directories``: where it is noted, the best first."""

    def __init__(self, directories: Sequence[str], policy: TrustPolicy, log: Log) -> None:
        self._notes = NotedLines(NAME, "notes used sequences", policy)
        self._log = log
        self._used: dict[str, set[str]] = {}
        self._directories = tuple(directories)
        self._unread = True

    def of(self, path: str) -> frozenset[str]:
        """The sequences that have been used and may still be in the file ``path``.

        Raises OSError when notes are there and cannot be read: the sequences of any file may be used then.
        """
        self._read_all()
        return frozenset(self._used.get(path, ()))

    def add(self, path: str, steps: Iterable[Step]) -> None:
        """Notes a sequence; when this returns it survives a power cut, or the log says that it does not."""
        from knockd_conf.one_time import written  # it is there: the file was read

        sequence = written(steps)
        self._used.setdefault(path, set()).add(sequence)
        self._note(path, sequence)

    def forget(self, path: str) -> None:
        """Leaves out what the file ``path`` does not hold any more."""
        if self._used.pop(path, None) is None:
            return
        for directory in self._directories:
            try:
                if self._used:
                    self._notes.append(directory, [path, None], create=False)
                else:
                    self._notes.clear(directory)
            except FileNotFoundError:
                continue
            except OSError as error:  # what stays noted there keeps nobody out: the file does not hold it
                self._log("used-kept", path=os.path.join(directory, NAME), reason=str(error.strerror))

    def move(self, directories: Sequence[str]) -> None:
        """Notes in other directories from now on, also what was noted before."""
        if tuple(directories) == self._directories:
            return
        self._directories = tuple(directories)
        self._unread = True
        for path, known in self._used.items():
            for sequence in known:
                self._note(path, sequence)

    def _read_all(self) -> None:
        """Reads what the directories hold, when a door with a one-time file asks first. Raises OSError."""
        if not self._unread:
            return
        for directory in self._directories:
            held: dict[str, set[str]] = {}
            for path, sequence in self._read(directory):
                if sequence is None:
                    held.pop(path, None)
                else:
                    held.setdefault(path, set()).add(sequence)
            for path, known in held.items():
                self._used.setdefault(path, set()).update(known)
        self._unread = False

    def _note(self, path: str, sequence: str) -> None:
        reasons = []
        for directory in self._directories:
            try:
                self._notes.append(directory, [path, sequence])
                return
            except OSError as error:
                reasons.append(f"{directory}: {error.strerror}")
        self._log("used-unnoted", path=path, reason="; ".join(reasons) or "there is no directory for it")

    def _read(self, directory: str) -> Iterator[tuple[str, str | None]]:
        """Yields (path, sequence) for each line, None for what was forgotten. Raises OSError."""
        for value in self._notes.read(directory) or ():
            try:
                path, sequence = value
            except (ValueError, TypeError):
                continue
            if isinstance(path, str) and (sequence is None or isinstance(sequence, str)):
                yield path, sequence
