"""The pid file that the daemon holds, and the change to another one. Without it a daemon runs all the same.

Pure.
"""

from __future__ import annotations

from knockd.files.pid_file import PidFile
from knockd.log.logger import Log


class HeldPidFile:
    """Holds at most one pid file."""

    def __init__(self, log: Log) -> None:
        self._log = log
        self._file: PidFile | None = None
        self._wanted = False

    def hold(self, path: str) -> str:
        """Creates the pid file ``path`` and removes the one before; returns why it cannot be, or ""."""
        self._wanted = True
        try:
            made = PidFile(path)
            made.write()
        except OSError as error:
            held = isinstance(error, BlockingIOError)
            reason = "another knockd holds it" if held else str(error.strerror)
            self._log("pid-file", path=path, reason=reason)
            return reason
        self.remove()
        self._file = made
        return ""

    def move(self, path: str | None) -> None:
        """Holds ``path`` in place of the pid file that is held; keeps that one where it cannot.

        Does nothing when no pid file was ever wanted.
        """
        if self._wanted and path is not None and (self._file is None or path != self._file.path):
            self.hold(path)

    def remove(self) -> None:
        """Removes the pid file, if one is held."""
        if self._file is not None:
            self._file.remove()
            self._file = None
