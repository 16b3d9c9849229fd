"""Gateways of a fleet with clocks of their own, and a store: a test says what becomes of each message.

Times are true ones, in seconds; each gateway has its own clock since boot and its own wall clock.
"""

from __future__ import annotations

import heapq
import random
from collections.abc import Callable, Iterable, Iterator
from itertools import count

from knockd.fleet.member import Action, Member, Send, Used
from knockd.fleet.openings import Place
from knockd.fleet.records import Message, Seal
from knockd.fleet.verbs import Came, Closed, Left, Opened

KEY = b"key of the fleet" * 2
EPOCH = 1_780_000_000.0
TRIP = 0.01
"""Seconds that a message takes."""

TICK = 0.5

SSH: Place = ("ssh", "192.0.2.1")
WEB: Place = ("web", "2001:db8::1")


class Gateway:
    """A member, and what its keeper makes of its actions. ``boot``, ``wall``: how its clocks differ."""

    def __init__(self, network: Network, name: str, boot: float = 0.0, wall: float = 0.0) -> None:
        self.name, self.boot, self.wall, self._network = name, boot, wall, network
        self.told: list[Action] = []
        """What it was told, without messages."""
        self.leases: dict[Place, float] = {}
        """What its keeper holds open, and until when by true time."""
        self.online = False
        self.start()

    @property
    def now(self) -> float:
        """Its clock since boot."""
        return self._network.now + self.boot

    def start(self) -> None:
        """A new run, which is not connected yet; the keeper's leases stay."""
        ahead = EPOCH + self.wall - self.boot
        self.online = False
        self.member = Member(Seal(KEY, "lab"), self.name, self._network.make_nonce, ahead)

    def connect(self) -> None:
        """The store is there."""
        self.online = True
        self.do(self.member.connect(self.now))

    def disconnect(self) -> None:
        """The store is away."""
        self.online = False
        self.member.disconnect()

    def cut(self) -> None:
        """Nothing comes and goes any more, and it does not know."""
        self.online = False

    def die(self) -> None:
        """It is gone, without a word."""
        self.disconnect()
        self._network.gateways.remove(self)

    def leave(self) -> None:
        """It ends."""
        self.do(self.member.leave(self.now))
        self.die()

    def open(self, place: Place = SSH, seconds: float | None = 60.0) -> None:
        """A knock opens a door."""
        if seconds is not None:
            self.leases[place] = self._network.now + seconds
        self.do(self.member.open(place, seconds, self.now))

    def close(self, place: Place = SSH) -> None:
        """Somebody closes a door."""
        self.leases.pop(place, None)
        self.do(self.member.close(place, self.now))

    def hold(self, place: Place = SSH, seconds: float = 60.0) -> None:
        """A door is open since before this run."""
        self.leases[place] = self._network.now + seconds
        self.member.hold(place, seconds, self.now)

    def use(self, mark: str) -> None:
        """A knock is used up."""
        self.do(self.member.use(mark, self.now))

    def hear(self, data: bytes) -> None:
        """A message comes."""
        self.do(self.member.hear(data, self.now, EPOCH + self._network.now + self.wall))

    def tick(self) -> None:
        """Time has passed."""
        self.leases = {place: until for place, until in self.leases.items() if until > self._network.now}
        self.do(self.member.tick(self.now))

    def do(self, actions: Iterable[Action]) -> None:
        """Does what the member asks for."""
        for action in actions:
            match action:
                case Send(to, data):
                    if self.online:
                        self._network.publish(self, to, data)
                    continue
                case Opened(_, door, address, seconds):
                    if seconds is not None:
                        self.leases[door, address] = self._network.now + seconds
                case Closed(_, door, address):
                    self.leases.pop((door, address), None)
                case Used() | Came() | Left():
                    pass
            self.told.append(action)

    def heard(self, kind: type[Action]) -> list[Action]:
        """What it was told of one kind."""
        return [action for action in self.told if isinstance(action, kind)]

    def knows_open(self) -> set[Place]:
        """What is open by what the member knows."""
        return {(door, address) for door, address, *_ in self.member.list_openings(self.now)}


class Network:
    """Gateways, joined unless ``joined`` is False, and messages on their way. The clocks stand far apart."""

    def __init__(self, gateways: int = 2, *, joined: bool = True, seed: int = 1) -> None:
        self.now = 100.0
        self.random = random.Random(seed)
        self.gateways: list[Gateway] = []
        self.said: list[tuple[str, str, bytes]] = []
        """All that was published: by whom, to whom, what."""
        self.fate: Callable[[Gateway, Gateway, bytes], Iterable[float]] = lambda _by, _to, _data: (TRIP,)
        """After how many seconds a message arrives, each time that it does."""
        self._coming: list[tuple[float, int, Gateway, bytes]] = []
        self._number = count()
        self._next_tick = self.now
        for number in range(gateways):
            self.add("abcdefgh"[number], boot=1000.0 * number, wall=20.0 * (number % 3))
        if joined:
            for one in self.gateways:
                one.connect()
            self.run(10)
            for one in self.gateways:
                one.told.clear()

    def add(self, name: str, boot: float = 0.0, wall: float = 0.0) -> Gateway:
        """Another gateway, which is not connected yet."""
        self.gateways.append(Gateway(self, name, boot, wall))
        return self.gateways[-1]

    def make_nonce(self) -> str:
        """A random name."""
        return f"{self.random.getrandbits(64):016x}"

    def publish(self, by: Gateway, to: str, data: bytes) -> None:
        """Takes a message to whom it is for."""
        self.said.append((by.name, to, data))
        for gateway in self.gateways:
            if gateway.online and to in {"", gateway.member.run}:
                for seconds in self.fate(by, gateway, data):
                    self.send(gateway, data, seconds)

    def send(self, to: Gateway, data: bytes, seconds: float = TRIP) -> None:
        """A message arrives after some time, whoever has made it."""
        heapq.heappush(self._coming, (self.now + seconds, next(self._number), to, data))

    def run(self, seconds: float) -> None:
        """Time passes."""
        end = self.now + seconds
        while True:
            at = min(self._coming[0][0] if self._coming else end, self._next_tick)
            if at > end:
                break
            self.now = max(self.now, at)
            if self._coming and self._coming[0][0] <= self.now:
                _, _, to, data = heapq.heappop(self._coming)
                if to.online:
                    to.hear(data)
            elif self._next_tick <= self.now:
                self._next_tick += TICK
                for gateway in list(self.gateways):
                    gateway.tick()
            else:
                break
        self.now = end

    def messages(self, by: str) -> Iterator[Message]:
        """What a gateway has said."""
        return (Seal(KEY, "lab").unseal(data) for name, _, data in self.said if name == by)


def network(gateways: int = 2) -> tuple[Network, list[Gateway]]:
    """A network of gateways that have joined, and these."""
    made = Network(gateways)
    return made, list(made.gateways)
