"""Configurations as people publish them: what opens with knockd 0.8 opens with ours, by the same commands."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from knockd.knocks.events import Opened
from knockd.knocks.matcher import Matcher
from knockd.knocks.watch import watches_of
from knockd.leases.commands import expand
from knockd.leases.values import Knock
from knockd_conf.errors import ConfigError
from knockd_conf.text import address_text
from tests.support.samples import configurations
from tests.support.samples.configurations import FILES, OURS_DIFFERS, knocks, read, verdicts
from tests.support.samples.traces import LOCAL


def test_the_corpus_is_large() -> None:
    """At least sixty files that 0.8 takes, some that it refuses, and a verdict on each."""
    found = verdicts()
    assert {path.name for path in FILES} == found.keys()
    assert sum(verdict["status"] is None for verdict in found.values()) >= 60
    assert sum(verdict["status"] is not None for verdict in found.values()) >= 8


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_what_peer_takes_is_taken(path: Path) -> None:
    """A file that 0.8 takes is taken, one that it refuses is refused; but for the known differences."""
    try:
        read(path)
        taken = True
    except ConfigError:
        taken = False
    peer = verdicts()[path.name]["status"] is None
    assert (taken == peer) == (path.name not in OURS_DIFFERS), OURS_DIFFERS.get(path.name)


@pytest.mark.parametrize(
    "path", [path for path in FILES if verdicts()[path.name]["openings"]], ids=lambda path: path.stem
)
def test_what_peer_opens_is_opened(path: Path) -> None:
    """One good knock at each door: every opening of 0.8 is one of ours, with the same command.

    Whether the command is run for its IP version is another question (see ``leases.obstacles``).
    """
    config = read(path)
    openings: Counter[tuple[str, int]] = Counter()
    commands: Counter[str] = Counter()
    matcher, now = Matcher(watches_of(config.doors)), 100.0
    for _, version, packets in knocks(config, configurations.FILES.index(path)):
        for packet in packets:
            now += 0.01
            local = LOCAL | {packet.destination}
            for event in matcher.feed(packet, local, now):
                if isinstance(event, Opened):
                    door = config.doors[event.door]
                    openings[door.name, version] += 1
                    source, destination = address_text(packet.source), address_text(packet.destination)
                    command = door.start_for(version)
                    if command is not None:
                        commands[expand(command, Knock(door, source, version, destination, "eth0"))] += 1
    peer = verdicts()[path.name]
    assert Counter((name, version) for name, version in peer["openings"]) <= openings
    assert Counter(peer["commands"]) <= commands
