"""HUP: the configuration is read in a child; what becomes of a second HUP, of a child that hangs."""

from __future__ import annotations

import asyncio
import importlib
import os
import signal
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

import pytest

import knockd
from knockd.edge.children import fork_child
from knockd.edge.privileges import User
from knockd.keeper import reload
from knockd.keeper.reload import Reload
from knockd.keeper.settings import Loaded
from knockd_conf import Config, ConfigError, Problem
from knockd_conf.model import Options
from tests.support.played import door

PATH = "/etc/knockd.conf"
CONFIG = Loaded(Config(PATH, Options(), (door("1 2"),), "host", (PATH,)), User("knockd", 103, 203))


class Desk:
    """A loop, and what became of every reload."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self.begun = 0
        self.outcomes: list[Loaded | Sequence[str]] = []

    def reload(
        self,
        load: Callable[[], Loaded],
        fork: Callable[[Callable[[], int], Iterable[int]], int] = fork_child,
    ) -> Reload:
        """One that reads the configuration with ``load``."""
        made = Reload(
            self.loop, fork, load, PATH, begun=self._begun, good=self.outcomes.append, bad=self._bad
        )
        self.loop.add_signal_handler(signal.SIGCHLD, made.reap)
        return made

    def until(self, count: int) -> None:
        """Lets the loop run until ``count`` outcomes are there."""

        async def watch() -> None:
            async with asyncio.timeout(20):
                while len(self.outcomes) < count:
                    await asyncio.sleep(0.001)

        self.loop.run_until_complete(watch())

    def _begun(self) -> None:
        self.begun += 1

    def _bad(self, problems: Sequence[Problem]) -> None:
        self.outcomes.append([str(problem) for problem in problems])


@pytest.fixture
def desk() -> Iterator[Desk]:
    """A desk that goes with the test."""
    made = Desk()
    before = set(children())
    yield made
    made.loop.run_until_complete(_collected(before))
    made.loop.remove_signal_handler(signal.SIGCHLD)
    made.loop.close()


async def _collected(before: set[str]) -> None:
    """Waits until no child is left but those of ``before``: tests of commands collect whatever there is."""
    async with asyncio.timeout(20):
        while not set(children()) <= before:
            await asyncio.sleep(0.001)


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


def test_good(desk: Desk) -> None:
    """A good configuration comes back as it was read, doors, options and all."""
    desk.reload(lambda: CONFIG).ask()
    desk.until(1)
    assert ([CONFIG], 1) == (desk.outcomes, desk.begun)


def test_large(desk: Desk) -> None:
    """A configuration of thousands of doors is longer than a pipe."""
    doors = tuple(door("1 2", name=f"{n}") for n in range(3_000))
    large = Loaded(Config(PATH, Options(), doors, "h", ()), None)
    desk.reload(lambda: large).ask()
    desk.until(1)
    assert [large] == desk.outcomes


def test_bad(desk: Desk) -> None:
    """Every problem of a bad one is told."""
    desk.reload(refuse).ask()
    desk.until(1)
    assert [["f:1: a: expected b, got c", "f:2: expected d"]] == desk.outcomes


def test_one_more(desk: Desk, tmp_path: Path) -> None:
    """However many HUPs come while one is under way: one more follows, and it reads what is there then."""
    go = tmp_path / "go"
    os.mkfifo(go)

    def load() -> Loaded:
        return Loaded(Config(go.read_text(), Options(), (), "h", ()), None)

    made = desk.reload(load)
    for _ in range(5):
        made.ask()
    for number, text in enumerate(("old", "new"), 1):
        desk.loop.run_in_executor(None, go.write_text, text)
        desk.until(number)
    assert (["old", "new"], 2) == (
        [one.config.path for one in desk.outcomes if isinstance(one, Loaded)],
        desk.begun,
    )


def test_hanging(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """A child that does not come to an end is killed, and that is a problem like others."""
    monkeypatch.setattr(reload, "PATIENCE", 0.1)
    desk.reload(hang).ask()
    desk.until(1)
    assert [["/etc/knockd.conf: could not be read: it took more than 0 seconds"]] == desk.outcomes


def test_dying(desk: Desk) -> None:
    """A child that dies has told nothing."""
    desk.reload(die).ask()
    desk.until(1)
    assert [["/etc/knockd.conf: could not be read: the process that does so ended early"]] == desk.outcomes


def test_replaced(desk: Desk) -> None:
    """When our own files are gone or others since the start, the problem says what to do."""

    def load() -> Loaded:
        from knockd_conf import gone  # type: ignore[attr-defined]

        assert gone
        return CONFIG

    desk.reload(load).ask()
    desk.until(1)
    (problems,) = desk.outcomes
    assert isinstance(problems, list)
    assert problems[0].startswith("/etc/knockd.conf: could not be read: cannot import name 'gone'")
    assert problems[0].endswith("; after an upgrade restart knockd")


def test_another_version(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """A daemon that runs on after an upgrade reads nothing with the other version's parser, and says so."""
    monkeypatch.setattr(knockd, "__version__", "0.8.9")
    desk.reload(lambda: CONFIG).ask()
    desk.until(1)
    reason = f"knockd {importlib.reload(knockd).__version__} is installed and 0.8.9 runs; restart knockd"
    assert [[f"/etc/knockd.conf: could not be read: {reason}"]] == desk.outcomes


def test_no_process(desk: Desk) -> None:
    """When no process can be started the old configuration is kept."""

    def full(_main: Callable[[], int], _keep: Iterable[int]) -> int:
        raise BlockingIOError(11, "Resource temporarily unavailable")

    desk.reload(lambda: CONFIG, full).ask()
    assert [["/etc/knockd.conf: could not be read: Resource temporarily unavailable"]] == desk.outcomes


def test_stop(desk: Desk) -> None:
    """At the end of the daemon nothing that is being read has an effect any more."""
    made = desk.reload(hang)
    made.ask()
    made.ask()
    made.stop()
    desk.loop.run_until_complete(asyncio.sleep(0.05))
    assert ([], 1) == (desk.outcomes, desk.begun)


def test_nothing_is_left(desk: Desk) -> None:
    """Neither processes nor descriptors pile up, whatever the outcomes."""
    before = len(os.listdir("/proc/self/fd")), children()

    def load() -> Loaded:
        return (lambda: CONFIG, refuse, die)[desk.begun % 3]()

    made = desk.reload(load)
    for number in range(1, 16):
        made.ask()
        desk.until(number)
    desk.loop.run_until_complete(asyncio.sleep(0.05))
    assert before == (len(os.listdir("/proc/self/fd")), children())
