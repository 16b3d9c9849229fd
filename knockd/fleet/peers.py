"""The other gateways: who lives now, and which of their messages count.

| message | of a gateway | what becomes of it |
|---|---|---|
| with a number that is not greater than the last one | any | dropped: it is repeated |
| PROOF with a nonce of ours, made a moment ago | any | it lives; how its clock stands to ours is known |
| HELLO or ASK with a nonce | any | we prove with it that we live |
| any but a PROOF | that has not proved that it lives | dropped; it is asked to |
| made more than ``MAX_AGE`` before, or after now | any | dropped; it is asked to prove again that it lives |
| with a CHANGE before it that did not count here | any | it counts; what was missed is asked for |

So whoever owns the store can keep messages back, and no more.
Ages are those of the sender's clock since boot, which is compared with ours by each proof. Where that is not
sure, by the time that the proof has taken, a message counts as older than it is; it counts as younger only
where our clock has stood still. No wall clock counts.

Pure.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

from knockd.fleet.records import Kind, Message, Proof
from knockd.token_bucket import TokenBucket
from knockd_conf.classes import NamedTuple, dataclass

MAX_AGE: Final = 5.0
"""Seconds that a message may take; one that takes longer is dropped."""

DRIFT: Final = 1.0
"""Seconds by which two clocks may differ from what the last proof has said."""

AGAIN: Final = 600.0
"""Seconds after which gateways prove again that they live, since clocks drift; in a fleet of more than 100
``AGAIN_EACH`` seconds for each gateway."""

AGAIN_EACH: Final = 6.0

PAUSE: Final = 2.0
"""Seconds until a gateway that has not answered is asked again."""

LOST_AFTER: Final = 3.5
"""Beats after which a gateway that says nothing is not there any more."""

BURST: Final = 30
RATE: Final = 5.0
"""Talks with one gateway that each begins at once, and then in a second: in a large fleet that starts as one
there are more than the store can bear. The others wait."""

UNPROVED: Final = 30.0
"""Seconds for which one is remembered that has not proved that it lives."""

MOST: Final = 4_096
"""Gateways that are remembered."""


@dataclass(slots=True)
class Peer:
    """Another gateway, by its run. Times are by our clock since boot."""

    run: str
    name: str
    seen: float
    every: float = 0.0
    """Seconds between its signs of life."""
    proved_at: float | None = None
    whole: bool = False
    """It knows all that is open."""
    number: int = 0
    direct: int = 0
    """The last numbers of its messages for all, and for us."""
    changes: int = 0
    """How many CHANGEs it has said."""
    sure: float = 0.0
    """All that it had said until this time of its clock is known."""
    base: float = 0.0
    """Our clock minus its clock, at least."""
    trip: float = 0.0
    """Seconds from our nonce to its proof: by so much ``base`` may be wrong."""
    skew: float = 0.0
    """Seconds by which its wall clock is ahead of ours."""
    missed: bool = False
    """It has said a CHANGE that did not count here."""
    asked_at: float = -PAUSE
    """When it was asked to prove that it lives."""
    waits: bool = False
    """It is to be asked as soon as a talk may begin."""
    wanted_at: float = -PAUSE
    """When it was asked for changes."""
    after: float | None = None
    """It was asked for changes after this time of its clock; None: it was not, or has told them all."""

    @property
    def lives(self) -> bool:
        """Whether it has proved that it lives."""
        return self.proved_at is not None


class Judged(NamedTuple):
    """What becomes of a message.

    ``age``: seconds since it was made; None: it is dropped. ``prove``: a nonce to prove with that we live;
    empty: none. ``ask``: the sender is to prove that it lives. ``new``: it has done so, and had not before.
    """

    peer: Peer
    age: float | None = None
    prove: str = ""
    ask: bool = False
    new: bool = False


class Peers:
    """``make_nonce`` makes a random name."""

    def __init__(self, make_nonce: Callable[[], str]) -> None:
        self._make_nonce = make_nonce
        self._peers: dict[str, Peer] = {}
        self._nonces: dict[str, float] = {}
        """When they were made, the oldest first."""
        self._bucket = TokenBucket(BURST, RATE)

    def make_nonce(self, now: float) -> str:
        """A new nonce: who has it back to us within ``MAX_AGE`` lives."""
        while self._nonces and now - next(iter(self._nonces.values())) > MAX_AGE:
            del self._nonces[next(iter(self._nonces))]
        nonce = self._make_nonce()
        self._nonces[nonce] = now
        return nonce

    def judge(self, message: Message, now: float, wall: float) -> Judged | None:
        """What becomes of a message of another run; None: there are too many gateways."""
        peer = self._peers.get(message.run)
        if peer is None:
            if len(self._peers) >= MOST:
                return None
            peer = self._peers[message.run] = Peer(message.run, message.gateway, now)
        if message.number <= (peer.direct if message.to else peer.number):
            return Judged(peer)
        peer.missed |= message.changes > peer.changes + (message.kind is Kind.CHANGE)
        peer.changes = max(peer.changes, message.changes)
        if message.to:
            peer.direct = message.number
        else:
            peer.number = message.number
        if message.kind is Kind.PROOF:
            judged = self._judge_proof(peer, message, message.body, now, wall)
        else:
            judged = self._judge_age(peer, message, now)
        if judged.age is None:
            peer.missed |= message.kind is Kind.CHANGE
        elif not peer.missed:
            peer.sure = message.at
        return judged

    def may_begin(self, now: float) -> bool:
        """Whether a talk with one gateway may begin now; then it has."""
        self._bucket.refill(now)
        return self._bucket.take()

    def list_waiting(self, now: float) -> Iterator[Peer]:
        """Those who are to be asked now to prove that they live."""
        for peer in self._peers.values():
            if peer.waits:
                if not self.may_begin(now):
                    return
                peer.waits, peer.asked_at = False, now
                yield peer

    def end(self, peer: Peer) -> None:
        """A gateway has left. Its numbers are remembered for a while: what it had said may be repeated."""
        peer.proved_at = None

    def forget(self, now: float, beat: float) -> list[Peer]:
        """Forgets who is not there any more; returns those of them that had lived.

        ``beat``: ours, for those that have not said theirs yet: in a large fleet all are long.
        """
        lost = [peer for peer in self._peers.values() if now - peer.seen > _patience(peer, beat)]
        for peer in lost:
            del self._peers[peer.run]
        return [peer for peer in lost if peer.lives]

    def live(self) -> Iterator[Peer]:
        """Those who live."""
        return (peer for peer in self._peers.values() if peer.lives)

    def count_known(self) -> int:
        """How many there are, with those that have not proved that they live."""
        return len(self._peers)

    def __len__(self) -> int:
        return sum(1 for _ in self.live())

    def _judge_proof(self, peer: Peer, message: Message, proof: Proof, now: float, wall: float) -> Judged:
        made = self._nonces.get(proof.echo)
        if made is None or now - made > MAX_AGE:
            return Judged(peer)
        new = not peer.lives
        peer.proved_at, peer.seen, peer.waits = now, now, False
        peer.whole, peer.base, peer.trip = proof.whole, made - message.at, now - made
        peer.skew = proof.wall - (wall - peer.trip / 2)
        return Judged(peer, 0.0, prove=proof.nonce, new=new)

    def _judge_age(self, peer: Peer, message: Message, now: float) -> Judged:
        prove = _find_nonce(message)
        if message.kind is Kind.HELLO and prove and not self.may_begin(now):
            prove, peer.waits = "", True
        age = now - (message.at + peer.base)
        if not peer.lives or not -DRIFT <= age <= MAX_AGE:
            return Judged(peer, prove=prove, ask=self._may_ask(peer, prove, now))
        peer.seen = now
        if message.kind is Kind.HELLO:
            peer.every, peer.whole = message.body.every, message.body.whole
        due = now - (peer.proved_at or 0.0) > max(AGAIN, AGAIN_EACH * len(self._peers))
        return Judged(peer, max(0.0, age), prove, ask=due and self._may_ask(peer, prove, now))

    def _may_ask(self, peer: Peer, prove: str, now: float) -> bool:
        if now - peer.asked_at < PAUSE:
            return False
        peer.waits = not (prove or self.may_begin(now))
        if not peer.waits:
            peer.asked_at = now
        return not peer.waits


def _find_nonce(message: Message) -> str:
    if message.kind is Kind.ASK:
        return str(message.body)
    return str(message.body.nonce) if message.kind is Kind.HELLO else ""


def _patience(peer: Peer, beat: float) -> float:
    return LOST_AFTER * max(peer.every, beat) if peer.lives else max(UNPROVED, beat)
