"""A packet process that is forked."""

from __future__ import annotations

import os
import select
import socket
from dataclasses import replace

import pytest

from knockd.keeper import worker_process
from knockd.keeper.worker_events import Ended, TooLong
from knockd.keeper.worker_process import send_view, start_worker
from knockd.process.figures import Totals
from knockd.process.link import MAX_MESSAGE, pair
from knockd.process.verbs import MAX_EVENT, Lost, Pong, Ready, decode
from knockd.process.view import View
from knockd.worker.setup import Setup
from knockd_conf.model import Reader
from tests.support.doubles import linked_workers

SETUP = Setup(5, 64, 9, None, user_required=False, ipv6=True, debug=False)


def test_start() -> None:
    """It runs with what it is given, says what it has to say on its link and ends when that is closed."""
    started = start_worker(SETUP, ("knockd-none",), View())
    with started.link, started.after:
        assert select.select([started.link], [], [], 60.0)[0]
        message = decode(started.link.recv(MAX_EVENT), 1, 1)
    assert isinstance(message, Lost)
    assert message.reason.startswith("knockd-none")
    os.waitpid(started.pid, 0)


def test_hand_over() -> None:
    """One that is told to end hands over to the one that was forked to take its place, which then begins."""
    first = start_worker(SETUP, ("knockd-none",), View())
    second = start_worker(SETUP, ("knockd-none",), View(), before=first.after)
    with first.link, first.after, second.link, second.after:
        for one in (first, second):
            one.link.setblocking(True)
            assert isinstance(decode(one.link.recv(MAX_EVENT), 1, 1), Lost)
            assert isinstance(decode(one.link.recv(MAX_EVENT), 1, 1), Ready)
        first.link.shutdown(socket.SHUT_WR)
        assert decode(first.link.recv(MAX_EVENT), 1, 1) == Totals(0, 0, 0, 0, 0, 0)
        assert first.link.recv(MAX_EVENT) == b""
        second.link.send(View(begin=True).encode())
        assert decode(second.link.recv(MAX_EVENT), 1, 1) == Pong()
    for one in (first, second):
        assert os.waitpid(one.pid, 0)[1] == 0


def test_link_is_the_lowest_descriptor() -> None:
    """The link moves to the lowest descriptor that is free, so that those of the captures follow it."""
    ours, theirs = pair()
    lowest = ours.fileno()
    ours.close()
    link = worker_process._lowest(theirs)
    assert link.fileno() == lowest
    assert link.type == socket.SOCK_SEQPACKET
    link.close()


def test_link_stays() -> None:
    """A link that is at the lowest descriptor already stays there."""
    ours, theirs = pair()
    theirs.close()
    assert worker_process._lowest(ours) is ours
    ours.close()


def test_view_that_is_sent() -> None:
    """It comes whole; what becomes of one that cannot be sent is an event, unless its reader is gone."""
    ours, theirs = pair()
    with ours, theirs:
        worker = linked_workers.worker_process(ours)
        assert send_view(worker, 7, View(figures=True)) is None
        assert View.decode(theirs.recv(MAX_MESSAGE)) == View(figures=True)
        for size in (MAX_MESSAGE * 2, MAX_MESSAGE):
            long = View(addresses={"x" * size: frozenset()})
            assert send_view(worker, 7, long) == TooLong(7)
        found = next(event for _ in range(100_000) if (event := send_view(worker, 7, View())) is not None)
        assert found == Ended(7, "does not read its link")
        theirs.close()
        assert send_view(worker, 7, View()) is None


def test_reader_is_imported_before_the_fork(monkeypatch: pytest.MonkeyPatch) -> None:
    """Both processes have the reader's module once; the packet process reports one that is not there."""
    done: list[object] = []

    def load(reader: Reader) -> None:
        done.append(reader)
        raise ImportError("no such reader")

    def fork(*_: object, **__: object) -> int:
        done.append("fork")
        return 7

    monkeypatch.setattr(worker_process, "load_reader", load)
    monkeypatch.setattr(worker_process, "fork_child", fork)
    started = start_worker(replace(SETUP, reader=Reader.SOCKET), ["eth0"], View())
    started.link.close()
    started.after.close()
    assert [Reader.SOCKET, "fork"] == done
