"""Whatever a client sends is a call that fits the interface, or answered with an error that fits its own.

The input is what a connection carries: messages with a NUL behind each.
"""

from __future__ import annotations

import json

from knockd.control import idl, interface, service
from knockd.control.call import Call, Caller
from knockd.control.protocol import (
    MAX_CALL,
    Answer,
    BadMessageError,
    Request,
    encode_call,
    parse_answer,
    parse_call,
)

INTERFACES = {
    made.name: made for made in map(idl.read_interface, (interface.DESCRIPTION, service.DESCRIPTION))
}
CALLS: list[Call] = []
SERVICE = service.Service(
    dict.fromkeys(INTERFACES[interface.NAME].methods, CALLS.append),
    lambda caller: caller.uid == 0,
    lambda *_: None,
)


def check(data: bytes) -> None:
    """Ask all that the input asks."""
    for message in data.split(b"\0"):
        _check_answer(message)
        try:
            request = parse_call(message)
        except BadMessageError as error:
            reason = str(error)
        else:
            _check_call(message, request)
            continue
        assert reason.isprintable()
        assert len(reason) < 200


def _check_call(message: bytes, request: Request) -> None:
    """It is sent as it was read, and a method gets what fits, whoever asks."""
    assert len(message) <= MAX_CALL
    again = encode_call(request.method, request.parameters, more=request.more, oneway=request.oneway)[:-1]
    assert len(again) > MAX_CALL or parse_call(again) == request
    for uid in (0, 1_000):
        _ask(request, uid)


def _check_answer(data: bytes) -> None:
    """The client's end is as total."""
    try:
        answer = parse_answer(data)
    except BadMessageError:
        return
    json.dumps(answer.parameters).encode()


def _ask(request: Request, uid: int) -> None:
    """What a method gets fits, and so does an error."""
    CALLS.clear()
    answers: list[bytes] = []
    SERVICE.handle(request, Caller(uid, uid, 1), lambda data, _: answers.append(data))
    assert len(CALLS) + len(answers) == 1
    for call in CALLS:
        takes = INTERFACES[interface.NAME].methods[request.method.rpartition(".")[2]].takes
        assert idl.check_fields(INTERFACES[interface.NAME], takes, call.parameters) == call.parameters
        assert uid == 0 or request.method.rpartition(".")[2] not in service.CHANGING
    for data in answers:
        _check_fit(parse_answer(data[:-1]))


def _check_fit(answer: Answer) -> None:
    if answer.error is None:
        return
    name, _, error = answer.error.rpartition(".")
    made = INTERFACES[name]
    assert idl.check_fields(made, made.errors[error], answer.parameters) == answer.parameters
