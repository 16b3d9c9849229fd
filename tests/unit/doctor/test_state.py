"""Whether open doors can be noted."""

from __future__ import annotations

import os
from pathlib import Path
from types import SimpleNamespace

import pytest

from knockd.doctor import state as module
from knockd.doctor.state import find_file_system, look_at_state


@pytest.fixture(autouse=True)
def _root(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever runs the tests is asked as root would be."""
    owner = os.geteuid()
    monkeypatch.setattr("os.geteuid", lambda: 0)
    monkeypatch.setattr(module, "judge_directory", lambda path, found: judge(path, found, owner))


def judge(path: str, found: os.stat_result, owner: int) -> None:
    """The rule of the state directory, for who runs the tests."""
    assert owner == found.st_uid
    if found.st_mode & 0o022:
        raise OSError(1, f"others can write to it, chmod 700 {path}")


def texts(path: Path, *, required: bool = False) -> list[tuple[str, str]]:
    """Names and texts of what is found."""
    return [one[:2] for one in look_at_state(str(path), required=required).findings]


def test_well(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A directory of one's own on a disk, and one that is made at the start."""
    monkeypatch.setattr(module, "find_file_system", lambda *_: "ext4")
    tmp_path.chmod(0o700)
    assert [] == texts(tmp_path)
    assert [] == texts(tmp_path / "a" / "b")


MOUNTS = """\
1 0 8:1 / / rw shared:1 - ext4 /dev/sda1 rw
2 1 0:5 / /var rw - tmpfs none rw
3 2 8:2 / /var/lib/my\\040data rw - ext4 /dev/sda2 rw
4 2 0:6 / /var/lib rw - xfs /dev/sdb rw
5 2 0:6 / /var/lib rw - ramfs none rw
"""


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/srv/a", "ext4"),
        ("/var", "tmpfs"),
        ("/variable", "ext4"),
        ("/var/lib/knockd", "ramfs"),
        ("/var/lib/my data/a", "ext4"),
    ],
)
def test_file_systems(path: str, kind: str) -> None:
    """The nearest mount above a path, and of several in one place the last."""
    assert kind == find_file_system(path, MOUNTS)


def test_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A journal in memory is noted: as it is on routers, and on purpose."""
    tmp_path.chmod(0o700)
    monkeypatch.setattr(module, "find_file_system", lambda *_: "tmpfs")
    assert "journal-in-memory" == texts(tmp_path)[0][0]


def test_of_others(tmp_path: Path) -> None:
    """One that others can write is not used."""
    tmp_path.chmod(0o722)
    ((name, text),) = texts(tmp_path)
    assert "state-unusable" == name
    assert text.startswith(f"StateDir {tmp_path} cannot be used (others can write to it")


def test_no_directory(tmp_path: Path) -> None:
    """A file, and a link, are none."""
    file, link = tmp_path / "file", tmp_path / "link"
    file.touch()
    link.symlink_to(tmp_path)
    assert "is no directory" in texts(file)[0][1]
    assert "is a symbolic link" in texts(link)[0][1]


@pytest.mark.parametrize(("flag", "free", "expected"), [(os.ST_RDONLY, 99, "read only"), (0, 1, "full")])
def test_disks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, flag: int, free: int, expected: str) -> None:
    """What is read only, or full, takes no journal."""
    tmp_path.chmod(0o700)
    disk = SimpleNamespace(f_flag=flag, f_bavail=free, f_frsize=4096)
    monkeypatch.setattr("os.statvfs", lambda _: disk)
    assert expected in texts(tmp_path)[0][1]


def test_required(tmp_path: Path) -> None:
    """With State_Required nothing opens then."""
    tmp_path.chmod(0o722)
    assert "openings-refused" == texts(tmp_path, required=True)[0][0]


def test_not_root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only root can say."""
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    assert (f"{tmp_path}: run it as root",) == look_at_state(str(tmp_path), required=False).unlooked
