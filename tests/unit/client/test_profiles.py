"""Where the file of profiles is."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from knockd.client.profile_file import Profile, ProfileFile
from knockd.client.profiles import (
    config_folder,
    describe_profiles,
    locate,
    profile_path,
    read_profiles,
    warn_of_readers,
)
from knockd.client.status import NO_INPUT, Refused


@pytest.mark.parametrize(
    ("environ", "folder"),
    [
        ({"XDG_CONFIG_HOME": "/x"}, "/x/knock"),
        ({"XDG_CONFIG_HOME": ""}, "/home/me/.config/knock"),
        ({"XDG_CONFIG_HOME": "relative"}, "/home/me/.config/knock"),
        ({"APPDATA": "/roaming"}, "/home/me/.config/knock"),
    ],
)
def test_the_folder(environ: dict[str, str], folder: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is that of the XDG specification, which ignores relative paths."""
    monkeypatch.setenv("HOME", "/home/me")
    assert folder == config_folder(environ, windows=False)


def test_the_folder_on_windows(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is that of roaming files."""
    monkeypatch.setenv("HOME", "/users/me")
    environ = {"APPDATA": "/users/me/Roaming", "XDG_CONFIG_HOME": "/x"}
    assert os.path.join("/users/me/Roaming", "knock") == config_folder(environ, windows=True)
    assert "/users/me/AppData/Roaming/knock" == config_folder({}, windows=True)


def test_the_file(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is called config."""
    monkeypatch.setenv("XDG_CONFIG_HOME", "/x")
    assert "/x/knock/config" == profile_path()


def read(path: Path) -> ProfileFile | None:
    """What a file says."""
    return read_profiles(str(path), lambda *_: None)


def test_paths_in_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """They are as from the file's own folder; ~ is the home directory, and a whole path stays."""
    monkeypatch.setenv("HOME", "/home/me")
    path = tmp_path / "config"
    path.write_text(
        "[a]\nhost=h\ndoor=d\nkey=a.key\n[b]\nhost=h\ndoor=d\nkey=~/b.key\n[c]\nhost=h\nsequence-file=/c\n"
    )
    found = read(path)
    assert found is not None
    choices = [one.choices for one in found.profiles.values()]
    assert [str(tmp_path / "a.key"), "/home/me/b.key", None] == [one.key for one in choices]
    assert "/c" == choices[2].sequence_file


def test_paths_of_a_profile_that_signs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The secret's and the key's file are found in the same way; a fingerprint is no file."""
    monkeypatch.setenv("HOME", "/home/me")
    path = tmp_path / "config"
    text = "host=h\ndoor=d\nsigned=1\nsecret=a.secret\nidentity={}\n"
    path.write_text(f"[a]\n{text.format('~/.ssh/id')}[b]\n{text.format('SHA256:a/b')}")
    found = read(path)
    assert found is not None
    assert [(), ()] == [one.problems for one in found.profiles.values()]
    a, b = (one.choices for one in found.profiles.values())
    assert (str(tmp_path / "a.secret"), "/home/me/.ssh/id") == (a.secret, a.identity)
    assert "SHA256:a/b" == b.identity


@pytest.mark.parametrize(
    ("written", "located"),
    [(None, None), ("id", "/x/id"), ("/id", "/id"), ("~/id", "/home/me/id"), ("SHA256:a", "SHA256:a")],
)
def test_locating(written: str | None, located: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    """A path is as from a folder, what is none stays."""
    monkeypatch.setenv("HOME", "/home/me")
    assert located == locate(written, "/x")


@pytest.mark.parametrize("name", ["absent", "absent/config", "file/config"])
def test_no_file(tmp_path: Path, name: str) -> None:
    """Most people have none, and that is no mistake."""
    (tmp_path / "file").touch()
    assert read(tmp_path / name) is None


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    """A directory of its name is told of."""
    with pytest.raises(Refused) as caught:
        read(tmp_path)
    assert (NO_INPUT, f"profiles {tmp_path}: Is a directory") == (caught.value.status, str(caught.value))


def test_which_profiles_there_are() -> None:
    """The text names them and the file, or says that there is none."""
    two = ProfileFile({name: Profile(name) for name in ("home", "work")})
    assert "the profiles are home, work (F)" == describe_profiles(two, "F")
    assert "there are no profiles in F" == describe_profiles(ProfileFile({}), "F")
    assert "there are no profiles (F does not exist)" == describe_profiles(None, "F")


def test_who_can_read_it(tmp_path: Path) -> None:
    """Others than the owner are warned of, and a file that is gone meanwhile is no mistake."""
    path = tmp_path / "config"
    assert warn_of_readers(str(path)) is None
    path.touch(0o600)
    assert warn_of_readers(str(path)) is None
    path.chmod(0o604)
    assert "its mode is 0604; others than you may use it" in (warn_of_readers(str(path)) or "")
