"""A second daemon: it does not start beside the first, and the first's end, however it comes, makes room."""

from __future__ import annotations

import os
import re
import signal
import subprocess
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path

import pytest

from tests.e2e.conftest import Pair, Start
from tests.support.daemons.daemon import LISTENING, OURS, Daemon, environment
from tests.support.daemons.doors import CLIENT, SERVER, config, door
from tests.support.lab.processes import find_by_argument
from tests.support.lab.services import send_knock
from tests.support.lab.tools import need
from tests.support.lab.waiting import wait_until

REFUSED = "not started: another knockd"
Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def text(tmp_path: Path) -> str:
    """A door whose command notes each opening."""
    return config(door("secret", "700,800", start_command=f"echo open >> {tmp_path / 'done'}"))


@pytest.fixture
def run(pair: Pair, tmp_path: Path, text: str) -> Run:
    """Runs knockd on the server to its end, by the configuration of the daemon in ``tmp_path``/first."""

    def begin(*options: str, state: str = "first/state", prefix: tuple[str, ...] = ()) -> object:
        path = tmp_path / "first" / "knockd.conf"
        if not path.exists():
            path.parent.mkdir()
            path.write_text(text)
            path.chmod(0o600)
        files = ("-c", str(path), "--state-dir", str(tmp_path / state))
        command = [*pair.server.exec_prefix, *prefix, *OURS, "-i", "eth0", *files, *options]
        return subprocess.run(
            command, capture_output=True, text=True, timeout=30, check=False, env=environment()
        )

    return begin  # type: ignore[return-value]


@pytest.fixture
def first(pair: Pair, start: Start, tmp_path: Path, text: str) -> Daemon:
    """A daemon that listens."""
    return start(pair.server, text, directory=tmp_path / "first")


def test_by_hand(first: Daemon, run: Run) -> None:
    """``knockd -v`` beside it ends with 75, and says once whose pid that is and what to do instead."""
    done = run("-v")
    assert done.returncode == 75
    fact = f"another knockd (pid {first.pid}) runs by {first.config_path} on eth0"
    advice = (
        'Watch it with "knockctl status" or "knockctl log --follow"; --also starts this one all the same.'
    )
    said = (f"not started: {fact}: each command would run twice. {advice}\n", "")
    assert said == (done.stdout, done.stderr)


def test_in_the_background(first: Daemon, run: Run, tmp_path: Path) -> None:
    """``knockd -d`` has the same status, and leaves neither daemon nor pid file."""
    pid_file = tmp_path / "pid"
    done = run("-d", "-p", str(pid_file))
    assert (75, 1) == (done.returncode, done.stderr.count(f"another knockd (pid {first.pid}) runs"))
    assert not pid_file.exists()
    wait_until(lambda: not find_by_argument(str(pid_file)), 10, "nothing is left")


def test_another_configuration(pair: Pair, first: Daemon, start: Start, tmp_path: Path, text: str) -> None:
    """One StateDir is enough to be refused; with another one other doors are served side by side."""
    state = ("--state-dir", str(first.directory / "state"))
    second = start(pair.server, text, *state, directory=tmp_path / "second", ready=None)
    assert second.process.wait(10) == 75
    assert f"(pid {first.pid}) uses StateDir {first.directory}/state" in second.output()
    second.argv = (*second.argv, "--state-dir", str(tmp_path / "second" / "state"))
    with second:
        second.wait_for(LISTENING)
        send_knock(pair.client, SERVER[4], "700", "800")
        for daemon in (first, second):
            daemon.wait_for(f"{CLIENT[4]}: secret: OPEN SESAME")


def test_another_state_dir(first: Daemon, run: Run) -> None:
    """One configuration with the same interfaces is enough to be refused."""
    done = run("-v", state="other")
    assert done.returncode == 75
    assert f"(pid {first.pid}) runs by {first.config_path} on eth0" in done.stdout


@pytest.mark.parametrize("option", ["-t", "--dry-run"])
def test_what_only_prints(first: Daemon, run: Run, option: str) -> None:  # noqa: ARG001 - it runs
    """What starts no daemon is not refused."""
    assert run(option).returncode == 0


def test_forced(pair: Pair, first: Daemon, start: Start, tmp_path: Path, text: str) -> None:
    """With ``--also`` both listen and both run the command; a third is refused as long as the first runs."""
    files = ("-c", str(first.config_path), "--state-dir", str(first.directory / "state"))
    second = start(pair.server, text, *files, "--also", directory=tmp_path / "second")
    assert second.count("running all the same: another knockd") == 2
    send_knock(pair.client, SERVER[4], "700", "800")
    done = tmp_path / "done"
    wait_until(lambda: done.exists() and done.read_text() == "open\nopen\n", 10, "both open")
    third = start(pair.server, text, *files, directory=tmp_path / "third", ready=None)
    assert third.process.wait(10) == 75


