"""Who the packet process becomes, and what commands may do. What is given up is tested in tests/faults."""

from __future__ import annotations

import grp
import os
import pwd
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from knockd.process.privileges import (
    OVERFLOW_ID,
    NoSuchUserError,
    User,
    files_of_group,
    find_group,
    leave_no_core,
    packet_user,
)


class Users:
    """A system with these users and no others."""

    def __init__(self, *names: str) -> None:
        self._names = names

    def __call__(self, name: str) -> pwd.struct_passwd:
        """getpwnam(3)."""
        if name not in self._names:
            raise KeyError(name)
        uid = 0 if name == "toor" else 100 + len(name)
        return pwd.struct_passwd((name, "x", uid, 200 + len(name), "", "/", "/bin/false"))


@pytest.fixture
def system(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Sets up ``system(*names, uid=0)``: its users, and who we are."""

    def set_up(*names: str, uid: int = 0) -> None:
        monkeypatch.setattr(pwd, "getpwnam", Users(*names))
        monkeypatch.setattr(os, "geteuid", lambda: uid)

    return set_up


def test_root_becomes_knockd(system: Callable[..., None]) -> None:
    """The user of its own, where there is one."""
    system("nobody", "knockd")
    assert User("knockd", 106, 206) == packet_user(None)


def test_root_becomes_nobody_else(system: Callable[..., None]) -> None:
    """The next best."""
    system("nobody")
    assert User("nobody", 106, 206) == packet_user(None)


def test_root_without_users_becomes_the_overflow_id(system: Callable[..., None]) -> None:
    """A container from scratch has no list of users, and still no reason to stay root."""
    system()
    assert User("65534", OVERFLOW_ID, OVERFLOW_ID) == packet_user(None)


def test_others_stay_who_they_are(system: Callable[..., None]) -> None:
    """Who is not root is asked to be nobody else."""
    system("nobody", "knockd", uid=1_000)
    assert packet_user(None) is None


def test_a_user_asked_for_is_found_whoever_we_are(system: Callable[..., None]) -> None:
    """User decides."""
    system("nobody", "knockd", "bob", uid=1_000)
    assert User("bob", 103, 203) == packet_user("bob")


def test_an_unknown_user_is_named(system: Callable[..., None]) -> None:
    """The error says who is missing."""
    system("nobody")
    with pytest.raises(NoSuchUserError, match="there is no user alice on this system"):
        packet_user("alice")


def test_root_by_any_name(system: Callable[..., None]) -> None:
    """Root without a capability still owns every file of root's: it is nobody to become."""
    system("toor")
    with pytest.raises(NoSuchUserError, match="toor is root"):
        packet_user("toor")


def test_find_group(monkeypatch: pytest.MonkeyPatch) -> None:
    """Root gives files to a group that is there; who is not root could not."""
    groups = {"knockd": grp.struct_group(("knockd", "x", 106, []))}
    monkeypatch.setattr(grp, "getgrnam", groups.__getitem__)
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    assert 106 == find_group("knockd")
    assert find_group("wheel") is None
    monkeypatch.setattr(os, "geteuid", lambda: 1_000)
    assert find_group("knockd") is None


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
def test_files_of_group(tmp_path: Path) -> None:
    """Files are of the group while the block lasts, also when it fails."""
    with suppress(FileExistsError), files_of_group(4_242):
        (tmp_path / "a").touch()
        (tmp_path / "a").touch(exist_ok=False)
    (tmp_path / "b").touch()
    assert [4_242, 0] == [(tmp_path / name).stat().st_gid for name in "ab"]


def test_no_core() -> None:
    """A process that has secrets writes no core, and nobody but root may look into it."""
    reader, writer = os.pipe()
    pid = os.fork()
    if not pid:
        leave_no_core()
        limits = Path("/proc/self/limits").read_text()
        (core,) = (line for line in limits.splitlines() if line.startswith("Max core file size"))
        os.write(writer, f"{core.split()[4:6]} {Path('/proc/self/mem').owner()}".encode())
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader) as pipe:
        assert pipe.read() == "['0', '0'] root"
    os.waitpid(pid, 0)
