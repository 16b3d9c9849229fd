"""One call of a client, as those who answer it see it.

Pure.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from knockd.control.interface import NAME
from knockd.control.protocol import MAX_ANSWER, encode_answer, encode_error
from knockd_conf.classes import NamedTuple


class Caller(NamedTuple):
    """Who is on the other side, as the kernel says (SO_PEERCRED of unix(7)): user, group, process."""

    uid: int
    gid: int
    pid: int


class Call:
    """One call. Answer it with ``reply`` or ``fail``, in this turn of the loop or a later one.

    ``parameters`` fit the interface: those that are missing or null are not there, so ``get`` gives None.
    ``more``: several replies are welcome. ``gone``: nobody waits for an answer any more, for the client has
    left or has the last one; what is answered then goes nowhere. ``on_gone`` is called when the client leaves
    before the last answer: to be set by who is asked for more.
    """

    def __init__(
        self,
        parameters: Mapping[str, Any],
        caller: Caller,
        send: Callable[[bytes, bool], None],
        *,
        more: bool = False,
    ) -> None:
        """``send`` takes an answer as bytes, and whether it is the last one."""
        self.parameters = parameters
        self.caller = caller
        self.more = more
        self.gone = False
        self.on_gone: Callable[[], None] = _nothing
        self._send = send

    def reply(self, parameters: Mapping[str, Any], *, continues: bool = False) -> None:
        """Answers. ``continues``: another answer follows, if the client has asked for more.

        Of answers that follow each other faster than the client reads it gets the newest one.
        """
        continues = continues and self.more
        data = encode_answer(parameters, continues=continues)
        if len(data) > MAX_ANSWER:
            reason = f"the answer has {len(data)} bytes, more than {MAX_ANSWER}; ask for less"
            data, continues = encode_error(f"{NAME}.Refused", {"reason": reason}), False
        self._answer(data, last=not continues)

    def fail(self, error: str, **parameters: Any) -> None:
        """Answers with an error of our interface, by its short name."""
        self.fail_with(f"{NAME}.{error}", parameters)

    def fail_with(self, error: str, parameters: Mapping[str, Any]) -> None:
        """Answers with the error of that full name."""
        self._answer(encode_error(error, parameters), last=True)

    def leave(self) -> None:
        """The client has left."""
        if not self.gone:
            self.gone = True
            self.on_gone()

    def _answer(self, data: bytes, *, last: bool) -> None:
        if not self.gone:
            self.gone = last
            self._send(data, last)


def _nothing() -> None:
    """Nobody waits for the client to leave."""


Method = Callable[[Call], None]
"""Answers a call."""
