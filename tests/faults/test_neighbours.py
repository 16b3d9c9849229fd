"""Other users of the machine: what they plant leads knockd to no other file, and opens no door."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.e2e.conftest import Pair, Start
from tests.support.daemons.daemon import OURS, Daemon, environment
from tests.support.daemons.doors import SERVER, config, door
from tests.support.lab.other_user import STRANGER, give_away
from tests.support.lab.processes import find_by_argument
from tests.support.lab.services import send_knock
from tests.support.lab.waiting import wait_until

PRECIOUS = "precious\n"
Plant = Callable[[Path, Path], None]
"""Puts something in a path's place, maybe to have a victim overwritten."""


@pytest.fixture
def shared(tmp_path: Path) -> Path:
    """A directory like /tmp, in which a stranger has been before us."""
    made = tmp_path / "shared"
    made.mkdir()
    made.chmod(0o1777)
    return made


@pytest.fixture
def victim(tmp_path: Path) -> Path:
    """A file of root's that a stranger would like to have overwritten."""
    made = tmp_path / "victim"
    made.write_text(PRECIOUS)
    return made


def run(
    pair: Pair, tmp_path: Path, *options: str, text: str | None = None
) -> subprocess.CompletedProcess[str]:
    """Runs knockd on the server until it ends, in the background if it is asked to."""
    path = tmp_path / "knockd.conf"
    if text is not None or not path.exists():
        path.write_text(text or config(door("secret", "700,800")))
        path.chmod(0o600)
    state = ("--state-dir", str(tmp_path / "state"), "--control-socket", str(tmp_path / "control"))
    command = [*pair.server.exec_prefix, *OURS, "-i", "eth0", "-c", str(path), *state, *options]
    return subprocess.run(command, capture_output=True, text=True, timeout=20, check=False, env=environment())


def _link(path: Path, victim: Path) -> None:
    path.symlink_to(victim)
    give_away(path)


def _second_name(path: Path, victim: Path) -> None:
    path.hardlink_to(victim)


def _file(path: Path, victim: Path) -> None:
    path.write_text(victim.read_text())
    give_away(path)


def _pipe(path: Path, victim: Path) -> None:  # noqa: ARG001 - one of several
    os.mkfifo(path)
    give_away(path)


PID_FILES: dict[Plant, str] = {
    _link: "Too many levels of symbolic links",
    _second_name: "has a second name",
    _file: f"belongs to uid {STRANGER}",
    _pipe: "is not a regular file",
}


@pytest.mark.parametrize("plant", PID_FILES, ids=lambda plant: plant.__name__)
def test_pid_file(pair: Pair, tmp_path: Path, shared: Path, victim: Path, plant: Plant) -> None:
    """What a stranger put in the pid file's place is left alone; the daemon runs and says why it has none."""
    path = shared / "knockd.pid"
    plant(path, victim)
    done = run(pair, tmp_path, "-d", "-p", str(path))
    end_daemon(path)
    message = f"knockd: could not create pid file {path}: {PID_FILES[plant]}\n"
    assert (done.returncode, message in done.stderr, victim.read_text()) == (0, True, PRECIOUS)


def end_daemon(pid_file: Path) -> None:
    """End the daemon that was to have this pid file."""
    (pid,) = find_by_argument(str(pid_file))
    os.kill(pid, signal.SIGTERM)
    wait_until(lambda: not find_by_argument(str(pid_file)), 10, "it ends")


def test_pid_file_named_by_mistake(pair: Pair, tmp_path: Path) -> None:
    """``-p`` typed for ``-c`` does not cost the configuration."""
    path = tmp_path / "other.conf"
    path.write_text("[options]\n")
    done = run(pair, tmp_path, "-d", "-p", str(path))
    end_daemon(path)
    assert (done.returncode, path.read_text()) == (0, "[options]\n")
    assert "holds something else than a process id" in done.stderr


LOG_FILES: dict[Plant, str] = {
    _link: "is a link that somebody else may have made",
    _second_name: "has a second name, in a directory that others can write",
    _file: f"belongs to uid {STRANGER}, in a directory that others can write",
    _pipe: "No such device or address",
}


@pytest.mark.parametrize("plant", LOG_FILES, ids=lambda plant: plant.__name__)
def test_log_file(pair: Pair, start: Start, shared: Path, victim: Path, plant: Plant) -> None:
    """What a stranger put in the log's place is not written; that is said, and the door opens."""
    path = shared / "knockd.log"
    plant(path, victim)
    opened = shared.parent / "opened"
    text = config(door("secret", "700,800", start_command=f"touch {opened}"))
    daemon = start(pair.server, text, "-g", str(path), ready=None)
    listening(daemon)
    send_knock(pair.client, SERVER[4], "700", "800")
    wait_until(opened.exists, 10, "the door opens")
    problem = f"knockd: could not write to log file {path}: {LOG_FILES[plant]}"
    assert (daemon.output().splitlines().count(problem), victim.read_text()) == (1, PRECIOUS)


