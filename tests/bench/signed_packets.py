"""What a signed packet costs the packet process once it has passed the filter, whatever strangers send.

No network: prepared batches go through the session as the packet process drives it.
"""

from __future__ import annotations

import array
import gc
import random
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from itertools import accumulate
from statistics import median
from struct import pack_into

from knockd.knocks.batch import RECORD
from knockd.knocks.session import Frames, Origin, Session
from knockd_bpf.wire import DLT_EN10MB
from knockd_conf.signed_sizes import SIZE, TAG
from tests.bench.figures import Figure, Outcome, Say, at_most
from tests.bench.packets import BATCH, IN_TIME, LOCAL, OWN, RATE, SLACK
from tests.support.daemons.daemon import ROOT, environment
from tests.support.daemons.doors import SERVER
from tests.support.samples.headers import UDP, framed, ipv4, ipv6, udp
from tests.support.samples.signed_packets import MINUTE, PORT, keys_of, sealed, watching

KEYS = 8
ROUNDS = 5
MOST = 4.5
"""Microseconds a packet: with the reading of captures, 1.4 of them, less than 60 % of a core at RATE."""

HOW = (
    "No network: {count:,} frames of each kind, every one from another source, go in batches of 1,024 through"
    " the session as the packet process drives it, at 100,000/s on its clock: decode, payload, tag, key hint,"
    " copies, limits; processor time, median of {rounds} processes, all kinds in turn. All packets have the"
    " tag of a live minute; there are {keys} keys. *Strangers*: random bytes behind the tag. *Copies*: one"
    " packet that has gone on. *One key*, *all keys*: packets of somebody who has the knock secret and knows"
    " public keys, each with a new nonce. *Two interfaces*: packets that may have been seen by another one."
    " What no door asks for is the same packets where no knock is signed."
)


def strangers(number: int) -> bytes:
    """Of no key."""
    return keys_of(MINUTE).tag + random.Random(number).randbytes(SIZE - TAG)


KINDS: dict[str, Callable[[int], bytes]] = {
    "strangers": strangers,
    "copies": lambda _: sealed(0),
    "one key": sealed,
    "all keys": lambda number: sealed(number, key=1 + number % KEYS),
}
CASES = {
    "what no door asks for": ("strangers", 4, 1),
    **{kind: (kind, 4, 1) for kind in KINDS},
    "strangers, IPv6": ("strangers", 6, 1),
    "strangers, two interfaces": ("strangers", 4, 2),
}
"""What is measured: what is sent, by which IP version, at how many interfaces."""

PLAIN = next(iter(CASES))


def batches(kind: str, version: int, count: int) -> Iterator[list[bytes]]:
    """Frames of a kind, each from another source."""
    data = udp(PORT, bytes(SIZE))
    if version == 4:
        frame = framed(DLT_EN10MB, ipv4(data, UDP, destination=SERVER[4]))
    else:
        frame = framed(DLT_EN10MB, ipv6(data, UDP, destination=SERVER[6]))
    at, make = {4: 26, 6: 34}[version], KINDS[kind]
    for begin in range(0, count - BATCH + 1, BATCH):
        made = []
        for number in range(begin, begin + BATCH):
            one = bytearray(frame)
            one[-SIZE:] = make(number)
            pack_into(">I", one, at, 0x0B00_0000 + number)
            made.append(bytes(one))
        yield made


def cost(name: str, count: int) -> float:
    """Microseconds a packet."""
    kind, version, interfaces = CASES[name]
    session = Session((), slack=SLACK, interfaces=interfaces)
    if name != PLAIN:
        session.set_signed(watching(*range(1, KEYS + 1)))
    prepared = [*batches(kind, version, count)]
    now, took = time.monotonic(), 0.0
    gc.freeze()
    for frames in prepared:
        now += len(frames) / RATE
        stamp = now - IN_TIME
        records = array.array("I", RECORD.pack(int(stamp), int(stamp % 1 * 1e6), 0, 0) * len(frames))
        lengths = [len(frame) for frame in frames]
        records[2::4] = array.array("I", accumulate(lengths[:-1], initial=0))
        records[3::4] = array.array("I", lengths)
        read = Frames(b"".join(frames), records.tobytes(), DLT_EN10MB)
        start = time.process_time()
        session.refill_limits(now)
        for _ in session.judge(read, Origin(0, LOCAL, OWN), now, 0.0):
            pass
        session.expire_attempts(now, drained=True)
        session.take_held()
        took += time.process_time() - start
    return took / (len(prepared) * BATCH) * 1e6


def run(quick: bool, say: Say) -> Outcome:
    """Each measurement in a process of its own."""
    count, rounds = (50_000, 1) if quick else (200_000, ROUNDS)
    took: dict[str, list[float]] = {name: [] for name in CASES}
    for number in range(rounds):
        say(f"round {number + 1} of {rounds}")
        for name, found in took.items():
            command = [sys.executable, "-m", "tests.bench.signed_packets", name, str(count)]
            done = subprocess.run(
                command, cwd=ROOT, env=environment(), stdout=subprocess.PIPE, text=True, check=True
            )
            found.append(float(done.stdout))
    figures = [
        Figure(name, "us a packet", median(found))
        if name == PLAIN
        else at_most(name, "us a packet", median(found), MOST)
        for name, found in took.items()
    ]
    how = HOW.format(count=count, rounds=rounds, keys=KEYS)
    return Outcome("Signed packets that passed the filter", how, tuple(figures))


if __name__ == "__main__":
    print(cost(sys.argv[1], int(sys.argv[2])))
