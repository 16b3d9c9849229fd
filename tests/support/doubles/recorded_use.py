"""A host on which the use of keys is noted: its disk, memory and boots are a test's."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

from knockd.sequences.burnt_periods import BurntPeriods
from knockd.sequences.key_record import NAME, KeyRecord
from knockd.signed.used_nonces import UsedNonces
from tests.support.doubles.keyed import NOON, POLICY

RUN = f"{NAME}-1"


class Recorded(NamedTuple):
    """A record, and what it holds."""

    record: KeyRecord
    burnt: BurntPeriods
    nonces: UsedNonces


class RecordHost:
    """``said`` are the lines of its log, ``in_memory`` the directories that a boot empties."""

    def __init__(self, directory: Path) -> None:
        self.state, self.run = directory / "state", directory / "run"
        self.said: list[str] = []
        self.in_memory: set[str] = {str(self.run)}

    def start(self, now: float = NOON) -> Recorded:
        """The daemon starts, and its clock is good."""
        made = self.begin()
        if made.record.needs_floor:
            made.record.settle(now)
        return made

    def begin(self) -> Recorded:
        """The daemon starts."""
        record = KeyRecord(str(self.state), str(self.run), RUN, POLICY, self._log, self._passes)
        made = Recorded(record, BurntPeriods(record), UsedNonces(record))
        record.begin()
        return made

    def boot(self) -> None:
        """The machine boots: what was in memory is gone."""
        for directory in map(Path, self.in_memory):
            if directory.is_dir():
                for file in directory.iterdir():
                    file.unlink()

    def _passes(self, path: str) -> bool:
        return path in self.in_memory

    def _log(self, event: str, **fields: Any) -> None:
        self.said.append(" ".join((event, *map(str, fields.values()))))
