"""What ``make deb`` does besides the package: maintainer, version, source of pcapy-ng, older packages."""

from __future__ import annotations

import os
import subprocess
import tarfile
from pathlib import Path

import pytest

from knockd_packages.deb import (
    PCAPY,
    PLACEHOLDER,
    download_pcapy,
    find_maintainer,
    format_suffix,
    remove_older,
    unpack,
)
from knockd_packages.file_list import ROOT
from tests.support.lab.tools import need

MAINTAINER = {"DEBFULLNAME": "Ann Example", "DEBEMAIL": "ann@knockd.invalid"}


@pytest.mark.parametrize("lacking", [("DEBFULLNAME",), ("DEBEMAIL",), ("DEBFULLNAME", "DEBEMAIL")])
def test_no_maintainer(lacking: tuple[str, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    """Half a maintainer is none: the placeholder stands in both control files."""
    for name, text in MAINTAINER.items():
        monkeypatch.setenv(name, "" if name in lacking else text)
    assert find_maintainer() == PLACEHOLDER
    for recipe in ("debian", "debian-pcapy"):
        assert f"\nMaintainer: {PLACEHOLDER}\n" in (ROOT / "conf" / recipe / "control").read_text()


@pytest.mark.parametrize(
    ("release", "suffix"),
    [
        ({"ID": "debian", "VERSION_ID": "12"}, "~deb12"),
        ({"ID": "debian", "VERSION_ID": "13"}, "~deb13"),
        ({"ID": "debian"}, ""),  # testing and unstable
        ({"ID": "ubuntu", "VERSION_ID": "24.04"}, ""),
        ({}, ""),
    ],
)
def test_suffix(release: dict[str, str], suffix: str) -> None:
    """A package for one release's Python has a version of its own."""
    assert format_suffix(release) == suffix


def test_upgrade_of_debian() -> None:
    """What is built for a later release is the higher version."""
    command = (need("dpkg"), "--compare-versions", "2.1.0+knockd1~deb12", "lt", "2.1.0+knockd1~deb13")
    subprocess.run(command, check=True)


def test_unpacked(tmp_path: Path) -> None:
    """What is unpacked belongs to who unpacks it, also to root: its packer may be any number."""
    (tmp_path / "setup.py").write_text("pass\n")
    with tarfile.open(tmp_path / "one.tar.gz", "w:gz") as archive:
        member = archive.gettarinfo(tmp_path / "setup.py", "one-1/setup.py")
        member.uid = member.gid = 1001
        with (tmp_path / "setup.py").open("rb") as file:
            archive.addfile(member, file)
    unpack(tmp_path / "one.tar.gz", tmp_path)
    unpacked = tmp_path / "one-1/setup.py"
    assert unpacked.read_text() == "pass\n"
    assert unpacked.stat().st_uid == os.getuid()


def test_another_source(tmp_path: Path) -> None:
    """A source distribution of pcapy-ng that lies there is taken only with the hash that is expected."""
    (tmp_path / f"pcapy_ng-{PCAPY}.tar.gz").write_bytes(b"something else")
    with pytest.raises(SystemExit, match="expected the SHA-256"):
        download_pcapy(tmp_path)


def test_maintainer(monkeypatch: pytest.MonkeyPatch) -> None:
    """DEBEMAIL may have a name, too; that of DEBFULLNAME counts."""
    monkeypatch.setenv("DEBFULLNAME", "Ann Example")
    monkeypatch.setenv("DEBEMAIL", "Ann <ann@knockd.invalid>")
    assert find_maintainer() == "Ann Example <ann@knockd.invalid>"


def test_older_packages(tmp_path: Path) -> None:
    """What was built before is removed, but neither other sources' files nor what was downloaded."""
    built = tmp_path / "knockd_1_all.deb"
    kept = {built.name, "pcapy_ng-2.1.0.tar.gz", "pcapy-ng-2.1.0.log", "other_1_all.deb"}
    older = {
        "knockd_0.9_all.deb",
        "pcapy-ng_1_amd64.changes",
        "pcapy-ng_1_amd64.buildinfo",
        "python3-pcapy-ng_1_amd64.deb",
    }
    for name in kept | older:
        (tmp_path / name).touch()
    remove_older(tmp_path, [built])
    assert {path.name for path in tmp_path.iterdir()} == kept
