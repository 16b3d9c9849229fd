"""One client of the control socket: reads a call, has it answered, sends the answer, reads the next one.

    READING    until a whole call is there, PATIENCE at most; a client without a call is in it too
    QUEUED     a whole call is there, and the server has not let it through yet
    ANSWERING  the call is being answered, for as long as that takes
    SENDING    an answer is on its way, PATIENCE at most; then ANSWERING if another one follows, else READING

A turn of the loop reads one piece, or handles one call, or writes one piece.

World: a client's connection.
"""

from __future__ import annotations

import socket
from collections.abc import Callable
from enum import Enum
from typing import Protocol

from knockd.control.call import Call, Caller
from knockd.control.interface import NAME
from knockd.control.protocol import MAX_CALL, BadMessageError, Request, encode_error, parse_call
from knockd.process.loop import Loop, Timer

PATIENCE = 2.0
"""Seconds a client gets for a whole call, and for taking a whole answer (also between looks for it)."""

PIECE = 16_384
"""Bytes that are read, or written, in a turn of the loop."""

BYTES_A_CALL = 8_192
"""For each so many bytes a call counts once more: a long one takes longer to parse."""

PAUSE = 0.01
"""Seconds after a piece that ends no call: who sends byte by byte wakes us 100 times a second, no more."""


class _State(Enum):
    READING = "reading"
    QUEUED = "queued"
    ANSWERING = "answering"
    SENDING = "sending"


class Host(Protocol):
    """What a connection asks of the server."""

    def ask_turn(self, connection: Connection) -> None:
        """A whole call is there; ``handle_next`` may be called when there is room for it."""

    def handle(self, request: Request, caller: Caller, send: Callable[[bytes, bool], None]) -> Call:
        """Answers a call."""

    def forget(self, connection: Connection) -> None:
        """The connection is closed."""


class Connection:
    """A client. It is closed when it leaves, keeps us waiting, or sends what is no call."""

    def __init__(self, loop: Loop, end: socket.socket, caller: Caller, host: Host) -> None:
        self.caller = caller
        self._loop = loop
        self._end = end
        self._host = host
        self._state = _State.READING
        self._came = bytearray()
        self._call: Call | None = None
        self._out = memoryview(b"")
        self._next: tuple[bytes, bool] | None = None
        self._last = True
        """Whether what is being sent is the last answer to the call."""
        self._finished = False
        """Whether the client sends no more: it may wait for its answer all the same, as socat(1) does."""
        self._closing = False
        self._watched = False
        self._timer: Timer | None = None
        self._enter(_State.READING)

    @property
    def weight(self) -> int:
        """How many calls the call that is there counts for."""
        return 1 + self._came.index(0) // BYTES_A_CALL

    def close(self) -> None:
        """Closes the connection, if it is not closed yet."""
        if self._closed:
            return
        self._watch(False)
        self._set_timer(None)
        self._loop.remove_writer(self._end)
        self._end.close()
        self._host.forget(self)
        if self._call is not None:
            self._call.leave()

    def end_soon(self) -> None:
        """Closes the connection: after the next answer, if the client waits for one."""
        if self._state in {_State.ANSWERING, _State.SENDING}:
            self._closing = True
        else:
            self.close()

    def end_with(self, error: str, **parameters: object) -> None:
        """Sends an error of our interface, and closes the connection."""
        self._closing = True
        self._answer(encode_error(f"{NAME}.{error}", parameters), True)

    def handle_next(self) -> None:
        """Handles the call that is there."""
        if self._state is not _State.QUEUED or self._closed:
            return
        length = self._came.index(0)
        data = bytes(self._came[:length])
        del self._came[: length + 1]
        try:
            request = parse_call(data)
        except BadMessageError as error:
            self.end_with("BadMessage", reason=str(error))
            return
        self._enter(_State.ANSWERING)
        if request.oneway:
            self._host.handle(request, self.caller, _drop)
            self._enter(_State.READING)
            return
        self._call = None
        call = self._host.handle(request, self.caller, self._answer)
        if not call.gone:
            self._call = call

    @property
    def _closed(self) -> bool:
        return self._end.fileno() < 0

    def _enter(self, state: _State) -> None:
        self._state = state
        if self._closed:
            return
        # What it sends ahead of its turn stays where it is, in the kernel's bounds, but for one piece.
        early = state is not _State.READING and bool(self._came)
        self._watch(not (self._finished or early or state is _State.QUEUED))
        if state is _State.READING:
            self._set_timer(self.close)
            self._loop.call_soon(self._look)
        elif state is _State.SENDING:
            self._set_timer(self.close)
        else:
            self._set_timer(self._find_out if state is _State.ANSWERING and not self._watched else None)

    def _watch(self, wanted: bool) -> None:
        """Has ``_read`` called when something comes, or when the client leaves."""
        if wanted and not self._watched:
            self._loop.add_reader(self._end, self._read)
        elif self._watched and not wanted:
            self._loop.remove_reader(self._end)
        self._watched = wanted

    def _set_timer(self, then: Callable[[], None] | None) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = None if then is None else self._loop.call_later(PATIENCE, then)

    def _read(self) -> None:
        try:
            data = self._end.recv(PIECE)
        except BlockingIOError:
            return
        except OSError:  # it has gone with what we have sent unread
            self.close()
            return
        self._came += data
        self._finished = self._finished or not data
        if self._state is _State.READING:
            self._watch(False)
            self._look()
            if self._state is _State.READING and not self._closed:
                self._loop.call_later(PAUSE, self._read_on)
        elif self._state is _State.ANSWERING:
            self._enter(_State.ANSWERING)
            if self._finished:
                self._find_out()
        else:
            self._watch(False)

    def _read_on(self) -> None:
        if self._state is _State.READING and not self._closed:
            self._watch(not self._finished)

    def _look(self) -> None:
        """Looks whether a whole call is there."""
        if self._state is not _State.READING or self._closed:
            return
        if 0 in self._came:
            self._enter(_State.QUEUED)
            self._host.ask_turn(self)
        elif len(self._came) > MAX_CALL:
            self.end_with("BadMessage", reason=f"expected at most {MAX_CALL} bytes, got more")
        elif self._finished:
            self.close()

    def _find_out(self) -> None:
        """Closes the connection when the client has left; looks again as long as it may leave unseen."""
        try:
            self._end.send(b"", socket.MSG_NOSIGNAL)  # fails once the other end is closed, not half of it
        except BlockingIOError:
            pass
        except OSError:
            self.close()
            return
        if self._state is _State.ANSWERING:
            self._set_timer(self._find_out)

    def _answer(self, data: bytes, last: bool) -> None:
        if self._closed:
            return
        if self._state is _State.SENDING:
            self._next = data, last
            return
        self._out, self._last = memoryview(data), last
        self._enter(_State.SENDING)
        self._write()

    def _write(self) -> None:
        try:
            self._out = self._out[self._end.send(self._out[:PIECE], socket.MSG_NOSIGNAL) :]
        except BlockingIOError:
            pass
        except OSError:  # the client has left
            self.close()
            return
        self._loop.remove_writer(self._end)
        if self._out:
            self._loop.add_writer(self._end, self._write)
        elif self._closing:
            self.close()
        elif self._next is not None:
            (data, self._last), self._next = self._next, None
            self._out = memoryview(data)
            self._enter(_State.SENDING)
            self._loop.add_writer(self._end, self._write)
        elif self._last:
            self._call = None
            self._enter(_State.READING)
        else:
            self._enter(_State.ANSWERING)


def _drop(_data: bytes, _last: bool) -> None:
    """A call that wants no answer gets none."""
