"""A daemon that was held up judges packets by the time they came, not by the time it reads them."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.e2e.conftest import Pair, Start
from tests.support.daemons.daemon import Daemon
from tests.support.daemons.doors import CLIENT, SERVER, config, door
from tests.support.lab.services import send_knock
from tests.support.samples.frames import ethernet, packet

STEPS = ("700", "800", "900")
SECRET = door("secret", ",".join(STEPS), seq_timeout=1)
STALL = 2.5
"""Seconds: longer than Seq_Timeout."""


@contextmanager
def stopped(daemon: Daemon) -> Iterator[None]:
    """Inside the block the process that reads packets stands still: ours has one of its own."""
    children = Path(f"/proc/{daemon.pid}/task/{daemon.pid}/children").read_text().split()
    readers = [int(child) for child in children] or [daemon.pid]
    for pid in readers:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in readers:
            os.kill(pid, signal.SIGCONT)


def test_a_stall_between_two_steps(pair: Pair, start: Start) -> None:
    """A knock that was quick enough opens, though the daemon reads its end after Seq_Timeout."""
    daemon = start(pair.server, config(SECRET))
    send_knock(pair.client, SERVER[4], STEPS[0])
    daemon.wait_for("Stage 1")
    with stopped(daemon):
        send_knock(pair.client, SERVER[4], *STEPS[1:])
        time.sleep(STALL)
    daemon.wait_for(f"{CLIENT[4]}: secret: OPEN SESAME")


def test_a_knock_that_was_too_slow(pair: Pair, start: Start) -> None:
    """A knock longer than Seq_Timeout opens nothing, though the daemon reads all of it at once."""
    daemon = start(pair.server, config(SECRET, door("marker", "500")))
    with stopped(daemon):
        send_knock(pair.client, SERVER[4], STEPS[0])
        time.sleep(STALL)
        send_knock(pair.client, SERVER[4], *STEPS[1:])
    send_knock(pair.client, SERVER[4], "500")
    daemon.wait_for("marker: OPEN SESAME")
    assert daemon.count("secret: OPEN SESAME") == 0


@pytest.mark.alone
def test_a_stall_under_flood(pair: Pair, start: Start) -> None:
    """More packets than are read at once have gathered: every one is judged by its own time."""
    daemon = start(pair.server, config(SECRET))
    macs = pair.server.mac("eth0"), pair.client.mac("eth0")
    strangers = [
        ethernet(*macs, packet(f"10.9.{number >> 8}.{number & 255}", SERVER[4], 700))
        for number in range(3_000)
    ]
    with stopped(daemon):
        send_knock(pair.client, SERVER[4], STEPS[0])
        pair.client.send_frames("eth0", strangers)
        send_knock(pair.client, SERVER[4], *STEPS[1:])
        time.sleep(STALL)
    daemon.wait_for(f"{CLIENT[4]}: secret: OPEN SESAME")
