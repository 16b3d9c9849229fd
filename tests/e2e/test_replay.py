"""A replay of what was recorded while the daemon listened opens the same doors at the same packets."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

import pytest

from tests.e2e.conftest import Pair, Start
from tests.support.daemons.daemon import OURS, environment
from tests.support.daemons.doors import CLIENT, SERVER
from tests.support.daemons.keyed import ANNE, BOB, KeyedDoor, wait_live, with_runtime
from tests.support.daemons.recorded_knocks import ADDRESSES, LINKS, record
from tests.support.daemons.recording import Recording, replay
from tests.support.lab.tools import need, need_tun
from tests.support.lab.waiting import wait_until

OPENINGS = 22
"""Of the knocks that are played."""


@pytest.mark.parametrize("link", LINKS)
def test_the_same_doors_at_the_same_packets(tmp_path: Path, link: str) -> None:
    """Knocks by all clients over both IP versions, some of which fail: same openings, same commands."""
    for tool, package in (("/usr/bin/knock", "knockd"), ("tcpdump", None), ("nmap", None), ("hping3", None)):
        need(tool, package)
    need("nc")
    if link == "tun":
        need_tun()
    capture, expected = record(LINKS[link], tmp_path)
    found = replay(capture, tmp_path / "knockd.conf", ADDRESSES)
    assert len(expected.openings) == OPENINGS
    assert expected.openings == found.openings
    assert sorted(expected.commands) == sorted(found.commands)


def test_doors_with_keys(pair: Pair, start: Start, tmp_path: Path) -> None:
    """Knocks with keys open as they did, by the same keys, and others open nothing for the same reasons."""
    need("tcpdump")
    keyed, capture = KeyedDoor(tmp_path), tmp_path / "knocks.pcap"
    daemon = start(pair.server, keyed.config(), program=with_runtime(tmp_path))
    wait_live(daemon)
    started = keyed.period()  # on no disk: what could be used before the start opens nothing
    wait_until(lambda: keyed.period() >= started + 2, 25, "what could not be used before the start")
    period = keyed.wait_for_period(begun=0.2, left=6)
    knocks = (ANNE, period), (ANNE, period), (BOB, period), (ANNE, period - 3)
    words = "opened with key anne", "sequence used already", "opened with key bob", "clock of the knocker is"
    with Recording(pair.server, capture, "eth0"):
        for (key, number), text in zip(knocks, words, strict=True):
            keyed.knock(pair.client, key, number)
            daemon.wait_for(f"{CLIENT[4]}: ssh: {text}")
    replayed = subprocess.run(
        [*OURS, "-c", daemon.config_path, "--replay", capture, "--local", SERVER[4], "--format", "json"],
        capture_output=True,
        text=True,
        env=environment(),
        check=True,
    )
    events = [one for one in json.loads(replayed.stdout)["events"] if one["event"] in ("open", "stale")]
    told = [
        f"opened with key {one['key']}" if one["event"] == "open" else str(one["reason"]) for one in events
    ]
    lines = [line for line in daemon.log_lines() if any(text in line for text in words)]
    assert [without_numbers(line) for line in lines] == [
        without_numbers(f"{CLIENT[4]}: ssh: {text}") for text in told
    ]


def without_numbers(line: str) -> str:
    """A line without its numbers: of a packet the daemon and tcpdump have stamps of their own."""
    return re.sub(r"[0-9]+", "N", line)
