"""A fleet: whatever becomes of its messages, its gateways come to know the same to be open, and no more."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from hypothesis import given, settings
from hypothesis import strategies as st

from knockd.fleet.openings import Place
from knockd.fleet.records import Kind, Message, Row, Seal, Version
from knockd.fleet.verbs import Opened
from tests.support.doubles.fleet_network import TRIP, Gateway, Network

PLACES: list[Place] = [("ssh", "192.0.2.1"), ("ssh", "192.0.2.2"), ("web", "2001:db8::1")]
EVIL = ("ssh", "198.51.100.66")
"""Where nobody has knocked."""

NOTICED = 7.0
"""Seconds until a gateway has noticed at the latest that it is cut off."""

NEAR = 30.0
"""Seconds by which gateways may differ in when something closes."""


class World:
    """A network, and what has been opened in it."""

    def __init__(self, gateways: int, seed: int) -> None:
        self.network = Network(gateways, seed=seed)
        self.deadlines: dict[Place, list[float]] = {}
        """Until when something was opened, by true time."""
        self.trouble = 0.0
        """The share of messages to which something happens."""
        self.network.fate = self._find_fate

    def pick(self, which: int) -> Gateway | None:
        """A gateway, if there is one left."""
        gateways = self.network.gateways
        return gateways[which % len(gateways)] if gateways else None

    def _find_fate(self, _by: Gateway, _to: Gateway, _data: bytes) -> Iterable[float]:
        draw = self.network.random
        if draw.random() >= self.trouble:
            return (TRIP,)
        return [draw.choice((0.0, 0.1, 2.0, 4.0, 6.0, 40.0)) for _ in range(draw.choice((0, 0, 1, 2)))]

    def open(self, at: Gateway, place: Place, seconds: float) -> None:
        """A knock."""
        self.deadlines.setdefault(place, []).append(self.network.now + seconds)
        at.open(place, seconds)

    def close(self, at: Gateway, place: Place, _seconds: float) -> None:
        """Somebody closes it."""
        at.close(place)

    def join(self, _at: Gateway, _place: Place, seconds: float) -> None:
        """Another gateway comes."""
        if len(self.network.gateways) < 5:
            self.network.add("new", boot=7.0 * seconds, wall=seconds / 10 - 30.0).connect()

    def leave(self, at: Gateway, _place: Place, _seconds: float) -> None:
        """One ends."""
        if self._all_was_heard(at):
            at.leave()

    def die(self, at: Gateway, _place: Place, _seconds: float) -> None:
        """One is killed."""
        if self._all_was_heard(at):
            at.die()

    def _all_was_heard(self, at: Gateway) -> bool:
        """Waits until somebody has heard all that a gateway has said: it will not say it again."""
        self.trouble = 0.0
        if len(self.network.gateways) > 1 and at.online:
            self.run(50)
        return len(self.network.gateways) > 1

    def restart(self, at: Gateway, _place: Place, _seconds: float) -> None:
        """One is killed and started anew; its keeper's leases stay."""
        self._all_was_heard(at)
        at.start()
        for place, until in list(at.leases.items()):
            if until > self.network.now:
                at.hold(place, until - self.network.now)
        at.connect()

    def cut(self, at: Gateway, _place: Place, seconds: float) -> None:
        """One is cut off, and notices it after a while."""
        at.cut()
        self.run(seconds % NOTICED)
        at.disconnect()

    def meet(self, at: Gateway, _place: Place, _seconds: float) -> None:
        """One that was cut off comes back."""
        if not at.online:
            at.connect()

    def wait(self, _at: Gateway, _place: Place, seconds: float) -> None:
        """Time passes."""
        self.run(seconds / 10)

    def lose(self, _at: Gateway, _place: Place, seconds: float) -> None:
        """The store loses, repeats and delays a share of the messages."""
        self.trouble = seconds % 1.0

    def repeat(self, at: Gateway, _place: Place, _seconds: float) -> None:
        """The store's owner repeats some of what was ever said."""
        said = self.network.said
        for _, _, data in self.network.random.sample(said, min(20, len(said))):
            at.hear(data)

    def forge(self, at: Gateway, _place: Place, seconds: float) -> None:
        """The store's owner makes a message of what was said, and one with a key of its own."""
        _, _, data = self.network.random.choice(self.network.said)
        at.hear(data[:32] + data[32:].replace(b"192.0.2.1", EVIL[1].encode()).replace(b"false", b"true"))
        row = Row(*EVIL, seconds, Version(1 << 60, "f" * 16))
        by = next(self.network.messages(self.network.said[0][0]))
        message = Message(
            Kind.CHANGE, by.run, by.gateway, "", by.number + 1000, by.changes + 1000, at.now, row
        )
        at.hear(Seal(b"another key", "lab").seal(message))

    def run(self, seconds: float) -> None:
        """Time passes; whatever a keeper has been told is true."""
        self.network.run(seconds)
        for gateway in self.network.gateways:
            for place, until in gateway.leases.items():
                assert until <= max(self.deadlines[place]) + 1e-6

    def settle(self) -> None:
        """The troubles end."""
        self.trouble = 0.0
        for gateway in self.network.gateways:
            self.meet(gateway, PLACES[0], 0.0)
        self.run(60)

    def find_lasting(self) -> set[Place]:
        """What is open somewhere for some time to come."""
        lasting = self.network.now + NEAR
        return {
            place
            for gateway in self.network.gateways
            for place, until in gateway.leases.items()
            if until > lasting
        }


