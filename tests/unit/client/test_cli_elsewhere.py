"""The knock command where macOS and Windows lack what Linux has: real packets from a process without it."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path

import pytest

from knockd.client.status import CONFIG, IO_ERROR, TEMPORARY, UNAVAILABLE
from tests.support.doubles.fake_agent import FakeAgent, SoftKey
from tests.support.lab.ssh_agent import make_key

TAKE_AWAY = """
import errno, os, select, signal, socket, subprocess, sys, tempfile

windows = sys.argv[1] == "win32"
linux_only = {
    socket: "AF_PACKET AF_NETLINK AF_ALG AF_VSOCK SOCK_NONBLOCK SOCK_CLOEXEC MSG_NOSIGNAL SO_BINDTODEVICE"
    " SO_MARK IP_TRANSPARENT SO_PRIORITY SO_PEERCRED",
    os: "pidfd_open memfd_create eventfd splice sendfile getrandom posix_fallocate O_PATH O_TMPFILE",
    select: "epoll",
}
lacking = {
    socket: "AF_UNIX socketpair SO_REUSEPORT MSG_DONTWAIT",
    os: "fork forkpty getuid geteuid getgid getegid getpgid setsid setuid chown fchown fchmod pread pwrite"
    " readv writev uname mkfifo statvfs sched_yield sysconf getloadavg nice O_NONBLOCK O_CLOEXEC O_NOFOLLOW"
    " O_DIRECTORY O_SYNC " + " ".join(name for name in dir(os) if name.startswith("EX_")),
    signal: "SIGPIPE SIGHUP SIGALRM SIGXFSZ SIGUSR1 SIGCHLD sigwait pthread_sigmask setitimer",
    select: "poll",
}
for module, names in [*linux_only.items(), *(lacking.items() if windows else ())]:
    for name in names.split():
        if hasattr(module, name):
            delattr(module, name)
for name in ("resource", "spwd", "syslog", "_posixsubprocess"):
    sys.modules[name] = None
sys.platform = sys.argv[1]
if windows:
    for name in ("fcntl", "pwd", "grp", "termios", "tty", "pty"):
        sys.modules[name] = None
    os.name = "nt"
    numbers = {errno.EINPROGRESS: 10035, errno.ECONNREFUSED: 10061, errno.ENETUNREACH: 10051}
    connect, option = socket.socket.connect_ex, socket.socket.getsockopt
    socket.socket.connect_ex = lambda self, to: numbers.get(found := connect(self, to), found)
    socket.socket.getsockopt = lambda self, *which: numbers.get(found := option(self, *which), found)
    socket.errorTab = {10051: "The network cannot be reached."}
from knockd.client.cli import main
sys.exit(main(sys.argv[2:]))
"""


@pytest.fixture(params=["darwin", "win32"])
def platform(request: pytest.FixtureRequest) -> str:
    """A system that is not Linux."""
    return str(request.param)


def knock(platform: str, home: Path, *argv: object, **more: str) -> subprocess.CompletedProcess[str]:
    """Run the client in a process that lacks what the system lacks."""
    folders = ("XDG_CONFIG_HOME", "APPDATA", "XDG_STATE_HOME", "LOCALAPPDATA")
    environ = {"PATH": os.environ["PATH"], "PYTHONPATH": os.pathsep.join(sys.path), "HOME": str(home)}
    environ |= {**dict.fromkeys(folders, str(home)), **more}
    command = [sys.executable, "-c", TAKE_AWAY, platform, *map(str, argv)]
    return subprocess.run(command, env=environ, capture_output=True, text=True, timeout=60, check=False)


@pytest.fixture
def heard() -> Iterator[socket.socket]:
    """A UDP socket that hears datagrams of this machine."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("127.0.0.1", 0))
        sock.settimeout(10)
        yield sock


@pytest.fixture
def answering() -> Iterator[int]:
    """A TCP port that answers."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        sock.listen()
        yield sock.getsockname()[1]


@pytest.fixture
def refusing() -> Iterator[int]:
    """A TCP port where nobody listens."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        yield sock.getsockname()[1]


def test_a_plain_knock(platform: str, tmp_path: Path, heard: socket.socket, refusing: int) -> None:
    """Hits that are refused count as sent, the datagram arrives, and -v prints what it always prints."""
    port = heard.getsockname()[1]
    done = knock(platform, tmp_path, "-v", "127.0.0.1", refusing, f"{port}:udp")
    assert f"hitting tcp 127.0.0.1:{refusing}\nhitting udp 127.0.0.1:{port}\n" == done.stdout
    assert 0 == done.returncode
    assert b"\0" == heard.recv(10)


def test_verifying(platform: str, tmp_path: Path, answering: int, refusing: int) -> None:
    """An open port is seen to be open, a closed one to be closed."""
    assert 0 == knock(platform, tmp_path, "--verify", answering, "127.0.0.1", refusing).returncode
    done = knock(platform, tmp_path, "--verify", refusing, "--tries", 1, "127.0.0.1", refusing)
    assert TEMPORARY == done.returncode
    assert f"port {refusing} of 127.0.0.1 did not open after 1 knock (connection refused: " in done.stderr


