"""The control socket's listening end: who may come in, how many at once, and whose call is next.

What a client can cost is bounded here: clients at once, clients a second, calls a second, one call a turn of
the loop. Nothing is watched and no timer runs but for clients.

World: the control socket.
"""

from __future__ import annotations

import socket
import struct
from collections.abc import Callable, Mapping

from knockd.control.call import Call, Caller, Method
from knockd.control.connection import Connection
from knockd.control.protocol import Request
from knockd.control.service import Service
from knockd.process.loop import Loop, Timer
from knockd.token_bucket import TokenBucket

MOST_CLIENTS = 8
MOST_OTHERS = 6
"""Clients at once who may not change anything: for who may there is room."""

CALLS_OF_ROOT = (40, 20.0)
CALLS_OF_OTHERS = (20, 5.0)
COMING = (40, 40.0)
"""Calls, and clients that come, at once and then a second."""

_CREDENTIALS = struct.Struct("=iII")
"""struct ucred: process, user, group (unix(7))."""

_RETRY_AFTER = 1.0
"""Seconds until a client is accepted again after the kernel could not: no descriptor, above all."""


class Server:
    """Serves the clients of a listening socket; without one it serves nobody.

    ``may_look`` says who is served at all, ``may_change`` who may call what changes something; ``refused``
    hears of whom that was refused, and why.
    """

    def __init__(
        self,
        loop: Loop,
        methods: Mapping[str, Method],
        *,
        may_look: Callable[[Caller], bool],
        may_change: Callable[[Caller], bool],
        refused: Callable[[Caller, str], None],
    ) -> None:
        self._loop = loop
        self._may_look = may_look
        self._may_change = may_change
        self._refused = refused
        self._service = Service(methods, may_change, refused)
        self._listener: socket.socket | None = None
        self._listening = False
        self._clients: set[Connection] = set()
        self._queue: list[Connection] = []
        self._turn_timer: Timer | None = None
        self._pause: Timer | None = None
        self._coming = TokenBucket(*COMING)
        self._calls = {True: TokenBucket(*CALLS_OF_ROOT), False: TokenBucket(*CALLS_OF_OTHERS)}

    def listen(self, listener: socket.socket | None) -> None:
        """Serves the clients of another socket from now on; None: of none. Clients that are there stay."""
        if self._listening and self._listener is not None:
            self._loop.remove_reader(self._listener)
        self._listening = False
        self._listener = listener
        self._listen()

    def turn_off(self) -> None:
        """Serves nobody any more; a client that waits for an answer is closed when it has that."""
        self.listen(None)
        for client in list(self._clients):
            client.end_soon()

    def stop(self) -> None:
        """Serves nobody any more; every client is closed."""
        self.listen(None)
        if self._pause is not None:
            self._pause.cancel()
        for client in list(self._clients):
            client.close()
        if self._turn_timer is not None:
            self._turn_timer.cancel()
            self._turn_timer = None

    # What a connection asks.

    def ask_turn(self, connection: Connection) -> None:
        """A whole call is there."""
        self._queue.append(connection)
        if self._turn_timer is None:
            self._turn_timer = self._loop.call_later(0.0, self._turn)

    def handle(self, request: Request, caller: Caller, send: Callable[[bytes, bool], None]) -> Call:
        """Answers a call."""
        return self._service.handle(request, caller, send)

    def forget(self, connection: Connection) -> None:
        """A connection is closed: another client may come."""
        self._clients.discard(connection)
        if connection in self._queue:
            self._queue.remove(connection)
        if self._pause is None:
            self._listen()

    # Calls: in the order in which they came, as far as there are tokens.

    def _turn(self) -> None:
        self._turn_timer = None
        now = self._loop.time()
        for connection in self._queue:
            bucket = self._calls[self._may_change(connection.caller)]
            bucket.refill(now)
            if bucket.tokens >= connection.weight:
                bucket.tokens -= connection.weight
                self._queue.remove(connection)
                self._plan_turn(0.0)
                connection.handle_next()
                return
        self._plan_turn(1 / CALLS_OF_ROOT[1])

    def _plan_turn(self, delay: float) -> None:
        if self._queue:
            self._turn_timer = self._loop.call_later(delay, self._turn)

    # Clients that come.

    def _listen(self) -> None:
        """Waits for clients, as long as there is room for one."""
        self._pause = None
        room = len(self._clients) < MOST_CLIENTS
        if self._listener is None or room is self._listening:
            return
        self._listening = room
        if room:
            self._loop.add_reader(self._listener, self._accept)
        else:
            self._loop.remove_reader(self._listener)

    def _rest(self, seconds: float) -> None:
        """Accepts nobody for a while: who comes waits in the kernel."""
        assert self._listener is not None
        self._loop.remove_reader(self._listener)
        self._listening = False
        self._pause = self._loop.call_later(seconds, self._listen)

    def _accept(self) -> None:
        assert self._listener is not None
        self._coming.refill(self._loop.time())
        if not self._coming.take():
            self._rest(1 / COMING[1])
            return
        try:
            end, _ = self._listener.accept()
        except (BlockingIOError, ConnectionAbortedError):
            return
        except OSError:  # whoever knocks needs our descriptors more
            self._rest(_RETRY_AFTER)
            return
        end.setblocking(False)
        pid, uid, gid = _CREDENTIALS.unpack(
            end.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
        )
        caller = Caller(uid, gid, pid)
        if not self._may_look(caller):
            end.close()
            self._refused(caller, "it is or may be the packet process")
            return
        connection = Connection(self._loop, end, caller, self)
        self._clients.add(connection)
        if not self._may_change(caller) and self._count_others() > MOST_OTHERS:
            connection.end_with("Busy", clients=MOST_OTHERS)
        self._listen()

    def _count_others(self) -> int:
        return sum(not self._may_change(one.caller) for one in self._clients)
