"""The file of the control socket: made with no right too many, nobody else's taken, removed if it is ours."""

from __future__ import annotations

import os
import socket
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from knockd.keeper import control_socket
from knockd.keeper.control_socket import ControlSocket

OTHER = 4_242
"""A group, or a user, of nobody."""

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="gives files to others: needs root")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where it is to be, in a directory that is not there."""
    return tmp_path / "run" / "s"


@pytest.fixture
def wide() -> Iterator[None]:
    """Whoever started us takes no right away from new files."""
    before = os.umask(0)
    yield
    os.umask(before)


def reason(path: Path) -> str:
    """Why it cannot be made; nothing has changed then."""
    before = path.lstat() if path.is_symlink() or path.exists() else None
    with pytest.raises(OSError) as error:  # noqa: PT011 - the caller looks at it
        ControlSocket(str(path), None)
    if before is not None:
        assert os.path.samestat(before, path.lstat())
    return str(error.value.strerror)


def listen(path: Path) -> socket.socket:
    """Another program that serves there."""
    other = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    other.bind(str(path))
    other.listen(1)
    return other


@pytest.mark.usefixtures("wide")
def test_made_and_removed(path: Path) -> None:
    """Who may connect is served; at the end nothing is left but the directory."""
    made = ControlSocket(str(path), None)
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as client:
        client.connect(str(path))
        made.listener.accept()[0].close()
    assert 0o600 == stat.S_IMODE(path.lstat().st_mode)
    assert 0o711 == stat.S_IMODE(path.parent.lstat().st_mode)
    made.remove()
    assert [] == [*path.parent.iterdir()]


def test_no_child_inherits_it(path: Path) -> None:
    """Neither the socket nor its lock."""
    made = ControlSocket(str(path), None)
    assert not os.get_inheritable(made.listener.fileno())
    assert not os.get_inheritable(made._lock)
    made.remove()


@as_root
@pytest.mark.usefixtures("wide")
def test_a_group(path: Path) -> None:
    """Its members may connect; our own group is as before."""
    made = ControlSocket(str(path), OTHER)
    found = path.lstat()
    assert (0, OTHER, 0o660) == (found.st_uid, found.st_gid, stat.S_IMODE(found.st_mode))
    assert "" == made.unshared
    assert 0 == os.getegid()
    made.remove()


@as_root
@pytest.mark.usefixtures("wide")
def test_never_wider_than_it_ends(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """When it gets its mode it is of its group already, and nobody else could connect before."""
    seen: list[tuple[int, int]] = []
    real = os.chmod

    def note(*given: object, **more: object) -> None:
        found = path.lstat()
        seen.append((found.st_gid, stat.S_IMODE(found.st_mode)))
        real(*given, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(os, "chmod", note)
    ControlSocket(str(path), OTHER).remove()
    assert [(OTHER, 0o600)] == seen


@as_root
def test_a_group_that_we_cannot_become(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Then it is root's alone, and that is said."""

    def refuse(*_: int) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "setresgid", refuse)
    made = ControlSocket(str(path), OTHER)
    assert f"could not become group {OTHER}: Operation not permitted" == made.unshared
    assert 0o600 == stat.S_IMODE(path.lstat().st_mode)
    made.remove()


@as_root
def test_a_directory_that_gives_files_to_its_own_group(path: Path) -> None:
    """A group that was not asked for gets nothing."""
    path.parent.mkdir()
    os.chown(path.parent, 0, OTHER + 1)
    path.parent.chmod(0o2711)
    made = ControlSocket(str(path), OTHER)
    assert "its directory gives files to another group" == made.unshared
    assert 0o600 == stat.S_IMODE(path.lstat().st_mode)
    made.remove()


