"""Who may ask the daemon what: the control socket at its place, and whose methods answer.

Loop.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping

from knockd.control.call import Caller, Method
from knockd.control.server import Server
from knockd.keeper.control_socket import ControlSocket
from knockd.keeper.settings import Loaded
from knockd.log.logger import Log
from knockd.process.loop import Loop

REPORT_EVERY = 60.0
"""Seconds between two lines about clients that were refused."""


class Control:
    """Serves the control socket of a configuration; without one the daemon runs all the same.

    ``methods`` are those of the interface by their short names. ``packet_processes`` are never served, nor
    is their user: one that was taken over is not even to look. ``own`` is our own user's number.
    """

    def __init__(
        self,
        loop: Loop,
        log: Log,
        methods: Mapping[str, Method],
        packet_processes: Callable[[], Collection[int]],
        own: int,
    ) -> None:
        self._loop = loop
        self._log = log
        self._packet_processes = packet_processes
        self._own = self._packet_user = own
        self._socket: ControlSocket | None = None
        self._refused = 0
        self._reported: float | None = None
        self._server = Server(
            loop, methods, may_look=self._may_look, may_change=_may_change, refused=self._report
        )

    def adopt(self, loaded: Loaded) -> None:
        """Serves the control socket of a configuration in place of the one before.

        Keeps that one where the new one cannot be had.
        """
        self._packet_user = self._own if loaded.user is None else loaded.user.uid
        path, group = loaded.config.options.control_socket, loaded.control_group
        before = self._socket
        if not path:
            self.stop()
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
        self._socket = made
        self._server.listen(made.listener)
        if before is not None:
            before.remove()

    def stop(self) -> None:
        """Serves nobody any more, and removes the socket."""
        self._server.stop()
        if self._socket is not None:
            self._close(self._socket)

    def _close(self, before: ControlSocket) -> None:
        self._server.listen(None)
        before.remove()
        self._socket = None

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
