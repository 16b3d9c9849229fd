"""The child that has the keys and is asked for sequences as often as anybody likes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from base64 import b64encode
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from knockd.process.fork import fork_child
from knockd.sequences.key_teller import KeyTeller
from knockd_conf.model import Door
from knockd_conf.rotating import rule_of
from knockd_conf.timed import derive_ports
from knockd_conf.trust import TrustPolicy
from tests.support.doubles.played import door

KEY, OTHER = bytes(range(32)), bytes(range(32, 64))
NOW = 1_793_646_785.5
POLICY = TrustPolicy.current()


@pytest.fixture
def keyed(tmp_path: Path) -> Callable[..., Door]:
    """Makes a door of a key file with these lines."""

    def make(*lines: str, name: str = "ssh", **values: object) -> Door:
        path = tmp_path / f"{name}.key"
        path.write_text("".join(f"{line}\n" for line in lines))
        path.chmod(0o600)
        return door("", name, sequence_key=str(path), **values)

    return make


def line(name: str, key: bytes = KEY, rest: str = "") -> str:
    """A line of a key file."""
    return f"{name} {b64encode(key).decode()}{rest}"


@pytest.fixture
def teller() -> Iterator[Callable[..., KeyTeller]]:
    """Starts tellers, and ends them."""
    made: list[KeyTeller] = []

    def start(*doors: Door) -> KeyTeller:
        made.append(KeyTeller(fork_child, doors, POLICY))
        return made[-1]

    yield start
    for one in made:
        one.close()


def test_sequences(keyed: Callable[..., Door], teller: Callable[..., KeyTeller]) -> None:
    """Of each key it tells three periods on each side of any time that is asked for."""
    one = keyed(line("ann"), line("bob", OTHER))
    asked = teller(door("1 2"), one)
    for now in (NOW, NOW + 300, NOW - 86_400):
        period = int(now // 30)
        told = asked.ask(now)
        assert [(it.door, it.key, it.length, it.now) for it in told.sequences] == [
            (1, "ann", 30, period),
            (1, "bob", 30, period),
        ]
        for found, key in zip(told.sequences, (KEY, OTHER), strict=True):
            assert found.ports == {
                at: derive_ports(key, "ssh", at, rule_of(one)) for at in range(period - 3, period + 4)
            }
        assert told.problems == {}


def test_many_keys(keyed: Callable[..., Door], teller: Callable[..., KeyTeller]) -> None:
    """The most keys with the longest sequences are told whole."""
    lines = [line(f"{n:064}", bytes([n]) * 32) for n in range(32)]
    doors = [keyed(*lines, name=name, sequence_steps=16) for name in ("a", "b")]
    assert len(teller(*doors).ask(NOW).sequences) == 64


def test_problems(keyed: Callable[..., Door], teller: Callable[..., KeyTeller]) -> None:
    """A door whose keys cannot be used has none, with the reason; the other doors have theirs."""
    wide = keyed(line("ann"), name="wide")
    os.chmod(str(wide.sequence_key), 0o644)
    none = door("", "none", sequence_key="/none")
    bad, old = keyed("ann x", name="bad"), keyed(line("ann", KEY, " expires=2020-01-01"), name="old")
    told = teller(wide, none, bad, old, keyed(line("ann"))).ask(NOW)
    assert [it.door for it in told.sequences] == [4]
    assert told.problems == {
        0: f"others than its owner may use it (mode 0644), run chmod 600 {wide.sequence_key}",
        1: "No such file or directory",
        2: "line 1: expected a key in base64 behind the name",
        3: "every key in it has expired",
    }


def test_last_day(keyed: Callable[..., Door], teller: Callable[..., KeyTeller]) -> None:
    """A key opens until the end of its last day, by the time that is asked for."""
    asked = teller(keyed(line("ann"), line("bob", OTHER, " expires=2026-11-02")))
    names = [[it.key for it in asked.ask(NOW + days * 86_400).sequences] for days in (-9, 0, 2)]
    assert names == [["ann", "bob"], ["ann", "bob"], ["ann"]]


MAKE = """
import os, sys
from base64 import b64encode
path = os.open(sys.argv[1], os.O_WRONLY | os.O_CREAT, 0o600)
os.write(path, b"ann " + b64encode(os.urandom(32)) + b"\\n")
"""
COUNT = """
import sys
from base64 import b64decode
from pathlib import Path
from tests.support.lab.memory import occurrences
text = Path(sys.argv[1]).read_text().split()[1]
for pid in map(int, sys.argv[2:]):
    print(occurrences(pid, b64decode(text)) + occurrences(pid, text.encode()))
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="reads the memory of other processes: needs root")
def test_no_key_comes_back(tmp_path: Path, teller: Callable[..., KeyTeller]) -> None:
    """Who asks never has a key in its memory, raw or as text; the child has it, and leaves no core."""
    path = tmp_path / "random.key"
    subprocess.run([sys.executable, "-c", MAKE, path], check=True)
    asked = teller(door("", "ssh", sequence_key=str(path)))
    assert len(asked.ask(NOW).sequences) == 1
    command = [sys.executable, "-c", COUNT, str(path), str(os.getpid()), str(asked.pid)]
    ours, its = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()
    assert (ours, int(its) > 0) == ("0", True)
    limits = Path(f"/proc/{asked.pid}/limits").read_text()
    assert limits.split("Max core file size")[1].split()[:2] == ["0", "0"]


def test_ended(keyed: Callable[..., Door], teller: Callable[..., KeyTeller]) -> None:
    """When the child is gone a question is an error, and not a wait."""
    asked = teller(keyed(line("ann")))
    os.kill(asked.pid, signal.SIGKILL)
    with pytest.raises(OSError, match="the process that reads keys gave no answer"):
        asked.ask(NOW)


def test_close(keyed: Callable[..., Door]) -> None:
    """Closing ends the child and collects it; without doors with keys there is none."""
    asked = KeyTeller(fork_child, [keyed(line("ann"))], POLICY)
    pid = asked.pid
    asked.close()
    assert not os.path.exists(f"/proc/{pid}")
    without = KeyTeller(fork_child, [door("1 2")], POLICY)
    assert without.ask(NOW) == ((), {})
    without.close()


def test_no_process(keyed: Callable[..., Door]) -> None:
    """When no process can be had, that is said and no descriptor stays."""

    def refuse(*_: object) -> int:
        raise BlockingIOError(11, "Resource temporarily unavailable")

    before = os.listdir("/proc/self/fd")
    with pytest.raises(BlockingIOError):
        KeyTeller(refuse, [keyed(line("ann"))], POLICY)
    assert os.listdir("/proc/self/fd") == before


def test_a_capture_from_before_the_clock_was_set(
    keyed: Callable[..., Door], teller: Callable[..., KeyTeller]
) -> None:
    """There are no periods before the epoch; those after it are told as ever."""
    told = teller(keyed(line("ann"))).ask(12.0)
    assert [0, 1, 2, 3] == list(told.sequences[0].ports)[:4]
