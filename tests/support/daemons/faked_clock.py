"""The clock of a daemon, which a test sets while it runs; this machine's stays as it is."""

from __future__ import annotations

from pathlib import Path

from tests.support.daemons.daemon import OURS
from tests.support.lab.tools import need


class FakedClock:
    """``program`` starts a daemon by this clock, with the runtime directory ``directory/runtime``.

    ``ahead``: by how many seconds it is ahead of this machine's.
    """

    def __init__(self, directory: Path, ahead: int) -> None:
        need("faketime")
        self._path = directory / "clock"
        self.set(ahead)
        library = next(Path("/usr/lib").glob("*/faketime/libfaketime.so.1"))
        self.program = (
            "env",
            f"RUNTIME_DIRECTORY={directory / 'runtime'}",
            f"LD_PRELOAD={library}",
            f"FAKETIME_TIMESTAMP_FILE={self._path}",
            "FAKETIME_NO_CACHE=1",
            "FAKETIME_DONT_FAKE_MONOTONIC=1",
            *OURS,
        )

    def set(self, ahead: int) -> None:
        """Sets it, also of a daemon that runs."""
        new = self._path.with_suffix(".new")
        new.write_text(f"{ahead:+d}s\n")
        new.rename(self._path)
        self.ahead = ahead
