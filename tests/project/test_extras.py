"""Extras of setup.cfg, and what a person is told when one is missing."""

from __future__ import annotations

import re
from configparser import ConfigParser
from pathlib import Path

import pytest

from knockd_conf.extras import PACKAGES

ROOT = Path(__file__).resolve().parents[2]
FOR_PEOPLE = ("packets", "html", "qr", "signed", "fleet")
"""Extras that bring what a part of knockd needs."""


@pytest.fixture(scope="module")
def setup() -> ConfigParser:
    """setup.cfg."""
    parser = ConfigParser(interpolation=None)
    parser.read(ROOT / "setup.cfg")
    return parser


def test_extras(setup: ConfigParser) -> None:
    """Each extra is in the table of messages, brings the package named there, and is in the full install."""
    extras = setup["options.extras_require"]
    told = [package.name.lower() for module, package in PACKAGES.items() if module != "pcapy"]
    brought = [extras[extra].split()[0].lower() for extra in FOR_PEOPLE]
    assert told == brought
    assert extras["full"].split() == [f"knockd[{','.join(FOR_PEOPLE)}]"]
    assert "knockd[full]" in extras["test"].split("\n")


def test_default_install(setup: ConfigParser) -> None:
    """It brings what every host needs and nothing else."""
    lines = setup["options"]["install_requires"].strip().splitlines()
    assert [re.split(r"[ <>=;]", line)[0] for line in lines] == ["pcapy-ng", "structlog"]


def test_one_place_for_messages() -> None:
    """No other module of the product says how a package is installed."""
    sources = (
        path for folder in ("knockd", "bpf", "conf/knockd_conf") for path in (ROOT / folder).rglob("*.py")
    )
    said = {
        str(path.relative_to(ROOT))
        for path in sources
        if re.search(r"pip install|python3-", path.read_text())
    }
    assert said == {"conf/knockd_conf/extras.py"}
