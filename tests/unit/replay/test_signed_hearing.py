"""Packets at ports of signed knocks in a replay, from the frame to what is said of it."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_address, ip_network

import pytest

from knockd.replay import signed_hearing
from knockd.replay.notes import find_notes
from knockd.replay.outcome import Outcome
from knockd.replay.reasons import explain_source
from knockd.worker.capture_file import Frame
from knockd_conf.access import Access, make_networks
from knockd_conf.model import Reknock
from tests.support.doubles.played import door
from tests.support.doubles.replays import ALICE, ALICE6, BOB, OURS, OURS6, frame, replayed, told
from tests.support.doubles.signed_replays import (
    SSH,
    TellsMinutes,
    means_of,
    signed_door,
    signed_frame,
    signed_packet,
)
from tests.support.samples.signed_vectors import KEYS

OPENS = ["0 open ssh 192.0.2.1 10.0.0.1", "0 start ssh 192.0.2.1 open 192.0.2.1"]
GOOD = signed_packet()


def play(*frames: Frame, doors: tuple[object, ...] = (SSH,), **values: object) -> Outcome:
    """What comes of frames at doors of signed knocks."""
    return replayed(frames, *doors, signed=means_of(), **values)  # type: ignore[arg-type]


def why(outcome: Outcome, source: str = ALICE) -> str:
    """Why a source opened nothing (more)."""
    row = outcome.sources.find(ip_address(source).packed)
    return explain_source(row, outcome.doors, outcome.steps)


def test_opens() -> None:
    """A signed knock opens its door; the line has the packet and the key."""
    outcome = play(frame(0, 22), signed_frame(0, GOOD))
    assert told(outcome) == [*OPENS, "10 stop ssh 192.0.2.1 close 192.0.2.1"]
    line = outcome.timeline.lines[0]
    assert (line.packet, line.key) == (2, f"alice@laptop ({KEYS['alice'].fingerprint})")
    assert outcome.timeline.opened == outcome.sources.find(ip_address(ALICE).packed).openings == 1
    assert why(outcome) == ""


def test_opens_by_ipv6() -> None:
    """The same over IPv6, unless it is not listened to."""
    knock = signed_frame(0, GOOD, ALICE6, to=OURS6)
    assert told(play(knock))[0] == "0 open ssh 2001:db8::1 fd00::1"
    assert told(play(knock, ipv6=False)) == []


def test_renews_and_closes() -> None:
    """Time is added to what is open, and what the key has opened is closed, also from elsewhere."""
    one = replace(SSH, cmd_timeout=30.0, reknock=Reknock.EXTEND)
    lines = told(
        play(
            signed_frame(0, GOOD),
            signed_frame(20, signed_packet(verb="renew", nonce=2)),
            signed_frame(40, signed_packet(verb="close", nonce=3), BOB),
            doors=(one,),
        )
    )
    assert lines == [
        *OPENS,
        "20 renew ssh 192.0.2.1 10.0.0.1",
        "20 nothing ssh 192.0.2.1 the door is open already and stays so for 30 s from now",
        "40 close ssh 192.0.2.2 10.0.0.1",
        "40 stop ssh 192.0.2.1 close 192.0.2.1",
    ]


@pytest.mark.parametrize("verb", ["renew", "close"])
def test_nothing_open(verb: str) -> None:
    """What has nothing to renew or to close does nothing, and has counted."""
    packet = signed_packet(verb=verb)
    outcome = play(signed_frame(0, packet), signed_frame(1, packet, BOB))
    assert told(outcome) == ["0 refuse ssh 192.0.2.1 nothing is open that it may renew or close"]
    assert why(outcome) == "a signed knock does nothing: nothing is open that it may renew or close"
    assert why(outcome, BOB) == "a signed knock does nothing: came before"


def test_another_key_closes_nothing() -> None:
    """What one key has opened another one does not close."""
    other = signed_packet("bob", verb="close")
    assert "1 refuse ssh" in told(play(signed_frame(0, GOOD), signed_frame(1, other)))[2]


def test_counts_once() -> None:
    """A copy does nothing, and neither does another packet with its nonce."""
    lines = told(
        play(
            signed_frame(0, GOOD),
            signed_frame(1, GOOD, BOB),
            signed_frame(2, signed_packet(verb="close"), BOB),
        )
    )
    assert [line for line in lines if "open " not in line and "start" not in line and "stop" not in line] == [
        "2 refuse ssh 192.0.2.2 came before"
    ]


def test_minutes_go_on() -> None:
    """Packets of later minutes count when their time has come, and earlier ones no more."""
    later = signed_packet(minute=10, nonce=2)
    outcome = play(
        signed_frame(0, GOOD), signed_frame(1, later), signed_frame(600, later), signed_frame(601, GOOD, BOB)
    )
    assert [line for line in told(outcome) if " open ssh" in line] == [
        "0 open ssh 192.0.2.1 10.0.0.1",
        "600 open ssh 192.0.2.1 10.0.0.1",
    ]
    assert outcome.counts.unsigned == 2
    assert "minutes earlier: the clock" in why(outcome, BOB)


@pytest.mark.parametrize(
    ("payload", "words"),
    [
        (GOOD[:-1], "no signed knock: 123 bytes of UDP: a signed knock has 124"),
        (
            signed_packet(minute=30),
            "a signed knock for 30 minutes later: the clock of the knocker is ahead",
        ),
        (
            signed_packet(secret=bytes(32)),
            "no signed knock for this host: made with another knock secret, or days ago, or none at all",
        ),
    ],
)
def test_dropped(payload: bytes, words: str) -> None:
    """Of what the filter drops the source's row says why, and a note counts it."""
    outcome = play(signed_frame(0, payload))
    assert told(outcome) == []
    assert (why(outcome), outcome.counts.unsigned, outcome.counts.passed) == (words, 1, 0)
    assert "1 packet to ports of signed knocks dropped: none of then for this host" in find_notes(outcome)


