"""The child that alone has keys: what it answers, what it leaves behind, and how it ends."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from knockd.process.answer_child import AnswerChild
from knockd.process.fork import fork_child
from knockd.sequences.derived_keys import MOST_BYTES, Answer, Question, parse_answers
from knockd.sequences.key_child import end_of_day, start_key_child
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
def child(*questions: Question) -> Iterator[AnswerChild]:
    """A child, which is gone at the end."""
    made = start_key_child(fork_child, questions, POLICY, NOON)
    try:
        yield made
    finally:
        made.kill()
        wait_until(made.collect, 10, "the child has ended")


def answers_of(*questions: Question) -> tuple[Answer, ...]:
    """What a child answers."""
    with child(*questions) as made:
        while made.read_some():
            pass
        return parse_answers(made.take_answer(), questions)


def test_answers(keys: Path) -> None:
    """Each door has sequences of its own, of the same file too; a file that is not there is a problem."""
    ssh, web, none = answers_of(ask(keys), ask(keys, "web"), ask(keys.parent / "none"))
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
    (answer,) = answers_of(ask(link))
    assert answer.changed == max(times)


def test_file_that_others_can_read(keys: Path) -> None:
    """It is not used, and the answer says what to do."""
    keys.chmod(0o640)
    (answer,) = answers_of(ask(keys))
    assert f"chmod 600 {keys}" in answer.problem


def test_child_that_says_too_much(keys: Path) -> None:
    """No more is read than the answers can have."""
    made = start_key_child(chatter, [ask(keys)] * 2, POLICY, NOON)
    try:
        read = 0
        while made.read_some():
            read += 1
        assert read * 65_536 >= 2 * MOST_BYTES - 65_536
        with pytest.raises(ValueError, match="an answer that is too long"):
            made.take_answer()
    finally:
        made.kill()
        wait_until(made.collect, 10, "the child has ended")


def chatter(work: Callable[[], int], keep: Iterable[int]) -> int:
    """A fork whose child writes no end of nonsense."""
    del work
    (writer,) = keep

    def main() -> int:
        while True:
            os.write(writer, b"x" * 65_536)

    return fork_child(main, [writer])


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
