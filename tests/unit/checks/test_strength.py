"""What -t says a sequence is worth: plain doors, doors with a key, several; for people and programs."""

from __future__ import annotations

import random
from fractions import Fraction
from math import sqrt
from typing import Any

import pytest

from knockd.checks.strength import (
    Replay,
    add_chances,
    as_values,
    describe_strength,
    format_count,
    format_odds,
    format_time,
    judge_rule,
    judge_steps,
)
from knockd.knocks.events import Opened
from knockd.knocks.guards import watches_with_guards
from knockd.knocks.matcher import Matcher
from knockd.knocks.taken import Taken
from knockd_conf.model import Config, Options
from knockd_conf.timed import Rule
from tests.support.doubles.played import LOCAL, door, packet, steps

BESIDE = (-4, -3, -2, -1, 1, 2, 3, 4)


def guards(text: str) -> str:
    """Four ports on each side of each step, in the letters of ``steps``."""
    return " ".join(
        f"{step.port + far}{'u' * (step.protocol == 17)}" for step in steps(text) for far in BESIDE
    )


def told(text: str, guarded: str | None = None, **values: Any) -> list[str]:
    """The three lines about a sequence."""
    beside = guards(text) if guarded is None else guarded
    return list(describe_strength(judge_steps(steps(text), steps(beside), **values)))


ALWAYS = "replay: whoever sees the knock can send it again, until you change the sequence"
NEVER = "replay: none, each opens once; who can drop packets on the way can use the last one first"


def test_a_plain_door() -> None:
    """Three steps with 24 guards."""
    assert told("7000 9000 8000") == [
        "scan in random order: opens it once in 17,550 times; at 133 packets/s once in 6,023 times",
        "guessing: 2.81e14 sequences; on average 9,830,000 packets, 2 h 43 min at 1,000 packets/s,"
        " if the ports are random",
        ALWAYS,
    ]


def test_a_one_time_door() -> None:
    """The same, but that a listener can do nothing with it."""
    assert told("7000 9000 8000", once=True) == [*told("7000 9000 8000")[:2], NEVER]


@pytest.mark.parametrize(
    ("sequence", "guarded", "scan"),
    [
        ("7000", None, "opens it once in 9 times; a slow one always"),
        ("7000", "", "opens it every time"),
        ("7000 8000", "", "opens it once in 2 times"),
        ("7000 8000", "7001u", "opens it once in 2 times"),
        (
            "7000 9000u 8000",
            None,
            "opens it once in 17,550 times if it is of tcp and udp; at 266 packets/s once in 6,023 times",
        ),
        ("7000u 9000u", None, "opens it once in 306 times; at 110 packets/s once in 66 times"),
        ("7000 7000 7000", "6999 7001", "never opens it; with each port sent 3 times, once in 84 times"),
        (" ".join(map(str, range(1_000, 2_200, 100))) + " 1000", None, None),
    ],
)
def test_scans(sequence: str, guarded: str | None, scan: str | None) -> None:
    """One step, no guards, other protocols, mixed ones, repeated ports, and what is not computed."""
    expected = scan or "never opens it; not computed for a scan that sends each port 2 times"
    assert f"scan in random order: {expected}" == told(sequence, guarded)[0]


def test_seq_timeout_counts() -> None:
    """A short Seq_Timeout makes guessing slower, and slow scans faster; without any nothing is guessed."""
    usual, short, none = (
        judge_steps(steps("7000 9000 8000"), steps(guards("7000 9000 8000")), timeout=seconds)
        for seconds in (25.0, 5.0, 0.0)
    )
    assert usual.guess is not None
    assert short.guess is not None
    assert none.guess is None
    assert short.guess.packets > usual.guess.packets
    assert short.scan.chance == usual.scan.chance == Fraction(1, 17_550)
    assert usual.scan.slowed is not None
    assert short.scan.slowed is not None
    assert none.scan.slowed is None
    assert round(short.scan.slowed[1] / usual.scan.slowed[1], 3) == 5


def test_guards_that_are_not_near() -> None:
    """Guards that only the owner knows cost a guesser more than those beside the steps."""
    near, listed = (
        judge_steps(steps("7000 9000 8000"), steps(guards("7000 9000 8000")), near=near).guess
        for near in (True, False)
    )
    assert near is not None
    assert listed is not None
    assert listed.packets > 15 * near.packets
    assert near.each == 13_107


def test_every_fifth_port() -> None:
    """Scans of every fifth port in random order open doors as often as guessing counts on: 1 in 5^k k!."""
    choose, tried, opened = random.Random(21), 6_000, 0
    for _ in range(tried):
        one = door(" ".join(map(str, choose.sample(range(100, 60_000), 2))))
        config = Config("/etc/knockd.conf", Options(), (one,), "host", ())
        matcher = Matcher(watches_with_guards(config, [one.steps], Taken()))
        rest = choose.randrange(5)
        near = {step.port + far for step in one.steps for far in (0, *BESIDE)}
        ports = [port for port in near if port % 5 == rest]
        choose.shuffle(ports)
        events = [event for port in ports for event in matcher.feed(packet(str(port)), LOCAL, 1.0)]
        opened += any(isinstance(event, Opened) for event in events)
    chance = 1 / (5**2 * 2)
    assert abs(opened - tried * chance) <= 4 * sqrt(tried * chance)


