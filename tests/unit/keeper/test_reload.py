"""HUP: the configuration is read in a child; what becomes of a second HUP, of a child that hangs."""

from __future__ import annotations

import importlib
import os
import signal
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

import pytest

import knockd
from knockd.keeper import reload
from knockd.keeper.config_process import ConfigProcess, Outcome, Send, read_configuration
from knockd.keeper.reload import Reload
from knockd.keeper.settings import Loaded
from knockd.process.fork import fork_child
from knockd.process.privileges import User
from knockd_conf.errors import ConfigError, Problem
from knockd_conf.model import Config, Options
from tests.support.doubles.driven_loop import DrivenLoop
from tests.support.doubles.played import door

PATH = "/etc/knockd.conf"
CONFIG = Loaded(Config(PATH, Options(), (door("1 2"),), "host", (PATH,)), User("knockd", 103, 203))


class Reloads:
    """A loop, and the outcome of every reload."""

    def __init__(self) -> None:
        self.loop = DrivenLoop()
        self.begun = 0
        self.outcomes: list[Loaded | Sequence[str]] = []
        self.judge: Callable[[Outcome], Outcome] = lambda outcome: outcome

    def reload(
        self,
        load: Callable[[], Loaded],
        fork: Callable[[Callable[[], int], Iterable[int]], int] = fork_child,
    ) -> Reload:
        """One that reads the configuration with ``load``."""

        def work(send: Send) -> int:
            send(read_configuration(load, PATH))
            return 0

        made = Reload(
            self.loop,
            lambda: ConfigProcess(fork, work),
            PATH,
            begin=self._begin,
            judge=self.judge,
            finish=self._finish,
        )
        self.loop.add_signal_handler(signal.SIGCHLD, made.reap)
        return made

    def until(self, count: int) -> None:
        """Lets the loop run until ``count`` outcomes are there."""
        self.loop.until(lambda: len(self.outcomes) >= count)

    def _begin(self) -> None:
        self.begun += 1

    def _finish(self, outcome: Outcome) -> None:
        self.outcomes.append(
            outcome if isinstance(outcome, Loaded) else [str(problem) for problem in outcome]
        )


@pytest.fixture
def reloads() -> Iterator[Reloads]:
    """Reloads whose loop is closed and whose processes are collected at the end."""
    made = Reloads()
    before = set(children())
    yield made
    # Until none is left but those of before: tests of commands collect whatever there is.
    made.loop.until(lambda: set(children()) <= before)
    made.loop.close()
    assert made.loop.faults == []


def hang() -> Loaded:
    """A resolver that does not answer."""
    time.sleep(60)
    return CONFIG


def die() -> Loaded:
    """What the kernel does to a process when memory is short."""
    os.kill(os.getpid(), signal.SIGKILL)
    return CONFIG


def refuse() -> Loaded:
    """A file with two mistakes."""
    raise ConfigError([Problem("f", 1, "a", "expected b, got c"), Problem("f", 2, None, "expected d")])


def children() -> list[str]:
    """Processes that this one has not collected."""
    return Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()


def test_good(reloads: Reloads) -> None:
    """A good configuration comes back as it was read, doors, options and all."""
    reloads.reload(lambda: CONFIG).request_reload()
    reloads.until(1)
    assert [CONFIG] == reloads.outcomes
    assert reloads.begun == 1


def test_large(reloads: Reloads) -> None:
    """A configuration of thousands of doors is longer than a pipe."""
    doors = tuple(door("1 2", name=f"{n}") for n in range(3_000))
    large = Loaded(Config(PATH, Options(), doors, "h", ()), None)
    reloads.reload(lambda: large).request_reload()
    reloads.until(1)
    assert [large] == reloads.outcomes


def test_bad(reloads: Reloads) -> None:
    """A reload of a bad configuration has every problem as its outcome."""
    reloads.reload(refuse).request_reload()
    reloads.until(1)
    assert [["f:1: a: expected b, got c", "f:2: expected d"]] == reloads.outcomes


def test_one_more(reloads: Reloads, tmp_path: Path) -> None:
    """However many HUPs come while one is under way: one more follows, and it reads what is there then."""
    go = tmp_path / "go"
    os.mkfifo(go)

    def load() -> Loaded:
        return Loaded(Config(go.read_text(), Options(), (), "h", ()), None)

    made = reloads.reload(load)
    for _ in range(5):
        made.request_reload()
    for number, text in enumerate(("old", "new"), 1):
        threading.Thread(target=go.write_text, args=(text,)).start()
        reloads.until(number)
    assert ["old", "new"] == [one.config.path for one in reloads.outcomes if isinstance(one, Loaded)]
    assert reloads.begun == 2


