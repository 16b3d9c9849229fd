"""knockd --replay from the command line to the exit status, in a process of its own each time."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from knockd_conf.timed import Rule, derive_ports
from tests.support.lab.tools import need_pcapy
from tests.support.samples.captures import BEGIN, pcap, pcapng
from tests.support.samples.frames import ethernet, packet

ENVIRONMENT = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
CONFIG = "[options]\nGuard_Ports = none\n[ssh]\nSequence = 47001,47002\nCommand = touch %IP%\n"
FRAMES = [ethernet(bytes(6), bytes(6), packet("192.0.2.1", "10.0.0.1", port)) for port in (47_001, 47_002)]
KNOCK = pcap(list(enumerate(FRAMES)))


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """A good configuration."""
    made = tmp_path / "knockd.conf"
    made.write_text(CONFIG)
    made.chmod(0o600)
    return made


def run(
    config: Path, *arguments: str | Path, given: bytes | None = None
) -> subprocess.CompletedProcess[bytes]:
    """What knockd --replay says of a file."""
    need_pcapy()
    command = [sys.executable, "-m", "knockd", "-c", str(config), "--replay", *map(str, arguments)]
    return subprocess.run(command, env=ENVIRONMENT, input=given or b"", capture_output=True, check=False)


def test_file(config: Path, tmp_path: Path) -> None:
    """A knock in a file opens, and its command is printed and not run."""
    (tmp_path / "a.pcap").write_bytes(KNOCK)
    done = run(config, tmp_path / "a.pcap")
    assert (0, b"") == (done.returncode, done.stderr)
    assert b"192.0.2.1 opens ssh at 10.0.0.1\n    would run: touch 192.0.2.1\n" in done.stdout
    assert not (tmp_path / "192.0.2.1").exists()


def test_knock_with_a_key(config: Path, tmp_path: Path) -> None:
    """A capture is judged by what keys made at its time; a door whose key cannot be had is left out."""
    key = tmp_path / "home.key"
    key.write_text(f"ann {b64encode(bytes(range(32))).decode()}\n")
    key.chmod(0o600)
    with config.open("a") as file:
        file.write(f"[home]\nSequence_Key = {key}\nCommand = true\n[none]\nSequence_Key = /none\n")
    ports = derive_ports(bytes(range(32)), "home", Rule().period_at(BEGIN), Rule()).steps
    frames = [ethernet(bytes(6), bytes(6), packet("192.0.2.1", "10.0.0.1", one.port)) for one in ports]
    (tmp_path / "a.pcap").write_bytes(pcap(list(enumerate(frames))))
    done = run(config, tmp_path / "a.pcap")
    assert done.stderr == b"knockd: door none is left out: /none: No such file or directory\n"
    assert b"192.0.2.1 opens home at 10.0.0.1 with key\n    ann\n    would run: true\n" in done.stdout
    assert done.returncode == 0


def test_standard_input(config: Path) -> None:
    """``-`` is standard input, a pipe too; both forms are read."""
    done = run(config, "-", "--format", "json", given=pcapng((0, n, one) for n, one in enumerate(FRAMES)))
    assert (0, 1) == (done.returncode, json.loads(done.stdout)["openings"])


@contextmanager
def reading(config: Path) -> Iterator[subprocess.Popen[bytes]]:
    """knockd --replay -, which has read the first step of a knock out of a pipe that others do not fill."""
    need_pcapy()
    command = [sys.executable, "-m", "knockd", "-c", str(config), "--replay", "-"]
    process = subprocess.Popen(
        command,
        env=ENVIRONMENT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    with process:
        assert process.stdin is not None
        process.stdin.write(pcap([(0, FRAMES[0])] * 2_000))  # more than a pipe holds: it reads
        process.stdin.flush()
        yield process


def test_interrupted(config: Path) -> None:
    """Ctrl-C at ``tcpdump -w - | knockd --replay -``: what tcpdump still writes counts, and is reported."""
    with reading(config) as process:
        os.killpg(process.pid, signal.SIGINT)
        report, _ = process.communicate(pcap([(1, FRAMES[1])])[24:])
    assert 0 == process.returncode
    assert b"192.0.2.1 opens ssh" in report


def test_interrupted_again(config: Path) -> None:
    """Where whoever writes goes on, another Ctrl-C ends it."""
    with reading(config) as process:
        while process.poll() is None:
            os.killpg(process.pid, signal.SIGINT)
            with suppress(subprocess.TimeoutExpired):
                process.wait(0.1)
    assert -signal.SIGTERM == process.returncode


def test_written_to_a_file(config: Path, tmp_path: Path) -> None:
    """The report can be written to a file, also when rights were given up."""
    need_pcapy()
    with (tmp_path / "report").open("wb") as report:
        command = [sys.executable, "-m", "knockd", "-c", str(config), "--replay", "-"]
        done = subprocess.run(command, env=ENVIRONMENT, input=KNOCK, stdout=report, check=False)
    assert 0 == done.returncode
    assert b"opens ssh" in (tmp_path / "report").read_bytes()


def test_broken_off(config: Path) -> None:
    """What comes before the place where a file breaks off counts; the status says that there was more."""
    done = run(config, "-", given=KNOCK + KNOCK[24:60])
    assert 65 == done.returncode
    assert b"opens ssh" in done.stdout
    assert b"-: breaks off after packet 2: truncated dump file" in done.stderr


def test_two_link_types(config: Path) -> None:
    """libpcap stops at an interface of another link type; the message says what to do."""
    mixed = pcapng(((0, n, one) for n, one in enumerate(FRAMES)), (1, 101))
    done = run(config, "-", given=mixed)
    assert 65 == done.returncode
    assert b"type 101 different" in done.stderr


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", b"expected a capture (pcap or pcapng), got: an empty file"),
        (
            b"Nov 29 17:00 knockd: started\n" * 5,
            b"expected a capture (pcap or pcapng), got: unknown file format",
        ),
        (
            pcap([], 105),
            b"link type 105 is none that knockd can read; expected one of 0 BSD loopback, 1 Ethernet",
        ),
    ],
)
def test_no_capture(config: Path, content: bytes, said: bytes) -> None:
    """What is no capture, or none that can be judged, ends with 65."""
    done = run(config, "-", given=content)
    assert (65, b"") == (done.returncode, done.stdout)
    assert said in done.stderr


def test_unreadable(config: Path, tmp_path: Path) -> None:
    """What is not there and what is a directory end with 66."""
    for path, said in ((tmp_path / "none", b"No such file or directory"), (tmp_path, b"got a directory")):
        done = run(config, path)
        assert 66 == done.returncode
        assert said in done.stderr


@pytest.mark.parametrize(
    ("name", "said"),
    [("a.pcap.gz", b"decompress it first, as with zcat"), ("a.log", b"got: unknown file format\n")],
)
def test_compressed(config: Path, tmp_path: Path, name: str, said: bytes) -> None:
    """Of a file that is compressed the message says what to do."""
    (tmp_path / name).write_bytes(b"\x1f\x8b" + bytes(40))
    assert said in run(config, tmp_path / name).stderr


def test_named_pipe(config: Path, tmp_path: Path) -> None:
    """A named pipe is read to its end, and a line says so."""
    need_pcapy()  # else nobody reads it, and who writes waits for ever
    os.mkfifo(tmp_path / "pipe")
    with subprocess.Popen(
        ["tee", tmp_path / "pipe"], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL
    ) as tee:
        assert tee.stdin is not None
        tee.stdin.write(KNOCK)
        tee.stdin.close()
        done = run(config, tmp_path / "pipe")
    assert (0, True) == (done.returncode, b"opens ssh" in done.stdout)
    assert b"a pipe, read until whoever writes to it ends" in done.stderr


def test_shells_pipe(config: Path) -> None:
    """A shell's <(command) cannot be opened; the message says how to pipe."""
    done = run(config, "/dev/fd/63")
    assert 66 == done.returncode
    assert b"pipe it: command | knockd --replay -" in done.stderr