def test_a_key() -> None:
    """Four steps and eight guards in each of three periods."""
    assert list(describe_strength(judge_rule(Rule()))) == [
        "scan in random order: opens it once in 471,240 times in a period of 30 s",
        "guessing: 2.56e18 sequences; on average 3,460,000,000 packets, 40 d 1 h at 1,000 packets/s",
        NEVER,
    ]


@pytest.mark.parametrize(
    ("rule", "times", "packets"),
    [
        (Rule(), 36 * 35 * 34 * 33 // 3, 40_001),
        (Rule(steps=3), 33 * 32 * 31 // 3, 40_001),
        (Rule(steps=5), 39 * 38 * 37 * 36 * 35 // 3, 40_001),
        (Rule(protocol="mixed", low=30_000, high=39_999), 36 * 35 * 34 * 33 // 3, 20_000),
        (Rule(protocol="udp", period=600), 36 * 35 * 34 * 33 // 3, 40_001),
    ],
)
def test_rules(rule: Rule, times: int, packets: int) -> None:
    """The chance depends on the steps alone; the packets of a scan on range and protocols."""
    found = judge_rule(rule)
    assert found.scan.chance == Fraction(1, times)
    assert found.scan.packets == packets
    assert found.period == rule.period
    assert found.replay is Replay.NEVER


def test_several_keys() -> None:
    """Their chances add up, and guessing is as much faster."""
    one, three = judge_rule(Rule()), judge_rule(Rule(), keys=3)
    assert three.scan.chance == 1 - (1 - Fraction(1, 471_240)) ** 3
    assert next(describe_strength(three)).endswith(" once in 157,080 times in a period of 30 s")
    assert one.guess is not None
    assert three.guess is not None
    assert one.guess.packets / three.guess.packets == pytest.approx(3, rel=0.01)


def test_several_doors() -> None:
    """Chances add up, to one at most; a door whose chance is not known adds nothing."""
    one, always = judge_steps(steps("7000 9000 8000"), ()), judge_steps(steps("7000"), ())
    unknown = judge_steps(steps(" ".join(map(str, range(1_000, 2_200, 100))) + " 1000"), ())
    assert Fraction(1, 3) == add_chances([one, one, unknown])
    assert Fraction(1) == add_chances([one, always])
    assert Fraction(0) == add_chances([])


def test_for_programs() -> None:
    """The same in numbers: one_in, packets, seconds."""
    beside = steps(guards("7000 9000 8000"))
    assert as_values(judge_steps(steps("7000 9000 8000"), beside)) == {
        "scan": {
            "packets": 65_535,
            "protocols": ["tcp"],
            "copies": 1,
            "one_in": 17_550.0,
            "period": None,
            "slowed": {
                "one_in": pytest.approx(6_022.8, abs=0.1),
                "packets_per_second": pytest.approx(133, abs=1),
            },
        },
        "sequences": 65_535.0**3,
        "guess": {
            "packets": 9_826_973,
            "packets_per_second": 1_000,
            "each_address": 13_107,
            "seconds": 9_827,
        },
        "replay": "always",
    }


def test_for_programs_what_is_not_known() -> None:
    """It is null."""
    values = as_values(judge_steps(steps(" ".join(map(str, range(1_000, 2_200, 100))) + " 1000"), ()))
    assert (None, None) == (values["guess"], values["scan"]["one_in"])  # type: ignore[index]
    assert 30 == as_values(judge_rule(Rule()))["scan"]["period"]  # type: ignore[index]


@pytest.mark.parametrize(
    ("chance", "expected"),
    [
        (Fraction(1), "every time"),
        (0.99, "every time"),
        (Fraction(1, 2), "once in 2 times"),
        (Fraction(2, 5), "once in 2.5 times"),
        (Fraction(1, 17_550), "once in 17,550 times"),
        (Fraction(1, 1_413_720), "once in 1,410,000 times"),
        (Fraction(1, 10**20), "once in 1.00e20 times"),
        (0.0, "once in more than 1e308 times"),
    ],
)
def test_odds(chance: Fraction | float, expected: str) -> None:
    """As people say them."""
    assert expected == format_odds(chance)


def test_counts_and_times() -> None:
    """Three digits that count; years where days are too many."""
    assert ["999,999", "1,230,000", "1.23e14"] == [format_count(n) for n in (999_999, 1_234_567, 1.234e14)]
    assert ["59 s", "2 h 43 min", "3 years"] == [format_time(n) for n in (59, 9_827, 94_700_000)]
