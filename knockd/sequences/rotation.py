"""The live sequence of each one-time file: read at the start, struck out after an opening.

One that cannot be struck out is noted, and its door disabled until the file can be written again. A daemon
without one-time files has no code in its memory that reads them: it is imported for the first one.

World: one-time files.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from knockd.log.logger import Logger
from knockd.sequences.used_sequences import UsedSequences
from knockd_conf.model import Door, Step
from knockd_conf.trust import TrustPolicy

if TYPE_CHECKING:
    from knockd_conf.one_time import OneTimeFile

_NONE: tuple[Step, ...] = ()


class Rotation:
    """The live steps by file; no steps: the doors of that file are disabled. ``noted`` outlives it.

    ``used`` counts the sequences of a file that have opened a door.
    """

    def __init__(
        self, doors: Iterable[Door], logger: Logger, noted: UsedSequences, policy: TrustPolicy
    ) -> None:
        self._logger = logger
        self._noted = noted
        self._policy = policy
        self._live: dict[str, tuple[Step, ...]] = {}
        self._used: dict[str, int] = {}
        self.load_files(doors)

    def load_files(self, doors: Iterable[Door]) -> None:
        """Reads the files of the doors, also those that were read before."""
        for door in doors:
            if door.one_time_file is not None:
                self._live[door.one_time_file] = self._load(door, door.one_time_file)

    def steps(self, door: Door) -> tuple[Step, ...]:
        """The live steps of a door."""
        return door.steps if door.one_time_file is None else self._live[door.one_time_file]

    def is_disabled(self, door: Door) -> bool:
        """Whether a door has a one-time file without a sequence that can be used."""
        return not self.steps(door)

    def used(self, door: Door) -> int:
        """How many sequences of its file have opened a door."""
        return self._used.get(door.one_time_file or "", 0)

    def rotate(self, door: Door) -> None:
        """Strikes the live sequence of a door out and makes the next one live; logs what goes wrong."""
        path = door.one_time_file
        if path is not None:
            self._live[path] = self._strike(door, path)
            self._used[path] = self._used.get(path, 0) + 1

    def _load(self, door: Door, path: str) -> tuple[Step, ...]:
        from knockd.sequences.one_time_file import read_one_time, strike_used

        try:
            used = self._noted.of(path)
            if used:
                strike_used(path, used, self._policy)
                self._noted.forget(path)
            file = read_one_time(path, self._policy)
        except OSError as error:
            return self._disable(door, str(error.strerror))
        for problem in file.problems:
            self._logger.log("one-time-line", door=door.name, problem=problem)
        return self._find_live(door, file)

    def _strike(self, door: Door, path: str) -> tuple[Step, ...]:
        from knockd.sequences.one_time_file import strike_one_time  # it is there since the file was read

        used = self._live[path]
        try:
            return self._find_live(door, strike_one_time(path, used, self._policy))
        except OSError as error:
            reason = str(error.strerror)
        except ValueError as error:
            reason = str(error)
        self._noted.add(path, used)
        return self._disable(door, reason)

    def _find_live(self, door: Door, file: OneTimeFile) -> tuple[Step, ...]:
        if file.live is None:
            self._logger.log("one-time-exhausted", door=door.name)
            return _NONE
        return file.live.steps

    def _disable(self, door: Door, problem: str) -> tuple[Step, ...]:
        self._logger.log("one-time-problem", door=door.name, path=door.one_time_file, problem=problem)
        return _NONE
