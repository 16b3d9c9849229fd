"""The calls of the control socket that change something, and Test: who answers which, and when none may.

Loop.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial

from knockd.control.call import Call, Method
from knockd.keeper.control_values import RefusedError
from knockd.keeper.lease_calls import LeaseCalls
from knockd.keeper.life import Life
from knockd.keeper.opening_calls import OpeningCalls, Shut
from knockd.keeper.places import Places
from knockd.keeper.reload_calls import ReloadCalls, Request
from knockd.leases.manager import LeaseManager
from knockd.log.logger import Log
from knockd.process.loop import Loop
from knockd_conf.model import Door


class ControlVerbs:
    """Answers Open, Close, Extend, Forget, Reload and Test.

    ``life`` says where the daemon is in its life, ``doors`` has the doors of the configuration, ``shut`` says
    why no knock opens one of them, ``places`` has what is listened on; ``own`` is our own user's number,
    ``request_reload`` reads the configuration anew.
    """

    def __init__(
        self,
        loop: Loop,
        log: Log,
        leases: LeaseManager,
        *,
        life: Callable[[], Life],
        doors: Callable[[], Sequence[Door]],
        shut: Shut,
        places: Places,
        own: int,
        request_reload: Request,
    ) -> None:
        self._life = life
        self._openings = OpeningCalls(log, leases, doors, shut, places, own)
        self._leases = LeaseCalls(loop, log, leases, doors)
        self._reloads = ReloadCalls(loop, log, request_reload)
        leases.answered = self._openings.answer

    @property
    def methods(self) -> Mapping[str, Method]:
        """The methods by their names in the interface."""
        changing: dict[str, Method] = {
            "Open": self._openings.open,
            "Close": self._leases.close,
            "Extend": self._leases.extend,
            "Forget": self._leases.forget,
            "Reload": self._reloads.reload,
        }
        return {
            **{name: partial(self._answer_when_up, method) for name, method in changing.items()},
            "Test": partial(_answer, self._openings.test),
        }

    def note_change(self) -> None:
        """Leases may have changed."""
        self._leases.note_change()

    def take_effect(self, *, failed: bool = False) -> None:
        """What was read last is in effect, or has ``failed`` to be."""
        self._reloads.take_effect(failed=failed)

    def stop(self) -> None:
        """The daemon ends: whoever waits for an answer is told so."""
        for calls in (self._openings, self._leases, self._reloads):
            calls.stop(Life.ENDING.value)

    def _answer_when_up(self, method: Method, call: Call) -> None:
        if self._life() in {Life.STARTING, Life.ENDING}:
            call.fail("NotNow", life=self._life().value)
        else:
            _answer(method, call)


def _answer(method: Method, call: Call) -> None:
    try:
        method(call)
    except RefusedError as error:
        call.fail(error.error, **error.parameters)
