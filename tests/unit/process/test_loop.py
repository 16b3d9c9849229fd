"""The event loop of the daemon: what runs, when it ends, and what becomes of exceptions."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import weakref
from collections.abc import Iterator
from contextlib import suppress
from typing import Any, cast

import pytest

from knockd.process.loop import FEW, IN_A_ROW, LONGEST, REST, EventLoop, Loop, run
from tests.support.doubles.driven_loop import DrivenLoop


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


def test_exceptions(capfd: pytest.CaptureFixture[str]) -> None:
    """A callback that raises is reported, the same in a row once, and the loop goes on."""
    reasons: list[str] = []

    def begin(loop: Loop) -> None:
        for problem in (ValueError("one"), ValueError("one"), KeyError("two"), ValueError("one")):
            loop.call_soon(_raise, problem)
        loop.call_soon(loop.call_soon, loop.stop)

    run(begin, reasons.append)
    assert ["ValueError: one", "KeyError: 'two'", "ValueError: one"] == reasons
    assert 3 == capfd.readouterr().err.count("Traceback (most recent call last):")


def _raise(problem: Exception) -> None:
    raise problem


def test_a_start_that_raises() -> None:
    """An exception of the start ends the daemon."""
    with pytest.raises(OSError, match="no socket"):
        run(lambda _: _raise(OSError("no socket")), fail)


def test_a_fault_that_cannot_be_reported(capfd: pytest.CaptureFixture[str]) -> None:
    """The loop goes on when the report of an exception raises one."""
    ran: list[str] = []

    def begin(loop: Loop) -> None:
        loop.call_soon(_raise, ValueError("one"))
        loop.call_soon(ran.append, "next")
        loop.call_soon(loop.stop)

    run(begin, lambda reason: _raise(OSError(f"no room for {reason}")))
    assert ran == ["next"]
    assert "OSError: no room for ValueError: one" in capfd.readouterr().err


@pytest.fixture
def loop() -> Iterator[DrivenLoop]:
    """A loop whose callbacks let no exception through."""
    made = DrivenLoop()
    yield made
    made.close()
    assert made.faults == []


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    """The two ends of a pipe."""
    reader, writer = os.pipe()
    yield reader, writer
    for end in (reader, writer):
        with suppress(OSError):
            os.close(end)


def test_timers_in_order(loop: DrivenLoop) -> None:
    """Timers run in the order of their times; those that are due at once in the order they were set."""
    ran: list[int] = []
    for number, delay in enumerate((0.003, 0.001, 0.002)):
        loop.call_later(delay, ran.append, number)
    loop.until(lambda: len(ran) == 3)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(loop, "time", lambda: 0.0)
        for number in range(10, 40):
            loop.call_later(0, ran.append, number)
    loop.until(lambda: len(ran) == 33)
    assert [1, 2, 0, *range(10, 40)] == ran


def test_not_before_its_time(loop: DrivenLoop) -> None:
    """No timer runs early, and none makes the loop spin while it waits."""
    ran: list[float] = []
    waits: list[float | None] = []
    real = loop._poll

    class Poll:
        def poll(self, wait: float | None) -> list[tuple[int, int]]:
            waits.append(wait)
            return real.poll(wait)

    loop._poll = cast(Any, Poll())
    began = loop.time()
    for delay in (0.0101, 0.0203, 0.0304):
        loop.call_later(delay, lambda due: ran.append(loop.time() - due), began + delay)
    loop.call_later(0.04, loop.stop)
    loop.run()
    loop._poll = real
    assert 3 == len(ran)
    assert min(ran) >= 0
    assert len(waits) <= 4


def test_cancelled(loop: DrivenLoop, pipe: tuple[int, int]) -> None:
    """What is cancelled or removed does not run, though it was due in the same turn."""
    reader, writer = pipe
    ran: list[str] = []
    os.write(writer, b"x")

    def first() -> None:
        for one in timers:
            one.cancel()
            one.cancel()
        loop.remove_reader(reader)

    loop.call_soon(first)
    loop.add_reader(reader, ran.append, "reader")
    timers = [loop.call_soon(ran.append, "soon"), loop.call_later(0, ran.append, "later")]
    loop.wait(0.005)
    assert ran == []


def test_cancelled_timers_do_not_pile_up(loop: DrivenLoop) -> None:
    """A timer that is renewed for ever leaves a bounded number of cancelled ones."""
    kept = [loop.call_later(1_000, fail, "its time has not come") for _ in range(10)]
    for _ in range(10_000):
        loop.call_later(2_000, fail, "it was cancelled").cancel()
        assert len(loop._timers) <= FEW + 1 + len(kept)
    assert len(kept) == sum(call.callback is not None for _, _, call in loop._timers)


def test_timers_of_a_crowd(loop: DrivenLoop) -> None:
    """However timers are set, renewed and cancelled, those that are left run once and in order."""
    ran: list[int] = []
    expected = []
    for number in range(1_000):
        timer = loop.call_later(number / 100_000, ran.append, number)
        if number % 7:
            timer.cancel()
        else:
            expected.append(number)
    loop.until(lambda: len(ran) == len(expected))
    assert expected == ran
    assert loop._cancelled == 0


def test_cancelled_after_it_ran(loop: DrivenLoop) -> None:
    """To cancel what has run does nothing."""
    ran: list[int] = []
    timer = loop.call_later(0, ran.append, 1)
    loop.until(lambda: ran)
    timer.cancel()
    assert ran == [1]
    assert loop._cancelled == 0


def test_cancelled_timers_hold_nothing(loop: DrivenLoop) -> None:
    """A cancelled timer keeps neither its callback nor what that was to be given."""

    class Something:
        """What a timer is given."""

    something = Something()
    gone = weakref.ref(something)
    timer = loop.call_later(1_000, fail, something)
    del something
    timer.cancel()
    assert gone() is None


def test_soon_waits_for_the_next_turn(loop: DrivenLoop, pipe: tuple[int, int]) -> None:
    """What runs for ever with call_soon keeps neither readers nor timers from running."""
    reader, writer = pipe
    ran: list[str] = []

    def again() -> None:
        loop.call_soon(again)

    loop.call_soon(again)
    loop.add_reader(reader, lambda: ran.append(f"reader {os.read(reader, 1)!r}"))
    os.write(writer, b"x")
    loop.call_later(0.001, ran.append, "timer")
    loop.until(lambda: len(ran) == 2)
    assert ran == ["reader b'x'", "timer"]


def test_reader_and_writer_of_one_descriptor(loop: DrivenLoop) -> None:
    """Both directions of a socket are watched apart."""
    ours, theirs = socket.socketpair()
    heard: list[str] = []

    def write() -> None:
        heard.append("room")
        loop.remove_writer(ours)

    with ours, theirs:
        loop.add_reader(ours, lambda: heard.append(ours.recv(1).decode()))
        loop.add_writer(ours, write)
        loop.until(lambda: heard)
        theirs.send(b"a")
        loop.until(lambda: len(heard) == 2)
        loop.add_writer(ours, write)
        assert loop.remove_reader(ours)
        assert not loop.remove_reader(ours)
        theirs.send(b"b")
        loop.until(lambda: len(heard) == 3)
        loop.wait(0.002)
        assert not loop.remove_writer(ours)
    assert heard == ["room", "a", "room"]


def test_replaced_reader(loop: DrivenLoop, pipe: tuple[int, int]) -> None:
    """A descriptor has one reader, the last one that was added."""
    reader, writer = pipe
    loop.add_reader(reader, fail, "it has been replaced")
    heard: list[bytes] = []
    loop.add_reader(reader, lambda: heard.append(os.read(reader, 1)))
    os.write(writer, b"a")
    loop.until(lambda: heard)
    assert loop.remove_reader(reader)
    assert not loop.remove_reader(reader)


def test_end_of_a_pipe(loop: DrivenLoop, pipe: tuple[int, int]) -> None:
    """A reader hears the end of a pipe, a writer that nobody reads any more."""
    reader, writer = pipe
    heard: list[bytes] = []

    def read() -> None:
        heard.append(os.read(reader, 1))
        loop.remove_reader(reader)

    def write() -> None:
        heard.append(b"broken")
        loop.remove_writer(writer)

    loop.add_reader(reader, read)
    os.close(writer)
    loop.until(lambda: heard)
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    while True:
        try:
            os.write(writer, bytes(65_536))
        except BlockingIOError:
            break
    loop.add_writer(writer, write)
    os.close(reader)
    loop.until(lambda: len(heard) == 2)
    os.close(writer)
    assert heard == [b"", b"broken"]


def test_descriptor_that_was_closed(pipe: tuple[int, int]) -> None:
    """A descriptor that is closed while it is watched is a fault, told of once, and watched no longer."""
    loop = DrivenLoop()
    reader, _ = pipe
    loop.add_reader(reader, fail, "nothing came")
    os.close(reader)
    loop.wait(0.002)
    assert [f"descriptor {reader} was closed while it was watched"] == [str(one) for one in loop.faults]
    assert not loop.remove_reader(reader)
    loop.close()


class Troubled:
    """A callback that raises while there is trouble, on a loop turned by hand with its own clock."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.loop = DrivenLoop()
        self.trouble = True
        self.ran = 0
        self._now = 0.0
        monkeypatch.setattr(self.loop, "time", lambda: self._now)

    def __call__(self) -> None:
        """The callback."""
        self.ran += 1
        if self.trouble:
            raise ValueError("as ever")

    def turn(self, times: int, *, later: float = 0.0) -> int:
        """Lets time pass and turns the loop; returns how often the callback ran."""
        self._now += later
        before = self.ran
        for _ in range(times):
            self.loop.stop()
            self.loop.run()
        return self.ran - before


