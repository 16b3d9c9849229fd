"""The journal's directory on real file systems: made, locked, replaced, refused."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from knockd.files.state_dir import HELD, MAX_ASIDE, StateDir
from tests.support.daemons.daemon import environment


@pytest.fixture
def store(tmp_path: Path) -> Iterator[StateDir]:
    """A store in a directory that does not exist yet."""
    made = StateDir(str(tmp_path / "state"))
    yield made
    made.release()


@pytest.fixture
def taken(store: StateDir) -> StateDir:
    """A store that is ours."""
    store.take(create=True)
    return store


@pytest.fixture
def mount(tmp_path: Path) -> Iterator[Callable[[str], Path]]:
    """Mounts small file systems; needs root."""
    if os.geteuid() != 0:
        pytest.skip("needs root")
    mounted: list[Path] = []

    def at(options: str) -> Path:
        place = tmp_path / f"mount-{len(mounted)}"
        place.mkdir()
        done = subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", place], check=False)
        if done.returncode:
            pytest.skip("cannot mount here")
        mounted.append(place)
        return place

    yield at
    for place in mounted:
        subprocess.run(["umount", "-l", place], check=True)


def problem(store: StateDir, act: Callable[[StateDir], object]) -> str:
    """Why it cannot be done."""
    with pytest.raises(OSError) as caught:  # noqa: PT011 - the text is what is tested
        act(store)
    return str(caught.value.strerror)


def take(store: StateDir) -> bytes | None:
    """Make it ours."""
    return store.take(create=True)


def test_first_time(store: StateDir) -> None:
    """The directory is made, for nobody else to look into, and holds nothing."""
    assert store.take(create=True) is None
    assert os.stat(store.path).st_mode & 0o7777 == 0o700


def test_deep(tmp_path: Path) -> None:
    """The directories above are made too, where /var/lib does not exist."""
    store = StateDir(str(tmp_path / "var" / "lib" / "knockd"))
    store.take(create=True)
    store.write(b"x")
    assert (tmp_path / "var" / "lib" / "knockd" / "leases").read_bytes() == b"x"
    store.release()


def test_not_made(store: StateDir) -> None:
    """Who only looks for a journal makes no directory."""
    with pytest.raises(FileNotFoundError):
        store.take(create=False)
    assert not store.held
    assert not os.path.exists(store.path)


def test_written_and_read(taken: StateDir) -> None:
    """What was written is what the next one reads; nobody else may."""
    taken.write(b"first")
    taken.write(b"second")
    taken.release()
    assert taken.take(create=False) == b"second"
    assert os.listdir(taken.path) == ["leases"]
    assert os.stat(os.path.join(taken.path, "leases")).st_mode & 0o7777 == 0o600


def test_only_one(taken: StateDir) -> None:
    """Two daemons never share a journal: the second one hears which key to set, and changes nothing."""
    taken.write(b"mine")
    other = StateDir(taken.path)
    assert problem(other, take) == HELD
    assert not other.held
    taken.release()
    assert other.take(create=True) == b"mine"
    other.release()


def test_lock_ends_with_its_holder(taken: StateDir) -> None:
    """A daemon that was killed holds nothing: its children have no part in the lock."""
    script = (
        "import sys; from knockd.files.state_dir import StateDir; StateDir(sys.argv[1]).take(create=True)"
    )
    taken.release()
    subprocess.run([sys.executable, "-c", script, taken.path], check=True, env=environment())
    assert take(taken) is None


def test_what_was_cut_short(taken: StateDir) -> None:
    """What a commit that was cut short has left is taken away, and the next commit is not in its way."""
    taken.write(b"good")
    taken.release()
    (Path(taken.path) / "leases.new").write_bytes(b"half")
    assert taken.take(create=False) == b"good"
    assert os.listdir(taken.path) == ["leases"]


def test_clear(taken: StateDir) -> None:
    """A journal that is not needed any more goes; none is as well."""
    taken.write(b"x")
    taken.clear()
    taken.clear()
    assert os.listdir(taken.path) == []


def test_what_is_synced(taken: StateDir, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither writing a journal nor removing it returns before it is on the disk."""
    synced: list[str] = []
    real = os.fsync

    def fsync(descriptor: int) -> None:
        real(descriptor)
        synced.append(os.readlink(f"/proc/self/fd/{descriptor}"))

    monkeypatch.setattr(os, "fsync", fsync)
    taken.write(b"x")
    assert synced == [f"{taken.path}/leases.new", taken.path]
    synced.clear()
    taken.clear()
    assert synced == [taken.path]


