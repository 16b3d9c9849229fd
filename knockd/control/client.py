"""The other end of the control socket: what ``knockctl`` asks a running daemon.

Whatever is wrong is a ControlError: one sentence for the person at the terminal, and an exit status.

World: the control socket.
"""

from __future__ import annotations

import os
import socket
import stat
import time
from collections.abc import Iterator, Mapping
from types import TracebackType
from typing import Any

from knockd.control.interface import NAME
from knockd.control.protocol import (
    MAX_ANSWER,
    SERVICE,
    Answer,
    BadMessageError,
    encode_call,
    parse_answer,
)
from knockd_conf.text import printable

DEFAULT_SOCKET = "/run/knockd/knockd.sock"

TIMEOUT = 5.0
"""Seconds until an answer; a method that waits for commands needs more."""

RETRY_AFTER = 0.05
"""Seconds until the next try to connect to a daemon that has as many clients as it takes."""

LONGEST_PATH = 107
"""Bytes of a path in an address: sun_path of unix(7) without its NUL."""

_EX_PROTOCOL = 76  # sysexits.h; os has it nowhere but on Linux


class ControlError(Exception):
    """The daemon cannot be asked. ``status`` is from sysexits.h, ``text`` a sentence that says what to do."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status
        self.text = text


class CallError(Exception):
    """The daemon answered with an error of our interface; ``name`` is its short name."""

    def __init__(self, name: str, parameters: Mapping[str, Any]) -> None:
        super().__init__(f"{name}: {dict(parameters)}")
        self.name = name
        self.parameters = parameters


class Control:
    """A connection to a running daemon."""

    def __init__(self, path: str = DEFAULT_SOCKET, timeout: float = TIMEOUT) -> None:
        """Connects. ``timeout``: seconds until a whole answer. Raises ControlError."""
        self._path = path
        self._shown = printable(path)
        self._timeout = timeout
        self._came = bytearray()
        self._end = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._end.settimeout(timeout)
        try:
            _connect(self._end, path, timeout)
        except OSError as error:
            self._end.close()
            raise self._explain_unreachable(error) from None

    def __enter__(self) -> Control:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Closes the connection."""
        self._end.close()

    def call(self, method: str, /, **parameters: Any) -> Mapping[str, Any]:
        """Returns the answer to a method of our interface, by its short name.

        Parameters that are None are left out. Raises CallError, ControlError.
        """
        self._send(method, parameters, more=False)
        return self._receive(self._timeout).parameters

    def watch(self, method: str, /, **parameters: Any) -> Iterator[Mapping[str, Any]]:
        """Yields one answer after the other; waits for each but the first for as long as it takes.

        Raises CallError, ControlError.
        """
        self._send(method, parameters, more=True)
        timeout: float | None = self._timeout
        while True:
            answer = self._receive(timeout)
            yield answer.parameters
            if not answer.continues:
                return
            timeout = None

    def _send(self, method: str, parameters: Mapping[str, Any], *, more: bool) -> None:
        given = {name: value for name, value in parameters.items() if value is not None}
        self._end.settimeout(self._timeout)
        try:
            self._end.sendall(encode_call(f"{NAME}.{method}", given, more=more))
        except TimeoutError:
            raise self._explain_silence(self._timeout) from None
        except OSError:
            pass  # it has closed the connection, and may have said why

    def _receive(self, timeout: float | None) -> Answer:
        data = self._receive_message(timeout)
        try:
            answer = parse_answer(data)
        except BadMessageError as error:
            text = f"what answers at {self._shown} is not knockd: {error}"
            raise ControlError(_EX_PROTOCOL, text) from None
        if answer.error is not None:
            raise self._explain_error(answer.error, answer.parameters)
        return answer

    def _receive_message(self, timeout: float | None) -> bytes:
        deadline = None if timeout is None else time.monotonic() + timeout
        searched = 0
        while (end := self._came.find(0, searched)) < 0:
            searched = len(self._came)
            if searched > MAX_ANSWER:
                text = f"what answers at {self._shown} is not knockd: an answer without an end"
                raise ControlError(_EX_PROTOCOL, text)
            if deadline is not None:
                self._end.settimeout(max(deadline - time.monotonic(), 0.001))
            else:
                self._end.settimeout(None)
            try:
                data = self._end.recv(65_536)
            except TimeoutError:
                raise self._explain_silence(timeout) from None
            except ConnectionError:
                data = b""
            if not data:
                text = f"knockd at {self._shown} closed the connection; if it has ended, its log says why"
                raise ControlError(os.EX_UNAVAILABLE, text)
            self._came += data
        message = bytes(self._came[:end])
        del self._came[: end + 1]
        return message

    def _explain_unreachable(self, error: OSError) -> ControlError:
        path = self._shown
        if isinstance(error, FileNotFoundError | NotADirectoryError):
            text = f"no knockd serves {path}: start it, or name the socket (ControlSocket) of one that runs"
            return ControlError(os.EX_UNAVAILABLE, text)
        if isinstance(error, PermissionError):
            text = f"no right to {path}: ask as root, or to look as a member of the group knockd"
            return ControlError(os.EX_NOPERM, text)
        if isinstance(error, ConnectionRefusedError):
            if not _is_socket(self._path):
                text = f"{path} is no socket: name the control socket (ControlSocket) of a knockd that runs"
                return ControlError(os.EX_UNAVAILABLE, text)
            text = f"nobody answers at {path}: the knockd that made it has ended, start it again"
            return ControlError(os.EX_UNAVAILABLE, text)
        if isinstance(error, TimeoutError | BlockingIOError):
            return self._explain_silence(self._timeout)
        return ControlError(os.EX_UNAVAILABLE, f"knockd cannot be asked at {path}: {error.strerror or error}")

    def _explain_silence(self, timeout: float | None) -> ControlError:
        text = f"knockd at {self._shown} has not answered within {timeout:g} seconds; try again"
        return ControlError(os.EX_TEMPFAIL, text)

    def _explain_error(self, error: str, parameters: Mapping[str, Any]) -> CallError | ControlError:
        interface, _, name = error.rpartition(".")
        if interface == NAME:
            return CallError(name, parameters)
        seen = f"it has no {next(iter(parameters.values()), '')}" if parameters else f"it says {error}"
        if interface == SERVICE and name == "InvalidParameter":
            seen = f"it refuses the parameter {parameters.get('parameter', 'parameter')}"
        text = f"knockd at {self._shown} is of another version than this knockctl ({seen}): restart knockd"
        return ControlError(_EX_PROTOCOL, printable(text))


def _connect(end: socket.socket, path: str, timeout: float) -> None:
    """Connects to a path of any length. Raises OSError, BlockingIOError when it stays busy for so long."""
    deadline = time.monotonic() + timeout
    while True:
        try:
            _connect_once(end, path)
            return
        except BlockingIOError:  # as many clients wait as may
            if time.monotonic() >= deadline:
                raise
            time.sleep(RETRY_AFTER)


def _connect_once(end: socket.socket, path: str) -> None:
    if len(os.fsencode(path)) <= LONGEST_PATH:
        end.connect(path)
        return
    directory = os.open(os.path.dirname(path) or ".", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        end.connect(f"/proc/self/fd/{directory}/{os.path.basename(path)}")
    finally:
        os.close(directory)


def _is_socket(path: str) -> bool:
    try:
        return stat.S_ISSOCK(os.stat(path).st_mode)
    except OSError:
        return False
