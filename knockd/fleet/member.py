"""A gateway of the fleet: what it says, and what it makes of what the others say.

It joins with a HELLO that asks all to prove that they live, takes over what is open from one of them, and
says once a beat that it is here. Openings and closes that are news to it are handed to the keeper.

Pure: times are handed in, messages are handed out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Final

from knockd.fleet.openings import Openings, Place
from knockd.fleet.peers import Peer, Peers
from knockd.fleet.records import (
    MOST_ROWS,
    ForgedError,
    Hello,
    Kind,
    Message,
    Proof,
    Row,
    Seal,
    State,
)
from knockd_conf.classes import NamedTuple

BEAT: Final = 5.0
"""Seconds between two signs of life in a small fleet."""

EACH: Final = 0.1
"""Seconds by which a beat is longer for each gateway of a large one: what all say stays the same."""

WAIT: Final = 2.0
"""Seconds until another gateway is asked for what is open."""


class Send(NamedTuple):
    """Publish some bytes: for all, or for the gateway with this run."""

    to: str
    data: bytes


class Opened(NamedTuple):
    """Another gateway has opened a door, or given it more time. ``seconds``: None: nothing closes it."""

    gateway: str
    door: str
    address: str
    seconds: float | None


class Closed(NamedTuple):
    """Another gateway has closed a door before its time."""

    gateway: str
    door: str
    address: str


class Used(NamedTuple):
    """Another gateway has used up what has this mark."""

    mark: str


class Came(NamedTuple):
    """A gateway is there."""

    gateway: str


class Left(NamedTuple):
    """A gateway is not there any more; ``silent``: it has not said why."""

    gateway: str
    silent: bool


Action = Send | Opened | Closed | Used | Came | Left


class Member:
    """``seal`` has the fleet's key, ``name`` is this gateway's, ``make_nonce`` makes random names."""

    def __init__(self, seal: Seal, name: str, make_nonce: Callable[[], str]) -> None:
        self.run = make_nonce()
        self.peers = Peers(make_nonce)
        self.forged = self.dropped = 0
        """Messages without the fleet's code; messages that came late, or again."""
        self._seal, self._name = seal, name
        self._openings = Openings(self.run)
        self._serial = self._direct = 0
        self._connected = self._news = False
        self._joined_at = 0.0
        self._whole = False
        """All that is open is known."""
        self._source: tuple[str, float] | None = None
        """The run that was asked for what is open, and when."""
        self._next_beat = 0.0

    @property
    def beat(self) -> float:
        """Seconds between two signs of life."""
        return max(BEAT, EACH * (len(self.peers) + 1))

    # What becomes of the store, and of time.

    def connect(self, now: float) -> Iterator[Action]:
        """The store is reached, for the first time or again."""
        self._connected, self._whole, self._source, self._joined_at = True, False, None, now
        yield self._hello(self.peers.make_nonce(now), now)
        self._news = False

    def disconnect(self) -> None:
        """The store is not reached any more: the others miss what is said now."""
        self._connected = False

    def tick(self, now: float) -> Iterator[Action]:
        """Time has passed: call it once a second, or more often."""
        for peer in self.peers.forget(now):
            yield Left(peer.name, silent=True)
        if not self._connected:
            return
        if now >= self._next_beat:
            yield self._hello("", now)
        if not self._whole and (self._source is None or now - self._source[1] > WAIT):
            yield from self._ask_somebody(now)
        for peer in self.peers.live():
            yield from self._catch_up(peer, now)

    def leave(self, now: float) -> Iterator[Action]:
        """This gateway ends."""
        yield from self._tell(Kind.BYE, None, now)

    # What is done here.

    def open(self, place: Place, seconds: float | None, now: float) -> Iterator[Action]:
        """A door has been opened here, or given more time. ``seconds``: None: nothing closes it."""
        yield from self._tell(Kind.OPEN, self._openings.note_open(place, seconds, now), now)

    def close(self, place: Place, now: float) -> Iterator[Action]:
        """A door has been closed here before its time."""
        yield from self._tell(Kind.CLOSE, self._openings.note_closed(place, now), now)

    def hold(self, place: Place, seconds: float, now: float) -> None:
        """A door was open here before this run."""
        self._openings.hold(place, seconds, now)

    def use(self, mark: str, now: float) -> Iterator[Action]:
        """Something has been used up here."""
        yield from self._tell(Kind.USED, mark, now)

    # What others say.

    def hear(self, data: bytes, now: float, wall: float) -> Iterator[Action]:
        """Takes a message from the store. ``wall``: seconds since the epoch."""
        try:
            message = self._seal.unseal(data)
        except ForgedError:
            self.forged += 1
            return
        if message.run == self.run or message.to not in {"", self.run}:
            return
        found = self.peers.judge(message, now, wall)
        if found is None:
            return
        peer = found.peer
        if found.prove:
            nonce = "" if peer.lives and not found.ask else self.peers.make_nonce(now)
            yield self._say(Kind.PROOF, Proof(found.prove, nonce, wall, self._whole), now, peer)
        elif found.ask:
            yield self._say(Kind.ASK, self.peers.make_nonce(now), now, peer)
        if found.new:
            yield Came(peer.name)
            if not self._whole and self._source is None:
                yield from self._ask_somebody(now)
        if found.age is None:
            self.dropped += peer.lives
        else:
            yield from self._take(peer, message, found.age, now)
        if peer.lives:
            yield from self._catch_up(peer, now)

    def _take(self, peer: Peer, message: Message, age: float, now: float) -> Iterator[Action]:
        match message.kind:
            case Kind.OPEN | Kind.CLOSE:
                yield from self._take_row(peer, message.body, age, now)
            case Kind.USED:
                yield Used(message.body)
            case Kind.WANT:
                yield from self._send_state(peer, now)
            case Kind.STATE if peer.missed:
                yield from self._take_state(peer, message.body, age, now)
            case Kind.BYE:
                self.peers.drop(peer)
                yield Left(peer.name, silent=False)

    def _take_state(self, peer: Peer, state: State, age: float, now: float) -> Iterator[Action]:
        for row in state.rows:
            yield from self._take_row(peer, row, age, now)
        if not state.more:
            peer.missed = False
            if self._source is not None and self._source[0] == peer.run:
                self._whole, self._source = True, None

    def _take_row(self, peer: Peer, row: Row, age: float, now: float) -> Iterator[Action]:
        seconds = row.seconds
        if seconds:
            seconds -= age
            if seconds <= 0:
                return  # it is over
        if self._openings.take(row._replace(seconds=seconds), now):
            if seconds == 0:
                yield Closed(peer.name, row.door, row.address)
            else:
                yield Opened(peer.name, row.door, row.address, seconds)

    def _send_state(self, peer: Peer, now: float) -> Iterator[Action]:
        rows = tuple(self._openings.list_rows(now))
        for at in range(0, max(len(rows), 1), MOST_ROWS):
            part = rows[at : at + MOST_ROWS]
            yield self._say(Kind.STATE, State(part, more=at + MOST_ROWS < len(rows)), now, peer)

    def _ask_somebody(self, now: float) -> Iterator[Action]:
        """Asks a gateway for all that is open, best one that knows it all, and another one than before."""
        before = None if self._source is None else self._source[0]
        peers = sorted(self.peers.live(), key=lambda peer: (peer.run == before, not peer.whole))
        if peers:
            self._source = peers[0].run, now
            yield self._want(peers[0], now)
        elif now - self._joined_at > WAIT:
            self._whole = True  # it is alone

    def _catch_up(self, peer: Peer, now: float) -> Iterator[Action]:
        """Asks a gateway for what was missed of it, again and again until it answers."""
        if peer.missed and now - peer.asked_at > WAIT:
            yield self._want(peer, now)

    def _want(self, peer: Peer, now: float) -> Send:
        peer.missed, peer.asked_at = True, now
        return self._say(Kind.WANT, None, now, peer)

    # Messages.

    def _hello(self, nonce: str, now: float) -> Send:
        self._next_beat = now + self.beat
        return self._say(Kind.HELLO, Hello(nonce, self._news, self.beat), now)

    def _tell(self, kind: Kind, body: Any, now: float) -> Iterator[Send]:
        """Says something to all, or remembers that they have missed it."""
        if self._connected:
            yield self._say(kind, body, now)
        else:
            self._news = True

    def _say(self, kind: Kind, body: Any, now: float, peer: Peer | None = None) -> Send:
        if peer is None:
            self._serial += 1
        else:
            self._direct += 1
        to, direct = ("", 0) if peer is None else (peer.run, self._direct)
        message = Message(kind, self.run, self._name, to, self._serial, direct, now, body)
        return Send(to, self._seal.seal(message))
