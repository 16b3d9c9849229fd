"""The child that has the knock secret and is asked for minutes as often as anybody likes."""

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
from knockd.signed.secret_teller import FAR, SecretTeller
from knockd_conf.signed_packet import LAST_MINUTE, MinuteKeys, derive_host, derive_minute
from knockd_conf.trust import TrustPolicy
from tests.support.samples.signed_vectors import KEYS

SECRET = bytes(range(32))
MINUTE = 29_934_720
POLICY = TrustPolicy.current()


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    """A file with the secret."""
    made = tmp_path / "secret"
    made.touch(0o600)
    made.write_text(f"{b64encode(SECRET).decode()}\n")
    return made


@pytest.fixture
def keys(tmp_path: Path) -> Path:
    """A file with two keys and a line that is none."""
    made = tmp_path / "authorized_keys"
    made.touch(0o644)
    made.write_text(f"{KEYS['alice'].line}\nx\n{KEYS['token'].line}\n")
    return made


@pytest.fixture
def teller() -> Iterator[Callable[..., SecretTeller]]:
    """Starts tellers, and ends them."""
    made: list[SecretTeller] = []

    def start(secret: Path, *files: Path) -> SecretTeller:
        made.append(SecretTeller(fork_child, str(secret), [*map(str, files)], POLICY))
        return made[-1]

    yield start
    for one in made:
        one.close()


def tag_of(minute: int) -> bytes:
    """The tag of a minute."""
    return MinuteKeys(minute, derive_minute(SECRET, minute)).tag


def test_files(teller: Callable[..., SecretTeller], secret: Path, keys: Path) -> None:
    """It tells the host's identity, the keys of each file, and what is wrong with lines."""
    told = teller(secret, keys, Path("/none")).tell_files()
    assert (told.secret.host, told.secret.problem) == (derive_host(SECRET), "")
    assert [key.fingerprint for key in told.files[0].keys] == [
        KEYS["alice"].fingerprint,
        KEYS["token"].fingerprint,
    ]
    assert told.files[0].problems[0].startswith("line 2: ")
    assert told.files[1] == ((), ("No such file or directory",))


def test_minutes(teller: Callable[..., SecretTeller], secret: Path) -> None:
    """It derives the keys of any minutes, in any order."""
    asked = teller(secret)
    for first in (MINUTE, 0, LAST_MINUTE - 2, MINUTE - 7):
        minutes = range(first, first + 3)
        assert asked.derive(minutes) == {minute: derive_minute(SECRET, minute) for minute in minutes}


def test_find(teller: Callable[..., SecretTeller], secret: Path) -> None:
    """It finds the minute of a tag up to two days away, and none beyond."""
    asked = teller(secret)
    for minutes in (0, 1, -1, 10, FAR, -FAR):
        assert asked.find_minute(tag_of(MINUTE + minutes), MINUTE) == MINUTE + minutes
    assert asked.find_minute(tag_of(MINUTE + FAR + 1), MINUTE) is None
    assert asked.find_minute(bytes(4), MINUTE) is None
    assert asked.find_minute(tag_of(3), 1) == 3
    for days in range(1, 9):  # more than it remembers
        assert asked.find_minute(tag_of(MINUTE + days * FAR), MINUTE + days * FAR) == MINUTE + days * FAR
    assert asked.find_minute(tag_of(MINUTE), MINUTE) == MINUTE


def test_secret_that_cannot_be_used(teller: Callable[..., SecretTeller], secret: Path, keys: Path) -> None:
    """The keys are told all the same, and no minute has one."""
    secret.chmod(0o644)
    asked = teller(secret, keys)
    told = asked.tell_files()
    assert told.secret.problem == f"others than its owner may use it (mode 0644), run chmod 600 {secret}"
    assert len(told.files[0].keys) == 2
    assert asked.derive(range(3)) == {}
    assert asked.find_minute(tag_of(MINUTE), MINUTE) is None


MAKE = """
import os, sys
from base64 import b64encode
path = os.open(sys.argv[1], os.O_WRONLY | os.O_CREAT, 0o600)
os.write(path, b64encode(os.urandom(32)) + b"\\n")
"""
COUNT = """
import sys
from base64 import b64decode
from pathlib import Path
from tests.support.lab.memory import occurrences
text = Path(sys.argv[1]).read_text().strip()
for pid in map(int, sys.argv[2:]):
    print(occurrences(pid, b64decode(text)) + occurrences(pid, text.encode()))
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="reads the memory of other processes: needs root")
def test_no_secret_comes_back(tmp_path: Path, teller: Callable[..., SecretTeller]) -> None:
    """Who asks never has the secret in its memory, raw or as text; the child has it."""
    path = tmp_path / "random"
    subprocess.run([sys.executable, "-c", MAKE, path], check=True)
    asked = teller(path)
    assert len(asked.derive(range(MINUTE, MINUTE + 3))) == 3
    command = [sys.executable, "-c", COUNT, str(path), str(os.getpid()), str(asked.pid)]
    ours, its = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()
    assert (ours, int(its) > 0) == ("0", True)


def test_ended(teller: Callable[..., SecretTeller], secret: Path) -> None:
    """When the child is gone a question is an error, and not a wait."""
    asked = teller(secret)
    os.kill(asked.pid, signal.SIGKILL)
    for ask in (asked.tell_files, lambda: asked.derive(range(2)), lambda: asked.find_minute(bytes(4), 7)):
        with pytest.raises(OSError, match="the process that reads the knock secret gave no answer"):
            ask()


class _Lies:
    """A child that answers the same to everything."""

    def __init__(self, said: bytes) -> None:
        self.said = said

    def ask(self, _question: bytes, _most: int) -> bytes:
        return self.said


@pytest.mark.parametrize("said", [b"", b"x", b"ff", b"1", b"99999999", b"-1", b"[]", b"\xff"])
def test_answers_that_are_none(said: bytes, secret: Path) -> None:
    """Whatever comes back is an answer to the question or an error."""
    asked = SecretTeller(fork_child, str(secret), [], POLICY)
    asked.close()
    asked._child = _Lies(said)  # type: ignore[assignment]
    for ask in (asked.tell_files, lambda: asked.derive(range(2)), lambda: asked.find_minute(bytes(4), 9_999)):
        with pytest.raises(OSError, match="gave no answer"):
            ask()