def test_answers(reloads: Reloads, tmp_path: Path) -> None:
    """Who asks while a configuration is read has the outcome of the next reading, before that counts."""
    go = tmp_path / "go"
    os.mkfifo(go)
    answers: list[tuple[str, int]] = []

    def ask(outcome: Outcome) -> None:
        assert isinstance(outcome, Loaded)
        answers.append((outcome.config.path, len(reloads.outcomes)))

    made = reloads.reload(lambda: Loaded(Config(go.read_text(), Options(), (), "h", ()), None))
    for _ in range(3):
        made.request_reload(ask)
    for number, text in enumerate(("old", "new"), 1):
        threading.Thread(target=go.write_text, args=(text,)).start()
        reloads.until(number)
    assert answers == [("old", 0), ("new", 1), ("new", 1)]


def test_judged(reloads: Reloads) -> None:
    """Who asks for a good file that cannot be had hears that, as all others do."""
    answers: list[Outcome] = []
    refused = [Problem(PATH, None, None, "another knockd uses StateDir")]
    reloads.judge = lambda _: refused
    reloads.reload(lambda: CONFIG).request_reload(answers.append)
    reloads.until(1)
    assert [refused] == answers
    assert [[f"{PATH}: another knockd uses StateDir"]] == reloads.outcomes


def test_answer_without_a_process(reloads: Reloads) -> None:
    """When no process is to be had who asks has that as the outcome."""

    def fork(_work: Callable[[], int], _keep: Iterable[int]) -> int:
        raise OSError(11, "Resource temporarily unavailable")

    answers: list[Outcome] = []
    reloads.reload(lambda: CONFIG, fork).request_reload(answers.append)
    assert len(answers) == 1
    assert not isinstance(answers[0], Loaded)


def test_hanging(reloads: Reloads, monkeypatch: pytest.MonkeyPatch) -> None:
    """A child that does not come to an end is killed, and that is a problem like others."""
    monkeypatch.setattr(reload, "PATIENCE", 0.1)
    reloads.reload(hang).request_reload()
    reloads.until(1)
    assert [["/etc/knockd.conf: could not be read: it took more than 0 seconds"]] == reloads.outcomes


def test_dying(reloads: Reloads) -> None:
    """A child that dies before it answers is one problem."""
    reloads.reload(die).request_reload()
    reloads.until(1)
    assert [["/etc/knockd.conf: could not be read: the process that does so ended early"]] == reloads.outcomes


def test_replaced(reloads: Reloads) -> None:
    """When our own files are gone or others since the start, the problem says what to do."""

    def load() -> Loaded:
        from knockd_conf import gone  # type: ignore[attr-defined]

        assert gone
        return CONFIG

    reloads.reload(load).request_reload()
    reloads.until(1)
    (problems,) = reloads.outcomes
    assert isinstance(problems, list)
    assert problems[0].startswith("/etc/knockd.conf: could not be read: cannot import name 'gone'")
    assert problems[0].endswith("; after an upgrade restart knockd")


def test_another_version(reloads: Reloads, monkeypatch: pytest.MonkeyPatch) -> None:
    """A daemon that runs on after an upgrade reads nothing with the other version's parser, and says so."""
    monkeypatch.setattr(knockd, "__version__", "0.8.9")
    reloads.reload(lambda: CONFIG).request_reload()
    reloads.until(1)
    reason = f"knockd {importlib.reload(knockd).__version__} is installed and 0.8.9 runs; restart knockd"
    assert [[f"/etc/knockd.conf: could not be read: {reason}"]] == reloads.outcomes


def test_no_process(reloads: Reloads) -> None:
    """When no process can be started the old configuration is kept."""

    def full(_main: Callable[[], int], _keep: Iterable[int]) -> int:
        raise BlockingIOError(11, "Resource temporarily unavailable")

    reloads.reload(lambda: CONFIG, full).request_reload()
    assert [["/etc/knockd.conf: could not be read: Resource temporarily unavailable"]] == reloads.outcomes


def test_stop(reloads: Reloads) -> None:
    """At the end of the daemon nothing that is being read has an effect any more."""
    made = reloads.reload(hang)
    made.request_reload()
    made.request_reload()
    made.stop()
    reloads.loop.wait(0.05)
    assert [] == reloads.outcomes
    assert reloads.begun == 1


def test_nothing_is_left(reloads: Reloads) -> None:
    """Neither processes nor descriptors pile up, whatever the outcomes."""
    before = len(os.listdir("/proc/self/fd")), children()

    def load() -> Loaded:
        return (lambda: CONFIG, refuse, die)[reloads.begun % 3]()

    made = reloads.reload(load)
    for number in range(1, 16):
        made.request_reload()
        reloads.until(number)
    give_up = time.monotonic() + 10
    while before != (left := (len(os.listdir("/proc/self/fd")), children())) and time.monotonic() < give_up:
        reloads.loop.wait(0.01)
    assert before == left
