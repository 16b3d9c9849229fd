"""The doors of a configuration, as subcommands read them."""

from __future__ import annotations

from pathlib import Path

import pytest

from knockd.ctl.door_config import RefusedError, insist_on_config, insist_on_door, read_config, read_doors
from knockd_conf.errors import ConfigError


def test_doors(tmp_path: Path) -> None:
    """Key files have their whole path, as a daemon has that was started in /; no name is looked up."""
    path = tmp_path / "knockd.conf"
    path.write_text(
        "[a]\nSequence_Key = etc/a.keys\nTarget = no.such.host.invalid\n"
        "[b]\nSequence_Key = /etc/b.keys\n[c]\nSequence = 7000,8000\n"
    )
    path.chmod(0o600)
    assert ["/etc/a.keys", "/etc/b.keys", None] == [door.sequence_key for door in read_doors(str(path))]


def test_a_bad_file(tmp_path: Path) -> None:
    """A bad configuration has no doors."""
    path = tmp_path / "knockd.conf"
    path.write_text("[a]\nSequence = none\n")
    with pytest.raises(ConfigError):
        read_doors(str(path))


def test_files_of_signed_knocks(tmp_path: Path) -> None:
    """So have the files of signed knocks, those of [options] and of doors."""
    path = tmp_path / "knockd.conf"
    path.write_text(
        "[options]\nSigned_Port = 4711\nKnock_Secret = etc/secret\nAuthorized_Keys = etc/all\n"
        "[a]\nSequence = 1,2\n[b]\nSequence = 3,4\nAuthorized_Keys = etc/b\n"
    )
    path.chmod(0o600)
    config = read_config(str(path))
    assert ("/etc/secret", "/etc/all") == (config.options.knock_secret, config.options.authorized_keys)
    assert ["/etc/all", "/etc/b"] == [door.authorized_keys for door in config.doors]


def test_not_root(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Who may not read the configuration is told that root may."""
    path = tmp_path / "knockd.conf"
    path.touch()
    monkeypatch.setattr("os.geteuid", lambda: 1_000)
    monkeypatch.setattr("os.access", lambda *_: False)
    with pytest.raises(RefusedError, match=f"^only root may read {path}; try it with sudo$") as refused:
        insist_on_config(str(path))
    assert 77 == refused.value.status


def test_which_door(tmp_path: Path) -> None:
    """A door is found by its name; names that are no door's, or of two, are refused."""
    path = tmp_path / "knockd.conf"
    path.write_text("[ssh]\nSequence = 1,2\n[web]\nSequence = 3,4\n[web]\nSequence = 5,6\n")
    path.chmod(0o600)
    doors = insist_on_config(str(path)).doors
    assert "ssh" == insist_on_door("ssh", doors, "export").name
    with pytest.raises(RefusedError, match=r"^2 doors are called web: give them different names first$"):
        insist_on_door("web", doors, "export")
    with pytest.raises(RefusedError, match=r"^there is no door 'shh'; did you mean 'ssh'\?") as refused:
        insist_on_door("shh", doors, "export")
    assert 64 == refused.value.status
