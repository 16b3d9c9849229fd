"""Whether a configuration can be used, and who can read and change its files."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from knockd.doctor.configuration import look_at_configuration
from knockd.doctor.findings import Finding
from knockd.keeper.settings import Settings

GOOD = "[ssh]\nSequence = 47001,47003,47002\nStart_Command = true\n"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A good configuration that its owner alone can read."""
    made = tmp_path / "knockd.conf"
    made.write_text(GOOD)
    made.chmod(0o600)
    return made


def found(path: Path, **settings: bool) -> list[str]:
    """The names of what is found."""
    return [one.name for one in look_at_configuration(Settings(str(path), **settings))[1].findings]  # type: ignore[arg-type]


def test_good(path: Path) -> None:
    """Nothing is found, and the configuration is there."""
    config, looked = look_at_configuration(Settings(str(path)))
    assert config is not None
    assert () == looked.findings
    assert () == looked.unlooked


def test_bad(path: Path) -> None:
    """Every problem is a finding, with its line and what to do."""
    path.write_text("[ssh]\nSequence = 470011\nSeq_Timeout = x\n")
    config, looked = look_at_configuration(Settings(str(path)))
    assert config is None
    assert ["config-bad", "config-bad"] == [one.name for one in looked.findings]
    assert looked.findings[0].place.startswith(f"{path}:2")
    assert all(one.cure for one in looked.findings)


def test_missing(tmp_path: Path) -> None:
    """A file that is not there is one."""
    assert ["config-bad"] == found(tmp_path / "knockd.conf")


def test_readable(path: Path) -> None:
    """A file that everybody can read is told of, with the command that changes it."""
    path.chmod(0o604)
    path.parent.chmod(0o755)
    (finding,) = look_at_configuration(Settings(str(path)))[1].findings
    assert (
        Finding(
            "config-readable",
            "everybody on this machine can read the sequences",
            f"run 'chmod o-r {path}'",
            str(path),
        )
        == finding
    )


def test_writable(path: Path) -> None:
    """A file that others can write is told of, even when the daemon takes it all the same."""
    path.chmod(0o620)
    assert ["config-writable"] == found(path, allow_insecure_config=True)


def test_one_time_sequences(path: Path) -> None:
    """The file of sequences is judged, too."""
    sequences = path.with_name("sequences")
    sequences.write_text("1,2,3\n")
    sequences.chmod(0o622)
    path.write_text(f"[ssh]\nOne_Time_Sequences = {sequences}\nStart_Command = true\n")
    assert ["config-writable"] == found(path, allow_insecure_config=True)


def test_not_for_us(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that we may not read is not looked at."""
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    monkeypatch.setattr("os.access", lambda _path, mode: mode != os.R_OK)
    config, looked = look_at_configuration(Settings(str(path)))
    assert config is None
    assert (f"{path}: only root may read it",) == looked.unlooked
