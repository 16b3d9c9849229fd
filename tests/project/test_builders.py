"""What a make target asks of the machine before it builds."""

from __future__ import annotations

import re
from pathlib import Path

from tests.support.lab.packages import BUILD

ROOT = Path(__file__).resolve().parents[2]
BESIDE = {"build-essential", "dpkg-dev", "git"}
"""What builds any Debian package, and what tells the date of a commit."""


def test_deb() -> None:
    """``make deb`` installs what the control files name, and nothing that judges packages or draws pages."""
    named = {"debhelper" if one.startswith("debhelper") else one for one in read_build_depends()}
    assert set(BUILD.values()) - BESIDE == named


def read_build_depends() -> set[str]:
    """The names in Build-Depends of both source packages."""
    names = set()
    for folder in ("debian", "debian-pcapy"):
        text = (ROOT / "conf" / folder / "control").read_text()
        found = re.search(r"^Build-Depends:((?:.*\n)(?: .*\n)*)", text, re.MULTILINE)
        assert found, folder
        names |= {one.split()[0] for one in found[1].split(",")}
    return names
