"""The system log, without libc: that drops lines silently without a socket and blocks when syslogd hangs.

Messages have the form that libc writes (RFC 3164, section 4.1): ``<29>Nov  2 20:13:05 knockd: message``.

World: the system log.
"""

from __future__ import annotations

import errno
import os
import select
import socket

from knockd.log.stamps import syslog_stamp

IDENT = "knockd"
PRIORITY = 3 << 3 | 5
"""Facility daemon, priority notice, as knockd 0.8 logs (RFC 3164, section 4.1.1)."""

PATH = "/dev/log"

PATIENCE = 20
"""Milliseconds to wait for a syslogd that is behind, whose queue may hold only 10 lines; once if it hangs."""


def feeds_journal(path: str = PATH) -> bool:
    """Whether systemd's journal reads what is sent to syslog."""
    return os.path.realpath(path).startswith("/run/systemd/journal/")


class Syslog:
    """A client of the local syslog daemon. After a line that failed, the next one connects anew."""

    name = "syslog"

    def __init__(self, path: str = PATH) -> None:
        """Connects with the first line."""
        self._path = path
        self._socket: socket.socket | None = None
        self._stuck = False

    def write(self, line: str) -> None:
        """Sends one line, without blocking. Raises OSError when syslogd did not take it."""
        text = f"<{PRIORITY}>{syslog_stamp()} {IDENT}: {line}"
        data = text.encode("utf-8", "backslashreplace")
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
        """Closes the connection; the next line makes another."""
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
    """A connected socket that does not block, of datagrams or else a stream. Raises OSError."""
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
