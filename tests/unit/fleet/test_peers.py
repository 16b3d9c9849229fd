"""The other gateways: each row of the table, who lives, and how long."""

from __future__ import annotations

from itertools import count
from typing import Any

import pytest

from knockd.fleet.openings import Place
from knockd.fleet.peers import (
    AGAIN,
    AGAIN_EACH,
    BURST,
    DRIFT,
    LOST_AFTER,
    MAX_AGE,
    MOST,
    PAUSE,
    RATE,
    UNPROVED,
    Judged,
    Peer,
    Peers,
)
from knockd.fleet.records import Hello, Kind, Message, Proof, Row, State, Version, Want

BEAT = 5.0
WALL = 1_780_000_000.0
BOOT = 500.0
"""By how many seconds the other gateway's clock since boot is ahead of ours."""

SSH: Place = ("ssh", "192.0.2.1")
ROW = Row(*SSH, 60.0, Version(1, "a" * 16))
NONCE = "b" * 16


class Other:
    """Another gateway, what it says, and what we make of it."""

    def __init__(self, run: str = "a" * 16, peers: Peers | None = None) -> None:
        numbers = count(1)
        self.peers = Peers(lambda: f"{next(numbers):016x}") if peers is None else peers
        self.run, self.now = run, 1000.0
        self.numbers = {"": 0, "us": 0}
        self.changes = 0

    def make(self, kind: Kind, body: Any = None, to: str = "", ago: float = 0.01) -> Message:
        """A message that was made a moment ago."""
        self.numbers[to] += 1
        self.changes += kind is Kind.CHANGE
        at = self.now + BOOT - ago
        return Message(kind, self.run, "gw1", to, self.numbers[to], self.changes, at, body)

    def hello(self, ago: float = 0.01, every: float = 5.0, nonce: str = "") -> Message:
        """A sign of life."""
        return self.make(Kind.HELLO, Hello(nonce, whole=True, every=every), ago=ago)

    def judge(self, message: Message) -> Judged:
        """What becomes of it."""
        judged = self.peers.judge(message, self.now, WALL + self.now)
        assert judged is not None
        return judged

    def prove(self, trip: float = 0.02, skew: float = 0.0) -> Judged:
        """It proves that it lives."""
        nonce = self.peers.make_nonce(self.now)
        self.now += trip
        wall = WALL + self.now - trip / 2 + skew
        return self.judge(self.make(Kind.PROOF, Proof(nonce, NONCE, wall, whole=True), "us", trip / 2))

    @property
    def peer(self) -> Peer:
        """What is remembered of it."""
        return self.peers._peers[self.run]


@pytest.fixture
def lives() -> Other:
    """One that has proved that it lives."""
    other = Other()
    other.prove()
    return other


def test_proof() -> None:
    """Who has our nonce back lives; it is answered; how long it took and how its wall clock goes is known."""
    other = Other()
    judged = other.prove(trip=0.2, skew=40.0)
    assert (0.0, NONCE, True) == (judged.age, judged.prove, judged.new)
    assert other.peer.lives
    assert other.peer.whole
    assert pytest.approx(0.2) == other.peer.trip
    assert pytest.approx(40.0) == other.peer.skew
    assert 1 == len(other.peers)


def test_proof_again(lives: Other) -> None:
    """Who proves once more that it lives is not new."""
    assert not lives.prove().new


@pytest.mark.parametrize("ago", [MAX_AGE + 0.1, 1000.0])
def test_late_proof(ago: float) -> None:
    """An old nonce proves nothing."""
    other = Other()
    nonce = other.peers.make_nonce(other.now)
    other.now += ago
    judged = other.judge(other.make(Kind.PROOF, Proof(nonce, "", WALL, whole=True), "us"))
    assert judged.age is None
    assert not other.peer.lives


def test_proof_of_no_nonce() -> None:
    """A nonce that is not ours proves nothing."""
    other = Other()
    other.judge(other.make(Kind.PROOF, Proof(NONCE, NONCE, WALL, whole=True), "us"))
    assert not other.peer.lives


def test_unproved() -> None:
    """What is said by one that has not proved that it lives is dropped, and it is asked to, not too often."""
    other = Other()
    judged = other.judge(other.make(Kind.CHANGE, ROW))
    assert (None, True) == (judged.age, judged.ask)
    judged = other.judge(other.make(Kind.CHANGE, ROW))
    assert (None, False) == (judged.age, judged.ask)
    other.now += PAUSE
    assert other.judge(other.hello()).ask
    assert other.peer.missed