@pytest.fixture
def troubled(monkeypatch: pytest.MonkeyPatch) -> Iterator[Troubled]:
    """A callback that raises each time."""
    made = Troubled(monkeypatch)
    yield made
    made.loop.close()


@pytest.mark.parametrize("kind", ["reader", "writer"])
def test_a_callback_that_raises_each_time(troubled: Troubled, pipe: tuple[int, int], kind: str) -> None:
    """It does not keep the loop busy: after some times it runs once a second, until it raises no more."""
    loop, (reader, writer) = troubled.loop, pipe
    os.write(writer, b"x")
    if kind == "reader":
        loop.add_reader(reader, troubled)
    else:
        loop.add_writer(writer, troubled)
    assert troubled.turn(50) == IN_A_ROW
    assert troubled.turn(50, later=REST) == 1
    troubled.trouble = False
    assert troubled.turn(50, later=REST) > 40
    troubled.trouble = True
    assert troubled.turn(50) == IN_A_ROW
    assert {"as ever"} == {str(one) for one in loop.faults}


def test_while_a_descriptor_rests(troubled: Troubled) -> None:
    """Its other callback runs, its end makes no turn busy, and it can be removed and watched anew."""
    loop = troubled.loop
    ours, theirs = socket.socketpair()
    wrote: list[str] = []
    with ours, theirs:
        loop.add_reader(ours, troubled)
        loop.add_writer(ours, wrote.append, "written")
        theirs.send(b"x")
        troubled.turn(IN_A_ROW)
        assert [troubled.turn(5), len(wrote)] == [0, IN_A_ROW + 5]
        theirs.close()
        assert loop.remove_writer(ours)
        assert loop._poll.poll(0) == []
        assert troubled.turn(5, later=REST) == 1
        assert loop.remove_reader(ours)
        assert troubled.turn(5, later=REST) == 0
        loop.add_reader(ours, wrote.append, "read")
        troubled.turn(1)
        assert wrote[-1] == "read"
        loop.remove_reader(ours)


