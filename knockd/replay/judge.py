"""A configuration against the frames of a capture: which addresses are watched, and what comes of it.

Pure.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import chain

from knockd.knocks.file_links import DLT_LOOP, DLT_NULL
from knockd.knocks.kernel_view import Shown, show_frame, show_in_vlan
from knockd.knocks.signed_watch import signed_ports_of
from knockd.replay.clock import CaptureClock
from knockd.replay.openings import Openings
from knockd.replay.outcome import Outcome, Timeline, Watched
from knockd.replay.player import Player, Rules, Seen
from knockd.replay.rotating import Ask, Base, RotatingWatches
from knockd.replay.signed_times import Means, SignedTimes
from knockd.replay.sources import Sources
from knockd.replay.targets import KnockPorts, choose_most_knocked, count_destinations
from knockd.worker.capture_file import Frame
from knockd_conf.classes import NamedTuple
from knockd_conf.model import Config

MOST_HELD = 64 * 1024 * 1024
"""Bytes of frames that are held until it is known which addresses are watched."""

FRAME_COST = 256
"""Bytes of memory that a frame costs beside its own."""


class Basis(NamedTuple):
    """What a capture is judged by.

    ``base`` is of the configuration here and now, ``ask`` has what its keys make. ``local`` are the packed
    addresses to watch (None: those that are knocked at most), ``vlan`` whose interface it is. ``signed`` is
    what signed knocks are judged by; None: none is judged.
    """

    config: Config
    base: Base
    ask: Ask
    local: tuple[bytes, ...] | None = None
    vlan: int | None = None
    ipv6: bool = True
    signed: Means | None = None

    def make_rotating(self) -> RotatingWatches:
        """The watches before the first frame: no sequence has been used."""
        return RotatingWatches(self.base, self.config.doors, self.ask)

    def make_signed(self) -> SignedTimes:
        """Signed knocks before the first frame: none has counted."""
        return SignedTimes(self.config.doors, self.signed)


MakeObserver = Callable[[Basis, Rules, Timeline], Callable[[Seen], None]]
"""Makes what is told of each frame before it is judged."""


def judge_capture(
    by: Basis, linktype: int, frames: Iterator[Frame], make_observer: MakeObserver | None = None
) -> Outcome:
    """Judges all frames, of a link type that can be read."""
    if by.local is not None:
        watched = tuple(Watched(address) for address in by.local)
        every: Iterable[Frame] = frames
    else:
        held = _hold(frames)
        watched = _choose(held, linktype, by)
        every = chain(held, frames)
    options = by.config.options
    local = frozenset(one.address for one in watched)
    at_loopback = linktype in (DLT_NULL, DLT_LOOP) or any(map(_is_loopback, local))
    rules = Rules(
        by.make_rotating(),
        by.make_signed(),
        local,
        None if at_loopback else local,
        options.max_attempts,
        2 * options.latency / 1000,  # as the packet process has it
        by.ipv6,
        by.vlan,
    )
    steps = tuple(
        len(watch.steps) if door.sequence_key is None else door.sequence_steps
        for door, watch in zip(by.config.doors, by.base.plain, strict=True)
    )
    sources, clock = Sources(steps), CaptureClock()
    openings = Openings(by.config.doors, _interface(by.config), options.max_leases)
    timeline = Timeline(by.config.doors, openings, clock)
    observe = None if make_observer is None else make_observer(by, rules, timeline)
    player = Player(rules, linktype, clock, sources, timeline, observe)
    player.play(every)
    player.finish()
    timeline.pass_time(None)
    return Outcome(
        linktype=linktype,
        config_path=by.config.path,
        doors=by.config.doors,
        steps=steps,
        watched=watched,
        counts=player.counts,
        clock=clock,
        timeline=timeline,
        sources=sources,
        vlan=by.vlan,
    )


def _hold(frames: Iterator[Frame]) -> list[Frame]:
    """The first frames, as many as may be held: a pipe cannot be read twice."""
    held, size = [], 0
    for frame in frames:
        held.append(frame)
        size += len(frame.data) + FRAME_COST
        if size >= MOST_HELD:
            break
    return held


def _choose(held: Iterable[Frame], linktype: int, by: Basis) -> tuple[Watched, ...]:
    """The addresses that these frames knock at most."""
    rotating, signed = by.make_rotating(), signed_ports_of(by.config.doors)

    def knocks() -> Iterator[tuple[Shown, KnockPorts]]:
        ports = KnockPorts(rotating.watches, signed)
        for stamp, data, _ in held:
            if rotating.move_to(stamp):
                ports = KnockPorts(rotating.watches, signed)
            shown = show_frame(linktype, data)
            if by.vlan is None:
                yield shown, ports
            elif shown.vlan == by.vlan:
                yield show_in_vlan(shown), ports

    counts = count_destinations(knocks())
    return tuple(Watched(address, count) for address, count in choose_most_knocked(counts))


def _is_loopback(address: bytes) -> bool:
    return address[0] == 127 if len(address) == 4 else address == bytes(15) + b"\1"


def _interface(config: Config) -> str:
    """What %IFACE% stands for: a capture does not say it, and several are no answer."""
    names = config.options.interface
    return names[0] if len(names) == 1 and names[0] not in ("auto", "any") else "%IFACE%"
