"""The event loop of the daemon: what runs, when it ends, and what becomes of exceptions."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from typing import Any, cast

import pytest

from knockd.process.loop import Loop, run


def fail(reason: str) -> None:
    """No callback fails in these tests."""
    pytest.fail(reason)


def test_stop() -> None:
    """What was begun runs until stop."""
    ran: list[str] = []

    def begin(loop: Loop) -> None:
        loop.call_soon(ran.append, "soon")
        loop.call_later(0.001, loop.stop)
        loop.call_later(60, ran.append, "late")

    run(begin, fail)
    assert ran == ["soon"]


def test_stop_at_once() -> None:
    """A start that fails may stop before the loop runs."""
    run(lambda loop: loop.stop(), fail)


def test_signals() -> None:
    """A signal's handler runs in a turn of the loop; after the end the signal does what it did before."""
    before = signal.getsignal(signal.SIGUSR1)

    def begin(loop: Loop) -> None:
        loop.add_signal_handler(signal.SIGUSR1, loop.stop)
        os.kill(os.getpid(), signal.SIGUSR1)

    run(begin, fail)
    assert before == signal.getsignal(signal.SIGUSR1)


def test_more_signals_than_a_pipe_holds(capfd: pytest.CaptureFixture[str]) -> None:
    """After so many signals that a pipe is full of them another is heard, and nothing is printed."""
    heard: list[str] = []

    def begin(loop: Loop) -> None:
        def busy() -> None:
            for _ in range(70_000):
                os.kill(os.getpid(), signal.SIGUSR1)
            os.kill(os.getpid(), signal.SIGTERM)

        loop.add_signal_handler(signal.SIGUSR1, heard.append, "USR1")
        loop.add_signal_handler(signal.SIGTERM, heard.append, "TERM")
        loop.call_soon(busy)
        loop.add_signal_handler(signal.SIGUSR2, loop.stop)
        loop.call_later(0.2, os.kill, os.getpid(), signal.SIGUSR2)

    run(begin, fail)
    assert heard == ["USR1", "TERM"]
    assert capfd.readouterr().err == ""


def test_a_signal_wakes_the_loop() -> None:
    """A signal that comes while the loop waits, again and again, is heard each time.

    In a process of its own, as the daemon's: its one thread can hold a signal back while the loop is closed.
    """
    code = """
import os, signal, subprocess, sys
from knockd.process.loop import run

heard = []
children = []

def begin(loop):
    def hear():
        heard.append(1)
        if len(heard) == 200:
            loop.stop()

    loop.add_signal_handler(signal.SIGCHLD, hear)
    signals = f"while kill -CHLD {os.getpid()}; do sleep 0.001; done"
    children.append(subprocess.Popen(("sh", "-c", signals), stderr=subprocess.DEVNULL))

run(begin, sys.exit)
for child in children:
    child.kill()
    child.wait()
sys.exit(len(heard) != 200)
"""
    ended = _python(code)
    assert ended.stderr == ""
    assert ended.returncode == 0


def test_no_signal_comes_while_its_handler_changes(monkeypatch: pytest.MonkeyPatch) -> None:
    """When the loop is closed, signals wait until what they did before is in force again, and then come."""
    numbers = {signal.SIGUSR1, signal.SIGUSR2}
    change = signal.signal
    held: list[bool] = []
    came: list[int] = []

    def note(number: int, _frame: object) -> None:
        came.append(number)

    def put_back(number: int, handler: Any) -> Any:
        if handler is note:
            held.append(signal.pthread_sigmask(signal.SIG_BLOCK, ()) >= numbers)
            signal.pthread_kill(threading.get_ident(), number)  # other threads of the test runner take none
        return change(number, handler)

    def begin(loop: Loop) -> None:
        for number in numbers:
            loop.add_signal_handler(number, fail, "heard by the loop")
        loop.call_soon(loop.stop)

    before = {number: change(number, note) for number in numbers}
    try:
        monkeypatch.setattr(signal, "signal", put_back)
        run(begin, fail)
        assert signal.pthread_sigmask(signal.SIG_BLOCK, ()).isdisjoint(numbers)
    finally:
        for number, handler in before.items():
            change(number, handler)
    assert [True, True] == held
    assert sorted(numbers) == sorted(came)


def test_readers() -> None:
    """What a descriptor has to say is heard until its reader is removed."""
    reader, writer = os.pipe()
    heard: list[bytes] = []

    def begin(loop: Loop) -> None:
        def read() -> None:
            heard.append(os.read(reader, 1))
            assert loop.remove_reader(reader)
            loop.call_soon(loop.stop)

        loop.add_reader(reader, read)
        os.write(writer, b"ab")

    run(begin, fail)
    os.close(reader)
    os.close(writer)
    assert heard == [b"a"]


def test_exceptions(caplog: pytest.LogCaptureFixture) -> None:
    """A callback that raises is reported, the same in a row once, and the loop goes on."""
    reasons: list[str] = []

    def begin(loop: Loop) -> None:
        for problem in (ValueError("one"), ValueError("one"), KeyError("two"), ValueError("one")):
            loop.call_soon(_raise, problem)
        loop.call_soon(cast(Any, loop).call_exception_handler, {"message": "a task is left"})
        loop.call_soon(loop.call_soon, loop.stop)

    run(begin, reasons.append)
    assert ["ValueError: one", "KeyError: 'two'", "ValueError: one", "a task is left"] == reasons
    assert [True, True, True, False] == [bool(record.exc_info) for record in caplog.records]


def _raise(problem: Exception) -> None:
    raise problem


def test_a_start_that_raises() -> None:
    """An exception of the start ends the daemon."""
    with pytest.raises(OSError, match="no socket"):
        run(lambda _: _raise(OSError("no socket")), fail)


def test_without_tls() -> None:
    """The event loop is had without the library for TLS, which would take 3 MB."""
    code = "import sys; from knockd.process import loop; sys.exit('_ssl' in sys.modules)"
    assert 0 == _python(code).returncode


def _python(code: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    command = (sys.executable, "-c", code)
    return subprocess.run(command, env=environment, stderr=subprocess.PIPE, text=True, check=False)
