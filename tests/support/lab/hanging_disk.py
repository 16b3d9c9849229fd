"""A file system with one program that at some moment answers no more, as a network disk whose server is gone.

It is one of FUSE (fuse(4)); whoever opens the program then waits until it is unmounted.
"""

from __future__ import annotations

import errno
import os
import stat
import struct
import subprocess
import threading
from pathlib import Path
from types import TracebackType

import pytest

from tests.support.lab.hosts import execute

_LOOKUP, _FORGET, _GETATTR, _OPEN, _READ, _RELEASE = 1, 2, 3, 14, 15, 18
_FLUSH, _INIT, _OPENDIR, _RELEASEDIR, _INTERRUPT, _BATCH_FORGET = 25, 26, 27, 29, 36, 42
"""Opcodes of linux/fuse.h."""

_REQUEST = struct.Struct("=IIQQIIII")
_ANSWER = struct.Struct("=IiQ")
_INIT_OUT = struct.Struct("=4I2H2I2H8I")
_ATTRIBUTES = struct.Struct("=6Q10I")
_ROOT, _PROGRAM = 1, 2

TEXT = b"#!/bin/sh\nexit 0\n"


class HangingDisk:
    """A disk at ``path`` with the program ``tool``; a context manager. Mount it before the daemon starts."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.tool = path / "tool"
        self._hangs = threading.Event()
        self.asked = threading.Event()
        """Somebody waits since it hangs."""

    def __enter__(self) -> HangingDisk:
        self.path.mkdir()
        try:
            self._device = os.open("/dev/fuse", os.O_RDWR)
        except OSError as error:
            pytest.skip(f"no file system of FUSE can be made here: {error.strerror}")
        options = f"fd={self._device},rootmode=40000,user_id=0,group_id=0,allow_other"
        mount = ("mount", "-i", "-t", "fuse", "-o", options, "test", str(self.path))
        done = subprocess.run(
            mount, pass_fds=[self._device], stderr=subprocess.PIPE, text=True, check=False, timeout=60
        )
        if done.returncode:
            os.close(self._device)
            pytest.skip(f"no file system of FUSE can be mounted here: {done.stderr}")
        threading.Thread(target=self._serve, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        execute("umount", "-f", "-l", str(self.path), check=False)
        os.close(self._device)

    def hang(self) -> None:
        """Answers nobody any more."""
        self._hangs.set()

    def _serve(self) -> None:
        while True:
            try:
                request = os.read(self._device, 1 << 20)
            except OSError:
                return  # unmounted
            _, opcode, unique, node, *_ = _REQUEST.unpack_from(request)
            if self._hangs.is_set():
                self.asked.set()
            elif opcode not in {_FORGET, _INTERRUPT, _BATCH_FORGET}:
                body = _answer(opcode, node, request[_REQUEST.size :])
                number, data = (-body, b"") if isinstance(body, int) else (0, body)
                os.write(self._device, _ANSWER.pack(_ANSWER.size + len(data), number, unique) + data)


def _answer(opcode: int, node: int, body: bytes) -> bytes | int:
    """The answer to a request, or the number of an error. Nothing of it may be kept."""
    if opcode == _INIT:
        return _INIT_OUT.pack(7, 31, 0, 0, 0, 0, 1 << 16, 1, 0, 0, *[0] * 8)
    if opcode == _LOOKUP:
        if body.rstrip(b"\0") != b"tool":
            return errno.ENOENT
        return struct.pack("=4Q2I", _PROGRAM, 0, 0, 0, 0, 0) + _attributes(_PROGRAM)
    if opcode == _GETATTR:
        return struct.pack("=Q2I", 0, 0, 0) + _attributes(node)
    if opcode in {_OPEN, _OPENDIR}:
        return struct.pack("=Q2I", 0, 0, 0)
    if opcode == _READ:
        _, offset, size = struct.unpack_from("=QQI", body)
        return TEXT[offset : offset + size]
    return b"" if opcode in {_RELEASE, _FLUSH, _RELEASEDIR} else errno.ENOSYS


def _attributes(node: int) -> bytes:
    mode, size = (stat.S_IFDIR | 0o755, 0) if node == _ROOT else (stat.S_IFREG | 0o755, len(TEXT))
    return _ATTRIBUTES.pack(node, size, 0, 0, 0, 0, 0, 0, 0, mode, 1, 0, 0, 0, 4096, 0)