def test_now_and_then_is_not_each_time(troubled: Troubled, pipe: tuple[int, int]) -> None:
    """A callback that also succeeds, however often it raises, is called as soon as it can be."""
    loop, (reader, writer) = troubled.loop, pipe
    os.write(writer, b"x")
    loop.add_reader(reader, troubled)
    for _ in range(5):
        troubled.trouble = True
        assert troubled.turn(IN_A_ROW - 1) == IN_A_ROW - 1
        troubled.trouble = False
        assert troubled.turn(1) == 1


def test_no_such_descriptor(loop: DrivenLoop) -> None:
    """What cannot be watched is refused, and nothing is left of it."""
    with pytest.raises(ValueError, match="negative"):
        loop.add_reader(-1, fail, "there is no such descriptor")
    assert not loop.remove_reader(-1)
    loop.wait(0)


def test_idle(loop: DrivenLoop) -> None:
    """A loop that waits for something far away is not woken before."""
    waits: list[float | None] = []
    real = loop._poll

    class Poll:
        def poll(self, wait: float | None) -> list[tuple[int, int]]:
            waits.append(wait)
            loop.stop()
            return []

    loop._poll = cast(Any, Poll())
    loop.run()
    loop.call_later(30 * 86_400, fail, "a month has not passed")
    loop.run()
    loop._poll = real
    assert waits == [None, LONGEST]
    assert real.poll(0) == []


def test_what_ends_a_process_ends_the_loop(loop: DrivenLoop) -> None:
    """SystemExit is no fault of a callback."""
    loop.call_soon(sys.exit, 3)
    with pytest.raises(SystemExit):
        loop.run()


def test_nothing_is_left_open() -> None:
    """A closed loop leaves no descriptor, and may be closed again."""
    before = len(os.listdir("/proc/self/fd"))
    loop = EventLoop(lambda error: fail(str(error)))
    loop.close()
    loop.close()
    assert before == len(os.listdir("/proc/self/fd"))


def _python(code: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    command = (sys.executable, "-c", code)
    return subprocess.run(command, env=environment, stderr=subprocess.PIPE, text=True, check=False)
