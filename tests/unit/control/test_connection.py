"""One client of the control socket: calls in, answers out, and every way to be a nuisance."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from knockd.control.connection import PATIENCE, PAUSE
from knockd.control.protocol import MAX_CALL
from tests.support.doubles.served_clients import Client, ServedClients

STATUS = b'{"method": "org.knockd.Control.Status"}\0'
ONEWAY = b'{"method": "org.knockd.Control.Status", "oneway": true}\0'
INFO = b'{"method": "org.varlink.service.GetInfo"}\0'
LONG = "x" * 600_000
"""More than a socket holds."""


@pytest.fixture
def served() -> Iterator[ServedClients]:
    """A server whose calls the test answers."""
    made = ServedClients()
    yield made
    made.close()


@pytest.fixture
def client(served: ServedClients) -> Client:
    """A client of it."""
    return served.connect()


def parameters(client: Client) -> list[object]:
    """The parameters of the answers that have come; None: the connection is closed."""
    return [one and one["parameters"] for one in client.receive()]


def reason(client: Client) -> str:
    """Why what was sent is no call; the connection is closed behind it."""
    answer, end = client.receive()
    assert end is None
    assert "org.knockd.Control.BadMessage" == answer["error"]
    return str(answer["parameters"]["reason"])


def test_calls_one_after_the_other(served: ServedClients, client: Client) -> None:
    """An answer, and the connection is there for the next call."""
    for number in (1, 2):
        client.ask("Status")
        served.settle()
        served.calls[-1].reply({"number": number})
        served.settle()
        assert [{"number": number}] == parameters(client)


def test_a_call_in_pieces(served: ServedClients, client: Client) -> None:
    """Bytes may come one by one."""
    for byte in STATUS:
        client.send(bytes([byte]))
        served.settle()
    assert 1 == len(served.calls)


def test_who_sends_byte_by_byte_is_read_now_and_then(served: ServedClients, client: Client) -> None:
    """After each piece nothing is read for a moment: that is what such a client can cost."""
    client.send(b"{")
    served.manual.deliver()
    assert client_timers(served) == [PATIENCE, PAUSE]
    client.send(b'"')
    assert {served.listener.fileno()} == set(served.manual.readers)
    served.settle()
    assert 2 == len(served.manual.readers)


def client_timers(served: ServedClients) -> list[float]:
    """Seconds of the timers that run for clients."""
    return sorted(served.manual.waiting, reverse=True)


def test_no_timer_and_no_reader_without_a_client(served: ServedClients, client: Client) -> None:
    """A client that has left costs nothing any more."""
    client.ask("Status")
    served.settle()
    served.calls[0].reply({})
    client.end.close()
    served.settle()
    assert [] == served.manual.waiting
    assert {served.listener.fileno()} == set(served.manual.readers)


def test_calls_sent_ahead(served: ServedClients, client: Client) -> None:
    """The next call is read when the one before has been answered."""
    client.send(STATUS + INFO + STATUS)
    served.settle()
    assert [] == client.receive()
    assert 1 == len(served.calls)
    served.calls[0].reply({"number": 1})
    served.settle()
    first, second = client.receive()
    assert {"number": 1} == first["parameters"]
    assert "knockd" == second["parameters"]["vendor"]
    assert 2 == len(served.calls)


def test_oneway(served: ServedClients, client: Client) -> None:
    """No answer is sent, and the next call is read at once."""
    client.send(ONEWAY + ONEWAY + INFO)
    served.settle()
    assert 2 == len(served.calls)
    for call in served.calls:
        call.reply({"number": 1})
    served.settle()
    (answer,) = parameters(client)
    assert isinstance(answer, dict)
    assert "knockd" == answer["vendor"]


def test_an_error_of_a_oneway_call(served: ServedClients, client: Client) -> None:
    """It is not sent either."""
    client.send(b'{"method": "a.B", "oneway": true}\0')
    served.settle()
    assert [] == client.receive()


def test_watching(served: ServedClients, client: Client) -> None:
    """Answers come as long as there are some, however long it takes; a watcher is never too slow to ask."""
    client.ask("Status", more=True)
    served.settle()
    (call,) = served.calls
    for number in (1, 2, 3):
        call.reply({"number": number}, continues=True)
        served.wait(PATIENCE)
        assert [{"number": number}] == parameters(client)
    call.reply({"number": 4})
    served.settle()
    assert [{"number": 4}] == parameters(client)


def test_a_watcher_costs_no_timer(served: ServedClients, client: Client) -> None:
    """As long as nothing is to be sent nothing runs."""
    client.ask("Status", more=True)
    served.settle()
    assert [] == served.manual.waiting


def test_a_watcher_leaves(served: ServedClients, client: Client) -> None:
    """Whoever answers hears of it at once."""
    client.ask("Status", more=True)
    served.settle()
    left: list[bool] = []
    served.calls[0].on_gone = lambda: left.append(True)
    client.end.close()
    served.settle()
    assert [True] == left
    assert served.calls[0].gone
    served.calls[0].reply({}, continues=True)


def test_a_watcher_that_sends_no_more(served: ServedClients, client: Client) -> None:
    """socat closes its half when its input ends: answers come all the same, and its end is seen."""
    client.ask("Status", more=True)
    client.end.shutdown(socket.SHUT_WR)
    served.settle()
    assert not served.calls[0].gone
    served.wait(PATIENCE)
    served.calls[0].reply({"number": 1}, continues=True)
    served.settle()
    assert [{"number": 1}] == parameters(client)
    client.end.close()
    served.wait(PATIENCE)
    assert served.calls[0].gone


def test_a_watcher_with_more_to_say(served: ServedClients, client: Client) -> None:
    """That it leaves is seen behind a call that was sent ahead, too."""
    client.ask("Status", more=True)
    served.settle()
    client.send(INFO)
    served.settle()
    client.end.close()
    served.wait(PATIENCE)
    assert served.calls[0].gone


def test_the_last_call_before_the_end(served: ServedClients, client: Client) -> None:
    """Calls that came before the client closed its half are all answered, then the connection is closed."""
    client.send(INFO + INFO)
    client.end.shutdown(socket.SHUT_WR)
    served.settle()
    assert 3 == len(client.receive())


@pytest.mark.parametrize("sent", [b"", b'{"method', STATUS[:-1]])
def test_too_slow(served: ServedClients, client: Client, sent: bytes) -> None:
    """Who has not sent a whole call in time is closed, also one that sends a byte now and then."""
    client.send(sent)
    served.settle()
    client.send(b" ")
    served.settle()
    assert [] == client.receive()
    served.wait(PATIENCE)
    assert [None] == client.receive()


def test_idle_after_an_answer(served: ServedClients, client: Client) -> None:
    """A place is for who asks."""
    client.send(INFO)
    served.settle()
    assert 1 == len(client.receive())
    served.wait(PATIENCE)
    assert [None] == client.receive()


def test_half_a_call_and_an_end(served: ServedClients, client: Client) -> None:
    """There will never be a whole one."""
    client.send(b'{"method')
    client.end.shutdown(socket.SHUT_WR)
    served.settle()
    assert [None] == client.receive()


def test_who_waits_for_an_answer_waits(served: ServedClients, client: Client) -> None:
    """A command may take its time."""
    client.ask("Status")
    served.settle()
    served.wait(PATIENCE)
    served.calls[0].reply({"number": 1})
    served.settle()
    assert [{"number": 1}] == parameters(client)


@pytest.mark.parametrize("sent", [b"hello\0", b"\0", b"\0\0\0\0", b"{}\0" + INFO, b"\xff\xfe\0"])
def test_garbage(served: ServedClients, client: Client, sent: bytes) -> None:
    """The reason is said, and nothing behind it is read."""
    client.send(sent)
    served.settle()
    assert reason(client).startswith("expected")


def test_too_long(served: ServedClients, client: Client) -> None:
    """A call without an end is not read to it."""
    client.end.settimeout(5)
    client.send(b" " * (MAX_CALL + 1))
    served.settle()
    client.end.setblocking(False)
    assert f"expected at most {MAX_CALL} bytes, got more" == reason(client)


def test_as_long_as_may_be(served: ServedClients, client: Client) -> None:
    """The bound is no bytes too low."""
    client.end.settimeout(5)
    client.send(STATUS[:-1] + b" " * (MAX_CALL - len(STATUS) + 1) + b"\0")
    served.settle()
    assert 1 == len(served.calls)


def test_a_long_answer(served: ServedClients, client: Client) -> None:
    """It is sent as fast as it is read."""
    client.ask("Status")
    served.settle()
    served.calls[0].reply({"text": LONG})
    data = b""
    while not data.endswith(b"\0"):
        served.settle()
        data += client.end.recv(1 << 20)
    assert len(LONG) < len(data)
    client.send(INFO)
    served.settle()
    assert 1 == len(client.receive())


def test_who_does_not_read(served: ServedClients, client: Client) -> None:
    """It is closed, and whoever answers hears that it has left."""
    client.ask("Status", more=True)
    served.settle()
    served.calls[0].reply({"text": LONG}, continues=True)
    served.settle()
    assert not served.calls[0].gone
    served.wait(PATIENCE)
    assert served.calls[0].gone
    assert {served.listener.fileno()} == set(served.manual.readers)
    assert {} == served.manual.writers


def test_who_reads_slowly_gets_the_newest(served: ServedClients, client: Client) -> None:
    """Of answers that follow each other while one is on its way the last one is sent."""
    client.ask("Status", more=True)
    served.settle()
    served.calls[0].reply({"text": LONG}, continues=True)
    for number in range(1_000):
        served.calls[0].reply({"number": number}, continues=True)
    data = b""
    while data.count(b"\0") < 2:
        served.settle()
        data += client.end.recv(1 << 20)
    assert b'{"parameters":{"number":999},"continues":true}' == data.split(b"\0")[1]


def test_who_leaves_in_the_middle_of_an_answer(served: ServedClients, client: Client) -> None:
    """Nothing is left of it."""
    client.ask("Status")
    served.settle()
    served.calls[0].reply({"text": LONG})
    client.end.close()
    served.settle()
    assert [] == served.manual.waiting
    assert {} == served.manual.writers
