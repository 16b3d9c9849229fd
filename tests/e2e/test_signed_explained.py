"""knockd --explain and --replay of signed knocks, beside a daemon that gets the same packets."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.conftest import Pair, Start
from tests.support.daemons.daemon import OURS, Daemon, environment
from tests.support.daemons.doors import CLIENT, SERVER
from tests.support.daemons.explained import Explained
from tests.support.daemons.keyed import wait_live, with_runtime
from tests.support.daemons.signed import SignedHost
from tests.support.samples.signed_vectors import KEYS

NAMED = f"alice@laptop ({KEYS['alice'].fingerprint})"
LOCAL = ("--local", f"{SERVER[4]},{SERVER[6]}")


class Both:
    """A daemon, and an explanation of the client beside it; both have the same files."""

    def __init__(self, pair: Pair, daemon: Daemon, host: SignedHost, explained: Explained) -> None:
        self.pair, self.daemon, self.host, self.explained = pair, daemon, host, explained

    def send(self, *packets: bytes) -> None:
        """Sends packets from the client."""
        self.host.send(self.pair.client, *packets)

    def replay(self) -> dict[str, object]:
        """What --replay makes of what tcpdump has recorded."""
        path = self.explained.config.parent / "eth0.pcap"
        command = [*OURS, "-c", str(self.explained.config), "--replay", str(path), *LOCAL, "--format", "json"]
        done = subprocess.run(command, capture_output=True, text=True, env=environment(), check=True)
        made: dict[str, object] = json.loads(done.stdout)
        return made


@pytest.fixture
def both(pair: Pair, start: Start, tmp_path: Path) -> Iterator[Both]:
    """One door, opened for ten minutes."""
    host = SignedHost(tmp_path)
    host.wait_for_minute(left=20)
    section = host.section(Start_Command="true %IP%", Stop_Command="true", Cmd_Timeout=600)
    text = host.config(section)
    daemon = start(pair.server, text, program=with_runtime(tmp_path))
    wait_live(daemon)
    folder = tmp_path / "explained"
    folder.mkdir()
    with Explained(pair.server, text, CLIENT[4], folder) as explained:
        yield Both(pair, daemon, host, explained)


def test_says_what_the_daemon_does(both: Both) -> None:
    """Live, of a recording and in the daemon's log the same becomes of each packet, in the same order."""
    host = both.host
    good = host.packet()
    both.send(
        good,
        host.packet(verb="renew"),
        host.packet(door="cellar"),
        host.packet(address="192.0.2.1"),
        good[:-1] + bytes((good[-1] ^ 1,)),
        good,
        host.packet(minute=host.minute() - 40),
        host.packet(secret=bytes(32)),
        good[:-1],
        host.packet("token", verb="close"),
    )
    both.daemon.wait_for("nothing is open that it may renew or close")
    explained = both.explained
    explained.wait_for(f"signed by token ({KEYS['token'].fingerprint})")
    said = [line[43:] for line in explained.joined()]
    assert said == [
        f"ssh: signed by {NAMED}: the door would open",
        f"ssh: signed by {NAMED}: what is open for its address would be renewed",
        f"a signed knock that does nothing (key {NAMED}): no such door at this port",
        f"ssh: a signed knock that does nothing (key {NAMED}): bound to another address",
        "a signed knock that does nothing: of no key that may knock here, or changed on the way",
        f"ssh: a signed knock that does nothing (key {NAMED}): came before",
        f"ssh: does nothing (key {NAMED}): a signed knock for 40 minutes earlier: the clock of the knocker is"
        " behind, or somebody sends again what he has heard",
        "does nothing: no signed knock for this host: made with another knock secret, or days ago, or none"
        " at all",
        "123 bytes of UDP: a signed knock has 124",
        f"ssh: signed by token ({KEYS['token'].fingerprint}): what this key has opened would be closed",
    ]

    status, sentence = explained.end()
    assert status == os.EX_OK
    assert sentence.startswith("The signed knock at ssh counts at ")
    again = explained.replay(*LOCAL)
    assert [line[43:] for line in again] == [line[43:] for line in explained.lines()]

    made = both.replay()
    assert [(one["event"], one["reason"]) for one in _events(made)] == [
        ("open", None),
        ("renew", None),
        ("refuse", "no such door at this port"),
        ("refuse", "bound to another address"),
        ("refuse", "nothing is open that it may renew or close"),
    ]
    packets = made["packets"]
    assert isinstance(packets, dict)
    assert (packets["no_signed_knock"], packets["signed_discarded"]) == (3, 2)
    who, log = CLIENT[4], both.daemon.log_lines()
    expected = [
        f"{who}: ssh: OPEN SESAME",
        f"ssh: opened by {NAMED}",
        f"{who}: ssh: renewed by {NAMED}",
        f"{who}: signed knock refused: no such door at this port",
        f"{who}: ssh: signed knock refused: bound to another address",
        f"{who}: signed knock refused: of no key that may knock here, or changed on the way",
        f"{who}: signed knock refused: came before",
        f"{who}: ssh: signed knock refused: nothing is open that it may renew or close",
    ]
    assert sorted(line for line in log if line in expected) == sorted(expected)


def _events(made: dict[str, object]) -> list[dict[str, object]]:
    """What packets lead to."""
    events = made["events"]
    assert isinstance(events, list)
    return [{"reason": None, **one} for one in events if "packet" in one]


def test_a_door_with_a_sequence_too(pair: Pair, tmp_path: Path) -> None:
    """A door with a sequence as well is explained with both."""
    host = SignedHost(tmp_path)
    host.wait_for_minute(left=20)
    text = host.config(host.section(Sequence="7001:udp,7002:udp"))
    folder = tmp_path / "explained"
    folder.mkdir()
    with Explained(pair.server, text, CLIENT[4], folder) as explained:
        host.send(pair.client, b"x", port=7001)
        host.knock(pair.client)
        explained.wait_for("the door would open")
        assert f"ssh: signed by {NAMED}: the door would open" in explained.joined()[-1]
        assert explained.end()[1].startswith("The signed knock at ssh counts")
