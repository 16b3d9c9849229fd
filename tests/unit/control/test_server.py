"""The control socket's listening end: how many come in, how often, and who is turned away."""

from __future__ import annotations

import errno
import os
import socket
from collections.abc import Iterator

import pytest

from knockd.control import server
from knockd.control.connection import BYTES_A_CALL
from knockd.control.server import CALLS_OF_OTHERS, CALLS_OF_ROOT, COMING, MOST_CLIENTS, MOST_OTHERS
from tests.support.doubles.served_clients import Client, ServedClients

INFO = b'{"method": "org.varlink.service.GetInfo"}\0'


@pytest.fixture
def served() -> Iterator[ServedClients]:
    """A server whose calls the test answers."""
    made = ServedClients()
    yield made
    made.close()


def answered(served: ServedClients, client: Client) -> bool:
    """Whether a client is served."""
    client.send(INFO)
    served.settle()
    return len(client.receive()) == 1


def test_who_asks(served: ServedClients) -> None:
    """The kernel says who is on the other side."""
    served.connect().ask("Status")
    served.settle()
    assert (os.getuid(), os.getgid(), os.getpid()) == served.calls[0].caller


def test_who_may_not_look(served: ServedClients) -> None:
    """It is closed without a word, and said."""
    served.looks = False
    assert [None] == served.connect().receive()
    assert 1 == len(served.refused)


def test_as_many_as_may_be(served: ServedClients) -> None:
    """One more waits until one leaves."""
    clients = [served.connect() for _ in range(MOST_CLIENTS + 1)]
    *first, last = clients
    for client in first:
        client.ask("Status", more=True)
    assert not answered(served, last)
    first[0].end.close()
    served.settle()
    assert 1 == len(last.receive())


def test_room_for_who_may_change_something(served: ServedClients) -> None:
    """Of those who may only look fewer are served at once: the last places are root's."""
    served.changes = False
    others = [served.connect() for _ in range(MOST_OTHERS)]
    for client in others:
        client.ask("Status", more=True)
    answer, end = served.connect().receive()
    assert {"error": "org.knockd.Control.Busy", "parameters": {"clients": MOST_OTHERS}} == answer
    assert end is None
    others[0].end.close()
    served.settle()
    assert answered(served, served.connect())


@pytest.mark.parametrize(("root", "limit"), [(True, CALLS_OF_ROOT), (False, CALLS_OF_OTHERS)])
def test_calls_without_end(served: ServedClients, root: bool, limit: tuple[int, float]) -> None:
    """After a burst only so many calls a second are heard; the others wait, and none is lost."""
    served.changes = root
    burst, rate = limit
    client = served.connect()
    client.send(INFO * (burst + 3))
    served.settle()
    assert burst == len(client.receive())
    served.manual.now += 2 / rate
    served.settle()
    assert 2 == len(client.receive())
    served.manual.now += 1 / rate
    served.settle()
    assert 1 == len(client.receive())


