"""The doors of a configuration, as subcommands read them."""

from __future__ import annotations

from pathlib import Path

import pytest

from knockd.ctl.door_config import read_doors
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
