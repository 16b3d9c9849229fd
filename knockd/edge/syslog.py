"""Syslog without libc, which loses lines in silence without a socket and waits when syslogd hangs.

The form is the one that libc writes (RFC 3164, section 4.1): ``<13>Nov  2 20:13:05 knockd: message``.
"""

from __future__ import annotations

import errno
import select
import socket
import time

IDENT = "knockd"
PRIORITY = 1 << 3 | 5
"""Facility user, priority notice, as knockd 0.8 logs (RFC 3164, section 4.1.1)."""

PATH = "/dev/log"

PATIENCE = 20
"""Milliseconds for a syslogd that is behind, whose queue may hold as few as 10 lines; once if it hangs."""


class Syslog:
    """A client of the local syslog daemon. A line that fails is connected for anew by the next one."""

    name = "syslog"

    def __init__(self, path: str = PATH) -> None:
        """Connects with the first line."""
        self._path = path
        self._socket: socket.socket | None = None
        self._stuck = False

    def write(self, line: str) -> None:
        """Sends one line, without waiting; raises OSError when syslog did not take it."""
        data = f"<{PRIORITY}>{time.strftime('%b %e %H:%M:%S')} {IDENT}: {line}".encode(
            "utf-8", "backslashreplace"
        )
        try:
            try:
                self._send(data)
            except BlockingIOError:
                raise
            except OSError:
                if self._socket is None:
                    raise
                self.close()  # of a syslogd that was restarted meanwhile
                self._send(data)
        except OSError:
            self.close()
            raise

    def close(self) -> None:
        """Lets the connection go; the next line makes another."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def _send(self, data: bytes) -> None:
        if self._socket is None:
            self._socket = _connect(self._path)
        if self._socket.type == socket.SOCK_STREAM:
            data += b"\0"  # libc's mark between the messages of a stream
        try:
            sent = self._socket.send(data)
        except BlockingIOError:
            if self._stuck or not _writable(self._socket):
                self._stuck = True
                raise
            sent = self._socket.send(data)
        if sent < len(data):
            raise BlockingIOError(errno.EAGAIN, "Resource temporarily unavailable")
        self._stuck = False


def _writable(connection: socket.socket) -> bool:
    poll = select.poll()
    poll.register(connection, select.POLLOUT)
    return bool(poll.poll(PATIENCE))


def _connect(path: str) -> socket.socket:
    """A connected socket that never waits: datagrams, or a stream where syslogd has that. Raises OSError."""
    for kind in (socket.SOCK_DGRAM, socket.SOCK_STREAM):
        made = socket.socket(socket.AF_UNIX, kind | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK)
        try:
            made.connect(path)
        except OSError as error:
            made.close()
            if error.errno != errno.EPROTOTYPE or kind == socket.SOCK_STREAM:
                raise
        else:
            return made
    raise AssertionError("unreachable")
