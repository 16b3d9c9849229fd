"""The child that alone has keys: what it answers, what it leaves behind, and how it ends."""

from __future__ import annotations

import os
import select
import signal
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from knockd.process.fork import fork_child
from knockd.sequences.derived_keys import Answer, Question
from knockd.sequences.key_child import KeyChild, end_of_day
from knockd_conf.timed import Rule, derive_ports
from tests.support.doubles.keyed import ANNE, BOB, NOON, POLICY, text_of
from tests.support.lab.waiting import wait_until

RULE = Rule()


@pytest.fixture
def keys(tmp_path: Path) -> Path:
    """A key file."""
    path = tmp_path / "keys"
    path.write_bytes(text_of(ANNE, BOB))
    path.chmod(0o600)
    return path


def ask(path: Path | str, door: str = "ssh") -> Question:
    """A question about a few periods."""
    return Question(str(path), door, RULE, 100, 103)


@contextmanager
def child(*questions: Question) -> Iterator[KeyChild]:
    """A child, which is gone at the end."""
    made = KeyChild(fork_child, questions, POLICY, NOON)
    try:
        yield made
    finally:
        made.kill()
        wait_until(made.collect, 10, "the child has ended")


def read(made: KeyChild) -> tuple[Answer, ...]:
    """Its answers, when all has come."""
    while made.read_some():
        pass
    return made.answers()


def test_answers(keys: Path) -> None:
    """Each door has sequences of its own, of the same file too; a file that is not there is a problem."""
    with child(ask(keys), ask(keys, "web"), ask(keys.parent / "none")) as made:
        ssh, web, none = read(made)
    assert [key.name for key in ssh.keys] == ["anne", "bob"]
    assert ssh.keys[0].ports[101] == derive_ports(ANNE.key, "ssh", 101, RULE)
    assert web.keys[0].ports[101] == derive_ports(ANNE.key, "web", 101, RULE)
    assert none == Answer(problem="No such file or directory")
    assert abs(ssh.changed - keys.stat().st_ctime) < 1
    assert ssh.changed == web.changed


def test_link_that_was_changed(keys: Path) -> None:
    """What a link leads to may be older than the link."""
    link = keys.parent / "link"
    link.symlink_to(keys)
    times = link.lstat().st_ctime, keys.stat().st_ctime
    with child(ask(link)) as made:
        (answer,) = read(made)
    assert answer.changed == max(times)


def test_file_that_others_can_read(keys: Path) -> None:
    """It is not used, and the answer says what to do."""
    keys.chmod(0o640)
    with child(ask(keys)) as made:
        (answer,) = read(made)
    assert f"chmod 600 {keys}" in answer.problem


def test_child_that_is_killed(keys: Path) -> None:
    """There is no answer, and that is said."""
    with child(ask(keys)) as made:
        os.kill(made.pid, signal.SIGKILL)
        wait_until(made.collect, 10, "the child has ended")
        made._data.clear()
        while os.read(made.fileno(), 65_536):
            pass
        with pytest.raises(ValueError, match="the process that reads them ended early"):
            read(made)


def forked(work: Callable[[], int], keep: Iterable[int]) -> int:
    """A fork whose child writes no end of nonsense."""
    (writer,) = keep

    def main() -> int:
        while True:
            os.write(writer, b"x" * 65_536)

    del work
    return fork_child(main, [writer])


def test_child_that_says_too_much(keys: Path) -> None:
    """No more is read than an answer can have."""
    made = KeyChild(forked, [ask(keys)], POLICY, NOON)
    try:
        with pytest.raises(ValueError, match="an answer that is too long"):
            read(made)
    finally:
        made.kill()
        wait_until(made.collect, 10, "the child has ended")


def test_no_process_left(keys: Path) -> None:
    """When it cannot be forked no descriptor stays behind."""

    def fork(*_: object) -> int:
        raise OSError(11, "Resource temporarily unavailable")

    before = os.listdir("/proc/self/fd")
    with pytest.raises(OSError, match="temporarily unavailable"):
        KeyChild(fork, [ask(keys)], POLICY, NOON)
    assert before == os.listdir("/proc/self/fd")


def test_descriptor(keys: Path) -> None:
    """It can be read as soon as something has come."""
    with child(ask(keys)) as made:
        assert select.select([made], [], [], 10)[0] == [made]


def test_leaves_no_core(keys: Path, tmp_path: Path) -> None:
    """A child that crashes leaves no core, whatever the limits of its parent."""
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)

    def fork(work: Callable[[], int], keep: Iterable[int]) -> int:
        def main() -> int:
            status = work()
            with fifo.open("w") as file:
                file.write(Path("/proc/self/limits").read_text())
            return status

        return fork_child(main, keep)

    made = KeyChild(fork, [ask(keys)], POLICY, NOON)
    try:
        limits = fifo.read_text()
        read(made)
    finally:
        made.kill()
        wait_until(made.collect, 10, "the child has ended")
    (core,) = (line.split() for line in limits.splitlines() if line.startswith("Max core file size"))
    assert core[4:6] == ["0", "0"]


@pytest.mark.parametrize(
    ("zone", "day", "end"),
    [
        ("UTC", "2026-12-31", 1_798_761_600.0),
        ("Europe/Berlin", "2026-12-31", 1_798_758_000.0),
        ("Europe/Berlin", "2026-10-25", 1_792_969_200.0),
        ("UTC", "2026-02-31", 1_772_582_400.0),
    ],
)
def test_end_of_day(monkeypatch: pytest.MonkeyPatch, zone: str, day: str, end: float) -> None:
    """A day is over at midnight here, also one that has 25 hours."""
    monkeypatch.setenv("TZ", zone)
    time.tzset()
    try:
        assert end_of_day(day) == end
    finally:
        monkeypatch.undo()
        time.tzset()


def test_day_that_no_clock_reaches(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is never over."""

    def fail(_: object) -> float:
        raise OverflowError

    monkeypatch.setattr(time, "mktime", fail)
    assert end_of_day("9999-12-31") == float("inf")
