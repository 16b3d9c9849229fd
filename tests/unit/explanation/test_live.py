"""What is heard live: by which interface, how often, and what is said where there is none."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from knockd.explanation.accounts import Place
from knockd.explanation.live import Ear, Hearing, listen
from knockd.explanation.teller import Teller
from knockd.knocks.prefilter import prefilter
from knockd.worker.capture import CaptureError
from knockd_bpf.wire import DLT_EN10MB
from tests.support.doubles.captures import FakeCapture
from tests.support.doubles.listened import Listened, frame
from tests.support.doubles.played import BOB, LOCAL, door

DOOR = door("7 8", "ssh")
LISTENED = Listened(DOOR)
PROGRAM = prefilter(LISTENED.doors.watches, LOCAL, DLT_EN10MB).fitted.program.instructions


def ear(name: str, *batches: list[bytes] | CaptureError, number: int = 0) -> Ear:
    """An interface whose capture gives these batches, all frames at one time."""
    return Ear(number, FakeCapture(name, *batches), Place(name, LOCAL, LOCAL), PROGRAM)


def hearing() -> Hearing:
    """Listens to one source at one door."""
    listened = Listened(DOOR)
    return Hearing(Teller(listened.listener, listened.doors, as_json=False).tell_packet)


def test_a_batch(capsys: pytest.CaptureFixture[str]) -> None:
    """Each frame of a batch is told of."""
    hearing().read(ear("eth0", [frame("7"), frame("8"), frame("8", source=BOB)]))
    lines = capsys.readouterr().out.splitlines()
    assert ["eth0: ssh: step 1 of 2", "eth0: ssh: step 2 of 2: the door would open"] == [
        line[43:] for line in lines
    ]


def test_filtered(capsys: pytest.CaptureFixture[str]) -> None:
    """What the daemon's filter would drop is heard, and said to be dropped."""
    hearing().read(ear("eth0", [frame("7", destination=bytes((9, 9, 9, 9)))]))
    assert "the kernel's filter drops it" in " ".join(capsys.readouterr().out.split())


def test_two_interfaces(capsys: pytest.CaptureFixture[str]) -> None:
    """One packet that two interfaces see counts once; what one sees twice is two packets."""
    heard = hearing()
    heard.read(ear("eth0", [frame("7"), frame("7")]))
    heard.read(ear("br0", [frame("7")], number=1))
    texts = [line[43:] for line in capsys.readouterr().out.splitlines()]
    assert "eth0: ssh: step 1 of 2" == texts[0]
    assert "eth0: ssh: a step that is done comes again; 8:tcp is due" in " ".join(texts)
    assert "br0: the same packet as at eth0: it counts once" == texts[-1]


@pytest.fixture
def stop() -> Iterator[int]:
    """What can be read once a signal has come, as it has."""
    reader, writer = os.pipe()
    os.write(writer, b"x")
    yield reader
    os.close(reader)
    os.close(writer)


def test_end(capsys: pytest.CaptureFixture[str], stop: int) -> None:
    """When a signal comes, what waits in the rings is told of before the end."""
    listened = Listened(DOOR)
    ears = [ear("eth0", [frame("7")]), ear("eth1", CaptureError("eth1: gone"), number=1)]
    teller = Teller(listened.listener, listened.doors, as_json=False)
    assert not listen({one.capture.fileno(): one for one in ears}, teller.tell_packet, stop)
    said = capsys.readouterr()
    assert "ssh: step 1 of 2" in said.out
    assert "knockd: eth1: gone" in said.err


def test_all_are_lost() -> None:
    """Without a capture there is nothing to wait for."""
    listened = Listened(DOOR)
    lost = ear("eth0", CaptureError("eth0: gone"))
    teller = Teller(listened.listener, listened.doors, as_json=False)
    reader, writer = os.pipe()
    assert listen({lost.capture.fileno(): lost}, teller.tell_packet, reader)
    os.close(reader)
    os.close(writer)


def test_lost() -> None:
    """A capture that ends is the caller's to close."""
    with pytest.raises(CaptureError):
        hearing().read(ear("eth0", CaptureError("eth0: gone")))


def test_no_interface(tmp_path: Path) -> None:
    """Where there is no interface to listen at the exit status is EX_UNAVAILABLE, and nothing waits."""
    path = tmp_path / "knockd.conf"
    path.write_text("[ssh]\nSequence = 7000,8000\nCommand = true\n")
    path.chmod(0o600)
    done = subprocess.run(
        [sys.executable, "-m", "knockd", "-c", str(path), "-i", "nosuch0", "--explain", "192.0.2.7"],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert os.EX_UNAVAILABLE == done.returncode
    assert "knockd: no interface nosuch0 here; there are: " in done.stderr
    assert "knockd: no interface to listen at: name one that is up with -i" in done.stderr
