"""``-d``: a real daemon with a locked pid file and nothing inherited."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.e2e.conftest import Pair
from tests.support.daemons.daemon import OURS, environment
from tests.support.daemons.doors import CLIENT, SERVER, config, door
from tests.support.lab.processes import find_by_argument
from tests.support.lab.services import send_knock
from tests.support.lab.waiting import wait_until


@pytest.fixture
def argv(tmp_path: Path) -> list[str]:
    """A command line for the daemon; config, pid file and log are in the test's directory."""
    path = tmp_path / "knockd.conf"
    path.write_text(config(door("secret", "900,1800:udp,700", start_command="true")))
    path.chmod(0o600)
    state = ("--state-dir", str(tmp_path / "state"))
    files = ("-c", str(path), "-p", str(tmp_path / "pid"), "-g", str(tmp_path / "log"))
    return [*OURS, *state, "-d", "-i", "eth0", *files]


def begin(
    pair: Pair, argv: Sequence[str], cwd: Path | None = None, pass_fds: Sequence[int] = ()
) -> subprocess.CompletedProcess[str]:
    """Start the daemon on the server; what its first process ended with."""
    apart = ("--control-socket", "none") if tuple(argv[: len(OURS)]) == OURS else ()
    command = [*pair.server.exec_prefix, *argv, *apart]
    return subprocess.run(
        command,
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
        cwd=cwd,
        pass_fds=pass_fds,
        env=environment(),
    )


def daemon_pid(tmp_path: Path) -> int:
    """The process that the pid file names."""
    return int((tmp_path / "pid").read_text())


