"""Another process that has a record lock on a file, until a test ends it."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType

_HOLD = """
import fcntl, os, sys
descriptor = os.open(sys.argv[1], os.O_RDWR | os.O_CREAT, 0o600)
fcntl.lockf(descriptor, fcntl.LOCK_EX)
print(os.getpid(), flush=True)
sys.stdin.read()
"""


class LockHolder:
    """Holds the lock of ``path`` from entering the context to leaving it; ``wrapper`` is put before it."""

    def __init__(self, path: Path, wrapper: Sequence[str] = ()) -> None:
        self._argv = (*wrapper, sys.executable, "-c", _HOLD, str(path))

    def __enter__(self) -> LockHolder:
        self._process = subprocess.Popen(self._argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert self._process.stdout is not None
        self.pid = int(self._process.stdout.readline())
        return self

    def kill(self) -> None:
        """Kills it, and waits for its end."""
        self._process.kill()
        self._process.wait(10)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.kill()
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None:
                stream.close()
