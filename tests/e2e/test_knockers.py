"""Knock clients that people have, with the repeated packets some of them send."""

from __future__ import annotations

import socket
import sys
import time
from contextlib import ExitStack

import pytest

from tests.e2e.conftest import Pair, Start
from tests.support.daemons.daemon import PEER, environment
from tests.support.daemons.doors import CLIENT, SERVER, config, door, drop_with_nftables
from tests.support.lab.tools import need

STEPS = ("700", "800", "900")
ADDRESS = SERVER[4]
OUR_KNOCK = (sys.executable, "-m", "knockd.client")
OPENED = f"{CLIENT[4]}: secret: OPEN SESAME"

KNOCKERS = {
    "knock-0.8": [["/usr/bin/knock", "-d", "20", ADDRESS, *STEPS]],
    "nmap-once": [["nmap", "-n", "-Pn", "--max-retries", "0", "-p", step, ADDRESS] for step in STEPS],
    "nmap-retries": [["nmap", "-n", "-Pn", "-T4", "-p", step, ADDRESS] for step in STEPS],
    "nc": [["nc", "-z", "-w", "2", ADDRESS, step] for step in STEPS],
    "hping3": [["hping3", "-q", "-S", "-c", "1", "-p", step, ADDRESS] for step in STEPS],
}
"""Command lines; nmap with retries and nc send a SYN again when no answer comes."""


@pytest.mark.parametrize("knocker", KNOCKERS)
def test_a_knock_with_a_common_tool_opens(pair: Pair, start: Start, knocker: str) -> None:
    """Behind a firewall that drops (so that tools repeat their packets) each of them opens the door once."""
    need("nft")
    need(KNOCKERS[knocker][0][0])
    drop_with_nftables(pair.server)
    daemon = start(pair.server, config(door("secret", ",".join(STEPS), seq_timeout=30)))
    for command in KNOCKERS[knocker]:
        pair.client.run(*command, check=False)
    daemon.wait_for(OPENED)
    assert daemon.count("OPEN SESAME") == 1


@pytest.mark.parametrize("steps", [STEPS, ("700:udp", "800:tcp", "900:udp")], ids=["tcp", "mixed"])
def test_our_knock_opens(pair: Pair, start: Start, either: tuple[str, ...], steps: tuple[str, ...]) -> None:
    """Our client opens our daemon and 0.8, with TCP and with UDP steps."""
    daemon = start(pair.server, config(door("secret", ",".join(steps))), program=either)
    process = pair.client.popen(*OUR_KNOCK, "-d", "20", ADDRESS, *steps, env=environment())
    assert process.wait(10) == 0
    daemon.wait_for(OPENED)


def test_knock_with_flags_opens_a_door_that_asks_for_syn_and_ack(pair: Pair, start: Start) -> None:
    """The much copied ``tcpflags = syn,ack``, which no ordinary client meets, is met by ``knock --flags``."""
    secret = door("secret", ",".join(STEPS), tcpflags="syn,ack")
    daemon = start(pair.server, config(secret, door("marker", "1700,1800")))
    pair.client.popen(*OUR_KNOCK, ADDRESS, *STEPS, env=environment()).wait(10)
    pair.client.popen(*OUR_KNOCK, ADDRESS, "1700", "1800", env=environment()).wait(10)
    daemon.wait_for("marker: OPEN SESAME")
    assert daemon.count("secret:") == 0
    process = pair.client.popen(*OUR_KNOCK, "--flags", "syn,ack", ADDRESS, *STEPS, env=environment())
    assert process.wait(10) == 0
    daemon.wait_for(OPENED)


def test_flags_of_a_door_are_as_in_0_8(pair: Pair, start: Start, either: tuple[str, ...]) -> None:
    """``tcpflags = fin,!ack``: a FIN knocks, a FIN with ACK does not and spoils nothing."""
    need("hping3")
    daemon = start(pair.server, config(door("secret", ",".join(STEPS), tcpflags="fin,!ack")), program=either)
    for step in STEPS:
        for flags in ("-F", "-FA"):
            pair.client.run("hping3", "-q", flags, "-c", "1", "-p", step, ADDRESS, check=False)
    daemon.wait_for(OPENED)
    assert daemon.count("Stage 1") == 1


