"""The keeper judges signed knocks as the slow model does, in any situation; real signatures, right and wrong.

Worlds are small, so that keys, doors, files, addresses and nonces meet.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from ipaddress import ip_address, ip_network
from time import gmtime, strftime
from typing import Any

from hypothesis import event, given, settings
from hypothesis import strategies as st
from nacl.signing import SigningKey

from knockd.signed.values import Granted
from knockd_conf.access import Networks, make_networks, settle_access
from knockd_conf.model import Door
from tests.support.doubles.judged_packets import WORDS, JudgedServer
from tests.support.oracles.make_signed_vectors import pack_address
from tests.support.oracles.signed_cases import KEYS, MINUTE, RANDOM, SECRET
from tests.support.oracles.signed_judge_model import (
    EVERYBODY,
    NEVER,
    Counts,
    ModelDoor,
    ModelKey,
    Nets,
    Refuses,
    Server,
    judge,
)
from tests.support.oracles.signed_model import UNBOUND, Knock, Signer, make_packet
from tests.support.samples.signed_vectors import KEYS as PUBLISHED

NAMES = ("alice", "bob", "token", "mallory")
FILES = ("one", "two")
DOORS = ("ssh", "T\u00fcr", "web")
PORTS = (47_811, 47_812)
SOURCES = ("192.0.2.7", "192.0.2.66", "203.0.113.9", "2001:db8::7")
HERE = ("198.51.100.1", "198.51.100.2", "2001:db8:1::1")
NETWORKS = tuple(map(ip_network, ("192.0.2.0/24", "192.0.2.66/32", "2001:db8::/32", "203.0.113.0/28")))
NOW = MINUTE * 60
YESTERDAY, DAY = "2026-11-30", 86_400
SIGNING = {name: SigningKey(KEYS[name].seed) for name in NAMES}

rarely = st.sampled_from([True, False, False, False, False])
networks = st.lists(st.sampled_from(NETWORKS), min_size=1, max_size=2, unique=True).map(tuple)
nonces = st.sampled_from([bytes([number]) * 16 for number in range(2)])


@dataclass(frozen=True)
class Line:
    """A line of a file, as text and as the model has it."""

    text: str
    key: ModelKey


@st.composite
def lines(draw: st.DrawFn, file: str, name: str) -> Line:
    """A key with some options."""
    allow, deny = (draw(networks) if draw(rarely) else () for _ in range(2))
    late = draw(st.sampled_from([-1, 0, 45, 100])) if draw(rarely) else None
    doors = draw(st.sets(st.sampled_from(DOORS), min_size=1)) if draw(rarely) else None
    options = []
    if allow or deny:
        texts = [*map(str, allow or EVERYBODY), *(f"!{one}" for one in deny)]
        options.append(f'from="{",".join(texts)}"')
    if late is not None:
        options.append(f'expiry-time="{_utc(NOW + late)}"')
    if doors is not None:
        options.append(f'knock-doors="{",".join(sorted(doors))}"')
    text = f"{','.join(options)} {PUBLISHED[name].line}".lstrip()
    key = ModelKey(
        name,
        KEYS[name],
        allow or EVERYBODY,
        deny,
        NEVER if late is None else NOW + late,
        None if doors is None else frozenset(doors),
        file,
    )
    return Line(text, key)


def _utc(seconds: int) -> str:
    """A time as expiry-time= has it."""
    return strftime("%Y%m%d%H%M%SZ", gmtime(seconds))


@st.composite
def doors(draw: st.DrawFn) -> ModelDoor:
    """A door of some kind."""
    return ModelDoor(
        draw(st.sampled_from(DOORS)),
        draw(st.sampled_from(PORTS)),
        draw(networks) if draw(rarely) else EVERYBODY,
        draw(networks) if draw(rarely) else (),
        float(NOW) if draw(rarely) else NEVER,
        draw(st.sampled_from(FILES)),
        tuple(map(ip_address, HERE[:2])) if draw(rarely) else (),
    )


@dataclass(frozen=True)
class World:
    """A server as the model has it, and the lines of its files."""

    doors: tuple[ModelDoor, ...]
    files: dict[str, tuple[Line, ...]]


@st.composite
def worlds(draw: st.DrawFn) -> World:
    """Up to three doors, two files with some of the keys."""
    made = draw(st.lists(doors(), min_size=1, max_size=3, unique_by=lambda one: (one.name, one.port)))
    files = {}
    for file in FILES:
        names = draw(st.lists(st.sampled_from(NAMES[:3]), min_size=1, max_size=3, unique=True))
        files[file] = tuple(draw(lines(file, name)) for name in names)
    return World(tuple(made), files)


@dataclass(frozen=True)
class Arriving:
    """A packet on its way."""

    packet: bytes
    seconds: float
    source: str
    destination: str
    port: int


@st.composite
def knocks(draw: st.DrawFn, world: World) -> Arriving:
    """A packet for one of the doors, right but for up to two things."""
    door = draw(st.sampled_from(world.doors))
    name = draw(st.sampled_from([line.key.name for line in world.files[door.file]]))
    wrong = draw(st.sets(st.sampled_from(WRONG), max_size=2))
    if "key" in wrong:
        name = draw(st.sampled_from(NAMES))
    signer, source = KEYS[name], draw(st.sampled_from(SOURCES))
    hardware = signer.application is not None
    knock = Knock(
        SECRET,
        signer,
        MINUTE + draw(st.sampled_from([-2, -1, 1, 2] if "minute" in wrong else [0])),
        draw(nonces),
        draw(st.sampled_from([*DOORS, "cellar"])) if "door" in wrong else door.name,
        draw(st.sampled_from([1, 1, 2, 3])),
        0,
        UNBOUND,
        draw(st.sampled_from([0, 4] if "touch" in wrong else [1, 5])) if hardware else 0,
        draw(st.integers(0, 2**32 - 1)) if hardware else 0,
    )
    if draw(st.booleans()):
        to = draw(st.sampled_from(SOURCES)) if "bound" in wrong else source
        knock = replace(knock, bound=1, address=pack_address(to))
    if "form" in wrong:
        knock = replace(knock, **draw(st.sampled_from(ODD)))
    other = replace(knock, **draw(st.sampled_from(MISSIGNED))) if "signed" in wrong else knock
    signing = draw(st.sampled_from(NAMES)) if "signer" in wrong else name
    signature = SIGNING[signing].sign(make_packet(other, bytes(64)).signed).signature
    packet = make_packet(knock, signature).packet
    if "bit" in wrong:
        at = draw(st.sampled_from([0, 5, 20, 30, 123]))
        packet = packet[:at] + bytes((packet[at] ^ 1,)) + packet[at + 1 :]
    return Arriving(
        packet,
        NOW + draw(st.sampled_from([0, 30, 59.5])),
        source,
        draw(st.sampled_from(HERE)),
        draw(st.sampled_from(PORTS)) if "port" in wrong else door.port,
    )


@st.composite
def situations(draw: st.DrawFn) -> tuple[World, list[Arriving]]:
    """A server, and what comes there."""
    world = draw(worlds())
    return world, draw(st.lists(knocks(world), min_size=1, max_size=4))


WRONG = ("key", "minute", "door", "touch", "bound", "form", "signed", "signer", "bit", "port")

ODD: tuple[dict[str, Any], ...] = (
    {"verb": 0},
    {"verb": 4},
    {"bound": 2},
    {"bound": 1, "address": UNBOUND},
    {"bound": 0, "address": b"\1" * 16},
    {"reserved": 1},
    {"flags": 1},
    {"counter": 9},
)
"""What is in a packet and may not be."""

MISSIGNED: tuple[dict[str, Any], ...] = (
    {"secret": RANDOM},
    {"minute": MINUTE + 7},
    {"nonce": b"other" + bytes(11)},
    {"door": "other"},
    {"verb": 9},
    {"address": b"\2" * 16},
    {"signer": Signer(bytes(32), "", "ssh:other")},
)
"""What was signed instead of what the packet says."""


def keeper_of(world: World) -> JudgedServer:
    """The product's judgement of the same server."""
    made = [
        Door(
            one.name,
            "knockd.conf",
            1,
            (),
            target=one.targets,
            signed_port=one.port,
            authorized_keys=one.file,
            access=settle_access(_nets(one.allow), _nets(one.deny), (), ()),
            expires="" if one.expires == NEVER else YESTERDAY,
        )
        for one in world.doors
    ]
    return JudgedServer(
        SECRET, made, {file: [line.text for line in found] for file, found in world.files.items()}
    )


def _nets(networks: Nets) -> Networks:
    """As the configuration has it: nothing stands for everybody."""
    return make_networks(one for one in networks if one.prefixlen)


@settings(max_examples=300, deadline=None)
@given(situations())
def test_judges_as_the_model(situation: tuple[World, list[Arriving]]) -> None:
    """Packet by packet it is refused for the same reason, or does the same, and is used then."""
    world, arriving = situation
    server = Server(SECRET, world.doors, tuple(line.key for found in world.files.values() for line in found))
    keeper = keeper_of(world)
    assert keeper.keys.troubles == ()
    names = {PUBLISHED[name].fingerprint: name for name in NAMES}
    for one in arriving:
        expected = judge(server, one.seconds, one.source, one.destination, one.port, one.packet)
        source, destination = ip_address(one.source).packed, ip_address(one.destination).packed
        found = keeper.judge(one.seconds, one.packet, source, destination, one.port)
        if isinstance(found, Granted):
            seen: Counts | Refuses = Counts(
                found.verb.name.lower(), found.door.name, names[found.key.fingerprint]
            )
        else:
            seen = Refuses(WORDS[found.reason])
        event(seen.word if isinstance(seen, Refuses) else "counts")
        assert seen == expected
