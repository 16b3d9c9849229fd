"""Floods at the port of signed knocks, beside 0.8 and fwknopd: wake-ups, processor, openings of others."""

from __future__ import annotations

import random
import socket
import struct
import tempfile
import time
from base64 import b64encode
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import NamedTuple, Protocol

from nacl.signing import SigningKey

from knockd_conf.signed_packet import (
    MINUTE,
    UNBOUND,
    MinuteKeys,
    Request,
    Verb,
    blob_of,
    derive_host,
    derive_minute,
    message_of,
    select_door,
)
from knockd_conf.signed_sizes import SIZE
from tests.bench.figures import Figure, Outcome, Say, at_least, at_most
from tests.bench.fwknop import Fwknopd, SpaPackets, packet_maker
from tests.bench.kernel import PacketStatistics
from tests.bench.knocks import Knock, Stamps, knock
from tests.bench.stage import Stage, stage
from tests.bench.subject import Subject, Usage, Who, settle
from tests.bench.traffic import Replay, Sent, Sources, write_payloads
from tests.support.daemons.doors import SERVER, config, door
from tests.support.lab.waiting import wait_until

PORT = 47_811
RATE = 100_000
DOOR = "ssh"
IN_TIME = 0.25
"""Seconds from a knock's packet to its command within which it counts."""

HOW = (
    "tcpreplay sends UDP packets to the port for {seconds} s at {rate:,}/s, every packet from another source,"
    " over a veth pair to a server that drops them behind the capture. Meanwhile {knocks} knocks of others,"
    " each from an address of its own. *Random*: random bytes of the right length. *Copies*: one packet that"
    " has opened, again and again. *Valid tag*: packets of somebody who has the knock secret and knows a"
    " public key, each with a new nonce and a wrong signature. 0.8 has a door whose first step is the port,"
    " and is knocked by its three steps; fwknopd (HMAC, command cycle) gets its own packets: random bytes of"
    " the length of its own, copies of one that has opened. Wake-ups are context switches of all processes"
    " of the daemon, and processor time their user and system time, until all is worked off."
)


class Flood(Enum):
    """What strangers send."""

    NONE = "nothing"
    RANDOM = "random"
    COPIES = "copies"
    INSIDER = "valid tag"


class Running(Protocol):
    """A daemon under measurement."""

    def usage(self) -> Usage:
        """What it has used until now."""

    def captured(self) -> PacketStatistics:
        """Frames that passed its filter, since the last call."""


class Contender(Protocol):
    """One of the daemons, and how strangers and owners talk to it."""

    @property
    def name(self) -> str:
        """Whose figures they are."""

    @property
    def floods(self) -> Sequence[Flood]:
        """What strangers can send to it."""

    def start(
        self, on: Stage, command: Callable[[str], str], folder: Path
    ) -> AbstractContextManager[Running]:
        """The daemon; ``command`` makes the command line of a door, of the word for the address."""

    def payloads(self, flood: Flood, count: int) -> Iterator[bytes]:
        """What strangers send."""

    def knock(self, on: Stage, number: int) -> Knock:
        """One knock of an owner, from an address of its own."""