@as_root
def test_our_own_directory_lets_the_group_pass(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever of us has made it: the journal makes it for itself alone."""
    path.parent.mkdir(mode=0o700)
    monkeypatch.setattr(control_socket, "RUNTIME", str(path.parent.resolve()))
    ControlSocket(str(path), None).remove()
    assert 0o700 == stat.S_IMODE(path.parent.lstat().st_mode)
    ControlSocket(str(path), OTHER).remove()
    assert 0o711 == stat.S_IMODE(path.parent.lstat().st_mode)


def test_left_behind(path: Path) -> None:
    """A daemon that was killed leaves socket and lock: both are replaced."""
    path.parent.mkdir()
    listen(path).close()
    Path(f"{path}.lock").touch()
    ControlSocket(str(path), None).remove()
    assert [] == [*path.parent.iterdir()]


def test_another_daemon(path: Path) -> None:
    """Its socket is left alone, also before it listens."""
    first = ControlSocket(str(path), None)
    assert "another knockd serves it" == reason(path)
    path.unlink()
    assert "another knockd serves it" == reason(path)
    first.remove()
    ControlSocket(str(path), None).remove()


def test_another_program(path: Path) -> None:
    """What is served by anybody is left alone, and so is its lock."""
    path.parent.mkdir()
    with listen(path):
        assert "another program serves it" == reason(path)
        assert [path] == [*path.parent.iterdir()]


def test_a_busy_program(path: Path) -> None:
    """It serves all the same."""
    path.parent.mkdir()
    with (
        listen(path) as other,
        socket.socket(socket.AF_UNIX) as first,
        socket.socket(socket.AF_UNIX) as second,
    ):
        other.listen(0)
        for client in (first, second):
            client.setblocking(False)
            client.connect_ex(str(path))
        assert "another program serves it" == reason(path)


def test_a_socket_of_another_kind(path: Path) -> None:
    """It is somebody's."""
    path.parent.mkdir()
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as other:
        other.bind(str(path))
        assert "another program serves it" == reason(path)


@pytest.mark.parametrize("kind", ["file", "directory"])
def test_something_else(path: Path, kind: str) -> None:
    """What is no socket is not removed."""
    path.parent.mkdir()
    if kind == "directory":
        path.mkdir()
    else:
        path.touch()
    assert "something is there that is not a socket" == reason(path)


def test_a_directory(path: Path) -> None:
    """A path with a slash at its end is none of a socket."""
    with pytest.raises(OSError, match="is a directory"):
        ControlSocket(f"{path.parent}/", None)


@as_root
def test_a_directory_that_others_can_write(path: Path) -> None:
    """They could lead root to another file."""
    path.parent.mkdir()
    path.parent.chmod(0o775)
    assert f"others can write to {path.parent.resolve()}" == reason(path)
    path.parent.chmod(0o1777)
    ControlSocket(str(path), None).remove()


@as_root
def test_a_directory_of_another_user(path: Path) -> None:
    """It is his to change."""
    path.parent.mkdir()
    os.chown(path.parent, OTHER, OTHER)
    assert f"{path.parent.resolve()} belongs to uid {OTHER}, not to root" == reason(path)


@as_root
def test_a_link_of_another_user(path: Path, tmp_path: Path) -> None:
    """It could lead anywhere; one of root's is followed."""
    (tmp_path / "real").mkdir()
    path.parent.symlink_to(tmp_path / "real")
    os.chown(path.parent, OTHER, OTHER, follow_symlinks=False)
    assert f"{path.parent} belongs to uid {OTHER}, not to root" in reason(path)
    os.chown(path.parent, 0, 0, follow_symlinks=False)
    made = ControlSocket(str(path), None)
    assert (tmp_path / "real" / "s").is_socket()
    made.remove()


@as_root
def test_what_another_user_has_put_there(path: Path) -> None:
    """In a directory like /tmp anybody may have been first."""
    path.parent.mkdir()
    path.parent.chmod(0o1777)
    listen(path).close()
    os.chown(path, OTHER, OTHER)
    assert f"the socket there belongs to uid {OTHER}" == reason(path)
    path.unlink()
    lock = Path(f"{path}.lock")
    lock.touch()
    os.chown(lock, OTHER, OTHER)
    assert "s.lock beside it is not ours" == reason(path)


def test_what_is_not_ours_any_more_stays(path: Path) -> None:
    """At the end only our own socket is removed."""
    made = ControlSocket(str(path), None)
    path.unlink()
    with listen(path):
        made.remove()
        assert path.is_socket()


def test_a_directory_that_has_gone(path: Path) -> None:
    """Then there is nothing to remove."""
    made = ControlSocket(str(path), None)
    for one in path.parent.iterdir():
        one.unlink()
    path.parent.rmdir()
    made.remove()


def test_a_long_path(tmp_path: Path) -> None:
    """A path that is too long for an address serves all the same."""
    path = tmp_path / ("d" * 120) / "s"
    made = ControlSocket(str(path), None)
    assert path.is_socket()
    made.remove()
    assert not path.exists()
