"""Which method a call means, and what is answered where there is none or no right to it."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

import knockd
from knockd.control.call import Call, Caller
from knockd.control.idl import check_fields, read_interface
from knockd.control.interface import DESCRIPTION, NAME
from knockd.control.protocol import Request
from knockd.control.service import CHANGING, Service
from knockd.control.service import DESCRIPTION as OF_SERVICES

ROOT, MEMBER = Caller(0, 0, 7), Caller(1_000, 106, 8)


class Asked:
    """A service, and what it was asked."""

    def __init__(self, answer: Callable[[Call], None] | None = None) -> None:
        self.calls: list[Call] = []
        self.refused: list[tuple[Caller, str]] = []
        methods = dict.fromkeys(("Status", "Open", "Close"), answer or self.calls.append)
        self._service = Service(
            methods, lambda caller: caller.uid == 0, lambda *given: self.refused.append(given)
        )

    def ask(self, method: str, caller: Caller = ROOT, **parameters: Any) -> Any:
        """What is answered at once, None: nothing."""
        answers: list[Any] = []
        self._service.handle(
            Request(method, parameters), caller, lambda data, _: answers.append(json.loads(data[:-1]))
        )
        return answers[0] if answers else None


@pytest.fixture
def asked() -> Asked:
    """A service that has Status, Open and Close."""
    return Asked()


def error(name: str, **parameters: str) -> dict[str, object]:
    """An error of org.varlink.service."""
    return {"error": f"org.varlink.service.{name}", "parameters": parameters}


def test_a_method(asked: Asked) -> None:
    """It gets its parameters without those that are null, and who asks."""
    assert asked.ask(f"{NAME}.Status", MEMBER, door="a", address=None) is None
    (call,) = asked.calls
    assert {"door": "a"} == call.parameters
    assert MEMBER == call.caller


@pytest.mark.parametrize(
    ("method", "expected"),
    [
        ("org.example.Status", error("InterfaceNotFound", interface="org.example")),
        ("Status", error("InterfaceNotFound", interface="")),
        ("", error("InterfaceNotFound", interface="")),
        (f"{NAME}.status", error("MethodNotFound", method=f"{NAME}.status")),
        (f"{NAME}.NoSuchDoor", error("MethodNotFound", method=f"{NAME}.NoSuchDoor")),
        (f"{NAME}.Counters", error("MethodNotImplemented", method=f"{NAME}.Counters")),
        ("org.varlink.service.Status", error("MethodNotFound", method="org.varlink.service.Status")),
    ],
)
def test_no_such_method(asked: Asked, method: str, expected: object) -> None:
    """Varlink's own errors say what is missing."""
    assert expected == asked.ask(method)


def test_bad_parameters(asked: Asked) -> None:
    """An unknown, missing or ill-typed one is named, and nothing is called."""
    assert error("InvalidParameter", parameter="colour") == asked.ask(f"{NAME}.Status", colour=1)
    assert error("InvalidParameter", parameter="address") == asked.ask(f"{NAME}.Open", door="a")
    assert error("InvalidParameter", parameter="door") == asked.ask(f"{NAME}.Status", door=7)
    assert [] == asked.calls


@pytest.mark.parametrize("method", sorted(CHANGING))
def test_who_may_only_look(asked: Asked, method: str) -> None:
    """What changes something is root's, and it is said who tried."""
    needed: dict[str, dict[str, Any]] = {
        "Open": {"door": "a", "address": "b"},
        "Extend": {"door": "a", "address": "b", "seconds": 1},
        "Forget": {"lease": "a"},
    }
    answer = asked.ask(f"{NAME}.{method}", MEMBER, **needed.get(method, {}))
    assert {"error": f"{NAME}.NotAllowed", "parameters": {"needed": "root"}} == answer
    assert [(MEMBER, f"only root may call {method}")] == asked.refused
    assert [] == asked.calls


def test_root_may(asked: Asked) -> None:
    """Root changes something."""
    assert asked.ask(f"{NAME}.Close", all=True) is None
    assert 1 == len(asked.calls)


def test_all_methods_look_or_change() -> None:
    """Every method of the interface either changes something or is known not to."""
    looking = {"Status", "Counters", "Fleet", "Keys", "Test"}
    assert CHANGING | looking == set(read_interface(DESCRIPTION).methods)


def test_get_info(asked: Asked) -> None:
    """Who we are, with the version that runs."""
    answer = asked.ask("org.varlink.service.GetInfo", MEMBER)["parameters"]
    described = read_interface(OF_SERVICES)
    assert answer == check_fields(described, described.methods["GetInfo"].answers, answer)
    assert knockd.__version__ == answer["version"]
    assert ["org.varlink.service", NAME] == answer["interfaces"]


def test_get_interface_description(asked: Asked) -> None:
    """Each interface describes itself."""
    method = "org.varlink.service.GetInterfaceDescription"
    assert {"parameters": {"description": DESCRIPTION}} == asked.ask(method, interface=NAME)
    assert {"parameters": {"description": OF_SERVICES}} == asked.ask(method, interface="org.varlink.service")
    assert error("InterfaceNotFound", interface="x") == asked.ask(method, interface="x")
    assert error("InvalidParameter", parameter="interface") == asked.ask(method)


def test_a_method_that_fails() -> None:
    """The client hears of an internal error, and so does the loop."""
    answers: list[bytes] = []

    def fail(_: Call) -> None:
        raise RuntimeError("x")

    service = Service({"Status": fail}, lambda _: True, lambda *_: None)
    with pytest.raises(RuntimeError):
        service.handle(Request(f"{NAME}.Status", {}), ROOT, lambda data, _: answers.append(data))
    assert "internal error; knockd's log has it" == json.loads(answers[0][:-1])["parameters"]["reason"]
