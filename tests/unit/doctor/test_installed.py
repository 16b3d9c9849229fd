"""Where files of knockd are on this machine."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from knockd.doctor import installed
from knockd.doctor.installed import EXAMPLES, UNIT, find_examples, find_unit


def test_of_a_checkout() -> None:
    """A checkout has its own, with the firewalls that doctor names."""
    assert os.path.isfile(find_unit())
    for name in ("nftables.conf", "iptables.conf", "ufw.conf"):
        assert os.path.isfile(f"{find_examples()}/{name}")


def test_of_an_installation(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What pip has installed lies below its prefix."""
    monkeypatch.setattr(installed, "CHECKOUT", str(tmp_path / "elsewhere"))
    monkeypatch.setattr(sys, "prefix", str(tmp_path))
    unit = tmp_path / "lib/systemd/system/knockd.service"
    folder = tmp_path / "share/doc/knockd/examples"
    unit.parent.mkdir(parents=True)
    unit.touch()
    folder.mkdir(parents=True)
    assert (str(unit), str(folder)) == (find_unit(), find_examples())


def test_where_nothing_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a small router there are none: then they are those of the sources."""
    monkeypatch.setattr(installed, "CHECKOUT", str(tmp_path))
    monkeypatch.setattr(sys, "prefix", str(tmp_path))
    monkeypatch.setattr("os.path.isdir", lambda _: False)
    assert (UNIT, EXAMPLES) == (find_unit(), find_examples())