def test_dropped_by_address_and_access() -> None:
    """What goes elsewhere, or comes from who may not knock, is counted as for any door."""
    kept = replace(SSH, access=Access(make_networks([ip_network("192.0.2.2/32")]), ()))
    outcome = play(signed_frame(0, GOOD), signed_frame(1, GOOD, BOB, to="10.9.9.9"), doors=(kept,))
    assert (outcome.counts.kept_out, outcome.counts.elsewhere.total()) == (1, 1)
    assert why(outcome) == "Allow or Deny keeps its address out"
    assert why(outcome, BOB) == "it knocked at an address that is not watched"


def test_discarded() -> None:
    """What begins like a signed knock, and of which no signature is looked at, is counted."""
    unknown = GOOD[:4] + bytes(120)
    outcome = play(signed_frame(0, unknown), signed_frame(1, GOOD), signed_frame(2, GOOD, BOB))
    assert outcome.counts.discarded == 2
    assert any(note.startswith("2 packets with the tag of signed knocks") for note in find_notes(outcome))
    assert why(outcome, BOB) == "a signed knock does nothing: came before"


def test_refused() -> None:
    """What the keeper refuses is a line with its reason, the door and the key as far as they are known."""
    outcome = play(
        signed_frame(0, signed_packet(wrong=True)), signed_frame(1, signed_packet(name="cellar", nonce=2))
    )
    assert told(outcome) == [
        "0 refuse ssh 192.0.2.1 wrong signature",
        "1 refuse  192.0.2.1 no such door at this port",
    ]
    assert [bool(line.key) for line in outcome.timeline.lines] == [True, True]


def test_without_means() -> None:
    """Where nothing is known of a host no packet passes, and nothing is looked for."""
    outcome = replayed([signed_frame(0, GOOD)], SSH)
    assert told(outcome) == []
    assert why(outcome) == "no signed knock of then"


def test_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """However many tags are of no time, so many are looked for."""
    monkeypatch.setattr(signed_hearing, "MOST_LOOKED", 1)
    told_minutes = TellsMinutes()
    frames = [signed_frame(0, signed_packet(minute=9)), signed_frame(1, signed_packet(minute=9), BOB)]
    outcome = replayed(frames, SSH, signed=means_of(told=told_minutes))
    assert "9 minutes later" in why(outcome)
    assert why(outcome, BOB) == "no signed knock of then"


def test_addresses_are_chosen_by_signed_knocks() -> None:
    """Where nobody names the host's addresses, those are watched that get most packets at the ports."""
    outcome = play(signed_frame(0, GOOD), local=None)
    assert [one.address for one in outcome.watched] == [ip_address(OURS).packed]
    assert told(outcome)[:2] == OPENS


def test_beside_a_sequence() -> None:
    """A door may have a sequence too, and other doors their own; each works as without the other."""
    both = replace(door("1 2", "ssh", start_command="open %IP%"), signed_port=SSH.signed_port)
    both = replace(both, authorized_keys=SSH.authorized_keys)
    outcome = play(
        frame(0, 1, BOB), signed_frame(0, GOOD), frame(1, 2, BOB), doors=(both, signed_door("web"))
    )
    assert [line for line in told(outcome) if " open ssh" in line] == [
        OPENS[0],
        "1 open ssh 192.0.2.2 10.0.0.1",
    ]
