"""Reload of the control socket: answered with what is wrong, or when the configuration is in effect.

Loop.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from knockd.control.call import Call
from knockd.keeper.config_process import Outcome
from knockd.keeper.control_values import list_notes, list_problems
from knockd.keeper.settings import Loaded
from knockd.log.logger import Log
from knockd.process.loop import Loop, Timer

PATIENCE = 60.0
"""Seconds that a good configuration may take until it is in effect; then it is said that it was read."""

Request = Callable[[Callable[[Outcome], None]], None]
"""Reads the configuration anew, and calls what it is given with the outcome, before that takes effect."""


class ReloadCalls:
    """Passes calls on to ``request``. ``take_effect`` is called when what was read last is in effect.

    It may have ``failed``: the packet process for it could not be started.
    """

    def __init__(self, loop: Loop, log: Log, request: Request) -> None:
        self._loop = loop
        self._log = log
        self._request = request
        self._reading: list[Call] = []
        self._effective: list[tuple[Call, Loaded]] = []
        """Calls whose configuration is good, and not in effect yet."""
        self._timer: Timer | None = None

    def reload(self, call: Call) -> None:
        """Reads the configuration anew."""
        self._log("reload-by-hand", uid=call.caller.uid, pid=call.caller.pid)
        self._reading.append(call)
        self._request(partial(self._read, call))

    def take_effect(self, *, failed: bool = False) -> None:
        """What was read is in effect, or has ``failed`` to be."""
        if failed:
            self._refuse_effective("no packet process could be started for it yet")
            return
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        effective, self._effective = self._effective, []
        for call, loaded in effective:
            config = loaded.config
            notes = list_notes([*config.notes, *([loaded.unkept] if loaded.unkept else [])])
            call.reply({"doors": len(config.doors), "notes": notes})

    def stop(self, life: str) -> None:
        """The daemon ends: nothing is read any more."""
        if self._timer is not None:
            self._timer.cancel()
        waiting = [*self._reading, *(call for call, _ in self._effective)]
        self._reading, self._effective = [], []
        for call in waiting:
            call.fail("NotNow", life=life)

    def _read(self, call: Call, outcome: Outcome) -> None:
        self._reading.remove(call)
        if not isinstance(outcome, Loaded):
            call.fail("ConfigRefused", problems=list_problems(outcome))
            return
        self._effective.append((call, outcome))
        if self._timer is None:
            self._timer = self._loop.call_later(PATIENCE, self._give_up)

    def _give_up(self) -> None:
        self._refuse_effective(f"it was not in effect after {PATIENCE:.0f} seconds")

    def _refuse_effective(self, reason: str) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        effective, self._effective = self._effective, []
        for call, _ in effective:
            call.fail("Refused", reason=f"the configuration is good, but {reason}")
