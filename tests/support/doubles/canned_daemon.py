"""A daemon with canned answers behind a real control socket: the daemon's own server in a thread."""

from __future__ import annotations

import os
import socket
import threading
from collections import deque
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any

from knockd.control.call import Call
from knockd.control.server import Server
from tests.support.doubles.driven_loop import DrivenLoop

Answer = Mapping[str, Any] | tuple[str, Mapping[str, Any]]
"""Parameters of the answer, or an error's short name and its parameters."""

METHODS = ("Status", "Counters", "Keys", "Fleet", "Open", "Close", "Extend", "Forget", "Reload", "Test")


class CannedDaemon:
    """Answers each method with what ``answers`` has for it, from entering the context to leaving it.

    ``calls`` has method and parameters of each call. With ``more`` the first answer is given, and then each
    that ``tell_watchers`` is given. ``may_change``: whether callers may change something.
    """

    def __init__(self, path: Path, *, may_change: bool = True, **answers: Answer) -> None:
        self.path = path
        self.answers: dict[str, Answer] = dict(answers)
        self.calls: list[tuple[str, dict[str, Any]]] = []
        self._loop = DrivenLoop()
        self._orders: deque[Callable[[], None]] = deque()
        self._ordered, self._order = os.pipe()
        self._loop.add_reader(self._ordered, self._obey)
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._server = Server(
            self._loop,
            {method: self._answer(method) for method in METHODS},
            may_look=lambda _caller: True,
            may_change=lambda _caller: may_change,
            refused=lambda _caller, _why: None,
        )
        self._watchers: list[Call] = []
        self._thread = threading.Thread(target=self._loop.run)

    def __enter__(self) -> CannedDaemon:
        """Listens."""
        self._listener.bind(str(self.path))
        self._listener.listen()
        self._listener.setblocking(False)
        self._server.listen(self._listener)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def stop(self) -> None:
        """Ends as a daemon that is killed: the socket's file stays, and clients are cut off."""
        if not self._thread.is_alive():
            return
        self._give(self._end)
        self._thread.join()
        self._loop.close()
        self._listener.close()
        os.close(self._ordered)
        os.close(self._order)

    def tell_watchers(self, reply: Mapping[str, Any]) -> None:
        """Gives everyone who watches another answer."""
        self._give(partial(self._tell, reply))

    def _give(self, order: Callable[[], None]) -> None:
        self._orders.append(order)
        os.write(self._order, b"!")

    def _obey(self) -> None:
        os.read(self._ordered, 1)
        self._orders.popleft()()

    def _answer(self, method: str) -> Callable[[Call], None]:
        def answer(call: Call) -> None:
            self.calls.append((method, dict(call.parameters)))
            found = self.answers[method]
            if isinstance(found, tuple):
                call.fail(found[0], **found[1])
                return
            call.reply(found, continues=call.more)
            if call.more:
                self._watchers.append(call)

        return answer

    def _tell(self, reply: Mapping[str, Any]) -> None:
        for call in self._watchers:
            call.reply(reply, continues=True)

    def _end(self) -> None:
        self._server.stop()
        self._loop.stop()
