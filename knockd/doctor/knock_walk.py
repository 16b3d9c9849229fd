"""A knock in the lab, from client to door: heard by the daemon's own filter and rules. Nothing is run.

All that is read here was sent by our own client: nobody else is in the lab.

World: captures.
"""

from __future__ import annotations

import select
import time
from collections.abc import Sequence
from contextlib import closing
from ipaddress import ip_address

from knockd.doctor.knock_plan import Link, Way
from knockd.doctor.knock_story import Story, Tell
from knockd.doctor.lab import SERVER, LabError, Peer, join
from knockd.explanation.accounts import Listener, Place
from knockd.explanation.live import BATCH, Ear, Hearing
from knockd.explanation.signed_accounts import SignedExplainer
from knockd.explanation.words import Doors
from knockd.knocks.addresses import spread_addresses
from knockd.knocks.batch import RECORD
from knockd.knocks.decode import decode
from knockd.knocks.events import Opened
from knockd.knocks.prefilter import prefilter
from knockd.knocks.watch import Watch
from knockd.net.interfaces import read_interfaces
from knockd.net.selection import make_scene
from knockd.replay.signed_times import SignedTimes
from knockd.worker.capture import attach_source, open_capture
from knockd_conf.classes import NamedTuple
from knockd_conf.model import Config

ARRIVES_WITHIN = 5.0
"""Seconds after the last packet has left until what has not arrived is lost."""

_WAIT = 100
"""Milliseconds to wait for packets at once."""


class Knocked(NamedTuple):
    """A configuration, what its doors watch for here, and the place of the door that is knocked at.

    ``signed`` judges signed knocks.
    """

    config: Config
    watches: Sequence[Watch]
    door: int
    ipv6: bool
    signed: SignedTimes | None = None


class Outcome(NamedTuple):
    """What came of a knock: the opening, else what to change. ``tried``: whether it could be sent at all.

    ``passed``: packets that the kernel's filter let through.
    """

    opened: Opened | None = None
    advice: str = ""
    tried: bool = True
    passed: int = 0


class Ears:
    """Two captures at the server: the daemon's, with its filter, and one of all that the client sends."""

    def __init__(self, client: str, at: Knocked) -> None:
        """Raises CaptureError."""
        self._client = ip_address(client).packed
        latency, buffer = at.config.options.latency, at.config.options.buffer * 1024
        scene = make_scene((SERVER,), read_interfaces())
        local = spread_addresses(scene.addresses).get(SERVER, frozenset())
        reader = at.config.options.capture
        self._filtered = open_capture(SERVER, latency=latency, buffer=buffer, reader=reader)
        self._all = open_capture(SERVER, latency=latency, buffer=buffer, reader=reader)
        signed = None if at.signed is None else at.signed.watch
        made = prefilter(at.watches, local, self._filtered.linktype, ipv6=at.ipv6, signed=signed)
        program = made.fitted.program
        self._filtered.attach(program.pack(), made.text)
        attach_source(self._all, self._client)
        self.ear = Ear(0, self._all, Place("", local, scene.own), program.instructions)
        self.filtered = self._filtered.fileno()
        """The descriptor of the capture with the filter."""
        self.passed = 0
        """Packets of the client that the kernel's filter has let through."""

    def close(self) -> None:
        """Closes both."""
        self._filtered.close()
        self._all.close()

    def count_passed(self) -> None:
        """Counts what has come through the filter; at once, for the ring is small. Raises CaptureError."""
        data, records = self._filtered.read(BATCH)
        for _, _, offset, length in RECORD.iter_unpack(records):
            # Before the filter was attached, anything could come that the kernel sends by itself.
            packet = decode(self._filtered.linktype, data[offset : offset + length])
            self.passed += packet is not None and packet.source == self._client


def join_lab(peer: Peer, link: Link) -> None:
    """Gives both ends of the lab an address. Raises LabError."""
    join(SERVER, link.server, link.client, link.version)
    peer.send(join={"mine": link.client, "other": link.server, "version": link.version})
    answer = peer.receive()
    if "failed" in answer:
        raise LabError(answer["failed"])


def walk(peer: Peer, way: Way, at: Knocked, delay: int, tell: Tell) -> Outcome:
    """Has the client knock and tells what becomes of each packet; ``delay``: milliseconds between them.

    Raises LabError, and CaptureError.
    """
    join_lab(peer, way.link)
    source = ip_address(way.link.client).packed
    slack = 2 * at.config.options.latency / 1000
    explainer = None if at.signed is None else SignedExplainer(at.signed)
    listener = Listener(source, at.watches, slack=slack, ipv6=at.ipv6, signed=explainer)
    doors = Doors([door.name for door in at.config.doors], listener.known, source)
    story = Story(way, listener, doors, at.door, tell)
    with closing(Ears(way.link.client, at)) as ears:
        tell("", f"filter attached: {len(ears.ear.program)} instructions")
        ask_for(peer, way, delay)
        unavailable = follow(peer, ears, story)
    if unavailable:
        return Outcome(None, unavailable, tried=False)
    story.tell_rest()
    if ears.passed != story.passed:
        text = f"the kernel's filter let {ears.passed} packets through, and {story.passed} should have passed"
        return Outcome(None, f"{text}: a fault of knockd, please report it.")
    opened = story.find_opening()
    return Outcome(opened, "" if opened is not None else story.advise(), passed=ears.passed)


def ask_for(peer: Peer, way: Way, delay: int) -> None:
    """Tells the client to knock. Raises LabError."""
    ports = [str(step) for step in way.steps]
    link = way.link
    how = {"ports": ports, "flags": way.flags, "signed": way.signed, "delay": delay}
    peer.send(knock={"host": link.server, "version": link.version, **how})


def follow(peer: Peer, ears: Ears, story: Story) -> str:
    """Listens until all has arrived, or time is over. Returns why the client could not knock, if so.

    Raises LabError, and CaptureError.
    """
    poll, hearing, heard = select.poll(), Hearing(story.hear), ears.ear.capture.fileno()
    for descriptor in (peer.fileno(), heard, ears.filtered):
        poll.register(descriptor, select.POLLIN)
    until: float | None = None
    while until is None or time.monotonic() < until:
        if until is not None and story.is_complete and ears.passed >= story.passed:
            break
        ready = {descriptor for descriptor, _ in poll.poll(None if until is None else _WAIT)}
        if ears.filtered in ready:
            ears.count_passed()
        if heard in ready:
            hearing.read(ears.ear)
        if peer.fileno() in ready:
            message = peer.receive()
            if "unavailable" in message:
                return str(message["unavailable"])
            if "left" in message:
                story.leave(message["left"])
            elif "unsent" in message:
                story.keep(message["unsent"], message["reason"])
            elif "done" in message:
                until = time.monotonic() + ARRIVES_WITHIN
    return ""
