"""What signed knocks are judged by as the time of a capture goes on."""

from __future__ import annotations

import pytest

from knockd.replay.signed_times import SET_BACK, Elsewhen, SignedTimes, explain_time
from knockd.signed.values import Granted, Reason, Refused, Verdict
from tests.support.doubles.played import door
from tests.support.doubles.replays import BOB, STAMP
from tests.support.doubles.signed_replays import (
    MINUTE,
    PORT,
    SSH,
    TellsMinutes,
    arrival,
    means_of,
    signed_door,
    signed_packet,
)


def times(told: TellsMinutes | None = None) -> SignedTimes:
    """Signed knocks at one door, at second 0."""
    made = SignedTimes([SSH], means_of(told=told))
    made.move_to(STAMP)
    return made


def live(made: SignedTimes) -> list[int]:
    """The live minutes, counted from that of second 0."""
    return [one.minute - MINUTE for one in made.watch.minutes]


def word(verdict: Verdict) -> str:
    """A verdict in a word."""
    return verdict.reason.name if isinstance(verdict, Refused) else verdict.verb.name


def test_minutes() -> None:
    """The minute of a stamp and those beside it are live; each is derived once."""
    told = TellsMinutes()
    made = times(told)
    assert live(made) == [-1, 0, 1]
    assert not made.move_to(STAMP + 39_999_999)
    assert made.move_to(STAMP + 40_000_000)
    assert live(made) == [0, 1, 2]
    assert made.move_to(STAMP + 400_000_000)
    assert live(made) == [6, 7, 8]
    assert [minute - MINUTE for minute in told.asked] == [-1, 0, 1, 2, 6, 7, 8]
    assert [port.port for port in made.watch.ports] == [PORT]
    assert [len(one.hints) for one in made.watch.minutes] == [3, 3, 3]


def test_without_means() -> None:
    """Where nothing is known, or no door is signed, no minute is ever live."""
    for made in (SignedTimes([SSH], None), SignedTimes([door("1")], means_of())):
        assert not made.move_to(STAMP)
        assert made.is_waiting
        assert made.judge(arrival(0, signed_packet())) == Refused(Reason.CLOCK)
        assert made.find_elsewhen(arrival(0, signed_packet())) is None


def test_counts_once() -> None:
    """A packet that counts has counted then; what is only explained has not."""
    made = times()
    assert word(made.explain(arrival(0, signed_packet()))) == "OPEN"
    assert word(made.explain(arrival(0, signed_packet()))) == "OPEN"
    assert word(made.judge(arrival(1, signed_packet()))) == "OPEN"
    assert word(made.judge(arrival(2, signed_packet(), BOB))) == "REPEATED"
    assert word(made.explain(arrival(2, signed_packet()))) == "REPEATED"
    assert word(made.judge(arrival(2, signed_packet("bob")))) == "OPEN"


def test_what_has_counted_is_known_as_long_as_it_is_live() -> None:
    """Also after the minutes have moved on, and another time was looked at."""
    made = times()
    made.judge(arrival(0, signed_packet(minute=1)))
    for at in (60, 100):
        made.move_to(STAMP + at * 1_000_000)
        made.find_elsewhen(arrival(at, signed_packet(minute=50)))
        assert word(made.judge(arrival(at, signed_packet(minute=1)))) == "REPEATED"
    made.move_to(STAMP + 200_000_000)
    assert word(made.judge(arrival(200, signed_packet(minute=1)))) == "MINUTE"


def test_verdict_names() -> None:
    """A verdict has door and key as the file has them."""
    found = times().judge(arrival(0, signed_packet("token", verb="close")))
    assert isinstance(found, Granted)
    assert (found.door, found.key.comment, found.verb.name) == (SSH, "token", "CLOSE")


@pytest.mark.parametrize(
    ("packet", "reason"),
    [
        (signed_packet(minute=2), "MINUTE"),
        (signed_packet("mallory"), "KEY"),
        (signed_packet(name="web"), "DOOR"),
        (signed_packet(name="old"), "DOOR_EXPIRED"),
        (signed_packet(bound="192.0.2.99"), "BOUND"),
        (signed_packet(wrong=True), "SIGNATURE"),
    ],
)
def test_refuses(packet: bytes, reason: str) -> None:
    """What the keeper refuses is refused for its reasons."""
    made = SignedTimes([SSH, signed_door("old", expires="2020-01-01")], means_of())
    made.move_to(STAMP)
    assert word(made.judge(arrival(0, packet))) == reason


def test_too_many() -> None:
    """The limits of a source are those of the keeper; explaining has its own."""
    made = times()
    packets = [signed_packet(nonce=number) for number in range(7)]
    verdicts = [word(made.judge(arrival(0, packet))) for packet in packets]
    assert verdicts == ["OPEN"] * 5 + ["TOO_MANY"] * 2
    assert word(made.explain(arrival(0, packets[6]))) == "OPEN"
    assert word(made.judge(arrival(1, packets[6]))) == "OPEN"


def test_clock_set_back() -> None:
    """While the clock is a minute earlier than it was no packet counts, and what was used stays so."""
    made = times()
    made.judge(arrival(0, signed_packet()))
    assert made.move_to(STAMP - 21_000_000)
    assert made.is_waiting
    assert word(made.judge(arrival(-21, signed_packet("bob")))) == "CLOCK"
    assert not made.move_to(STAMP - SET_BACK - 1)
    assert made.move_to(STAMP - SET_BACK)
    assert word(made.judge(arrival(-1, signed_packet()))) == "REPEATED"


def test_child_has_ended() -> None:
    """Who cannot be asked any more says nothing: no further minute is live."""
    told = TellsMinutes()
    made = times(told)
    told.ended = True
    assert made.move_to(STAMP + 60_000_000)
    assert live(made) == [0, 1]
    made.move_to(STAMP + 600_000_000)
    assert made.is_waiting


@pytest.mark.parametrize(
    ("minute", "ahead", "words"),
    [
        (10, 610, "a signed knock for 10 minutes later: the clock of the knocker is ahead"),
        (
            -10,
            -590,
            "a signed knock for 10 minutes earlier: the clock of the knocker is behind, or somebody sends"
            " again what he has heard",
        ),
        (2, 130, "a signed knock for 2 minutes later: the clock of the knocker is ahead"),
    ],
)
def test_another_time(minute: int, ahead: float, words: str) -> None:
    """Of a packet of another time it is found for which one, and that it would count then."""
    found = times().find_elsewhen(arrival(0, signed_packet(minute=minute)))
    assert found is not None
    assert (found.ahead, word(found.verdict)) == (ahead, "OPEN")
    assert explain_time(found) == words


def test_of_no_time() -> None:
    """A packet of another host is of no time."""
    assert times().find_elsewhen(arrival(0, signed_packet(secret=bytes(32)))) is None
    assert explain_time(None).startswith("no signed knock for this host")


def test_wrong_at_another_time() -> None:
    """What would be refused at its own time is told so."""
    found = times().find_elsewhen(arrival(0, signed_packet(minute=9, wrong=True)))
    assert isinstance(found, Elsewhen)
    assert word(found.verdict) == "SIGNATURE"


def test_bounded() -> None:
    """However many times are looked at, a bounded number of minutes is kept."""
    made = times()
    for minute in range(2, 60):
        for packet in (signed_packet(minute=minute), signed_packet(minute=-minute)):
            made.find_elsewhen(arrival(0, packet))
    assert len(made._minutes) <= 66
    assert word(made.judge(arrival(0, signed_packet()))) == "OPEN"