def is_gone(pid: int) -> bool:
    """Whether a process has ended (collected by its parent or not)."""
    try:
        return Path("/proc", str(pid), "stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except (FileNotFoundError, ProcessLookupError):
        return True


def end(pid: int, number: signal.Signals = signal.SIGTERM) -> None:
    """Stop the daemon and wait for its end."""
    os.kill(pid, number)
    wait_until(lambda: is_gone(pid), 10, f"process {pid} ends")


def test_the_command_returns_when_the_daemon_listens(pair: Pair, argv: list[str], tmp_path: Path) -> None:
    """Status 0 means: the pid file is there and a knock opens, without any waiting."""
    done = begin(pair, argv)
    assert (0, "") == (done.returncode, done.stderr)
    send_knock(pair.client, SERVER[4], "900", "1800:udp", "700")
    wait_until(lambda: f"{CLIENT[4]}: secret: OPEN SESAME" in (tmp_path / "log").read_text(), 10, "it opens")
    end(daemon_pid(tmp_path))


@pytest.mark.parametrize(
    ("number", "last"),
    [(signal.SIGTERM, "shutting down"), (signal.SIGUSR1, "0 doors kept open until the next start")],
)
def test_its_end_removes_the_pid_file(
    pair: Pair, argv: list[str], tmp_path: Path, number: signal.Signals, last: str
) -> None:
    """After TERM or USR1 the pid file is gone, and the last line of the log says how it ended."""
    begin(pair, argv)
    end(daemon_pid(tmp_path), number)
    assert not (tmp_path / "pid").exists()
    assert (tmp_path / "log").read_text().endswith(f"] {last}\n")


def test_two_daemons(pair: Pair, argv: list[str], tmp_path: Path) -> None:
    """Two daemons with one pid file run, as under 0.8; the second says that the file is the first one's."""
    begin(pair, argv)
    first = daemon_pid(tmp_path)
    other = tmp_path / "other.conf"
    other.write_text(config(door("other", "1700,2900:udp,2800", start_command="true")))
    other.chmod(0o600)
    second_log = tmp_path / "second"
    state = ("--state-dir", str(tmp_path / "other-state"))
    done = begin(pair, [*argv, "-c", str(other), "-g", str(second_log), *state])
    assert done.returncode == 0
    assert done.stderr == f"knockd: could not create pid file {tmp_path}/pid: another knockd holds it\n"
    send_knock(pair.client, SERVER[4], "900", "1800:udp", "700", "1700", "2900:udp", "2800")
    wait_until(lambda: f"{CLIENT[4]}: other: OPEN SESAME" in second_log.read_text(), 10, "the second opens")
    wait_until(lambda: f"{CLIENT[4]}: secret: OPEN SESAME" in (tmp_path / "log").read_text(), 10, "the first")
    assert first == daemon_pid(tmp_path)
    (second,) = find_by_argument(str(second_log))
    end(second)
    assert (tmp_path / "pid").exists()
    end(first)


def test_a_pid_file_left_by_a_killed_daemon_is_no_obstacle(
    pair: Pair, argv: list[str], tmp_path: Path
) -> None:
    """The lock went with the process that was killed, so its file is taken over."""
    begin(pair, argv)
    first = daemon_pid(tmp_path)
    os.kill(first, signal.SIGKILL)
    wait_until(lambda: is_gone(first), 10, "it is killed")
    assert begin(pair, argv).returncode == 0
    assert daemon_pid(tmp_path) != first
    end(daemon_pid(tmp_path))


def test_it_keeps_nothing_of_the_terminal_it_was_started_from(
    pair: Pair, argv: list[str], tmp_path: Path
) -> None:
    """Keeper and packet process: a session of their own, / as directory, null input and output."""
    begin(pair, argv, cwd=Path(__file__).parents[2])
    pid = daemon_pid(tmp_path)
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    assert len(children) == 1
    for process in (pid, int(children[0])):
        assert os.getsid(process) != os.getsid(0)
        assert os.readlink(f"/proc/{process}/cwd") == "/"
        assert {os.readlink(f"/proc/{process}/fd/{number}") for number in (0, 1, 2)} == {os.devnull}
    end(pid)


def test_it_closes_descriptors_that_it_inherited(pair: Pair, argv: list[str], tmp_path: Path) -> None:
    """A file that the starting shell had open is not held open for the daemon's whole life."""
    stray = tmp_path / "stray"
    with stray.open("w") as held:
        begin(pair, argv, pass_fds=(held.fileno(),))
    pid = daemon_pid(tmp_path)
    (child,) = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    opened = {
        os.readlink(entry) for process in (pid, child) for entry in Path(f"/proc/{process}/fd").iterdir()
    }
    assert str(tmp_path / "log") in opened
    assert str(stray) not in opened
    end(pid)


def test_no_pid_file(pair: Pair, argv: list[str], tmp_path: Path, either: tuple[str, ...]) -> None:
    """Without the directory of its pid file it says so, and runs, as 0.8 does."""
    if either != OURS:
        argv[: argv.index("-d")] = either
    argv[argv.index("-p") + 1] = str(tmp_path / "missing" / "pid")
    done = begin(pair, argv)
    message = f"could not create pid file {tmp_path}/missing/pid: No such file or directory"
    log = tmp_path / "log"
    wait_until(lambda: message in log.read_text() and "listening on" in log.read_text(), 10, "it says both")
    assert (done.returncode, message in done.stderr) == (0, either == OURS)
    (pid,) = find_by_argument(str(log))
    end(pid)


def test_relative_paths_are_meant_from_where_it_was_started(
    pair: Pair, argv: list[str], tmp_path: Path
) -> None:
    """A daemon's relative LogFile and One_Time_Sequences lie where it was started, as under 0.8."""
    (tmp_path / "codes").write_text("1700,1800\n")
    conf = tmp_path / "knockd.conf"
    conf.write_text("[options]\nLogFile = rel.log\n[once]\none_time_sequences = codes\n")
    command = argv[: argv.index("-g")]
    assert begin(pair, command, cwd=tmp_path).returncode == 0
    try:
        lines = (tmp_path / "rel.log").read_text().splitlines()
        assert [line for line in lines if "disabling" in line] == []
    finally:
        os.kill(daemon_pid(tmp_path), signal.SIGTERM)
        wait_until(lambda: not (tmp_path / "pid").exists(), 10, "the daemon to end")


def test_the_pid_file_outlives_the_stop_commands(pair: Pair, argv: list[str], tmp_path: Path) -> None:
    """While open doors are being closed the pid file is there, so that no second daemon starts."""
    conf = tmp_path / "knockd.conf"
    seen = tmp_path / "seen"
    stop = f"sleep 0.5; test -e {tmp_path / 'pid'} && touch {seen}"
    conf.write_text(
        f"[a]\nsequence = 700,800\nstart_command = true\nstop_command = {stop}\ncmd_timeout = 60\n"
    )
    assert begin(pair, argv).returncode == 0
    send_knock(pair.client, SERVER[4], "700", "800")
    log = tmp_path / "log"
    wait_until(lambda: "running command: true" in log.read_text(), 10, "the door to open")
    os.kill(daemon_pid(tmp_path), signal.SIGTERM)
    wait_until(lambda: not (tmp_path / "pid").exists(), 10, "the daemon to end")
    assert seen.exists()
