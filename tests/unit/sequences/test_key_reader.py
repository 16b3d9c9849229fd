"""Key files on disk: read, and everything they can be instead."""

from __future__ import annotations

import os
import re
from base64 import b64encode
from collections.abc import Callable
from pathlib import Path

import pytest

from knockd.sequences.key_reader import read_key_file
from knockd_conf.key_file import MAX_SIZE, NamedKey
from knockd_conf.trust import TrustPolicy
from tests.support.lab.other_user import STRANGER, give_away

KEY = bytes(range(32))
TEXT = f"ann {b64encode(KEY).decode()} expires=2030-01-31\n"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A good file with a key of Ann's."""
    made = tmp_path / "knockd.key"
    made.write_text(TEXT)
    made.chmod(0o600)
    return made


def refusal(path: Path, policy: TrustPolicy | None = None) -> str | None:
    """Why a file is refused, for people; what holds a key is not in it."""
    with pytest.raises(OSError) as refused:  # noqa: PT011 - the reason is the caller's
        read_key_file(str(path), policy)
    assert TEXT.split()[1] not in str(refused.value)
    return refused.value.strerror


@pytest.mark.parametrize("mode", [0o600, 0o400, 0o700])
def test_read(path: Path, mode: int) -> None:
    """A file that only its owner may read gives its keys, and stays as it is."""
    path.chmod(mode)
    assert read_key_file(str(path)) == ((NamedKey("ann", KEY, "2030-01-31"),), ())
    assert path.read_text() == TEXT


def test_mistake(path: Path) -> None:
    """A bad line is a problem, and no key of the file counts."""
    path.write_text(TEXT + "bob short\n")
    assert read_key_file(str(path)) == ((), ("line 2: expected a key in base64 behind the name",))


def test_long(path: Path) -> None:
    """Of a file without end no more is read than shows that it is too long."""
    path.write_text("#" * (MAX_SIZE + 100))
    assert read_key_file(str(path)) == ((), (f"expected at most {MAX_SIZE} bytes, got more",))


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o602, 0o610, 0o601, 0o666])
@pytest.mark.parametrize("enforce", [True, False])
def test_mode(path: Path, mode: int, enforce: bool) -> None:
    """A file that others may use is refused with what to run, also with --allow-insecure-config."""
    path.chmod(mode)
    policy = TrustPolicy(enforce, TrustPolicy.current().owners)
    expected = f"others than its owner may use it (mode 0{mode:o}), run chmod 600 {path}"
    assert refusal(path, policy) == expected


def test_path_with_a_space(path: Path) -> None:
    """What is to be run can be copied, whatever the path is."""
    other = path.rename(path.parent / "the key")
    other.chmod(0o644)
    assert refusal(other) == f"others than its owner may use it (mode 0644), run chmod 600 '{other}'"


def _missing(path: Path) -> None:
    path.unlink()


def _directory(path: Path) -> None:
    path.unlink()
    path.mkdir()


def _fifo(path: Path) -> None:
    path.unlink()
    os.mkfifo(path, 0o600)


def _device(path: Path) -> None:
    path.unlink()
    path.symlink_to("/dev/zero")


IMPOSSIBLE = [
    (_missing, "No such file or directory"),
    (_directory, "is neither a file nor a device nor a pipe"),
    (_fifo, "is not a regular file"),
    (_device, "is not a regular file"),
]


@pytest.mark.parametrize(("make", "reason"), IMPOSSIBLE, ids=["missing", "directory", "fifo", "device"])
def test_impossible(path: Path, make: Callable[[Path], None], reason: str) -> None:
    """What is no regular file is refused without waiting, and the error says what it is."""
    make(path)
    assert refusal(path) == reason


def test_file_of_another_user(path: Path) -> None:
    """A file of another user is refused: she knows the keys. Without root's rights it may be anybody's."""
    give_away(path)
    policy = TrustPolicy(enforce=True, owners=TrustPolicy.current().owners)
    assert refusal(path, policy) == f"belongs to uid {STRANGER}, run chown root {path}"
    assert read_key_file(str(path), TrustPolicy(enforce=False)).keys


def test_directory_of_another_user(path: Path) -> None:
    """A file of ours below somebody else's directory is refused: she could put another one in its place."""
    give_away(path.parent)
    found = refusal(path, TrustPolicy(enforce=True, owners=TrustPolicy.current().owners))
    assert found is not None
    assert re.match(f"{re.escape(str(path.parent))}: expected a directory owned by root, got uid", found)


def test_link_of_another_user(path: Path) -> None:
    """Through her link no key file is reached."""
    link = path.parent / "link"
    link.symlink_to(path)
    give_away(link)
    assert refusal(link) == "is a link that somebody else may have made"


def test_no_descriptor_stays(path: Path) -> None:
    """Neither a good file nor a refused one leaves a descriptor open."""
    before = os.listdir("/proc/self/fd")
    read_key_file(str(path))
    path.chmod(0o644)
    refusal(path)
    assert os.listdir("/proc/self/fd") == before