Step = Callable[[World, Gateway, Place, float], None]
STEPS: list[Step] = [
    *(World.open, World.open, World.open, World.close, World.join, World.leave, World.die, World.restart),
    *(World.cut, World.meet, World.wait, World.wait, World.lose, World.repeat, World.forge),
]
steps = st.lists(
    st.tuples(
        st.sampled_from(STEPS),
        st.integers(0, 4),
        st.sampled_from(PLACES),
        st.floats(0.5, 600.0),
    ),
    max_size=25,
)
BUDGET = settings(max_examples=60)


def play(gateways: int, seed: int, schedule: list[tuple[Step, int, Place, float]]) -> World:
    """A world after some steps, when it is quiet again."""
    world = World(gateways, seed)
    for step, which, place, seconds in schedule:
        gateway = world.pick(which)
        if gateway is not None:
            step(world, gateway, place, seconds)
            world.run(world.network.random.choice((0.0, 0.02, 1.0)))
    world.settle()
    return world


@BUDGET
@given(gateways=st.integers(2, 5), seed=st.integers(0, 1 << 30), schedule=steps)
def test_all_agree(gateways: int, seed: int, schedule: list[tuple[Step, int, Place, float]]) -> None:
    """When it is quiet, each gateway has open what any has open, and none has what nobody has opened."""
    world = play(gateways, seed, schedule)
    lasting = world.find_lasting()
    assert lasting <= set(PLACES)
    for gateway in world.network.gateways:
        assert lasting <= gateway.leases.keys()
        assert lasting <= gateway.knows_open()


@BUDGET
@given(gateways=st.integers(2, 5), seed=st.integers(0, 1 << 30), schedule=steps)
def test_what_was_said_opens_nothing_again(
    gateways: int, seed: int, schedule: list[tuple[Step, int, Place, float]]
) -> None:
    """All that was ever said, said again in any order, opens nothing: not where it was heard, and not at one
    that joins."""
    world = play(gateways, seed, schedule)
    network = world.network
    joins = network.add("late", boot=5.0)
    joins.connect()
    said = [data for _, _, data in network.said]
    network.random.shuffle(said)
    before = [len(one.heard(Opened)) for one in network.gateways]
    for data in said:
        for gateway in network.gateways:
            gateway.hear(data)
    assert before == [len(one.heard(Opened)) for one in network.gateways]
    world.run(30)
    assert world.find_lasting() <= joins.leases.keys() <= set(PLACES)