def test_rights(config: Path, tmp_path: Path) -> None:
    """A file that nobody else may read is opened, and parsed by who is not root and has no right."""
    need_pcapy()
    (tmp_path / "a.pcap").write_bytes(KNOCK)
    (tmp_path / "a.pcap").chmod(0o400)
    tmp_path.chmod(0o700)
    spy = """
import os, sys
from knockd import cli
from knockd.replay import command
class Spy(command.CaptureFile):
    def __init__(self):
        print(os.geteuid(), *[line.split()[1] for line in open("/proc/self/status") if line[:7] == "CapEff:"])
        super().__init__()
command.CaptureFile = Spy
sys.exit(cli.main(sys.argv[1:]))
"""
    command = [sys.executable, "-c", spy, "-c", str(config), "--replay", str(tmp_path / "a.pcap")]
    done = subprocess.run(command, env=ENVIRONMENT, capture_output=True, check=False, text=True)
    user, rights = done.stdout.split()[:2]
    assert user != "0"
    assert 0 == int(rights, 16)
    assert "opens ssh" in done.stdout


def test_bad_config(config: Path) -> None:
    """A bad configuration ends with 78, before the capture is looked at."""
    config.write_text("[ssh]\nSequence = x\n")
    assert 78 == run(config, "/nonexistent").returncode


def test_without_pcapy_ng(config: Path, tmp_path: Path) -> None:
    """Without libpcap no file is opened; the message says how to get it."""
    (tmp_path / "pcapy.py").write_text(
        "raise ImportError('libpcap.so.0.8: cannot open shared object file')\n"
    )
    command = [sys.executable, "-m", "knockd", "-c", str(config), "--replay", "-"]
    path = os.pathsep.join((str(tmp_path), ENVIRONMENT["PYTHONPATH"]))
    done = subprocess.run(
        command, env={**ENVIRONMENT, "PYTHONPATH": path}, input=KNOCK, capture_output=True, check=False
    )
    assert os.EX_UNAVAILABLE == done.returncode
    assert b"expected the Python package pcapy-ng, got none (libpcap.so.0.8: cannot open" in done.stderr
    assert b"pip install pcapy-ng (Debian: python3-pcapy-ng)" in done.stderr
    assert b"" == done.stdout
