"""Who may ask the daemon what: the control socket at its place, and whose methods answer.

The server is made when the first client comes (control_parts.py).

Loop.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import TYPE_CHECKING

from knockd.keeper.control_parts import ControlParts
from knockd.keeper.control_socket import ControlSocket
from knockd.keeper.settings import Loaded
from knockd.log.logger import Log
from knockd.process.loop import Loop

if TYPE_CHECKING:
    from knockd.control.call import Caller, Method
    from knockd.control.server import Server

REPORT_EVERY = 60.0
"""Seconds between two lines about clients that were refused."""


class Control:
    """Serves the control socket of a configuration; without one the daemon runs all the same.

    ``make_methods`` makes those of the interface by their short names. ``packet_processes`` are never
    served, nor is their user: one that was taken over is not even to look. ``own`` is our own user's number.
    """

    def __init__(
        self,
        loop: Loop,
        log: Log,
        make_methods: Callable[[], Mapping[str, Method]],
        packet_processes: Callable[[], Collection[int]],
        own: int,
    ) -> None:
        self._loop = loop
        self._log = log
        self._make_methods = make_methods
        self._packet_processes = packet_processes
        self._own = self._packet_user = own
        self._socket: ControlSocket | None = None
        self._refused = 0
        self._reported: float | None = None
        self._server: Server | None = None
        self._parts = ControlParts(loop, self._finish_loading)
        self._is_loading = False

    def adopt(self, loaded: Loaded) -> None:
        """Serves the control socket of a configuration in place of the one before.

        Keeps that one where the new one cannot be had.
        """
        self._packet_user = self._own if loaded.user is None else loaded.user.uid
        path, group = loaded.config.options.control_socket, loaded.control_group
        before = self._socket
        if not path:
            if self._server is not None:
                self._server.turn_off()
            if before is not None:
                self._close(before)
            return
        if before is not None and before.path == path:
            if before.group == group:
                return
            self._close(before)
            before = None
        try:
            made = ControlSocket(path, group)
        except OSError as error:
            self._log("control-problem", path=path, reason=str(error.strerror or error))
            return
        if made.unshared:
            self._log("control-problem", path=path, reason=f"root alone may use it: {made.unshared}")
        if before is not None:
            self._close(before)
        self._socket = made
        self._listen()

    def stop(self) -> None:
        """Serves nobody any more, and removes the socket."""
        if self._server is not None:
            self._server.stop()
        if self._socket is not None:
            self._close(self._socket)

    def _close(self, before: ControlSocket) -> None:
        if self._server is not None:
            self._server.listen(None)
        elif not self._is_loading:
            self._loop.remove_reader(before.listener)
        before.remove()
        self._socket = None

    def _listen(self) -> None:
        assert self._socket is not None
        if self._server is not None:
            self._server.listen(self._socket.listener)
        elif not self._is_loading:
            self._loop.add_reader(self._socket.listener, self._load)

    def _load(self) -> None:
        """The first client has come: it waits in the kernel until there is a server."""
        assert self._socket is not None
        self._is_loading = True
        self._loop.remove_reader(self._socket.listener)
        self._parts.load()

    def _finish_loading(self, reason: str) -> None:
        if self._socket is None:  # the daemon ends, or a reload took the socket away
            self._is_loading = False
            return
        if reason:
            self._log("control-problem", path=self._socket.path, reason=reason)
            self._close(self._socket)
            self._is_loading = False
            return
        self._is_loading = False
        self._server = self._make_server()
        self._server.listen(self._socket.listener)

    def _make_server(self) -> Server:
        from knockd.control.server import Server  # is there by now

        return Server(
            self._loop,
            self._make_methods(),
            may_look=self._may_look,
            may_change=_may_change,
            refused=self._report,
        )

    def _may_look(self, caller: Caller) -> bool:
        if caller.pid in self._packet_processes():
            return False
        return caller.uid == 0 or caller.uid != self._packet_user

    def _report(self, caller: Caller, reason: str) -> None:
        self._refused += 1
        now = self._loop.time()
        if self._reported is None or now - self._reported >= REPORT_EVERY:
            count, self._refused, self._reported = self._refused, 0, now
            self._log("control-refused", count=count, pid=caller.pid, uid=caller.uid, reason=reason)


def _may_change(caller: Caller) -> bool:
    return caller.uid == 0
