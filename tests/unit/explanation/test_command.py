"""knockd --explain of a capture file, in a process of its own each time."""

from __future__ import annotations

import json
import os
import struct
import subprocess
import sys
from pathlib import Path

import pytest

from knockd_bpf.wire import DLT_LINUX_SLL2
from tests.support.lab.tools import need_pcapy
from tests.support.samples.captures import pcap
from tests.support.samples.frames import ethernet, packet

ENVIRONMENT = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "TZ": "UTC"}
CONFIG = """
[options]
Guard_Ports = none
[ssh]
Sequence = 7000,8000,9000
Seq_Timeout = 10
Command = touch %IP%
"""
ONE_TIME = "[options]\nGuard_Ports = none\n[otp]\nOne_Time_Sequences = {}\nSeq_Timeout = 10\nCommand = true\n"


def explain(
    tmp_path: Path, sent: list[tuple[float, str, int]], *options: str, config: str = CONFIG
) -> subprocess.CompletedProcess[str]:
    """What is said of 192.0.2.1 in a capture of packets: seconds, source, port."""
    path, capture = tmp_path / "knockd.conf", tmp_path / "a.pcap"
    path.write_text(config)
    path.chmod(0o600)
    frames = [(at, ethernet(bytes(6), bytes(6), packet(who, "10.0.0.1", port))) for at, who, port in sent]
    capture.write_bytes(pcap(frames))
    return run(tmp_path, "--local", "10.0.0.1", *options)


def run(tmp_path: Path, *options: str) -> subprocess.CompletedProcess[str]:
    """What is said of 192.0.2.1 in the capture that is there."""
    need_pcapy()
    command = [sys.executable, "-m", "knockd", "-c", str(tmp_path / "knockd.conf")]
    return subprocess.run(
        [*command, "--replay", str(tmp_path / "a.pcap"), "--explain", "192.0.2.1", *options],
        env=ENVIRONMENT,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


SLOW = [(0.0, "192.0.2.1", 7000), (3.0, "192.0.2.1", 8000), (14.2, "192.0.2.1", 9000)]


def test_text(tmp_path: Path) -> None:
    """A line a packet and the sentence, without the report of the replay; nothing is run."""
    done = explain(tmp_path, SLOW)
    assert (os.EX_OK, "") == (done.returncode, done.stderr)
    assert [
        "22:13:20.000    0.000  7000:tcp syn        ssh: step 1 of 3",
        "22:13:23.000    3.000  8000:tcp syn        ssh: step 2 of 3",
        "22:13:34.200   14.200  9000:tcp syn        ssh: too late by 4.2 s: the attempt ended at step 2 of 3",
        "Knock within 10 seconds: the third packet came 4.2 s too late (Seq_Timeout = 10).",
    ] == done.stdout.splitlines()
    assert not (tmp_path / "192.0.2.1").exists()


def test_guessed_addresses(tmp_path: Path) -> None:
    """Verdicts depend on which addresses are this host's: a guess of them is said."""
    explain(tmp_path, SLOW)
    assert (
        "knockd: most knocks here go to 10.0.0.1: taken for this host's; name its own with --local ADDR,...\n"
        == run(tmp_path).stderr
    )


def test_json(tmp_path: Path) -> None:
    """Each line is an object."""
    done = explain(tmp_path, SLOW, "--format", "json")
    said = [json.loads(line) for line in done.stdout.splitlines()]
    assert ["packet", "packet", "packet", "advice"] == [one["event"] for one in said]


def test_nothing(tmp_path: Path) -> None:
    """Of a source that sent nothing there is the sentence."""
    done = explain(tmp_path, [(0.0, "192.0.2.2", 7000)])
    assert done.stdout.startswith("Nothing of 192.0.2.1 arrived: look at the path")


def test_a_sequence_that_another_has_used(tmp_path: Path) -> None:
    """In a capture the packets of others count: a one-time sequence that one of them uses is used."""
    sequences = tmp_path / "sequences"
    sequences.write_text("7000,8000\n")
    sequences.chmod(0o600)
    sent = [(0.0, "192.0.2.2", 7000), (0.1, "192.0.2.2", 8000), (1.0, "192.0.2.1", 7000)]
    done = explain(tmp_path, sent, config=ONE_TIME.format(sequences))
    assert "the sequence can be used once, and has been" in " ".join(done.stdout.split())


def test_another_vlan(tmp_path: Path) -> None:
    """Packets that the VLAN's interface does not have are told from those that it has."""
    done = explain(tmp_path, SLOW, "--vlan", "100")
    assert 3 == done.stdout.count(" syn        it is not of the VLAN that --vlan asks for")


def test_seen_by_two_interfaces(tmp_path: Path) -> None:
    """In a capture of all interfaces a packet that two of them saw counts once, as in the report."""
    explain(tmp_path, [])
    inner = packet("192.0.2.1", "10.0.0.1", 7000)
    frames = [struct.pack("!HHIHBB8s", 0x0800, 0, index, 1, 0, 6, bytes(8)) + inner for index in (2, 5)]
    (tmp_path / "a.pcap").write_bytes(pcap([(1.0, frame) for frame in frames], DLT_LINUX_SLL2))
    done = run(tmp_path)
    assert "the same packet as at interface 2: it counts once" in done.stdout
    assert 1 == done.stdout.count("ssh: ")


def test_no_capture(tmp_path: Path) -> None:
    """A file that is none is refused as by --replay alone."""
    done = explain(tmp_path, [])
    assert os.EX_OK == done.returncode
    (tmp_path / "a.pcap").write_bytes(b"no capture")
    again = run(tmp_path)
    assert (os.EX_DATAERR, "") == (again.returncode, again.stdout)
    assert "expected a capture (pcap or pcapng)" in again.stderr


@pytest.mark.parametrize("text", ["host.example", "10.0.0.0/8", ""])
def test_no_address(tmp_path: Path, text: str) -> None:
    """What is no address is refused before anything is read."""
    done = explain(tmp_path, [], "--explain", text)
    assert os.EX_USAGE == done.returncode
    assert "expected an IP address" in done.stderr