@pytest.mark.parametrize("kind", [Kind.HELLO, Kind.ASK])
def test_nonces_are_answered(kind: Kind) -> None:
    """Who asks for a proof gets one, whether it lives or not; who repeats what it has asked gets none."""
    other = Other()
    body, to = (NONCE, "us") if kind is Kind.ASK else (Hello(NONCE, whole=False, every=5.0), "")
    for _ in range(2):
        message = other.make(kind, body, to)
        assert NONCE == other.judge(message).prove
        assert "" == other.judge(message).prove
        other.prove()


def test_counts(lives: Other) -> None:
    """What a living one says counts, with its age at least."""
    judged = lives.judge(lives.make(Kind.CHANGE, ROW, ago=1.0))
    assert judged.age is not None
    assert 1.0 <= judged.age <= 1.0 + 0.02
    assert not lives.peer.missed


@pytest.mark.parametrize("to", ["", "us"])
def test_repeated(lives: Other, to: str) -> None:
    """A message that is repeated is dropped, and so is an older one of the same kind of number."""
    kind, body = (
        (Kind.STATE, State(Want(own=True, after=0.0), (ROW,), 0.0, more=False)) if to else (Kind.CHANGE, ROW)
    )
    first, second = lives.make(kind, body, to), lives.make(kind, body, to)
    assert lives.judge(second).age is not None
    for message in (second, first):
        assert Judged(lives.peer) == lives.judge(message)


def test_overtaken(lives: Other) -> None:
    """A message for us overtakes one for all: both count."""
    change = lives.make(Kind.CHANGE, ROW)
    lives.judge(lives.make(Kind.ASK, NONCE, "us"))
    assert lives.judge(change).age is not None


@pytest.mark.parametrize("to", ["", "us"])
def test_missed(lives: Other, to: str) -> None:
    """A change that did not come is missed as soon as anything else comes."""
    lives.make(Kind.CHANGE, ROW)
    lives.judge(lives.make(Kind.ASK, NONCE, "us") if to else lives.hello())
    assert lives.peer.missed


def test_only_changes_are_missed(lives: Other) -> None:
    """Nothing else that is lost is asked for."""
    lives.hello()
    lives.make(Kind.WANT, Want(own=True, after=0.0), "us")
    lives.judge(lives.hello())
    assert not lives.peer.missed


def test_missed_before_it_was_known() -> None:
    """Who has changed something before it was heard for the first time is asked for it."""
    other = Other()
    other.make(Kind.CHANGE, ROW)
    other.prove()
    assert other.peer.missed
    assert 0.0 == other.peer.sure


def test_sure(lives: Other) -> None:
    """Until when all is known stands still as long as something is missed."""
    message = lives.hello()
    lives.judge(message)
    assert message.at == lives.peer.sure
    lives.make(Kind.CHANGE, ROW)
    lives.judge(lives.hello(ago=0.0))
    assert message.at == lives.peer.sure


@pytest.mark.parametrize("ago", [MAX_AGE + 0.1, 600.0])
def test_late(lives: Other, ago: float) -> None:
    """What was kept back is dropped and missed, and the sender is to prove that it lives."""
    lives.now += PAUSE
    judged = lives.judge(lives.make(Kind.CHANGE, ROW, ago=ago))
    assert (None, True) == (judged.age, judged.ask)
    assert lives.peer.missed


def test_slow_proof() -> None:
    """How long a proof has taken makes messages older, so that none counts that was kept back for longer."""
    other = Other()
    other.prove(trip=4.0)
    judged = other.judge(other.make(Kind.CHANGE, ROW, ago=1.0))
    assert judged.age is not None
    assert 3.0 - 1e-6 <= judged.age <= 5.0
    assert other.judge(other.make(Kind.CHANGE, ROW, ago=MAX_AGE)).age is None


def test_our_clock_stood_still(lives: Other) -> None:
    """What seems to come from the future does not count: how old it is is not known."""
    lives.now += PAUSE
    assert lives.judge(lives.make(Kind.CHANGE, ROW, ago=-DRIFT / 2)).age == 0.0
    judged = lives.judge(lives.make(Kind.CHANGE, ROW, ago=-DRIFT - 0.1))
    assert (None, True) == (judged.age, judged.ask)
    assert lives.peer.missed


