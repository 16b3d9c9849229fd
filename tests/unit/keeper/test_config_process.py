"""The child that reads command line and configuration: what it sends, and how it ends."""

from __future__ import annotations

import os
import pickle
import signal
import struct
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import pytest

from knockd.keeper.config_process import ConfigProcess, Outcome, Send, read_configuration, start_reading
from knockd.keeper.settings import Loaded, Settings
from knockd.process.fork import fork_child
from knockd_conf.errors import ConfigError, Problem
from knockd_conf.model import Config, Options
from tests.support.lab.waiting import wait_until

PATH = "/etc/knockd.conf"
LOADED = Loaded(Config(PATH, Options(), (), "host", (PATH,)), None)


def read(load: Callable[[], Loaded]) -> Outcome:
    """The outcome of a child that reads with ``load``, read to its end."""

    def work(send: Send) -> int:
        send(read_configuration(load, PATH))
        return 0

    child = ConfigProcess(fork_child, work)
    while child.read_some():
        pass
    outcome = child.outcome(PATH)
    child.wait()
    return outcome


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


def test_no_core() -> None:
    """It reads key files, too: it leaves no core."""

    def work(send: Send) -> int:
        send(Path("/proc/self/limits").read_text().split("Max core file size")[1].split()[:2])
        return 0

    child = ConfigProcess(fork_child, work)
    assert child.receive() == ["0", "0"]
    assert child.wait() == 0


def test_killed() -> None:
    """A process that ends early has sent nothing; the next one may do better."""

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
    # SIGINT is ignored where the tests run in the background.
    code = (
        "import signal, sys, time; from knockd.process.fork import fork_child; "
        "signal.signal(signal.SIGINT, signal.default_int_handler); "
        "from knockd.keeper.config_process import ConfigProcess; "
        "child = ConfigProcess(fork_child, lambda send: time.sleep(60)); "
        "print(child.pid, flush=True); child.receive()"
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
        "import sys; from knockd.process.fork import fork_child, unblock_signals; "
        "from knockd.keeper.config_process import ConfigProcess; unblock_signals(); "
        "child = ConfigProcess(fork_child, lambda send: send(7) or 3); print(child.receive(), child.wait())"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    command = ["sh", "-c", 'trap "" CHLD; exec "$@"', "sh", sys.executable, "-c", code]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "7 3\n")


def test_values_come_in_their_order() -> None:
    """What the child sends is received one after the other, and then nothing; its exit status follows."""

    def work(send: Send) -> int:
        send("settings")
        send("x" * 200_000)  # more than a pipe holds
        return 3

    child = ConfigProcess(fork_child, work)
    assert "settings" == child.receive()
    assert "x" * 200_000 == child.receive()
    assert child.receive() is None
    assert child.wait() == 3


def test_half_a_value() -> None:
    """A child that is killed while it sends has sent nothing."""

    def work(_send: Send) -> int:
        writer = max(
            int(name) for name in os.listdir("/proc/self/fd") if os.path.exists(f"/proc/self/fd/{name}")
        )
        data = pickle.dumps("settings")
        os.write(writer, struct.pack("=Q", len(data)) + data[:-3])
        os.kill(os.getpid(), signal.SIGKILL)
        return 0

    child = ConfigProcess(fork_child, work)
    assert child.receive() is None
    assert child.wait() == -signal.SIGKILL


def test_a_child_that_hangs_is_killed() -> None:
    """After kill the child is collected, at once or soon."""

    def hang(_send: Send) -> int:
        time.sleep(60)
        return 0

    child = ConfigProcess(fork_child, hang)
    assert not child.collect()
    child.kill()
    wait_until(child.collect, 10, "it has ended")


def test_no_process_to_be_had() -> None:
    """The error goes to the caller, and no descriptor is left open."""

    def full(_main: Callable[[], int], _keep: Iterable[int]) -> int:
        raise BlockingIOError(11, "Resource temporarily unavailable")

    before = os.listdir("/proc/self/fd")
    with pytest.raises(BlockingIOError):
        ConfigProcess(full, lambda _: 0)
    assert before == os.listdir("/proc/self/fd")


def test_settings_are_what_is_read_by(tmp_path: Path) -> None:
    """The child of a reload reads the file of the settings, and the command line lies over it."""
    path = tmp_path / "knockd.conf"
    path.write_text("[options]\nInterface = eth7\n[a]\nSequence = 1,2\n")
    path.chmod(0o600)
    child = start_reading(
        fork_child, Settings(str(path), interfaces=("lo",), state_dir=str(tmp_path / "state"))
    )
    while child.read_some():
        pass
    outcome = child.outcome(str(path))
    assert child.wait() == os.EX_OK
    assert isinstance(outcome, Loaded)
    assert ("lo",) == outcome.config.options.interface
