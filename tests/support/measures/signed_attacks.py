"""How many of millions of mutated packets of signed knocks are granted: none may be.

``python -m tests.support.measures.signed_attacks [--packets N] [--seed N]``. Minute after minute somebody
hears valid packets that never arrive, and makes others of them, with the knock secret and without. Each goes
through the tests of the kernel's filter and the keeper's judgement, with PyNaCl and without limits. One in
thousand is valid, and has to be granted, once.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from knockd.signed.values import Granted
from knockd_bpf.payload import PayloadRule
from knockd_conf.model import Door
from knockd_conf.signed_sizes import SIZE
from tests.support.doubles.judged_packets import PATH, WORDS, JudgedServer
from tests.support.oracles.signed_cases import KEYS, MINUTE, SECRET
from tests.support.oracles.signed_mutations import INSIDER, OUTSIDER, Attack, World
from tests.support.samples.signed_vectors import KEYS as PUBLISHED

NAMES = ("alice", "bob", "token", "token-of-knocks")
DOORS = ("ssh", "web", "T\u00fcr")
PORT = 47_811

A_MINUTE = 10_000
"""Packets of a minute."""

VALID_EACH = 1_000
"""One of so many is valid."""

ATTACKS: tuple[Attack, ...] = (*INSIDER, *OUTSIDER)


@dataclass
class Outcome:
    """What became of mutated packets. ``granted`` has the attacks that were."""

    packets: int = 0
    valid: int = 0
    checked: int = 0
    """Signatures that were looked at."""
    granted: list[str] = field(default_factory=list)
    refused: Counter[str] = field(default_factory=Counter)


def attack(packets: int, seed: int, attacks: Sequence[Attack] = ATTACKS) -> Outcome:
    """Tries so many packets. Raises AssertionError when a valid packet is not granted, or granted twice."""
    outcome = Outcome()
    world = World(SECRET, [KEYS[name] for name in NAMES], DOORS, seed)
    doors = [Door(name, "knockd.conf", 1, (), signed_port=PORT, authorized_keys=PATH) for name in DOORS]
    server = JudgedServer(SECRET, doors, {PATH: [PUBLISHED[name].line for name in NAMES]})
    minute = MINUTE
    while outcome.packets < packets:
        now = minute * 60 + 30.0
        world.heard = []
        for _ in range(16):
            world.hear(minute + world.random.choice((-1, 0, 1)), world.random.randbytes(4))
        rule = PayloadRule(SIZE, tuple(int.from_bytes(one.keys.tag, "big") for one in server.live(now)))
        for number in range(min(A_MINUTE, packets - outcome.packets)):
            if number % VALID_EACH == 0:
                _try_valid(world, server, minute, now)
                outcome.valid += 1
            chosen = world.random.choice(attacks)
            one, packet = world.make(chosen)
            outcome.packets += 1
            if not rule.accepts(packet):
                outcome.refused["filter"] += 1
                continue
            verdict = server.judge(now, packet, one.source)
            if isinstance(verdict, Granted):
                outcome.granted.append(f"{chosen.__name__}: {packet.hex()} of {one}")
            else:
                outcome.refused[WORDS[verdict.reason]] += 1
        minute += 1
    outcome.checked = server.checked - outcome.valid
    return outcome


def _try_valid(world: World, server: JudgedServer, minute: int, now: float) -> None:
    """What nobody has changed is granted, once."""
    heard = world.heard
    one = world.hear(minute, world.random.randbytes(4))
    world.heard = heard  # it has counted: what is made of it is refused for that
    assert isinstance(server.judge(now, one.packet, one.source), Granted)
    assert not isinstance(server.judge(now, one.packet, one.source), Granted)


def main(arguments: Sequence[str]) -> int:
    """Prints what came of it; the status is 1 when something was granted."""
    parser = argparse.ArgumentParser(description="tries mutated packets of signed knocks")
    parser.add_argument("--packets", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=15)
    asked = parser.parse_args(arguments)
    begun = time.perf_counter()
    outcome = attack(asked.packets, asked.seed)
    seconds = time.perf_counter() - begun
    print(
        f"{outcome.packets:,} mutated packets in {seconds:,.0f} s, {outcome.checked:,} signatures looked at"
    )
    print(f"granted: {len(outcome.granted)}; valid ones granted: {outcome.valid} of {outcome.valid}")
    for word, count in outcome.refused.most_common():
        print(f"{count:>12,}  {word}")
    for text in outcome.granted[:20]:
        print(text)
    return 1 if outcome.granted else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