def test_update(taken: StateDir, monkeypatch: pytest.MonkeyPatch) -> None:
    """Bytes are written in their places, step by step, each synced; a short write goes on where it ended."""
    taken.write(b"0123456789")
    done: list[str] = []
    pwrite, fdatasync = os.pwrite, os.fdatasync

    def write_some(descriptor: int, data: bytes, offset: int) -> int:
        done.append(f"{bytes(data).decode()} at {offset}")
        return pwrite(descriptor, data[:2], offset)

    def sync(descriptor: int) -> None:
        fdatasync(descriptor)
        done.append(f"sync {os.path.basename(os.readlink(f'/proc/self/fd/{descriptor}'))}")

    monkeypatch.setattr(os, "pwrite", write_some)
    monkeypatch.setattr(os, "fdatasync", sync)
    assert taken.update([[(1, b"abc"), (5, b"x")], [(10, b"yz")]])
    assert taken.update([[(11, b"Z")]])
    synced = "sync leases"
    assert done == ["abc at 1", "c at 3", "x at 5", synced, "yz at 10", synced, "Z at 11", synced]
    assert (Path(taken.path) / "leases").read_bytes() == b"0abc4x6789yZ"
    assert os.listdir(taken.path) == ["leases"]


def _remove(path: Path) -> None:
    path.unlink()


def _replace(path: Path) -> None:
    path.rename(path.with_name("old"))
    path.write_bytes(path.with_name("old").read_bytes())


def _link(path: Path) -> None:
    path.rename(path.with_name("old"))
    path.symlink_to("old")


def _pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def _cut(path: Path) -> None:
    os.truncate(path, 3)


@pytest.mark.parametrize("act", [_remove, _replace, _link, _pipe, _cut])
def test_update_of_another_file(taken: StateDir, act: Callable[[Path], None]) -> None:
    """A file that is not the one we have written is not touched; written whole, it is ours again."""
    path = Path(taken.path) / "leases"
    taken.write(b"0123456789")
    act(path)
    assert not taken.update([[(0, b"x")]])
    assert b"x" not in b"".join(one.read_bytes() for one in path.parent.iterdir() if one.is_file())
    taken.write(b"0123456789")
    assert taken.update([[(0, b"x")]])
    assert path.read_bytes() == b"x123456789"


def test_update_after_another_daemon(taken: StateDir) -> None:
    """Who has let the directory go, or has not written yet, writes the file whole first."""
    assert not taken.update([])
    taken.write(b"0123456789")
    taken.release()
    take(taken)
    assert not taken.update([[(0, b"x")]])


def test_update_on_a_full_disk(mount: Callable[[str], Path]) -> None:
    """On a full disk what has its place is changed, what needs more is refused, and nothing is left of it."""
    place = mount("size=64k,mode=0700")
    store = StateDir(str(place / "state"))
    store.take(create=True)
    store.write(b"0" * 4_096)
    (place / "filler").write_bytes(b"x" * (14 * 4_096))
    assert store.update([[(5, b"1")]])
    reason = problem(store, lambda store: store.update([[(4_096, b"2" * 8_192)]]))
    assert reason == "No space left on device"
    assert (place / "state" / "leases").stat().st_size == 4_096
    (place / "filler").unlink()
    assert store.update([[(4_096, b"2" * 8_192)]])
    store.release()


def test_set_aside(taken: StateDir) -> None:
    """Damaged journals are kept beside the journal, in a bounded number, the newest always."""
    taken.write(b"journal")
    names = [taken.set_aside(b"%d" % number) for number in range(MAX_ASIDE + 2)]
    kept = sorted(os.listdir(taken.path))
    assert kept == ["leases", *(f"leases.damaged-{number}" for number in range(1, MAX_ASIDE + 1))]
    assert Path(names[-1]).read_bytes() == b"%d" % (MAX_ASIDE + 1)


@pytest.mark.parametrize("target", ["elsewhere", "nowhere"])
def test_symbolic_link(tmp_path: Path, target: str) -> None:
    """A directory that is a symbolic link is refused, wherever it leads."""
    (tmp_path / "elsewhere").mkdir(mode=0o700)
    (tmp_path / "link").symlink_to(tmp_path / target)
    assert problem(StateDir(str(tmp_path / "link")), take) == "it is a symbolic link"