def test_proves_again(lives: Other) -> None:
    """After some time one is to prove again that it lives, since clocks drift; it counts meanwhile."""
    lives.now += AGAIN - 1
    assert not lives.judge(lives.hello()).ask
    lives.now += 2
    judged = lives.judge(lives.hello())
    assert judged.ask
    assert judged.age is not None


def test_proves_again_in_a_large_fleet(lives: Other) -> None:
    """In a large fleet it is asked less often."""
    for number in range(1000):
        Other(f"{number:016x}", lives.peers).prove()
    lives.now += AGAIN + 1
    assert not lives.judge(lives.hello()).ask
    lives.now += 1001 * AGAIN_EACH - AGAIN
    assert lives.judge(lives.hello()).ask


@pytest.mark.parametrize("every", [5.0, 0.001, 100.0])
def test_lost(lives: Other, every: float) -> None:
    """Who says nothing for some beats of its own is not there any more."""
    lives.judge(lives.hello(every=every))
    lives.now += LOST_AFTER * max(every, BEAT)
    assert [] == lives.peers.forget(lives.now, BEAT)
    (lost,) = lives.peers.forget(lives.now + 0.1, BEAT)
    assert "gw1" == lost.name
    assert 0 == len(lives.peers)


def test_unproved_is_forgotten() -> None:
    """Who never proves that it lives is forgotten, and nobody is told."""
    other = Other()
    other.judge(other.hello())
    assert [] == other.peers.forget(other.now + UNPROVED + 1, BEAT)
    assert {} == other.peers._peers


def test_lost_before_it_has_said_how_often(lives: Other) -> None:
    """Whose sign of life was not heard yet is given as much time as we take ourselves."""
    lives.now += LOST_AFTER * 100.0
    assert [] == lives.peers.forget(lives.now, 100.0)
    assert 1 == len(lives.peers.forget(lives.now, 90.0))


def test_pace() -> None:
    """When many come at once some are answered or asked at once, and the others by and by."""
    other = Other()
    talks = 0
    for number in range(10 * BURST):
        one = Other(f"{number:016x}", other.peers)
        judged = one.judge(one.hello(nonce=NONCE if number % 2 else ""))
        talks += bool(judged.prove or judged.ask)
    assert BURST == talks
    assert [] == list(other.peers.list_waiting(other.now))
    other.now += 2.5 / RATE
    assert 2 == len(list(other.peers.list_waiting(other.now)))
    other.now += 1000.0
    waited = list(other.peers.list_waiting(other.now))
    other.now += 1000.0
    assert not {peer.run for peer in waited} & {peer.run for peer in other.peers.list_waiting(other.now)}


def test_who_was_asked_is_answered_at_once() -> None:
    """What belongs to a talk that has begun waits for no other one."""
    other = Other()
    while other.peers.may_begin(other.now):
        pass
    judged = other.judge(other.make(Kind.ASK, NONCE, "us"))
    assert (NONCE, True) == (judged.prove, judged.ask)
    assert NONCE == other.prove().prove


def test_left(lives: Other) -> None:
    """Who has left does not live; nothing of what it has said brings it back, not even its proof."""
    nonce = lives.peers.make_nonce(lives.now)
    proof = lives.make(Kind.PROOF, Proof(nonce, "", WALL, whole=True), "us")
    lives.judge(proof)
    change = lives.make(Kind.CHANGE, ROW)
    bye = lives.make(Kind.BYE)
    assert lives.judge(bye).age is not None
    lives.peers.end(lives.peer)
    for message in (proof, change, bye):
        assert Judged(lives.peer) == lives.judge(message)
    assert 0 == len(lives.peers)
    assert [] == lives.peers.forget(lives.now + UNPROVED + 1, BEAT)


def test_too_many() -> None:
    """No more gateways are remembered than there can be; the others are not heard until one is forgotten."""
    other = Other()
    for number in range(MOST):
        Other(f"{number:016x}", other.peers).judge(Other(f"{number:016x}").hello())
    assert other.peers.judge(other.hello(), other.now, WALL) is None
    other.peers.forget(other.now + UNPROVED + 1, BEAT)
    assert other.peers.judge(other.hello(), other.now, WALL) is not None


def test_nonces_are_forgotten() -> None:
    """Nonces that prove nothing any more take no room."""
    other = Other()
    for number in range(1000):
        other.peers.make_nonce(float(number))
    assert len(other.peers._nonces) <= MAX_AGE + 1
