"""The walk to a file: what it passes, where it ends, and that nobody can swap what was passed."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from knockd_conf.trust import Held
from knockd_conf.walk import walk


def read(path: Path) -> tuple[list[str], str]:
    """What is passed on the way to a file, and what the file holds."""
    with walk(str(path)) as end:
        assert end.whole
        descriptor = os.open(end.name, os.O_RDONLY, dir_fd=end.directory)
        with os.fdopen(descriptor) as file:
            return [held.path for held in end.way], file.read()


def above(folder: Path) -> list[str]:
    """A directory and those above it, from the root on."""
    return [str(one) for one in (*reversed(folder.parents), folder)]


def chain(folder: Path, links: int) -> Path:
    """A file behind as many symbolic links."""
    (folder / "0").write_text("end")
    for number in range(links):
        (folder / f"{number + 1}").symlink_to(f"{number}")
    return folder / f"{links}"


def test_a_plain_file(tmp_path: Path) -> None:
    """The way to a file is every directory from the root on."""
    (tmp_path / "k.conf").write_text("text")
    assert (above(tmp_path), "text") == read(tmp_path / "k.conf")


def test_links(tmp_path: Path) -> None:
    """A link and the directories that it leads through are on the way, in order."""
    (tmp_path / "real").mkdir()
    (tmp_path / "real" / "k.conf").write_text("text")
    (tmp_path / "link").symlink_to("real/k.conf")
    way, text = read(tmp_path / "link")
    assert [*above(tmp_path), str(tmp_path / "link"), str(tmp_path / "real")] == way
    assert "text" == text


def test_a_link_further_up(tmp_path: Path) -> None:
    """A directory that is a link is walked as its end is, and '..' leads to where it really is."""
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "a" / "k.conf").write_text("text")
    (tmp_path / "l").symlink_to(f"{tmp_path}/a/./b/")
    way, text = read(tmp_path / "l" / ".." / "k.conf")
    link, through = str(tmp_path / "l"), above(tmp_path / "a" / "b")
    assert [*above(tmp_path), link, *through, str(tmp_path / "a")] == way
    assert "text" == text


def test_a_link_to_an_absolute_path(tmp_path: Path) -> None:
    """The target of a link may be absolute."""
    (tmp_path / "real").write_text("text")
    (tmp_path / "link").symlink_to(tmp_path / "real")
    assert "text" == read(tmp_path / "link")[1]


def test_what_is_held_is_what_was_there(tmp_path: Path) -> None:
    """Each directory and link on the way comes with its own owner and permissions."""
    (tmp_path / "k.conf").symlink_to("none")
    with walk(str(tmp_path / "k.conf")) as end:
        folder, link, again = end.way[-3:]
        assert os.path.samestat(tmp_path.stat(), folder.status)
        assert os.path.samestat((tmp_path / "k.conf").lstat(), link.status)
        assert os.path.samestat(tmp_path.stat(), again.status)


def test_a_relative_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A name alone is in the current directory, and above that are others."""
    (tmp_path / "k.conf").write_text("text")
    monkeypatch.chdir(tmp_path)
    assert (above(tmp_path), "text") == read(Path("k.conf"))


@pytest.mark.usefixtures("gone")
def test_no_working_directory(tmp_path: Path) -> None:
    """An absolute path needs none."""
    (tmp_path / "k.conf").write_text("text")
    assert (above(tmp_path), "text") == read(tmp_path / "k.conf")
    with pytest.raises(FileNotFoundError), walk("k.conf"):
        pass


def test_nothing_there(tmp_path: Path) -> None:
    """A walk may end at a name that nothing has: a file can be created there."""
    with walk(str(tmp_path / "new")) as end:
        assert end.link is None
        assert "new" == end.name


def test_no_directory(tmp_path: Path) -> None:
    """Without its directory there is no way to a file."""
    with pytest.raises(FileNotFoundError), walk(str(tmp_path / "none" / "k.conf")):
        pass


@pytest.mark.parametrize("links", [0, 1, 40])
def test_many_links(tmp_path: Path, links: int) -> None:
    """As many links are followed as Linux follows."""
    assert "end" == read(chain(tmp_path, links))[1]


def test_too_many_links(tmp_path: Path) -> None:
    """One more ends the walk."""
    with pytest.raises(OSError, match=os.strerror(errno.ELOOP)), walk(str(chain(tmp_path, 41))):
        pass


def test_a_link_that_is_not_followed(tmp_path: Path) -> None:
    """The rule is asked about each link and its own directory; where it refuses one, the walk ends."""
    chain(tmp_path, 2)
    (tmp_path / "d").mkdir()
    (tmp_path / "d" / "far").symlink_to(tmp_path / "2")
    asked: list[tuple[str, str]] = []

    def follows(link: Held, folder: Held) -> bool:
        asked.append((link.path, folder.path))
        return link.path.endswith("far")

    with walk(str(tmp_path / "d" / "far"), follows) as end:
        assert "2" == end.name
        assert end.link is not None
        assert str(tmp_path / "2") == end.link.path
    assert [
        (str(tmp_path / "d" / "far"), str(tmp_path / "d")),
        (str(tmp_path / "2"), str(tmp_path)),
    ] == asked


def test_a_link_further_up_that_is_not_followed(tmp_path: Path) -> None:
    """There the walk ends, with more of the path to go."""
    (tmp_path / "l").symlink_to("/etc")
    with walk(str(tmp_path / "l" / "passwd"), lambda _link, _folder: False) as end:
        assert ("l", False) == (end.name, end.whole)
        assert end.link is not None


@pytest.mark.parametrize(("path", "name"), [("d", "d"), ("d/", ""), ("d/.", "."), ("/", "")])
def test_directories(tmp_path: Path, path: str, name: str) -> None:
    """A path that ends with a slash ends in the directory itself."""
    (tmp_path / "d").mkdir()
    with walk(os.path.join(tmp_path, path)) as end:
        assert (name, None) == (end.name, end.link)
        assert os.path.samestat(os.stat(end.name or ".", dir_fd=end.directory), (tmp_path / path).stat())


def test_a_directory_that_is_swapped(tmp_path: Path) -> None:
    """A directory put in the place of the one that was judged does not lead to another file."""
    folder = tmp_path / "d"
    folder.mkdir()
    (folder / "k.conf").write_text("judged")
    with walk(str(folder / "k.conf")) as end:
        folder.rename(tmp_path / "away")
        folder.mkdir()
        (folder / "k.conf").write_text("swapped")
        descriptor = os.open(end.name, os.O_RDONLY, dir_fd=end.directory)
    with os.fdopen(descriptor) as file:
        assert "judged" == file.read()


def test_descriptors_are_closed(tmp_path: Path) -> None:
    """A walk leaves no descriptor open, however it ends."""
    before = os.listdir("/proc/self/fd")
    read(chain(tmp_path, 3))
    with pytest.raises(ValueError, match="no"), walk(str(tmp_path / "3")):
        raise ValueError("no")
    (tmp_path / "loop").symlink_to("loop")
    with pytest.raises(OSError, match=os.strerror(errno.ELOOP)), walk(str(tmp_path / "loop")):
        pass
    assert before == os.listdir("/proc/self/fd")