def test_file(tmp_path: Path) -> None:
    """A path that is a file is refused."""
    (tmp_path / "file").write_text("")
    assert problem(StateDir(str(tmp_path / "file")), take) == "Not a directory"
    assert problem(StateDir(str(tmp_path / "file" / "below")), take) == "Not a directory"


@pytest.mark.parametrize("mode", [0o770, 0o702, 0o1777])
def test_others_can_write(tmp_path: Path, mode: int) -> None:
    """A directory that others can write to is refused, with what mends it."""
    path = tmp_path / "state"
    path.mkdir()
    path.chmod(mode)
    assert problem(StateDir(str(path)), take) == f"others can write to it, chmod 700 {path}"


def test_others_own_it(tmp_path: Path) -> None:
    """A directory that somebody else owns is refused."""
    if os.geteuid() != 0:
        pytest.skip("needs root")
    path = tmp_path / "state"
    path.mkdir(mode=0o700)
    os.chown(path, 65_534, 65_534)
    assert problem(StateDir(str(path)), take) == "owned by uid 65534, not by 0"


def test_journal_is_a_link(taken: StateDir, tmp_path: Path) -> None:
    """A journal that is a symbolic link is not followed, to read or to write."""
    (tmp_path / "victim").write_bytes(b"victim")
    (Path(taken.path) / "leases").symlink_to(tmp_path / "victim")
    taken.write(b"ours")
    assert (tmp_path / "victim").read_bytes() == b"victim"
    (Path(taken.path) / "leases").unlink()
    (Path(taken.path) / "leases").symlink_to(tmp_path / "victim")
    taken.release()
    assert problem(taken, take) == os.strerror(errno.ELOOP)


def test_new_file_is_a_link(taken: StateDir, tmp_path: Path) -> None:
    """A symbolic link in the place of the new file is taken away, not written through."""
    (tmp_path / "victim").write_bytes(b"victim")
    (Path(taken.path) / "leases.new").symlink_to(tmp_path / "victim")
    taken.write(b"ours")
    assert (tmp_path / "victim").read_bytes() == b"victim"
    assert os.listdir(taken.path) == ["leases"]


def test_journal_is_a_pipe(taken: StateDir) -> None:
    """A journal that is a named pipe is refused, and not waited for."""
    taken.release()
    os.mkfifo(Path(taken.path) / "leases")
    assert problem(taken, take) == "leases in it is not a regular file"


def test_full_disk(mount: Callable[[str], Path]) -> None:
    """On a full disk the old journal stays whole, nothing is left behind, and with room it goes on."""
    place = mount("size=64k,mode=0700")
    store = StateDir(str(place / "state"))
    store.take(create=True)
    store.write(b"old")
    (place / "filler").write_bytes(b"x" * (13 * 4_096))
    reason = problem(store, lambda store: store.write(b"y" * 16_384))
    left = {name: (place / "state" / name).read_bytes() for name in os.listdir(store.path)}
    (place / "filler").unlink()
    store.write(b"new")
    assert reason == "No space left on device"
    assert left == {"leases": b"old"}
    store.release()


def test_read_only(mount: Callable[[str], Path]) -> None:
    """On a read-only file system the journal is read, and writing says why it cannot."""
    place = mount("size=64k,mode=0700")
    store = StateDir(str(place / "state"))
    store.take(create=True)
    store.write(b"old")
    store.release()
    subprocess.run(["mount", "-o", "remount,ro", place], check=True)
    assert store.take(create=True) == b"old"
    assert problem(store, lambda store: store.write(b"new")) == "Read-only file system"
    store.release()


def test_replaced_directory(taken: StateDir) -> None:
    """A directory that was renamed or made anew is noticed: what we hold is not what the path means."""
    moved = [taken.moved()]
    os.rename(taken.path, f"{taken.path}.old")
    moved.append(taken.moved())
    os.mkdir(taken.path, 0o700)
    moved.append(taken.moved())
    assert moved == [False, True, True]


def test_nothing_without_taking(store: StateDir) -> None:
    """A place that is not ours is not written to."""
    assert [problem(store, lambda s: s.write(b"")), problem(store, lambda s: s.clear())] == ["not taken"] * 2
    assert problem(store, lambda s: s.update([])) == "not taken"
