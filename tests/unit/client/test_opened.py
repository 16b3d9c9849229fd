"""What is noted of sequences that have opened."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from knockd.client.opened import note_opened, note_path, read_opened, state_folder
from knockd.client.plan import Keyed
from knockd_conf.timed import Rule

KEYED = Keyed("/keys/k", "alice", "ssh", Rule())


@pytest.mark.parametrize(
    ("environ", "windows", "folder"),
    [
        ({"XDG_STATE_HOME": "/x", "LOCALAPPDATA": "/l"}, False, "/x/knock"),
        ({"XDG_STATE_HOME": "relative"}, False, "/home/me/.local/state/knock"),
        ({}, False, "/home/me/.local/state/knock"),
        ({"XDG_STATE_HOME": "/x", "LOCALAPPDATA": "/l"}, True, "/l/knock"),
        ({}, True, "/home/me/AppData/Local/knock"),
    ],
)
def test_the_folder(
    environ: dict[str, str], windows: bool, folder: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is the system's own for such files."""
    monkeypatch.setenv("HOME", "/home/me")
    assert folder == state_folder(environ, windows=windows)


def test_each_door_has_its_file(monkeypatch: pytest.MonkeyPatch) -> None:
    """Host, key, name, door and period tell them apart; none of them can be read in the file's name."""
    monkeypatch.setenv("XDG_STATE_HOME", "/x")
    others = (
        ("h2", KEYED),
        ("h", KEYED._replace(path="/keys/k2")),
        ("h", KEYED._replace(name="bob")),
        ("h", KEYED._replace(name=None)),
        ("h", KEYED._replace(door="web")),
        ("h", KEYED._replace(rule=Rule(period=60))),
    )
    paths = {note_path(*one) for one in (("h", KEYED), *others)}
    assert len(others) + 1 == len(paths)
    assert {"/x/knock"} == {os.path.dirname(path) for path in paths}
    assert {32} == {len(os.path.basename(path)) for path in paths}
    assert note_path("h", KEYED) == note_path("h", KEYED._replace(rule=Rule(steps=5)))


def test_a_relative_path_is_of_its_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two key files of one name in different folders are two."""
    (tmp_path / "other").mkdir()
    monkeypatch.chdir(tmp_path)
    here = note_path("h", KEYED._replace(path="k"))
    monkeypatch.chdir(tmp_path / "other")
    assert here != note_path("h", KEYED._replace(path="k"))
    assert here == note_path("h", KEYED._replace(path="../k"))


def test_there_and_back(tmp_path: Path) -> None:
    """The last note counts; folder and file are their owner's alone as far as the folder keeps them so."""
    path = tmp_path / "x" / "knock" / "note"
    assert read_opened(str(path)) is None
    for period in (59_869_440, 7):
        note_opened(str(path), period)
        assert period == read_opened(str(path))
    assert 0o700 == path.parent.stat().st_mode & 0o777


@pytest.mark.parametrize("data", [b"", b"x", b"-1", b"1 2", b"\xff", b"9" * 4 + b"x"])
def test_a_note_that_makes_no_sense(tmp_path: Path, data: bytes) -> None:
    """It is as if there were none."""
    path = tmp_path / "note"
    path.write_bytes(data)
    assert read_opened(str(path)) is None
