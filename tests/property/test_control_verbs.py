"""Calls of the control socket: whatever they ask for, each has one answer, and it is one of the interface."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from knockd.control import idl
from knockd.control.interface import DESCRIPTION
from knockd.keeper.control_verbs import ControlVerbs
from knockd.keeper.lease_calls import PATIENCE
from knockd.keeper.life import Life
from knockd.log.catalogue import check
from tests.support.doubles.lease_manager import DOOR, PlayedManager
from tests.support.doubles.made_calls import MadeCalls

INTERFACE = idl.read_interface(DESCRIPTION)

_ANY_TEXT = st.text(st.characters(), max_size=40)
_ADDRESSES = st.one_of(st.ip_addresses().map(str), st.sampled_from(["192.0.2.1", "192.0.2.2"]), _ANY_TEXT)
_PARAMETERS: Mapping[str, st.SearchStrategy[Any]] = {
    "door": st.one_of(st.just("ssh"), _ANY_TEXT),
    "address": _ADDRESSES,
    "seconds": st.one_of(st.just(60), st.integers(), st.floats()),
    "destination": _ADDRESSES,
    "interface": st.one_of(st.just("eth0"), _ANY_TEXT),
    "all": st.booleans(),
    "lease": _ANY_TEXT,
}
_NEEDED = {
    "Open": ("door", "address"),
    "Close": (),
    "Extend": ("door", "address", "seconds"),
    "Forget": ("lease",),
    "Test": ("door", "address"),
}
_MORE = {"Open": ("seconds", "destination", "interface"), "Close": ("door", "address", "all")}
_CALLS = st.sampled_from(sorted(_NEEDED)).flatmap(
    lambda method: st.tuples(
        st.just(method),
        st.fixed_dictionaries(
            {name: _PARAMETERS[name] for name in _NEEDED[method]},
            optional={name: _PARAMETERS[name] for name in _MORE.get(method, ())},
        ),
    )
)


@given(st.lists(st.tuples(_CALLS, st.booleans()), max_size=8))
def test_each_call_has_one_answer(calls: list[tuple[tuple[str, dict[str, Any]], bool]]) -> None:
    """A reply that fits the interface or one of its errors, when all commands have ended at the latest."""
    played, made = PlayedManager(), MadeCalls()
    verbs = ControlVerbs(
        played.loop.loop,
        _log,
        played.manager,
        life=lambda: Life.UP,
        doors=lambda: (DOOR,),
        shut=lambda _: None,
        places=lambda: {"eth0": [bytes([10, 0, 0, 1])]},
        own=0,
        request_reload=lambda _: None,
    )
    played.manager.changed = verbs.note_change
    asked = []
    for (method, parameters), ends in calls:
        verbs.methods[method](made.make(**parameters))
        played.loop.turn()
        asked.append(method)
        if ends and played.runner.running:
            played.end()
    while played.runner.running:
        played.end()
    for timer in played.loop.timers:
        if timer.seconds == PATIENCE and not timer.cancelled:
            timer.cancel()
            timer.callback()
    assert len(made.answers) == len(asked)
    for name, answer in made.answers:
        if name == "reply":
            assert any(_fits(method, answer) for method in asked)
        else:
            idl.check_fields(INTERFACE, INTERFACE.errors[name], answer)


def _fits(method: str, answer: Mapping[str, Any]) -> bool:
    try:
        idl.check_fields(INTERFACE, INTERFACE.methods[method].answers, answer)
    except idl.MismatchError:
        return False
    return True


def _log(event: str, **fields: Any) -> None:
    check(event, fields)
