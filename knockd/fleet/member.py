"""A gateway of the fleet: what it says, and what it makes of what the others say.

It joins with a HELLO that asks all to prove that they live, and says once a beat that it is here. What is
news to it is handed to the keeper. What it has missed it asks for, a page at a time: of each gateway what
that one has changed, and of one, when the store is reached, what any had changed meanwhile.

Pure.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Final

from knockd.fleet.openings import Openings, Place
from knockd.fleet.peers import MAX_AGE, Peer, Peers
from knockd.fleet.records import (
    ForgedError,
    Hello,
    Kind,
    Message,
    Proof,
    Row,
    Seal,
    State,
    Want,
)
from knockd.fleet.verbs import Came, Closed, Left, Opened
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


class Used(NamedTuple):
    """Another gateway has used up what has this mark."""

    mark: str


Action = Send | Opened | Closed | Used | Came | Left


class Member:
    """``seal`` has the fleet's key, ``name`` is this gateway's, ``make_nonce`` makes random names.

    ``ahead``: seconds by which the wall clock is ahead of the clock since boot.
    """

    def __init__(self, seal: Seal, name: str, make_nonce: Callable[[], str], ahead: float = 0.0) -> None:
        self.run = make_nonce()
        self.name = name
        self.peers = Peers(make_nonce)
        self.forged = self.dropped = 0
        """Messages without the fleet's code; messages that came late, or again."""
        self._seal = seal
        self._openings = Openings(self.run, ahead)
        self._number = self._direct = self._changes = 0
        self._connected = False
        self._whole = False
        """All that is open is known: somebody has said so."""
        self._joined_at = self._next_beat = self._ticked_at = 0.0
        self._known_until: float | None = None
        """All that was said until then is known, here and elsewhere; None: nothing is."""
        self._source: Peer | None = None
        """Who was asked for all that has changed since."""

    @property
    def beat(self) -> float:
        """Seconds between two signs of life."""
        return max(BEAT, EACH * (self.peers.count_known() + 1))

    # What becomes of the store, and of time.

    def connect(self, now: float) -> Iterator[Action]:
        """The store is reached, for the first time or again."""
        self._connected, self._whole = True, False
        self._choose_source(None)
        self._joined_at = self._ticked_at = now
        yield self._hello(self.peers.make_nonce(now), now)
        for row in self._openings.say_again(self._known_until or 0.0, now):
            yield self._say(Kind.CHANGE, row, now)

    def disconnect(self) -> None:
        """The store is not reached any more: the others miss what is said now."""
        if self._connected and self._whole:
            self._known_until = self._ticked_at - self.beat - MAX_AGE  # nobody may have been heard since
        self._connected = False

    def tick(self, now: float) -> Iterator[Action]:
        """Time has passed: call it once a second, or more often."""
        if self._connected and now - self._ticked_at > MAX_AGE:  # we have stood still
            self.disconnect()
            yield from self.connect(now)
        self._ticked_at = now
        for peer in self.peers.forget(now, self.beat):
            yield Left(peer.name, silent=True)
        if not self._connected:
            return
        if now >= self._next_beat:
            self._openings.forget(now)
            yield self._hello("", now)
        if not self._whole and (self._source is None or now - self._source.wanted_at > WAIT):
            yield from self._ask_somebody(now)
        for peer in self.peers.list_waiting(now):
            yield self._say(Kind.ASK, self.peers.make_nonce(now), now, peer)
        for peer in self.peers.live():
            yield from self._catch_up(peer, now)

    def leave(self, now: float) -> Iterator[Action]:
        """This gateway ends."""
        yield from self._tell(Kind.BYE, None, now)

    def list_openings(self, now: float) -> list[tuple[str, str, float, str]]:
        """Door and address of all that is open, the seconds that are left, and the gateway that has said so.

        Its name is empty where it is not there any more.
        """
        names = {peer.run: peer.name for peer in self.peers.live()} | {self.run: self.name}
        return [(*place, left, names.get(run, "")) for place, left, run in self._openings.list_open(now)]

    # What is done here.

    def open(self, place: Place, seconds: float | None, now: float) -> Iterator[Action]:
        """A door has been opened here, or given more time. ``seconds``: None: nothing closes it."""
        yield from self._tell(Kind.CHANGE, self._openings.note_open(place, seconds, now), now)

    def close(self, place: Place, now: float) -> Iterator[Action]:
        """A door has been closed here before its time."""
        yield from self._tell(Kind.CHANGE, self._openings.note_closed(place, now), now)

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
        self._openings.ahead = wall - now
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
            case Kind.CHANGE:
                yield from self._take_row(peer, message.body, age, now)
            case Kind.USED:
                yield Used(message.body)
            case Kind.WANT:
                yield self._say(Kind.STATE, self._openings.list_changes(message.body, now), now, peer)
            case Kind.STATE:
                yield from self._take_state(peer, message, age, now)
            case Kind.BYE:
                self.peers.end(peer)
                yield Left(peer.name, silent=False)

    def _take_state(self, peer: Peer, message: Message, age: float, now: float) -> Iterator[Action]:
        state: State = message.body
        for row in state.rows:
            yield from self._take_row(peer, row, age, now)
        own = peer is not self._source
        if state.want != (own, peer.after):
            return
        if state.more:
            peer.after = state.last
            yield self._want(peer, now)
            return
        peer.after = None
        if own:
            peer.missed, peer.sure = False, message.at
            return
        self._whole, self._source = True, None
        for place, seconds in self._openings.list_held(now):
            yield from self.open(place, seconds, now)

    def _take_row(self, peer: Peer, row: Row, age: float, now: float) -> Iterator[Action]:
        seconds = row.seconds
        if seconds:
            seconds = max(0.0, seconds - age)
        if self._openings.take(row._replace(seconds=seconds), now):
            if seconds == 0:
                yield Closed(peer.name, row.door, row.address)
            else:
                yield Opened(peer.name, row.door, row.address, seconds)

    def _ask_somebody(self, now: float) -> Iterator[Action]:
        """Asks a gateway for all changes: one that knows all, if there is one, and another one than before.

        Each gateway has an order of its own, so that not all of them ask the same one.
        """
        late, before = now - self._joined_at > WAIT, self._source
        peers = [peer for peer in self.peers.live() if late or peer.whole]
        if peers:
            own = int(self.run, 16)
            best = min(peers, key=lambda peer: (peer is before, not peer.whole, own ^ int(peer.run, 16)))
            if best is not before:
                self._choose_source(best)
            yield self._want(best, now)

    def _choose_source(self, peer: Peer | None) -> None:
        for one in (self._source, peer):
            if one is not None:
                one.after = None
        self._source = peer

    def _catch_up(self, peer: Peer, now: float) -> Iterator[Action]:
        """Asks a gateway for what was missed of it, again and again until it answers."""
        if (
            peer.missed
            and peer is not self._source
            and now - peer.wanted_at > WAIT
            and self.peers.may_begin(now)
        ):
            yield self._want(peer, now)

    def _want(self, peer: Peer, now: float) -> Send:
        own = peer is not self._source
        if peer.after is None:
            peer.after = peer.sure if own else self._since(peer)
        peer.wanted_at = now
        return self._say(Kind.WANT, Want(own, peer.after), now, peer)

    def _since(self, peer: Peer) -> float:
        """Until when all is known, by a gateway's clock at least."""
        return 0.0 if self._known_until is None else self._known_until - peer.base - peer.trip

    # Messages.

    def _hello(self, nonce: str, now: float) -> Send:
        self._next_beat = now + self.beat
        return self._say(Kind.HELLO, Hello(nonce, self._whole, self.beat), now)

    def _tell(self, kind: Kind, body: Any, now: float) -> Iterator[Send]:
        """Says something to all; a change that they miss is said again when the store is back."""
        if self._connected:
            yield self._say(kind, body, now)

    def _say(self, kind: Kind, body: Any, now: float, peer: Peer | None = None) -> Send:
        self._changes += kind is Kind.CHANGE
        if peer is None:
            self._number += 1
        else:
            self._direct += 1
        to, number = ("", self._number) if peer is None else (peer.run, self._direct)
        message = Message(kind, self.run, self.name, to, number, self._changes, now, body)
        return Send(to, self._seal.seal(message))
