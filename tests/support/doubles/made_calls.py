"""Calls of the control socket without a socket, and what is answered to them."""

from __future__ import annotations

import json
from typing import Any

from knockd.control.call import Call, Caller

ROOT = Caller(uid=0, gid=0, pid=4711)


class MadeCalls:
    """Makes calls. ``answers`` has each answer: ``reply`` or an error's short name, and its parameters."""

    def __init__(self) -> None:
        self.answers: list[tuple[str, dict[str, Any]]] = []

    def make(self, caller: Caller = ROOT, **parameters: Any) -> Call:
        """A call; parameters that are None are not there, as those that come over a socket."""
        given = {name: value for name, value in parameters.items() if value is not None}
        return Call(given, caller, self._take)

    def take(self) -> tuple[str, dict[str, Any]]:
        """The only answer since the last time."""
        (answer,) = self.answers
        self.answers.clear()
        return answer

    def _take(self, data: bytes, _last: bool) -> None:
        answer = json.loads(data.rstrip(b"\0"))
        error = answer.get("error")
        name = "reply" if error is None else error.rpartition(".")[2]
        self.answers.append((name, answer.get("parameters", {})))
