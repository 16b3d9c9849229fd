"""What the sequence of a door is worth against scanners, guessers and listeners.

Pure.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from enum import Enum
from fractions import Fraction
from math import inf

from knockd.checks.chances import (
    SPACED,
    Guess,
    arranged_chance,
    count_sequences,
    guess,
    live_chance,
    scan_chance,
    slowed_scan,
)
from knockd.knocks.taken import LAST_PORT
from knockd.sequences.rotating_watches import LIVE
from knockd_conf.classes import NamedTuple
from knockd_conf.model import SEQ_TIMEOUT, Step
from knockd_conf.text import show_span
from knockd_conf.timed import GUARDS, Rule

RATE = 1_000
"""Packets a second of the one who guesses."""

_YEAR = 365.25 * 86_400
_WORTH_TELLING = 1.1
"""How many times more likely to open a slow scan is before it is named."""


class Replay(Enum):
    """What somebody who hears a knock can do with it."""

    ALWAYS = "always"
    NEVER = "never"


class Scan(NamedTuple):
    """A scan of all ports in random order: how many packets, to which protocols, each port how often.

    ``chance`` is that it opens the door within Seq_Timeout, None: not computed. ``slowed`` is the best
    that a slow one reaches, with its packets a second.
    """

    packets: int
    protocols: tuple[str, ...]
    copies: int
    chance: Fraction | None
    slowed: tuple[float, float] | None = None


class Strength(NamedTuple):
    """What a sequence is worth. ``period``: the seconds for which the chance of a scan holds; 0: for ever.

    ``keys``: of how many keys sequences are live.
    """

    scan: Scan
    sequences: int
    guess: Guess | None
    replay: Replay
    period: int = 0
    keys: int = 0


def judge_steps(
    steps: Sequence[Step],
    guards: Iterable[Step],
    *,
    timeout: float = SEQ_TIMEOUT,
    near: bool = True,
    once: bool = False,
) -> Strength:
    """The strength of a sequence with these guards; ``timeout`` is its Seq_Timeout.

    ``near``: the guards are all within four ports of a step, which scans of every fifth port make use of.
    ``once``: it opens once.
    """
    kinds = {step.protocol for step in steps}
    ports = LAST_PORT * len(kinds)
    count = sum(guard.protocol in kinds for guard in guards)
    numbers = list(dict.fromkeys(steps))
    order = tuple(numbers.index(step) for step in steps)
    copies = max(Counter(order).values())
    chance = scan_chance(len(steps), count) if copies == 1 else arranged_chance(order, count, copies)
    scan = Scan(
        ports * copies,
        tuple(sorted(map(str, kinds))),
        copies,
        chance,
        _slowed(chance, len(steps), count, ports, timeout) if copies == 1 and chance else None,
    )
    ways = [_guess(order, copies, count, ports, 1.0, timeout)]
    if near and count:
        ways.append(_guess(order, copies, 0, ports, 1 / SPACED, timeout))
    cheapest = min(filter(None, ways), key=lambda way: way.packets, default=None)
    sequences = count_sequences(len(steps), ports)
    return Strength(scan, sequences, cheapest, Replay.NEVER if once else Replay.ALWAYS)


def judge_rule(rule: Rule, timeout: float = SEQ_TIMEOUT, keys: int = 1) -> Strength:
    """The strength of the sequences of so many keys; ``timeout`` is the door's Seq_Timeout."""
    kinds = ("tcp", "udp") if rule.protocol == "mixed" else (rule.protocol,)
    span, live = rule.high - rule.low + 1, 2 * LIVE + 1
    ports = span * len(kinds)
    guards = live * (rule.steps + GUARDS) - rule.steps
    # Which of one key's ports come first says nothing of another's.
    chance = 1 - (1 - live_chance(rule.steps, GUARDS, live)) ** keys
    scan = Scan(ports, kinds, 1, chance)
    guessed = guess(rule.steps, guards, ports, at_once=RATE * timeout, forgives=False, live=live * keys)
    sequences = count_sequences(rule.steps, span, apart=True) * len(kinds) ** rule.steps
    return Strength(scan, sequences, guessed, Replay.NEVER, rule.period, keys)


def _slowed(
    chance: Fraction, steps: int, guards: int, ports: int, timeout: float
) -> tuple[float, float] | None:
    if not guards or not timeout:
        return None
    best, window = slowed_scan(steps, guards)
    return (best, ports * window / timeout) if best > _WORTH_TELLING * chance else None


