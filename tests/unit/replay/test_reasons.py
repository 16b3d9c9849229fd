"""Why a source opened nothing."""

from __future__ import annotations

from ipaddress import ip_address

import pytest

from knockd.replay.reasons import explain_source
from knockd.worker.capture_file import Frame
from knockd_conf.rotating import rule_of
from knockd_conf.timed import derive_ports
from tests.support.doubles.played import door
from tests.support.doubles.replays import ALICE, BOB, HOME, KEYS, OURS, STAMP, frame, keyed_knock, replayed

SSH = door("1 2 3", "ssh", seq_timeout=5.0)


@pytest.mark.parametrize(
    ("frames", "reason"),
    [
        ([frame(0, 1), frame(0, 2), frame(0, 3)], ""),
        ([frame(0, 1), frame(0, 2)], "nothing came after step 2 of 3 before the capture ended"),
        (
            [frame(0, 1), frame(9, 2)],
            "the next step did not come in time after step 1 of 3: Seq_Timeout is 5 s",
        ),
        (
            [frame(0, 1), frame(0, 2), frame(60, 1, BOB)],
            "the next step did not come in time after step 2 of 3: Seq_Timeout is 5 s",
        ),
        ([frame(0, 1), frame(0, 3)], "a step that was not due ended it after step 1 of 3"),
        ([frame(0, 1), frame(0, 7)], "touched guard port 7:tcp after step 1 of 3; ignored for 5 s each time"),
        ([frame(0, 7)], "touched guard port 7:tcp; ignored for 5 s each time"),
        ([frame(0, 3)], "never knocked at a first step"),
        ([frame(0, 3), frame(0, 1, to="10.9.9.9")], "it knocked at an address that is not watched"),
        ([frame(0, 1, to="10.9.9.9")], "it knocked at an address that is not watched"),
    ],
)
def test_reason(frames: list[Frame], reason: str) -> None:
    """The reason is what the daemon saw last."""
    outcome = replayed(frames, SSH, guards=["7"])
    row = outcome.sources.find(ip_address(ALICE).packed)
    assert reason == explain_source(row, outcome.doors, outcome.steps)


def test_guard_of_a_key() -> None:
    """A guard port of a key closes the sequences of its time to the source, as long as they live."""
    ports = derive_ports(KEYS["ann"], "home", STAMP // 30_000_000, rule_of(HOME))
    guard = ports.guards[0]
    frames = [keyed_knock(0)[0], frame(1, guard.port, protocol=int(guard.protocol))]
    outcome = replayed(frames, HOME, keys=KEYS)
    row = outcome.sources.find(ip_address(ALICE).packed)
    assert explain_source(row, outcome.doors, outcome.steps) == (
        f"touched guard port {guard.port}:{guard.protocol} after step 1 of 4;"
        " the sequences of then are closed to it"
    )


def test_cooldown() -> None:
    """Who knocks again within Seq_Cooldown has opened, and is told why the second knock did not."""
    frames = [frame(0, 1), frame(0, 2), frame(3, 1)]
    outcome = replayed(frames, door("1 2", "ssh", seq_cooldown=60.0))
    row = outcome.sources.find(ip_address(ALICE).packed)
    reason = explain_source(row, outcome.doors, outcome.steps)
    assert "knocked again too soon: Seq_Cooldown is 60 s" == reason


def test_impossible_source() -> None:
    """A source that cannot be says so."""
    outcome = replayed([frame(0, 1, OURS)], SSH)
    row = outcome.sources.find(ip_address(OURS).packed)
    assert "no packet off the wire can have this source" == explain_source(row, outcome.doors, outcome.steps)
