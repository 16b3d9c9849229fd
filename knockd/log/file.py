"""The log file: whole lines, appended to the file that has the name now, also after rotation.

World: the log file.
"""

from __future__ import annotations

import os
import stat

from knockd.files.trusted import open_trusted
from knockd.log.stamps import file_stamp

_FLAGS = os.O_WRONLY | os.O_APPEND | os.O_CREAT
_MODE = 0o640


class LogFile:
    """A file that lines are appended to. ``reopen`` and ``write`` raise OSError."""

    def __init__(self, path: str, *, stamped: bool) -> None:
        """Opens nothing yet. ``stamped``: each line begins with the stamp of knockd 0.8."""
        self.path = path
        self.name = f"log file {path}"
        self._stamped = stamped
        self._descriptor: int | None = None
        self._identity = (0, 0)
        self._torn = False

    def reopen(self) -> None:
        """Opens the file that has the name now. When that fails, the file that is open stays open."""
        fresh = open_trusted(self.path, _FLAGS, _MODE)
        self.close()
        self._take(fresh)

    def inherit(self, old: LogFile) -> None:
        """Takes over the open file of ``old`` when it has the same path and could not be opened here."""
        if self._descriptor is None and self.path == old.path and old._descriptor is not None:
            self._descriptor, old._descriptor = old._descriptor, None
            self._identity, self._torn = old._identity, old._torn

    def close(self) -> None:
        """Closes the file; the next line opens it again."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def write(self, line: str) -> None:
        """Appends one line. A line before it that a full disk cut off is ended first."""
        descriptor = self._current_descriptor()
        stamp = file_stamp() if self._stamped else ""
        data = f"{stamp}{line}\n".encode("utf-8", "backslashreplace")
        if self._torn:
            data = b"\n" + data
        written = 0
        try:
            while written < len(data):
                written += os.write(descriptor, data[written:])
        finally:
            if written:
                self._torn = not data.endswith(b"\n", 0, written)

    def _current_descriptor(self) -> int:
        """The descriptor of the file that has the name now: a rename is noticed without a signal."""
        try:
            found = os.stat(self.path)
        except OSError:
            pass
        else:
            if self._descriptor is not None and (found.st_dev, found.st_ino) == self._identity:
                if self._torn and not found.st_size and stat.S_ISREG(found.st_mode):
                    self._torn = False  # truncated meanwhile
                return self._descriptor
        try:
            self.reopen()
        except OSError:
            # A file that has another name now still keeps what is written, as with 0.8.
            if self._descriptor is not None and os.fstat(self._descriptor).st_nlink:
                return self._descriptor
            self.close()
            raise
        assert self._descriptor is not None
        return self._descriptor

    def _take(self, descriptor: int) -> None:
        status = os.fstat(descriptor)
        self._descriptor = descriptor
        self._identity = (status.st_dev, status.st_ino)
        self._torn = stat.S_ISREG(status.st_mode) and status.st_size > 0 and not _ends_a_line(descriptor)


def _ends_a_line(descriptor: int) -> bool:
    try:
        reader = os.open(f"/proc/self/fd/{descriptor}", os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return True  # no right to read it: most files end with a line
    try:
        return os.pread(reader, 1, max(os.fstat(reader).st_size - 1, 0)) == b"\n"
    finally:
        os.close(reader)