def listening(daemon: Daemon) -> None:
    """Waits until the daemon says on standard output that it listens."""
    wait_until(lambda: "listening on" in daemon.output(), 10, "listening")


def test_state_directory(pair: Pair, start: Start, shared: Path, tmp_path: Path) -> None:
    """A state directory that a stranger made beforehand is not used, and the door opens and closes."""
    state, done = shared / "state", tmp_path / "done"
    state.mkdir()
    give_away(state)
    command = f"echo {{}} >> {done}".format
    text = config(
        door("secret", "700,800", start_command=command("open"), stop_command=command("close"), cmd_timeout=1)
    )
    program = ("env", f"RUNTIME_DIRECTORY={tmp_path / 'run'}", *OURS)
    daemon = start(pair.server, text, "--state-dir", str(state), program=program)
    send_knock(pair.client, SERVER[4], "700", "800")
    wait_until(lambda: done.exists() and done.read_text() == "open\nclose\n", 10, "it opens and closes")
    (said,) = [line for line in daemon.log_lines() if "cannot be noted" in line]
    assert f"owned by uid {STRANGER}" in said
    assert list(state.iterdir()) == []


@pytest.mark.parametrize("plant", [_link, _file], ids=lambda plant: plant.__name__)
def test_one_time_file(pair: Pair, start: Start, shared: Path, victim: Path, plant: Plant) -> None:
    """Sequences that a stranger put in place open nothing: the door is disabled, which is said."""
    victim.write_text("700,800\n")
    codes = shared / "codes"
    plant(codes, victim)
    daemon = start(
        pair.server, config(f"[trip]\none_time_sequences = {codes}\n", door("marker", "1700,1800"))
    )
    send_knock(pair.client, SERVER[4], "700", "800", "1700", "1800")
    lines = daemon.wait_for("marker: OPEN SESAME")
    (said,) = [line for line in lines if "disabling the door" in line]
    assert LOG_FILES[plant] in said
    assert [line for line in lines if "trip: Stage" in line] == []
    assert victim.read_text() == "700,800\n"
    assert codes.is_symlink() or codes.read_text() == "700,800\n"


@pytest.mark.parametrize("plant", [_link, _second_name, _file, _pipe], ids=lambda plant: plant.__name__)
def test_included_file(pair: Pair, tmp_path: Path, shared: Path, victim: Path, plant: Plant) -> None:
    """A file that a stranger gave us to include is refused, whatever it is, and the daemon does not start."""
    plant(shared / "evil.conf", victim)
    done = run(pair, tmp_path, text=config(door("secret", "700,800"), Include=f"{shared}/*.conf"))
    assert (done.returncode, PRECIOUS.strip() in done.stderr, str(shared) in done.stderr) == (78, False, True)


@pytest.mark.parametrize("what", ["configuration", "include", "one-time file"])
def test_a_path_through_a_strangers_directory(
    pair: Pair, start: Start, shared: Path, tmp_path: Path, what: str
) -> None:
    """Root's file behind a stranger's directory and link is not taken: another one would be read tomorrow."""
    real, hers = tmp_path / "real", shared / "hers"
    real.mkdir(mode=0o700)
    hers.mkdir()
    (hers / "link").symlink_to(real)
    give_away(hers / "link")
    give_away(hers)
    path = hers / "link" / "file"
    (real / "file").write_text("700,800\n" if what == "one-time file" else config(door("secret", "700,800")))
    (real / "file").chmod(0o600)
    if what == "one-time file":
        daemon = start(pair.server, config(f"[trip]\none_time_sequences = {path}\n"))
        assert any("may have made --> disabling the door" in line for line in daemon.log_lines())
        return
    done = (
        run(pair, tmp_path, "-c", str(path))
        if what == "configuration"
        else run(pair, tmp_path, text=config(Include=path))
    )
    assert (done.returncode, f"{hers}: expected a directory owned by root" in done.stderr) == (78, True)


def test_config_file(pair: Pair, tmp_path: Path) -> None:
    """A configuration that a stranger owns is refused: it holds commands that root runs."""
    path = tmp_path / "knockd.conf"
    path.write_text(config(door("secret", "700,800")))
    give_away(path)
    done = run(pair, tmp_path)
    assert (done.returncode, f"expected a file owned by root, got uid {STRANGER}" in done.stderr) == (
        78,
        True,
    )
