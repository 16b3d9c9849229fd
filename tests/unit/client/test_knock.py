"""Hits go out in order, with a pause after each."""

from __future__ import annotations

import errno

import pytest

from knockd.client.hits import Hit
from knockd.client.knock import send_hits
from knockd_conf.protocol import Protocol

HITS = (
    Hit("7000", 7000, Protocol.TCP),
    Hit("domain", 53, Protocol.UDP),
    Hit("9000", 9000, Protocol.TCP),
)

Trace = list[tuple[str, object]]


def play(delay: int = 0, refused: frozenset[int] = frozenset()) -> Trace:
    """Knock and note everything that happens, in order; hits on ports in ``refused`` are not sent."""
    trace: Trace = []

    def send(hit: Hit) -> None:
        trace.append(("send", hit.port))
        if hit.port in refused:
            raise OSError(errno.ENETUNREACH, "Network is unreachable")

    send_hits(
        HITS,
        "192.0.2.1",
        send,
        delay=delay,
        pause=lambda seconds: trace.append(("pause", seconds)),
        announce=lambda line: trace.append(("say", line)),
        complain=lambda deed, error: trace.append((deed, error.errno)),
    )
    return trace


def test_each_hit_is_announced_before_it_is_sent() -> None:
    """The lines are those of 0.8, with the port as it was typed, and come before the packet."""
    expected = [
        ("say", "hitting tcp 192.0.2.1:7000"),
        ("send", 7000),
        ("say", "hitting udp 192.0.2.1:domain"),
        ("send", 53),
        ("say", "hitting tcp 192.0.2.1:9000"),
        ("send", 9000),
    ]
    assert expected == play()


def test_the_pause_follows_every_hit() -> None:
    """As in 0.8 the last hit is followed by a pause too; milliseconds become seconds."""
    trace = [entry for entry in play(delay=1500) if entry[0] != "say"]
    pause = ("pause", 1.5)
    assert [("send", 7000), pause, ("send", 53), pause, ("send", 9000), pause] == trace


@pytest.mark.parametrize("port", [hit.port for hit in HITS])
def test_a_hit_that_cannot_be_sent_does_not_stop_the_others(port: int) -> None:
    """The failure is reported and every hit is still tried."""
    trace = play(refused=frozenset({port}))
    label = next(hit for hit in HITS if hit.port == port)
    assert [what for kind, what in trace if kind == "send"] == [7000, 53, 9000]
    reports = [entry for entry in trace if entry[0] not in ("send", "say")]
    assert [(f"hitting {label.protocol} 192.0.2.1:{label.label}", errno.ENETUNREACH)] == reports