def test_long_calls(served: ServedClients) -> None:
    """A call counts once more for each so many bytes: of the longest ones few are parsed at once."""
    client = served.connect()
    long = INFO[:-1] + b" " * (4 * BYTES_A_CALL) + b"\0"
    client.end.settimeout(5)
    for _ in range(CALLS_OF_ROOT[0] // 5 + 1):
        client.send(long)
        served.settle()
    assert CALLS_OF_ROOT[0] // 5 == len(served_answers(client))
    served.manual.now += 5 / CALLS_OF_ROOT[1]
    served.settle()
    assert 1 == len(served_answers(client))


def served_answers(client: Client) -> list[object]:
    """The answers that have come."""
    client.end.setblocking(False)
    return client.receive()


def test_calls_of_others_do_not_hold_up_root(served: ServedClients) -> None:
    """Each kind has a bound of its own."""
    served.changes = False
    client = served.connect()
    client.send(INFO * (CALLS_OF_OTHERS[0] + 1))
    served.settle()
    served.changes = True
    assert answered(served, served.connect())


def test_stopped_while_calls_wait(served: ServedClients) -> None:
    """A server that was stopped before a call's turn came, and listens again, hears calls as before."""
    client = served.connect()
    client.send(INFO * (CALLS_OF_ROOT[0] + 1))
    served.settle()
    served.server.stop()
    served.server.listen(served.listener)
    served.manual.now += 1.0
    assert answered(served, served.connect())


def test_turned_off(served: ServedClients) -> None:
    """Who waits for an answer has it, and watchers one more; who does not is closed at once."""
    asked, watching, idle = (served.connect() for _ in range(3))
    asked.ask("Status")
    watching.ask("Status", more=True)
    served.settle()
    served.server.turn_off()
    assert [None] == idle.receive()
    for call in served.calls:
        call.reply({}, continues=True)
    served.settle()
    assert [{"parameters": {}}, None] == asked.receive()
    assert [{"parameters": {}, "continues": True}, None] == watching.receive()
    assert all(call.gone for call in served.calls)


def test_one_call_a_turn(served: ServedClients) -> None:
    """Between two calls of two clients the loop has a turn for knocks."""
    clients = [served.connect() for _ in range(3)]
    for client in clients:
        client.ask("Status")
    for done in (1, 2, 3):
        while len(served.calls) < done:
            served.manual.deliver()
            served.manual.turn()
            ran = [timer for timer in served.manual.timers if not timer.cancelled and timer.seconds == 0]
            for timer in ran[:1]:
                timer.cancel()
                timer.callback()
        assert done == len(served.calls)


def test_clients_without_end(served: ServedClients) -> None:
    """Only so many are accepted a second; the others wait in the kernel."""
    burst, rate = COMING
    for _ in range(burst):
        served.connect().end.close()
        served.settle()
    late = served.connect()
    assert not answered(served, late)
    served.manual.now += 1 / rate
    served.settle()
    assert 1 == len(late.receive())


def test_no_descriptor(served: ServedClients, monkeypatch: pytest.MonkeyPatch) -> None:
    """When the kernel has none left nobody is accepted for a second: knocks need them more."""

    class Full:
        """A listener of a process that may open nothing more."""

        def __init__(self, real: socket.socket) -> None:
            self.fileno = real.fileno

        def accept(self) -> None:
            raise OSError(errno.EMFILE, "Too many open files")

    served.server.listen(Full(served.listener))  # type: ignore[arg-type]
    client = served.connect()
    assert {} == served.manual.readers
    monkeypatch.setattr(served.server, "_listener", served.listener)
    served.wait(server._RETRY_AFTER)
    assert answered(served, client)


def test_a_client_that_left_before_it_was_accepted(served: ServedClients) -> None:
    """The kernel hands it out all the same; nothing is left of it."""
    client = Client(served.listener.getsockname())
    client.end.close()
    served.settle()
    assert [] == served.manual.waiting


def test_another_listener(served: ServedClients) -> None:
    """Clients that are there stay, new ones come by the other one."""
    first = served.connect()
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as other:
        other.bind("")
        other.listen(1)
        other.setblocking(False)
        served.server.listen(other)
        second = Client(other.getsockname())
        served.clients.append(second)
        served.settle()
        assert answered(served, first)
        assert answered(served, second)
        served.server.listen(None)


def test_stop(served: ServedClients) -> None:
    """Every client is closed, whatever it waits for; nothing is watched and no timer runs."""
    watcher, idle, flood = (served.connect() for _ in range(3))
    watcher.ask("Status", more=True)
    flood.send(INFO * (CALLS_OF_ROOT[0] + 1))
    served.settle()
    served.server.stop()
    assert [None] == watcher.receive()
    assert [None] == idle.receive()
    assert served.calls[0].gone
    served.settle()
    assert [] == served.manual.waiting
    assert {} == served.manual.readers