def test_in_a_container(pair: Pair, first: Daemon, start: Start, text: str, tmp_path: Path) -> None:
    """From a pid namespace of its own the first is seen by its lock, and the text gives no pid."""
    need("unshare")
    state = ("--state-dir", str(first.directory / "state"))
    program = ("unshare", "--pid", "--fork", "--kill-child", *OURS)
    second = start(pair.server, text, *state, program=program, directory=tmp_path / "second", ready=None)
    assert second.process.wait(10) == 75
    assert "another knockd, whose pid is of another container, uses StateDir" in second.output()


def test_killed_and_started_at_once(pair: Pair, start: Start, tmp_path: Path, text: str) -> None:
    """After kill -9 the next one starts at once, twenty times, with its packet process still ending."""
    folder = tmp_path / "first"
    for _ in range(20):
        daemon = start(pair.server, text, directory=folder, ready=None)
        (folder / "knockd.log").unlink(missing_ok=True)
        daemon.wait_for(LISTENING)
        daemon.signal(signal.SIGKILL)
        daemon.process.wait(10)
    start(pair.server, text, directory=folder, ready=None).wait_for(LISTENING)


def test_restarted_in_order(pair: Pair, start: Start, tmp_path: Path, text: str) -> None:
    """A daemon that is stopped makes room for the next, and leaves no lock in the runtime directory."""
    runtime = tmp_path / "runtime"
    program = ("env", f"RUNTIME_DIRECTORY={runtime}", *OURS)
    for _ in range(3):
        daemon = start(pair.server, text, program=program, directory=tmp_path / "first", ready=None)
        wait_until(lambda: list(runtime.glob("running-*.lock")), 10, "it has its lock")
        assert daemon.stop() == 0
        assert not list(runtime.glob("running-*.lock"))


def test_started_at_one_instant(pair: Pair, tmp_path: Path, text: str) -> None:
    """Of two that start at one instant exactly one lives, ten times."""
    path = tmp_path / "knockd.conf"
    path.write_text(text)
    path.chmod(0o600)
    command = (*OURS, "-i", "eth0", "-c", str(path), "--state-dir", str(tmp_path / "state"), "-v")
    for _ in range(10):
        daemons = {}
        for output in (tmp_path / f"output-{number}" for number in range(2)):
            with output.open("wb") as opened:
                started = pair.server.popen(
                    *command, stdout=opened, stderr=subprocess.STDOUT, env=environment()
                )
            daemons[started] = output
        try:
            wait_until(partial(are_refused, daemons, 1), 60, "one has ended")
            (alive,) = [one for one in daemons if one.poll() is None]
            wait_until(partial(is_listening, daemons[alive]), 20, "one listens")
            assert are_refused(daemons, 1)
        finally:
            for one in daemons:
                one.terminate()
                one.wait(20)


def are_refused(daemons: Iterable[subprocess.Popen[bytes]], count: int) -> bool:
    """Whether so many have ended, all of them with status 75."""
    return [status for one in daemons if (status := one.poll()) is not None] == [75] * count


def is_listening(output: Path) -> bool:
    """Whether a daemon has said that it listens."""
    return LISTENING in output.read_text()


def test_reload_that_takes_what_is_anothers(pair: Pair, first: Daemon, start: Start, tmp_path: Path) -> None:
    """A reload that wants the StateDir of another daemon is refused and names its pid; nothing changes."""
    doors = door("secret", "700,800", start_command=f"echo moved >> {tmp_path / 'done'}")
    own = config(doors, StateDir=tmp_path / "free")
    second = start(pair.server, own, program=("env", *OURS), directory=tmp_path / "second")
    second.write_config(config(doors, StateDir=first.directory / "state"))
    second.signal(signal.SIGHUP)
    second.wait_for("keeping the old configuration")
    problem = f"{second.config_path}: another knockd (pid {first.pid}) uses StateDir {first.directory}/state"
    assert second.count(problem) == 1
    first.stop()
    second.signal(signal.SIGHUP)
    second.wait_for("re-reading config file", times=2)
    send_knock(pair.client, SERVER[4], "700", "800")
    second.wait_for(f"{CLIENT[4]}: secret: OPEN SESAME")


def test_directories_that_cannot_be_used(pair: Pair, start: Start, tmp_path: Path, text: str) -> None:
    """Where neither directory gives a lock that is logged, and the daemon listens."""
    places = [tmp_path / name for name in ("state", "runtime")]
    for place in places:
        place.mkdir()
        place.chmod(0o777)
    program = ("env", f"RUNTIME_DIRECTORY={places[1]}", *OURS)
    daemon = start(pair.server, text, "--state-dir", str(places[0]), program=program)
    lines = [line for line in daemon.log_lines() if line.startswith("could not lock")]
    assert [re.sub(r"/(running|state)-.*\.lock", r"/\1", line) for line in lines] == [
        f"could not lock {places[1]}/{name}, a second knockd would not be noticed: "
        f"others can write to it, chmod 700 {places[1]}"
        for name in ("running", "state")
    ]
    assert os.listdir(places[0]) == []
