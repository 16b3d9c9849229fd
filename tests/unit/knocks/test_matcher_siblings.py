"""A door with several live sequences: what one packet means to all of them, and what is said of it."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_network

import pytest

from knockd.knocks.events import Expired, Guarded, Opened, Stale
from knockd.knocks.matcher import Matcher
from knockd.knocks.tally import Tally
from knockd.knocks.watch import Watch
from knockd_conf.access import Access, make_networks
from tests.support.doubles.played import ALICE, BOB, LOCAL, OURS, packet, pending, play, steps

LIFE = 120.0
"""Seconds for which the source of a touched guard is ignored."""


def at(period: int, *, key: int = 1, guards: str = "", opens: bool = True) -> Watch:
    """A sequence: period 4 of key 1 has the steps 141 142 143, that of key 2 241 242 243."""
    ports = " ".join(str(100 * key + 10 * period + number) for number in (1, 2, 3))
    return Watch(
        *(0, steps(ports)),
        serial=10 * key + period,
        key=key,
        opens=opens,
        guards=steps(guards),
        ignore_time=LIFE,
        seq_timeout=10.0,
    )


def around(now: int, *, key: int = 1, burnt: int = 0) -> list[Watch]:
    """The watches of a key in a period: three live ones that guard each other's steps, one on each side.

    Those up to ``burnt`` open nothing. Port 9 is a guard of all live ones.
    """
    live = range(now - 1, now + 2)
    made = []
    for period in range(now - 2, now + 3):
        others = [step.port for other in live if other != period for step in at(other, key=key).steps]
        opens = period in live and period > burnt
        made.append(
            at(period, key=key, opens=opens, guards=" ".join(map(str, [9, *others])) if opens else "")
        )
    return made


def test_knock() -> None:
    """The sequences around guard against its steps; a knock has one line a step all the same."""
    matcher = Matcher(around(4))
    assert ["stage 1", "stage 2", "opened 3"] == play(matcher, "141 142 143")


def test_serial() -> None:
    """An opening names the sequence that opened."""
    matcher = Matcher(around(4))
    play(matcher, "151 152")
    assert [Opened(0, ALICE, OURS, 3, 15)] == matcher.feed(packet("153"), LOCAL, 100.0)


def test_next_sequence_after_an_opening() -> None:
    """Who opened may knock the next sequence at once, though he has touched its guards."""
    matcher = Matcher(around(4))
    play(matcher, "141 142 143")
    assert ["stage 1", "stage 2", "opened 3"] == play(matcher, "151 152 153")


def test_used_sequence() -> None:
    """What has opened opens nothing more, for nobody; it is said that a whole sequence came."""
    matcher = Matcher(around(4))
    play(matcher, "141 142 143")
    assert ["stale 14"] == play(matcher, "141 142 143", BOB)


def test_earlier_sequence_of_the_key() -> None:
    """With a sequence all earlier ones of its key are used, and no later one."""
    matcher = Matcher(around(4))
    play(matcher, "141 142 143")
    assert ["stale 13"] == play(matcher, "131 132 133", BOB)
    assert ["stage 1", "stage 2", "opened 3"] == play(matcher, "151 152 153", b"carl")


def test_other_key() -> None:
    """A sequence of another key is not used."""
    matcher = Matcher([*around(4), *around(4, key=2)])
    play(matcher, "151 152 153")
    assert ["stage 1", "stage 2", "opened 3"] == play(matcher, "231 232 233")


@pytest.mark.parametrize("burnt", [0, 4])
def test_view_after_an_opening(burnt: int) -> None:
    """The next view decides anew whether the sequence opens."""
    matcher = Matcher(around(4))
    play(matcher, "141 142 143")
    matcher.set_watches(around(4, burnt=burnt), 100.0)
    assert ["stale 14" if burnt else "opened 3"] == play(matcher, "141 142 143", BOB)[-1:]


def test_last_packet_retransmitted() -> None:
    """The last packet of a knock that comes again is not a whole sequence."""
    matcher = Matcher(around(4))
    play(matcher, "141 142 143")
    assert [] == play(matcher, "143 143")


def test_sequence_that_is_not_live() -> None:
    """Of a sequence that opens nothing only that it came whole is said."""
    matcher = Matcher(around(4))
    assert [Stale(0, ALICE, 16)] == [
        event for word in ("161", "162", "163") for event in matcher.feed(packet(word), LOCAL, 100.0)
    ]


def test_sequence_that_is_not_live_within_a_knock() -> None:
    """It ends no attempt at a live sequence."""
    matcher = Matcher(around(4))
    play(matcher, "141 161 162 163")
    assert ["stage 2", "opened 3"] == play(matcher, "142 143")


@pytest.mark.parametrize("trace", ["9 161 162 163", "161 9 162 163", "161 162 151 9 163", "151 161 162 163"])
def test_sequence_that_a_scan_has_come_upon(trace: str) -> None:
    """Who has touched a guard of the door knows no sequence: the keeper would take it for one of a key."""
    assert not [said for said in play(Matcher(around(4)), trace) if said.startswith("stale")]


def test_silence_about_a_sequence_that_is_not_live() -> None:
    """A step that is not due, an attempt that grows old: nothing is said of it, nor counted."""
    matcher = Matcher(around(4))
    assert [] == play(matcher, "161 163 161", now=100.0)
    assert [] == matcher.find_attempts(100.0, 9)
    due = matcher.next_expiry()
    assert due is not None
    assert [] == matcher.expire(due + 1.0)
    assert Tally() == matcher.tally


def test_old_attempt_at_a_sequence_that_is_not_live() -> None:
    """Who knocks too slowly has not knocked a whole sequence."""
    matcher = Matcher(around(4))
    play(matcher, "161 162", now=100.0)
    assert [] == play(matcher, "163", now=111.0)


def test_guard() -> None:
    """A port that is a guard of all sequences has one line, and ends the attempts at each."""
    matcher = Matcher(around(4))
    play(matcher, "141")
    assert [Guarded(0, ALICE, 1, 6 << 16 | 9)] == matcher.feed(packet("9"), LOCAL, 100.0)
    assert Tally(begun=1, guarded=1) == matcher.tally
    assert ["ignored 120"] == play(matcher, "141 142 143")
    assert ["ignored 120"] == play(matcher, "151 152 153")


def test_guard_holds_for_its_time() -> None:
    """A source is ignored for the ignore time, which is not Seq_Timeout."""
    matcher = Matcher(around(4))
    play(matcher, "9", now=100.0)
    assert ["ignored 1"] == play(matcher, "141 142 143", now=219.5)
    assert ["stage 1"] == play(matcher, "141", now=220.0)


def test_scan_of_steps() -> None:
    """Who touches steps of two sequences has touched guards of both."""
    matcher = Matcher(around(4))
    assert ["stage 1", "guarded 1", "ignored 120"] == play(matcher, "141 151 152 153")
    assert 0 == pending(matcher)


def test_expired_and_begun() -> None:
    """An attempt that grew too old is told once, and the packet begins another."""
    matcher = Matcher(around(4))
    play(matcher, "141", now=100.0)
    events = matcher.feed(packet("141"), LOCAL, 111.0)
    assert Expired(0, ALICE, 1) == events[0]
    assert 2 == len(events)


def test_two_sequences_with_one_port() -> None:
    """A packet that begins an attempt at two sequences has one line, and both go on."""
    one, two = replace(at(4), steps=steps("1 2 3")), replace(at(5), steps=steps("1 4 5"))
    matcher = Matcher([one, two])
    assert ["stage 1", "stage 2"] == play(matcher, "1 2")
    assert [(0, ALICE, 2)] == [one[:3] for one in matcher.find_attempts(100.0, 9)]
    assert ["spoiled 1"] == play(matcher, "5")
    assert ["opened 3"] == play(matcher, "3")
    assert Tally(begun=1, spoiled=1) == matcher.tally


def test_first_step_that_is_repeated() -> None:
    """A first step that comes again begins nothing new that is told."""
    matcher = Matcher(around(4))
    assert ["stage 1"] == play(matcher, "141 141")


def test_rotation_forgives_another_sequence() -> None:
    """Who knocked one whole sequence, with a packet lost, may knock the next one after it began."""
    matcher = Matcher(around(4))
    assert ["stage 1", "spoiled 1"] == play(matcher, "141 143")
    matcher.set_watches(around(5), 130.0)
    assert ["stage 1", "stage 2", "opened 3"] == play(matcher, "151 152 153", now=130.0)


def test_used_sequence_is_no_scan_of_the_next() -> None:
    """Who repeats a sequence that was used knocks the next one with success, before any view."""
    matcher = Matcher(around(4))
    play(matcher, "141 142 143", BOB)
    assert ["stale 14"] == play(matcher, "141 142 143")
    assert ["stage 1", "stage 2", "opened 3"] == play(matcher, "151 152 153")


@pytest.mark.parametrize("touched", ["9", "131", "152"])
def test_used_sequence_forgives_no_scan(touched: str) -> None:
    """A used sequence takes back only what its own steps have done: whoever has heard one cannot scan on."""
    matcher = Matcher(around(4))
    play(matcher, "141 142 143", BOB)
    play(matcher, f"{touched} 141 142 143")
    assert "opened 3" not in play(matcher, "151 152 153" if touched != "152" else "131 132 133")


def test_no_forgiving_without_a_rotation() -> None:
    """The same view again forgives nothing."""
    matcher = Matcher(around(4))
    play(matcher, "141 143")
    matcher.set_watches(around(4), 130.0)
    assert ["guarded 0", "ignored 90"] == play(matcher, "151 152 153", now=130.0)


@pytest.mark.parametrize("touched", ["9", "141 9", "141 131"], ids=["guard", "and a step", "two sequences"])
def test_rotation_forgives_no_scan(touched: str) -> None:
    """Who has touched a guard, or steps of two sequences, stays ignored."""
    matcher = Matcher(around(4))
    play(matcher, touched)
    matcher.set_watches(around(5), 130.0)
    assert ["ignored 90"] == play(matcher, "151 152 153", now=130.0)[-1:]


def test_longest_sequence_is_forgiven() -> None:
    """All but one of 16 steps are remembered: as many as a sequence of a key may have."""
    long = " ".join(str(number) for number in range(101, 117))
    first = replace(at(4), steps=steps(long))
    second = replace(at(5), guards=steps(long))
    matcher = Matcher([first, second])
    play(matcher, " ".join(word for word in long.split() if word != "103"))
    matcher.set_watches([second, at(6)], 130.0)
    assert ["stage 1"] == play(matcher, "151", now=130.0)


def test_attempt_that_is_late() -> None:
    """Who is in the middle of a sequence when it ceases to open hears that it is stale."""
    matcher = Matcher(around(4))
    play(matcher, "131 132")
    matcher.set_watches(around(5), 100.0)
    assert ["stale 13"] == play(matcher, "133")


def test_attempt_that_is_early() -> None:
    """Who begins a sequence before it opens begins anew when it does: no guard watched over him."""
    matcher = Matcher(around(4))
    play(matcher, "161 162")
    matcher.set_watches(around(5), 100.0)
    assert 0 == pending(matcher)
    assert ["guarded 0"] == play(matcher, "163")


@pytest.mark.parametrize("knock", ["151 152 153", "161 162 163"])
def test_cooldown(knock: str) -> None:
    """After an opening the whole door ignores its source, also with sequences that are live later."""
    matcher = Matcher([replace(watch, seq_cooldown=60.0) for watch in around(4)])
    play(matcher, "141 142 143", now=100.0)
    matcher.set_watches([replace(watch, seq_cooldown=60.0) for watch in around(5)], 130.0)
    assert ["ignored 30"] == play(matcher, knock, now=130.0)


def test_packet_that_opens_another_door() -> None:
    """A packet that ends a knock at one door begins none at a rotating one; a stale sequence ends none."""
    plain = Watch(1, steps("5 6 141"))
    matcher = Matcher([plain, *around(4)])
    assert ["1: stage 1", "1: stage 2", "1: opened 3"] == play(matcher, "5 6 141")
    assert [] == play(matcher, "142")
    stale = replace(at(6, opens=False), steps=steps("1 2 3"))
    matcher = Matcher([Watch(1, steps("3 4")), stale])
    assert ["stale 16", "1: stage 1", "1: opened 2"] == play(matcher, "1 2 3 4")


ALICE_ONLY = Access(make_networks([ip_network("192.0.2.1")]), ())


@pytest.mark.parametrize("several", [False, True], ids=["one watch", "several"])
def test_source_that_is_not_admitted(several: bool) -> None:
    """Its packets begin nothing, touch no guard and are not spoken of; others' are."""
    watches = around(4) if several else [replace(at(4, guards="9"), key=0)]
    matcher = Matcher([replace(watch, access=ALICE_ONLY) for watch in watches])
    assert [] == play(matcher, "141 142 143 9 143 161 162 163", BOB)
    assert (0, Tally()) == (pending(matcher), matcher.tally)
    assert ["stage 1", "stage 2", "opened 3"] == play(matcher, "141 142 143")
