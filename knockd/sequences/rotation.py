"""The live sequence of each one-time file: read at the start, struck out after an opening.

A sequence opens a door once: it is struck out of its file first, or noted where it cannot be, and that
disables the door until the file can be written again. Where neither is to be had it opens nothing. A daemon
without one-time files has no code in its memory that reads them: it is imported for the first one.

World: one-time files.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from typing import TYPE_CHECKING, Any

from knockd.log.logger import Log, Logger
from knockd.sequences.used_sequences import UsedSequences
from knockd_conf.classes import NamedTuple
from knockd_conf.model import Door, Step
from knockd_conf.trust import TrustPolicy

if TYPE_CHECKING:
    from knockd_conf.one_time import OneTimeFile

_NONE: tuple[Step, ...] = ()

USED_UP = "no sequence of its file is live"
"""Why what the packet process took for a live sequence opens nothing."""

NOT_LIVE = "its sequence is not the live one any more"
"""Why a sequence opens nothing that was live when its last packet came."""

REFUSED = "its sequence could not be struck out ({})"
"""Why a one-time sequence opens nothing, for a reason."""


class Rotated(NamedTuple):
    """What came of a used sequence: why it opens nothing (None: it does), and lines that follow its own.

    ``name`` is that of a one-time sequence, the same wherever its file is; empty: it is none.
    """

    refused: str | None
    lines: tuple[Callable[[], None], ...]
    name: str = ""


class Rotation:
    """The live steps by file; no steps: the doors of that file are disabled. ``noted`` outlives it.

    ``used`` counts the sequences of a file that were live before: it tells one that is live from those.
    """

    def __init__(
        self, doors: Iterable[Door], logger: Logger, noted: UsedSequences, policy: TrustPolicy
    ) -> None:
        self._logger = logger
        self._noted = noted
        self._policy = policy
        self._live: dict[str, tuple[Step, ...]] = {}
        self._used: dict[str, int] = {}
        self._owners: dict[str, str] = {}
        """The first door of each file, by the file: files have other names at other gateways."""
        self.load_files(doors)

    def load_files(self, doors: Iterable[Door]) -> None:
        """Reads the files of the doors, also those that were read before."""
        for door in doors:
            if door.one_time_file is not None:
                self._owners.setdefault(door.one_time_file, door.name)
                live = self._load(door, door.one_time_file)
                if live != self._live.get(door.one_time_file, live):
                    self._count(door.one_time_file)
                self._live[door.one_time_file] = live

    def steps(self, door: Door) -> tuple[Step, ...]:
        """The live steps of a door."""
        return door.steps if door.one_time_file is None else self._live[door.one_time_file]

    def is_disabled(self, door: Door) -> bool:
        """Whether a door has a one-time file without a sequence that can be used."""
        return not self.steps(door)

    def used(self, door: Door) -> int:
        """How many sequences of its file were live before the one that is."""
        return self._used.get(door.one_time_file or "", 0)

    def rotate(self, door: Door, used: int | None = None) -> Rotated:
        """Strikes the live sequence of a door out and makes the next one live.

        ``used``: how many there were before the one that was knocked, where that may be another one by now.
        """
        path = door.one_time_file
        if path is not None and used is not None and used != self.used(door):
            return Rotated(NOT_LIVE, ())
        lines: list[Callable[[], None]] = []

        def log(event: str, **fields: Any) -> None:
            lines.append(partial(self._logger.log, event, **fields))

        refused, name = None, self.name_live(door)
        if path is not None:
            self._live[path], refused = self._strike(door, path, log)
            self._count(path)
        return Rotated(refused, tuple(lines), name)

    def name_live(self, door: Door) -> str:
        """The name of the live one-time sequence of a door; empty: it has none."""
        path = door.one_time_file
        if path is None or not self._live[path]:
            return ""
        from knockd_conf.one_time import written  # it is there: the file was read

        return f"one-time {self._owners[path]} {written(self._live[path])}"

    def _count(self, path: str) -> None:
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
            return self._disable(door, str(error.strerror), self._logger.log)
        for problem in file.problems:
            self._logger.log("one-time-line", door=door.name, problem=problem)
        return self._find_live(door, file, self._logger.log)

    def _strike(self, door: Door, path: str, log: Log) -> tuple[tuple[Step, ...], str | None]:
        """Returns what is live then, and why the sequence opens nothing (None: it opens its door)."""
        from knockd.sequences.one_time_file import strike_one_time  # it is there since the file was read

        used = self._live[path]
        if not used:
            return _NONE, USED_UP
        try:
            return self._find_live(door, strike_one_time(path, used, self._policy), log), None
        except OSError as error:
            problem, refused = str(error.strerror), None
        except ValueError as error:
            problem = str(error)
            refused = REFUSED.format(f"its file {problem}")
        unnoted = self._noted.add(path, used)
        if unnoted is not None and refused is None:
            refused = REFUSED.format(f"{problem}; {unnoted}")
        return self._disable(door, problem, log), refused

    def _find_live(self, door: Door, file: OneTimeFile, log: Log) -> tuple[Step, ...]:
        if file.live is None:
            log("one-time-exhausted", door=door.name)
            return _NONE
        return file.live.steps

    def _disable(self, door: Door, problem: str, log: Log) -> tuple[Step, ...]:
        log("one-time-problem", door=door.name, path=door.one_time_file, problem=problem)
        return _NONE
