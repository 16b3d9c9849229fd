"""Configurations of the kind that people publish, and what knockd 0.8 made of each.

The files lie in ``configurations``. ``verdicts.json`` beside them was recorded by running 0.8
(``python -m tests.differential.configurations``); ``OURS_DIFFERS`` says where we differ on purpose.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from ipaddress import ip_address
from pathlib import Path
from typing import Any

from knockd_bpf.wire import Packet
from knockd_conf.load import load
from knockd_conf.model import Config, Door
from knockd_conf.protocol import FLAG_BITS
from knockd_conf.trust import TrustPolicy
from tests.support.samples.traces import SERVER4, SERVER6

FOLDER = Path(__file__).parent / "configurations"
VERDICTS = FOLDER / "verdicts.json"
FILES = sorted(FOLDER.glob("*.conf"))

OURS_DIFFERS = {
    "bad-port-by-name.conf": "0.8 reads a name as port 0: nobody knocks there",
    "bad-range.conf": "0.8 reads the number before the dash and drops the rest",
    "bad-spaces-for-commas.conf": "0.8 reads the first number and drops the rest",
    "bad-space-in-flags.conf": "0.8 refuses a space behind the comma",
}
"""File and reason: ours takes what 0.8 refuses, or the other way round."""


def read(path: Path) -> Config:
    """The configuration in a file, no matter who owns the checkout. Raises ConfigError."""
    return load(str(path), trust=TrustPolicy(enforce=False))


def verdicts() -> dict[str, Any]:
    """File name to what 0.8 did with it and with one good knock of each IP version at each of its doors.

    ``status``: None (it runs) or its exit status; ``openings``: (door, IP version); ``commands``: sorted.
    """
    found: dict[str, Any] = json.loads(VERDICTS.read_text())
    return found


def source(file: int, door: int, version: int) -> str:
    """The address that knocks at a door of a file; ``file`` and ``door`` are places in their lists."""
    return f"10.7.{file + 1}.{door + 1}" if version == 4 else f"fd07::{file + 1:x}:{door + 1:x}"


def knocks(config: Config, file: int) -> Iterator[tuple[Door, int, list[Packet]]]:
    """Yields for each door and IP version the packets of a good knock; a Target has one IP version."""
    for number, door in enumerate(config.doors):
        for local in door.target or (SERVER4, SERVER6):
            flags = door.flags.must_set if door.flags else FLAG_BITS["syn"]
            who = ip_address(source(file, number, local.version)).packed
            packets = [
                Packet(who, local.packed, int(step.protocol), step.port, flags if step.protocol == 6 else 0)
                for step in door.steps
            ]
            yield door, local.version, packets
