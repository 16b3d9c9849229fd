"""Reading a configuration in a process of its own, and waiting for it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from knockd.edge.children import fork_child
from knockd.edge.privileges import NoSuchUserError, User
from knockd.keeper import settings
from knockd.keeper.reading import Outcome, begin, wait
from knockd.keeper.settings import Loaded, Settings
from knockd_conf import Config, ConfigError, Problem
from knockd_conf.model import Options
from tests.support.waiting import wait_until

PATH = "/etc/knockd.conf"
LOADED = Loaded(Config(PATH, Options(), (), "host", (PATH,)), None)


def read(load: Callable[[], Loaded]) -> Outcome:
    """The outcome of a reading that was waited for."""
    return wait(begin(fork_child, load, PATH), PATH)


def problems(load: Callable[[], Loaded]) -> Sequence[Problem]:
    """What a bad one comes back as."""
    outcome = read(load)
    assert not isinstance(outcome, Loaded)
    return outcome


def test_good() -> None:
    """A good configuration comes back as it was read."""
    assert LOADED == read(lambda: LOADED)


def test_bad() -> None:
    """Every problem of a bad one comes back."""
    found = (Problem(PATH, 1, "a", "expected b"), Problem(PATH, 2, None, "expected c", passing=True))

    def load() -> Loaded:
        raise ConfigError(found)

    assert found == problems(load)


def test_killed() -> None:
    """A process that ends early has told nothing: that may be better the next time."""

    def load() -> Loaded:
        os.kill(os.getpid(), signal.SIGKILL)
        return LOADED

    assert [True] == [one.passing for one in problems(load)]


def test_a_fault_is_told() -> None:
    """Whatever goes wrong is a problem like others, by its name."""

    def load() -> Loaded:
        raise MemoryError("no more")

    assert [f"{PATH}: could not be read: MemoryError: no more"] == list(map(str, problems(load)))


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL])
def test_it_ends_with_who_asked(number: signal.Signals) -> None:
    """Whatever ends the one who waits ends the process that reads, which may hang."""
    code = (
        "import sys, time; from knockd.edge.children import fork_child; "
        "from knockd.keeper.reading import begin, wait; "
        "reading = begin(fork_child, lambda: time.sleep(60), 'f'); "
        "print(reading.pid, flush=True); wait(reading, 'f')"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    with subprocess.Popen(
        [sys.executable, "-c", code],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as asking:
        assert asking.stdout is not None
        pid = int(asking.stdout.readline())
        asking.send_signal(number)
        assert asking.stdout.read() == ""  # the child held it too
    assert asking.returncode != 0
    wait_until(lambda: not Path(f"/proc/{pid}").exists() or _is_zombie(pid), 10, "the child has ended")


def _is_zombie(pid: int) -> bool:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"


def test_who_started_us_ignores_children() -> None:
    """A start where the end of children is ignored, as a shell's trap leaves it, is a start like others."""
    code = (
        "import sys; from knockd.edge.children import fork_child, unblock_signals; "
        "from knockd.keeper.reading import begin, wait; unblock_signals(); "
        "print(wait(begin(fork_child, lambda: 7, 'f'), 'f'))"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    command = ["sh", "-c", 'trap "" CHLD; exec "$@"', "sh", sys.executable, "-c", code]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "7\n")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A good configuration that asks for a user."""
    made = tmp_path / "knockd.conf"
    made.write_text("[options]\nUser = bob\n[a]\nSequence = 1,2\n")
    made.chmod(0o600)
    return made


def test_the_user_is_found_there(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who the packet process becomes is part of what was read."""
    monkeypatch.setattr(settings, "is_user", lambda _: True)
    monkeypatch.setattr(settings, "packet_user", lambda name: User(str(name), 103, 203))
    assert User("bob", 103, 203) == Settings(str(path)).read().user


def test_a_user_who_goes_meanwhile(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One who was there a moment ago and is gone is a problem of the key that asks for him."""

    def gone(name: str | None) -> User:
        raise NoSuchUserError(f"there is no user {name} on this system")

    monkeypatch.setattr(settings, "is_user", lambda _: True)
    monkeypatch.setattr(settings, "packet_user", gone)
    with pytest.raises(ConfigError, match="User: there is no user bob on this system"):
        Settings(str(path)).read()
