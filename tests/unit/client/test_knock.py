"""Hits go out in order, with a pause after each."""

from __future__ import annotations

import errno

import pytest

from knockd.client.hits import Hit
from knockd.client.knock import Send, Target, send_hits
from knockd.client.network import Destination
from knockd_conf.protocol import Protocol

HITS = (
    Hit("7000", 7000, Protocol.TCP),
    Hit("domain", 53, Protocol.UDP),
    Hit("9000", 9000, Protocol.TCP),
)

FOUR = Destination(4, "192.0.2.1", 0, "192.0.2.1")
SIX = Destination(6, "2001:db8::1", 0, "2001:db8::1")

Trace = list[tuple[str, object]]


def play(
    delay: int = 0,
    refused: frozenset[int] = frozenset(),
    where: tuple[Destination, ...] = (FOUR,),
    secret: bool = False,
) -> Trace:
    """Knock and note everything that happens, in order; hits on ports in ``refused`` are not sent.

    The last entry is how many packets have left.
    """
    trace: Trace = []

    def sender(one: Destination) -> Send:
        def send(hit: Hit) -> None:
            trace.append(("send", hit.port if one is FOUR else f"{one.text} {hit.port}"))
            if hit.port in refused:
                raise OSError(errno.ENETUNREACH, "Network is unreachable")

        return send

    left = send_hits(
        HITS,
        [Target(one, sender(one)) for one in where],
        delay=delay,
        pause=lambda seconds: trace.append(("pause", seconds)),
        announce=lambda line: trace.append(("say", line)),
        complain=lambda deed, error, one: trace.append((f"{deed} ({one.version})", error.errno)),
        secret=secret,
    )
    return [*trace, ("left", left)]


def test_each_hit_is_announced_before_it_is_sent() -> None:
    """The lines are those of 0.8, with the port as it was typed, and come before the packet."""
    expected = [
        ("say", "hitting tcp 192.0.2.1:7000"),
        ("send", 7000),
        ("say", "hitting udp 192.0.2.1:domain"),
        ("send", 53),
        ("say", "hitting tcp 192.0.2.1:9000"),
        ("send", 9000),
        ("left", 3),
    ]
    assert expected == play()


def test_the_pause_follows_every_hit() -> None:
    """As in 0.8 the last hit is followed by a pause too; milliseconds become seconds."""
    trace = [entry for entry in play(delay=1500) if entry[0] in ("send", "pause")]
    pause = ("pause", 1.5)
    assert [("send", 7000), pause, ("send", 53), pause, ("send", 9000), pause] == trace


@pytest.mark.parametrize("port", [hit.port for hit in HITS])
def test_a_hit_that_cannot_be_sent_does_not_stop_the_others(port: int) -> None:
    """The failure is reported and every hit is still tried."""
    trace = play(refused=frozenset({port}))
    label = next(hit for hit in HITS if hit.port == port)
    assert [what for kind, what in trace if kind == "send"] == [7000, 53, 9000]
    reports = [entry for entry in trace if entry[0] not in ("send", "say")]
    deed = f"hitting {label.protocol} 192.0.2.1:{label.label} (4)"
    assert [(deed, errno.ENETUNREACH), ("left", 2)] == reports


def test_a_secret_port_is_not_named_in_a_failure() -> None:
    """Of a sequence that was not typed, the message says which hit failed and not at which port."""
    trace = play(refused=frozenset({53}), secret=True)
    assert ("hit 2 of 3 at 192.0.2.1 (4)", errno.ENETUNREACH) in trace


def test_every_hit_goes_to_each_address() -> None:
    """With two addresses both get a hit before the pause that follows it."""
    trace = [entry for entry in play(delay=5, where=(SIX, FOUR)) if entry[0] in ("send", "pause", "left")]
    pause = ("pause", 0.005)
    expected = [
        *(("send", "2001:db8::1 7000"), ("send", 7000), pause),
        *(("send", "2001:db8::1 53"), ("send", 53), pause),
        *(("send", "2001:db8::1 9000"), ("send", 9000), pause),
        ("left", 6),
    ]
    assert expected == trace


def test_nothing_left() -> None:
    """Where no packet could be sent, none has left."""
    assert ("left", 0) == play(refused=frozenset({7000, 53, 9000}))[-1]