def test_a_source_is_judged_by_its_own_packets(pair: Pair, start: Start) -> None:
    """A stranger's packets in between neither help nor spoil a knock."""
    pair.client.ip("addr add 10.7.0.3/24 dev eth0")
    daemon = start(pair.server, config(door("secret", ",".join(STEPS))))
    hping = ("hping3", "-q", "-S", "-c", "1")
    need("hping3")
    for step, wrong in zip(STEPS, ("800", "900", "700"), strict=True):
        pair.client.run(*hping, "-p", step, ADDRESS, check=False)
        pair.client.run(*hping, "-a", "10.7.0.3", "-p", wrong, ADDRESS, check=False)
    daemon.wait_for(OPENED)
    assert daemon.count("10.7.0.3: secret: OPEN SESAME") == 0


def test_the_peer_is_what_we_compare_with(pair: Pair, start: Start) -> None:
    """0.8 does not take a repeated SYN (why ours is tested with tools that repeat)."""
    need("hping3")
    daemon = start(pair.server, config(door("secret", ",".join(STEPS))), program=PEER)
    for step in ("700", "800", "800", "900", "700", "800", "900"):
        pair.client.run("hping3", "-q", "-S", "-c", "1", "-p", step, ADDRESS, check=False)
    daemon.wait_for(OPENED)
    assert daemon.count("Stage 1") == 2


def test_a_connection_that_is_still_being_tried_does_not_end_the_knock(pair: Pair, start: Start) -> None:
    """The kernel sends the first SYN again a second later, between the second step and the third."""
    need("nft")
    drop_with_nftables(pair.server)
    daemon = start(pair.server, config(door("secret", ",".join(STEPS))))
    with ExitStack() as stack:
        for at, step in zip((0.0, 0.6, 1.4), STEPS, strict=True):
            connection = stack.enter_context(pair.client.socket(socket.AF_INET, socket.SOCK_STREAM))
            connection.setblocking(False)
            time.sleep(0.0 if at == 0.0 else 0.7)
            connection.connect_ex((ADDRESS, int(step)))
        daemon.wait_for(OPENED)
    assert daemon.count("wrong knock") == 0


SHAPES = {
    "pair": (
        (door("open", "700,800,900", seq_timeout=3), door("close", "900,800,700", seq_timeout=3)),
        "700 800 900 900 800 700",
    ),
    "one port": ((door("secret", "444,444,444", seq_timeout=3),), "444 444 444 444 444 444"),
    "there and back": ((door("secret", "300,200,300", seq_timeout=3),), "300 200 300 200 300 200 300"),
    "one step and three": ((door("three", "700,800,900", seq_timeout=3), door("one", "700")), "700 800 900"),
}
"""Doors whose sequences meet, and ports that are knocked at."""


@pytest.mark.parametrize("shape", SHAPES)
def test_doors_whose_sequences_meet_open_as_under_0_8(pair: Pair, start: Start, shape: str) -> None:
    """The same openings and the same stages in the log, and no attempt is left that expires later."""
    need(PEER[0])
    need("hping3")
    doors, ports = SHAPES[shape]
    text = config(*doors, door("marker", "1700,1800", seq_timeout=3))
    both = [start(pair.server, text, program=PEER), start(pair.server, text)]
    for port in (*ports.split(), "1700", "1800", "1700"):
        pair.client.run("hping3", "-q", "-S", "-c", "1", "-p", port, ADDRESS, check=False)
    peer, ours = (each.wait_for("marker: OPEN SESAME") for each in both)
    assert [line for line in ours if "OPEN" in line] == [line for line in peer if "OPEN" in line]
    both[1].wait_for("marker: sequence timeout (stage 1)")
    assert both[1].count("sequence timeout") == 1
