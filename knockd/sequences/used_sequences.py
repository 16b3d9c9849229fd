"""Sequences that have opened a door and are still in their file, since it could not be written.

They are noted beside the journal of leases, a line each, so that they open no second time: not after a HUP,
not after a restart, not by another name of their file, and not in another daemon that notes there. When the
file can be written again they are struck out there, and forgotten here.

World: the notes of used sequences.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from contextlib import suppress
from typing import Final

from knockd.log.logger import Log
from knockd.sequences.noted_lines import NotedLines
from knockd_conf.model import Step
from knockd_conf.trust import TrustPolicy

NAME: Final = "used-sequences"

BEFORE: Final = "it is noted that it has been used"
"""Why a sequence opens nothing that somebody has noted already."""

_Held = dict[str, set[str]]
"""Sequences by the path of their file."""


class UsedSequences:
    """What is noted, by the path of the one-time file. ``directories``: where it is noted, the best first."""

    def __init__(self, directories: Sequence[str], policy: TrustPolicy, log: Log) -> None:
        self._notes = NotedLines(NAME, "notes used sequences", policy)
        self._log = log
        self._used: _Held = {}
        self._directories = tuple(directories)

    def of(self, path: str) -> frozenset[str]:
        """The sequences that have been used and may still be in the file ``path``.

        Raises OSError when notes are there and cannot be read: the sequences of any file may be used then.
        """
        for directory in self._directories:
            _merge(self._used, self._read(directory))
        return _of_file(self._used, path)

    def add(self, path: str, steps: Iterable[Step]) -> str | None:
        """Notes a sequence; None: it was not noted before, and survives a power cut. Else what is wrong."""
        from knockd_conf.one_time import written  # it is there: the file was read

        sequence = written(steps)
        try:
            if sequence in self.of(path):
                return BEFORE
        except OSError as error:
            self._remember(path, sequence)
            self._note(path, sequence)
            return str(error.strerror)
        self._remember(path, sequence)
        return self._note(path, sequence)

    def forget(self, path: str) -> None:
        """Leaves out what the file ``path`` does not hold any more."""
        names = [name for name in self._used if _is_same(name, path)]
        if not names:
            return
        for name in names:
            del self._used[name]
        for directory in self._directories:
            try:
                self._forget_in(directory, names)
            except FileNotFoundError:
                continue
            except OSError as error:  # what stays noted there keeps nobody out: the file does not hold it
                self._log("used-kept", path=os.path.join(directory, NAME), reason=str(error.strerror))

    def move(self, directories: Sequence[str]) -> None:
        """Notes in other directories from now on, also what was noted before."""
        if tuple(directories) == self._directories:
            return
        self._directories = tuple(directories)
        for path, known in self._used.items():
            for sequence in known:
                self._note(path, sequence)

    def _remember(self, path: str, sequence: str) -> None:
        self._used.setdefault(path, set()).add(sequence)

    def _note(self, path: str, sequence: str) -> str | None:
        """Notes a sequence in the first directory that takes it. Returns as ``add``."""
        reasons = []
        for directory in self._directories:
            try:
                with self._notes.alone(directory):
                    if sequence in _of_file(self._read(directory), path):
                        return BEFORE
                    self._notes.append(directory, [path, sequence])
                return None
            except OSError as error:
                reasons.append(f"{directory}: {error.strerror}")
        reason = "; ".join(reasons) or "there is no directory for it"
        self._log("used-unnoted", path=path, reason=reason)
        return reason

    def _forget_in(self, directory: str, names: Iterable[str]) -> None:
        """Raises OSError, FileNotFoundError where nothing is noted."""
        with self._notes.alone(directory, create=False):
            held = self._read(directory)
            for name in names:
                if held.pop(name, None) is not None:
                    self._notes.append(directory, [name, None], create=False)
            if not held:  # another daemon may note there too
                self._notes.clear(directory)

    def _read(self, directory: str) -> _Held:
        """What a directory holds. Raises OSError."""
        held: _Held = {}
        for value in self._notes.read(directory) or ():
            try:
                path, sequence = value
            except (ValueError, TypeError):
                continue
            if isinstance(path, str) and sequence is None:
                held.pop(path, None)
            elif isinstance(path, str) and isinstance(sequence, str):
                held.setdefault(path, set()).add(sequence)
        return held


def _merge(used: _Held, more: _Held) -> None:
    for path, known in more.items():
        used.setdefault(path, set()).update(known)


def _of_file(used: _Held, path: str) -> frozenset[str]:
    """The sequences of a file, whatever it was called when they were noted."""
    return frozenset().union(*(known for name, known in used.items() if _is_same(name, path)))


def _is_same(name: str, path: str) -> bool:
    with suppress(OSError):  # one of them is not there
        return name == path or os.path.samefile(name, path)
    return False