def _guess(
    order: tuple[int, ...], copies: int, guards: int, ports: int, most: float, timeout: float
) -> Guess | None:
    """Scans of a share of the ports; where a step comes again, of each as many packets."""
    if not timeout:
        return None
    if len(order) == 1:
        return Guess((ports + 1) / 2, round(ports * most))
    if copies == 1:
        return guess(len(order), guards, ports, at_once=RATE * timeout, most=most)
    chance = arranged_chance(order, guards, copies)
    if not chance:
        return None
    packets = copies * ports * most
    return Guess(packets * float(1 / (chance * Fraction(most) ** len(set(order)))), round(packets))


def add_chances(all_of_them: Iterable[Strength]) -> Fraction:
    """The chance that a scan opens one of several doors, at most."""
    return min(Fraction(1), sum((one.scan.chance or Fraction(0) for one in all_of_them), Fraction(0)))


def describe_strength(strength: Strength) -> Iterator[str]:
    """Yields what -t says of it, a line each for the scan, for guessing and for listening."""
    yield f"scan in random order: {_describe_scan(strength)}"
    yield f"guessing: {_describe_guess(strength)}"
    if strength.replay is Replay.ALWAYS:
        yield "replay: whoever sees the knock can send it again, until you change the sequence"
    else:
        yield "replay: none, each opens once; who can drop packets on the way can use the last one first"


def _describe_scan(strength: Strength) -> str:
    scan = strength.scan
    if scan.chance is None:
        return f"never opens it; not computed for a scan that sends each port {scan.copies} times"
    said = f"opens it {format_odds(scan.chance)}"
    if scan.copies > 1:
        said = f"never opens it; with each port sent {scan.copies} times, {format_odds(scan.chance)}"
    elif len(scan.protocols) > 1:
        said += f" if it is of {' and '.join(scan.protocols)}"
    if strength.period:
        said += f" in a period of {strength.period} s"
    if scan.slowed is not None:
        chance, rate = scan.slowed
        said += f"; at {rate:,.0f} packets/s {format_odds(chance)}" if rate >= 1 else "; a slow one always"
    return said


def _describe_guess(strength: Strength) -> str:
    said = f"{format_count(strength.sequences)} sequences"
    if strength.guess is None:
        return said
    packets = strength.guess.packets
    took = f"{format_count(packets)} packets, {format_time(packets / RATE)} at {RATE:,} packets/s"
    condition = "" if strength.period else ", if the ports are random"
    return f"{said}; on average {took}{condition}"


def format_odds(chance: Fraction | float) -> str:
    """A chance as people say it: ``once in 17,550 times``."""
    if chance >= 1 / 1.05:
        return "every time"
    times = float(1 / chance) if chance else inf
    return (
        f"once in {times:.1f} times" if times < 10 and times % 1 else f"once in {format_count(times)} times"
    )


def format_count(number: float) -> str:
    """A number of three digits that count, or all of its digits when there are six at most."""
    if number < 1_000_000:
        return f"{number:,.0f}"
    if number < 1e12:
        return f"{float(f'{float(number):.2e}'):,.0f}"
    return f"{float(number):.2e}".replace("e+", "e") if number < inf else "more than 1e308"


def format_time(seconds: float) -> str:
    """A span, also of years."""
    return show_span(seconds) if seconds < 2 * _YEAR else f"{format_count(seconds / _YEAR)} years"


def as_values(strength: Strength) -> dict[str, object]:
    """The same for programs: chances as ``one_in``, times in seconds."""
    scan, guessed = strength.scan, strength.guess
    return {
        "scan": {
            "packets": scan.packets,
            "protocols": list(scan.protocols),
            "copies": scan.copies,
            "one_in": _one_in(scan.chance),
            "period": strength.period or None,
            "slowed": None
            if scan.slowed is None
            else {"one_in": _one_in(scan.slowed[0]), "packets_per_second": round(scan.slowed[1], 3)},
        },
        "sequences": float(strength.sequences),
        "guess": None
        if guessed is None
        else {"packets": round(guessed.packets), "packets_per_second": RATE, "each_address": guessed.each}
        | {"seconds": round(guessed.packets / RATE)},
        "replay": strength.replay.value,
    }


def _one_in(chance: Fraction | float | None) -> float | None:
    return float(1 / chance) if chance else None