def write_key(home: Path) -> Path:
    """A profile with a key, in the folder that is the system's."""
    folder = home / "knock"
    folder.mkdir()
    (folder / "config").write_text("[home]\nhost = 127.0.0.1\nkey = home.key\ndoor = ssh\n")
    key = folder / "home.key"
    key.write_text(f"alice {b64encode(bytes(32)).decode()}\n")
    key.chmod(0o600)
    return key


def test_a_profile_with_a_key(platform: str, tmp_path: Path) -> None:
    """The file of profiles is found and a sequence is made of its key."""
    write_key(tmp_path)
    done = knock(platform, tmp_path, "-v", "home")
    assert 4 == done.stdout.count("hitting tcp 127.0.0.1:")
    assert 0 == done.returncode
    assert 0 == knock(platform, tmp_path, "--list").returncode


def test_a_sequence_that_has_opened(platform: str, tmp_path: Path, answering: int) -> None:
    """A port that nobody has seen closed proves nothing, so nothing is noted."""
    write_key(tmp_path)
    done = knock(platform, tmp_path, "--ports", "1-1100", "--verify", answering, "home")
    assert 0 == done.returncode
    assert {"config", "home.key"} == {path.name for path in (tmp_path / "knock").iterdir()}


def test_a_key_that_others_can_read(platform: str, tmp_path: Path) -> None:
    """Modes are looked at where the system has them."""
    write_key(tmp_path).chmod(0o644)
    assert (0 if platform == "win32" else CONFIG) == knock(platform, tmp_path, "home").returncode


def test_a_one_time_file(platform: str, tmp_path: Path, refusing: int) -> None:
    """A line is struck out."""
    path = tmp_path / "once"
    path.write_text(f"{refusing}\n1,2\n")
    path.chmod(0o600)
    assert 0 == knock(platform, tmp_path, "--mark", "--sequence-file", path, "127.0.0.1").returncode
    assert f"#{str(refusing)[1:]}\n1,2\n" == path.read_text()


def test_a_command(platform: str, tmp_path: Path, refusing: int) -> None:
    """A command runs and its status is ours; a missing one has the status of shells."""
    leave = ("--", sys.executable, "-c", "raise SystemExit(7)")
    assert 7 == knock(platform, tmp_path, "127.0.0.1", refusing, *leave).returncode
    assert 127 == knock(platform, tmp_path, "127.0.0.1", refusing, "--", "no-such-program").returncode


def test_no_network(platform: str, tmp_path: Path) -> None:
    """What cannot be sent is told in the system's words, with its own command for routes."""
    done = knock(platform, tmp_path, "255.255.255.255", "1")
    assert IO_ERROR == done.returncode
    assert "nothing could be sent" in done.stderr


@pytest.mark.parametrize("argv", [["--help"], ["--version"]])
def test_texts(platform: str, tmp_path: Path, argv: list[str]) -> None:
    """The client starts and prints."""
    done = knock(platform, tmp_path, *argv)
    assert (0, "") == (done.returncode, done.stderr)
    assert "knock" in done.stdout


def write_secret(home: Path) -> Path:
    """A file with a knock secret."""
    path = home / "secret"
    path.write_text(f"{b64encode(bytes(32)).decode()}\n")
    path.chmod(0o600)
    return path


def test_a_signed_knock_with_a_file(platform: str, tmp_path: Path, heard: socket.socket) -> None:
    """ssh-keygen signs with a key's file, and one packet arrives, bound or not."""
    key, port = make_key(tmp_path / "key"), heard.getsockname()[1]
    signed = ("--signed", port, "--secret", write_secret(tmp_path), "--door", "ssh", "-k", key)
    for bind in ("none", "auto", "127.0.0.1"):
        done = knock(platform, tmp_path, *signed, "--bind", bind, "-v", "127.0.0.1")
        assert 0 == done.returncode, done.stderr
        assert 124 == len(heard.recv(999))
        assert f"hitting udp 127.0.0.1:{port}" == done.stdout.splitlines()[1]


def test_a_signed_knock_with_an_agent(tmp_path: Path, heard: socket.socket) -> None:
    """Where there are sockets of agents, one signs, and one packet arrives."""
    port = heard.getsockname()[1]
    signed = ("--signed", port, "--secret", write_secret(tmp_path), "--door", "ssh")
    with FakeAgent(tmp_path / "a", SoftKey(1)) as agent:
        done = knock("darwin", tmp_path, *signed, "127.0.0.1", SSH_AUTH_SOCK=str(agent.path))
    assert 0 == done.returncode, done.stderr
    assert 124 == len(heard.recv(999))


def test_no_agent_on_windows(tmp_path: Path) -> None:
    """Where neither a pipe nor a socket can be opened, that is said, with the other way."""
    signed = ("--signed", 1, "--secret", write_secret(tmp_path), "--door", "ssh", "127.0.0.1")
    done = knock("win32", tmp_path, *signed)
    assert UNAVAILABLE == done.returncode
    assert (
        "SSH_AUTH_SOCK: \\\\.\\pipe\\openssh-ssh-agent: No such file or directory; name a key" in done.stderr
    )
    done = knock("win32", tmp_path, *signed, SSH_AUTH_SOCK="/tmp/agent.1")
    assert "SSH_AUTH_SOCK: /tmp/agent.1: this Python has no sockets of this kind; name a key" in done.stderr