class Signed:
    """Ours, by signed knocks."""

    name = "ours"
    floods = (Flood.NONE, Flood.RANDOM, Flood.COPIES, Flood.INSIDER)

    def __init__(self, seed: int = 15) -> None:
        self._random = random.Random(seed)
        self._secret = self._random.randbytes(32)
        self._laptop, self._other = (SigningKey(self._random.randbytes(32)) for _ in range(2))
        self._opened = b""

    def start(
        self, on: Stage, command: Callable[[str], str], folder: Path
    ) -> AbstractContextManager[Running]:
        """A door with a signed port alone."""
        folder.mkdir(parents=True, exist_ok=True)
        secret, keys = folder / "secret", folder / "authorized_keys"
        secret.write_text(b64encode(self._secret).decode() + "\n")
        secret.chmod(0o600)
        keys.write_text("".join(_line(key, name) for key, name in ((self._laptop, "a"), (self._other, "b"))))
        keys.chmod(0o600)
        text = config(
            f"[{DOOR}]\nstart_command = {command('%IP%')}\n",
            Signed_Port=PORT,
            Knock_Secret=secret,
            Authorized_Keys=keys,
            Clock="trust",
        )
        return Subject(Who.OURS, on.server, text, folder)

    def packet(self, key: SigningKey, *, signature: bytes = b"") -> bytes:
        """A packet of now; with a ``signature`` of its own it is a forged one."""
        minute = int(time.time() // MINUTE)
        keys = MinuteKeys(minute, derive_minute(self._secret, minute))
        nonce = self._random.randbytes(16)
        request = Request(Verb.OPEN, 0, select_door(DOOR), 0, 0, 0, UNBOUND, signature)
        if not signature:
            message = message_of(derive_host(self._secret), minute, nonce, request, DOOR)
            request = request._replace(signature=key.sign(blob_of(message)).signature)
        return keys.seal(key.verify_key.encode(), nonce, request)

    def payloads(self, flood: Flood, count: int) -> Iterator[bytes]:
        """What strangers send."""
        match flood:
            case Flood.RANDOM:
                yield from (self._random.randbytes(SIZE) for _ in range(count))
            case Flood.COPIES:
                yield from (self._opened for _ in range(count))
            case Flood.INSIDER:
                forged = self._random.randbytes(64)
                yield from (self.packet(self._other, signature=forged) for _ in range(count))

    def knock(self, on: Stage, number: int) -> Knock:
        """A packet of the laptop."""
        self._opened = self.packet(self._laptop)
        return _send(on, number, self._opened)


class Sequence08:
    """0.8, by three UDP ports."""

    name = "0.8"
    floods = (Flood.NONE, Flood.RANDOM)
    steps = (f"{PORT}:udp", "8002:udp", "9002:udp")

    def start(
        self, on: Stage, command: Callable[[str], str], folder: Path
    ) -> AbstractContextManager[Running]:
        """A door whose first step is the port."""
        text = config(door("udp", ",".join(self.steps), seq_timeout=5, start_command=command("%IP%")))
        return Subject(Who.PEER, on.server, text, folder)

    def payloads(self, flood: Flood, count: int) -> Iterator[bytes]:
        """Random bytes."""
        choose = random.Random(count)
        yield from (choose.randbytes(SIZE) for _ in range(count if flood is Flood.RANDOM else 0))

    def knock(self, on: Stage, number: int) -> Knock:
        """Three packets, 20 ms apart."""
        return knock(on.client, on.knocker(number), SERVER[4], self.steps, 0.02)


class Fwknop:
    """fwknopd, by single packets."""

    name = "fwknopd"
    floods = (Flood.NONE, Flood.RANDOM, Flood.COPIES)

    def __init__(self, maker: SpaPackets, on: Stage, knocks: int) -> None:
        self._maker, self._knocks = maker, knocks
        self._on = on
        self._ready: list[bytes] = []
        self._opened = b""

    def start(
        self, on: Stage, command: Callable[[str], str], folder: Path
    ) -> AbstractContextManager[Running]:
        """One access stanza for everybody."""
        self._ready = [self._maker.make(on.knocker(number)) for number in range(self._knocks + 1)]
        return Fwknopd(on.server, PORT, command("$IP"), folder)

    def payloads(self, flood: Flood, count: int) -> Iterator[bytes]:
        """What strangers send."""
        choose, size = random.Random(count), len(self._ready[0])
        letters = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
        match flood:
            case Flood.RANDOM:
                yield from (bytes(choose.choices(letters, k=size)) for _ in range(count))
            case Flood.COPIES:
                yield from (self._opened for _ in range(count))

    def knock(self, on: Stage, number: int) -> Knock:
        """One packet, made before."""
        self._opened = self._ready[number]
        return _send(on, number, self._opened)


def _line(key: SigningKey, name: str) -> str:
    """The line of a key in authorized_keys."""
    parts = (b"ssh-ed25519", key.verify_key.encode())
    blob = b"".join(struct.pack(">I", len(part)) + part for part in parts)
    return f"ssh-ed25519 {b64encode(blob).decode()} {name}\n"


def _send(on: Stage, number: int, payload: bytes) -> Knock:
    source = on.knocker(number)
    with on.client.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind((source, 0))
        sent = time.time()
        sock.sendto(payload, (SERVER[4], PORT))
    return Knock(source, sent)


@dataclass(frozen=True)
class Flooded:
    """What one flood did to one daemon."""

    sent: Sent | None
    seconds: float
    used: Usage
    knocks: int
    opened: int
    in_time: int
    passed: int
    dropped: int

    @property
    def load(self) -> float:
        """Processor time per hundred of one core."""
        return 100 * self.used.cpu / self.seconds


class Measure(NamedTuple):
    """How long, how much, how many."""

    seconds: int
    knocks: int
    packets: int


def flood(
    on: Stage, folder: Path, who: Contender, what: Flood, stamps: Stamps, size: Measure, *, quiet: bool
) -> Flooded:
    """One daemon, one flood; ``quiet``: nobody knocks meanwhile, so that wake-ups are the flood's."""
    name = f"{who.name}-{what.name}-{'quiet' if quiet else 'knocks'}"
    with who.start(on, lambda word: _command(stamps, name, word), folder / name) as running:
        wait_until(lambda: _opens(on, who, stamps, name, size.knocks), 10, "the first knock opens")
        pcap, sources = folder / f"{name}.pcap", Sources().take(max(1, size.packets))
        if what is not Flood.NONE:
            write_payloads(pcap, on.macs(), SERVER[4], PORT, sources, who.payloads(what, size.packets))
        time.sleep(1)
        before, _ = running.usage(), running.captured()
        began = time.monotonic()
        replay = None
        if what is not Flood.NONE:
            replay = Replay(on.client, pcap, rate=RATE, seconds=size.seconds)
        knocks = [] if quiet else _knock(on, who, size)
        if replay is None:
            time.sleep(max(0.0, began + size.seconds - time.monotonic()))
        sent = None if replay is None else replay.wait()
        settle(running)
        seconds = size.seconds if sent is None else sent.seconds
        used, seen = running.usage().since(before), running.captured()
        pcap.unlink(missing_ok=True)
    read = stamps.read(f"{name}.stamps")
    delays = [delay for one in knocks if (delay := one.delay(read)) is not None]
    in_time = sum(delay <= IN_TIME for delay in delays)
    return Flooded(sent, seconds, used, len(knocks), len(delays), in_time, seen.packets, seen.drops)


def _opens(on: Stage, who: Contender, stamps: Stamps, name: str, number: int) -> bool:
    """Whether a knock opens; its packet is the one that is copied."""
    first = who.knock(on, number)
    time.sleep(0.5)  # the files are read in the first moments
    return first.delay(stamps.read(f"{name}.stamps")) is not None


def _command(stamps: Stamps, name: str, word: str) -> str:
    return stamps.command(f"{name}.stamps").replace("%IP%", word)


def _knock(on: Stage, who: Contender, size: Measure) -> list[Knock]:
    start, apart = time.monotonic() + 1, (size.seconds - 2) / size.knocks
    done = []
    for number in range(size.knocks):
        time.sleep(max(0.0, start + number * apart - time.monotonic()))
        done.append(who.knock(on, number))
    return done


def run(quick: bool, say: Say) -> Outcome:
    """Each daemon under each flood, twice: once alone, once with knocks of others."""
    size = Measure(4, 5, 200_000) if quick else Measure(12, 20, 1_000_000)
    found: dict[tuple[str, Flood, bool], Flooded] = {}
    with (
        tempfile.TemporaryDirectory(prefix="knockd-bench-") as folder,
        stage() as on,
        packet_maker() as maker,
    ):
        contenders: tuple[Contender, ...] = (Signed(), Sequence08(), Fwknop(maker, on, size.knocks))
        stamps = Stamps(Path(folder))
        for what in Flood:
            for who in contenders:
                for quiet in (True, False):
                    if what not in who.floods or (what is Flood.NONE and not quiet):
                        continue
                    say(f"{what.value}, {who.name}{'' if quiet else ', with knocks'}")
                    found[who.name, what, quiet] = flood(
                        on, Path(folder) / "runs", who, what, stamps, size, quiet=quiet
                    )
    figures = [one for what in Flood for one in _figures(what, found)]
    notes = [
        _note(what, found["fwknopd", what, True], found.get(("fwknopd", what, False)))
        for what in Fwknop.floods
    ]
    return Outcome(
        "Signed knocks under floods",
        HOW.format(seconds=size.seconds, rate=RATE, knocks=size.knocks),
        tuple(figures),
        tuple(notes),
    )


def _figures(what: Flood, found: dict[tuple[str, Flood, bool], Flooded]) -> Iterator[Figure]:
    """The rows of one flood: ours, and 0.8's where it knows the like."""
    ours, peer = found["ours", what, True], found.get(("0.8", what, True))
    switches = None if peer is None else peer.used.switches
    load = None if peer is None else peer.load
    name = f"{what.value}: wake-ups"
    if what in (Flood.NONE, Flood.RANDOM):  # a minute may begin meanwhile
        yield at_most(name, "", ours.used.switches, 20, switches)
        yield at_most(f"{what.value}: processor", "% of a core", ours.load, 1, load)
    else:
        yield Figure(name, "", ours.used.switches, switches)
        yield at_most(f"{what.value}: processor", "% of a core", ours.load, 60, load)
    if what is Flood.NONE:
        return
    yield Figure(
        f"{what.value}: frames that passed the filter", "", ours.passed, None if peer is None else peer.passed
    )
    if what is not Flood.RANDOM:
        lost = found["ours", what, False].dropped
        yield at_most(f"{what.value}: frames dropped by the ring", "", lost, 0)
    loud, other = found["ours", what, False], found.get(("0.8", what, False))
    share = None if other is None else 100 * other.in_time / other.knocks
    yield at_least(
        f"{what.value}: knocks of others that open in time", "%", 100 * loud.in_time / loud.knocks, 100, share
    )
    ever = None if other is None else 100 * other.opened / other.knocks
    yield Figure(
        f"{what.value}: knocks that open sooner or later", "%", 100 * loud.opened / loud.knocks, ever
    )
    size = None if other is None else other.used.log / 1000
    yield at_most(f"{what.value}: log", "kB", loud.used.log / 1000, 200, size)


def _note(what: Flood, quiet: Flooded, loud: Flooded | None) -> str:
    """What fwknopd did."""
    text = f"fwknopd, {what.value}: {quiet.used.switches} wake-ups, {quiet.load:.1f} % of a core"
    if loud is None:
        return f"{text}."
    opened = f"of {loud.knocks} knocks of others {loud.in_time} opened in time and {loud.opened} at all"
    return f"{text}; {opened}; log {loud.used.log / 1000:.0f} kB; {quiet.passed} frames passed its filter."
