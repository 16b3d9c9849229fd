"""``knockd --explain IP``: captures what a source sends and says what becomes of it, until interrupted.

It runs nothing and leaves nothing behind, so it may run beside the daemon. The captures are opened first;
then all rights are given up, and only then is a packet read. Its filter lets all packets of the source pass.

World: the interfaces' captures, the process's rights, signals and streams.
"""

from __future__ import annotations

import os
import select
import signal
from collections.abc import Callable, Mapping, Sequence

from knockd.explanation.accounts import Place, Sighting
from knockd.explanation.first_seen import FirstSeen
from knockd.explanation.follower import Follower
from knockd.explanation.teller import Teller
from knockd.keeper.settings import Settings, explain_absent, wanted_interfaces
from knockd.knocks.addresses import spread_addresses
from knockd.knocks.batch import RECORD
from knockd.knocks.decode import decode
from knockd.knocks.kernel_view import show_frame
from knockd.knocks.prefilter import prefilter
from knockd.knocks.signed_watch import SignedWatch
from knockd.knocks.watch import Watch
from knockd.net import interfaces
from knockd.net.interface import LOOPBACK
from knockd.net.selection import Scene, make_scene
from knockd.process.privileges import end_with, give_up, packet_user
from knockd.replay.clock import CaptureClock
from knockd.replay.command import load_base, say
from knockd.replay.keys import Keys, start_rotating
from knockd.replay.rotating import RotatingWatches
from knockd.replay.signed_means import SignedMeans
from knockd.replay.signed_times import SignedTimes
from knockd.worker.capture import (
    Capture,
    CaptureError,
    NoPermissionError,
    attach_source,
    open_capture,
)
from knockd_bpf.instruction import Instruction
from knockd_bpf.vm import run_program
from knockd_bpf.wire import DLT_EN10MB
from knockd_conf.classes import dataclass
from knockd_conf.model import Config
from knockd_conf.text import address_text, printable

BATCH = 1_024
"""Frames read at once."""

SPARE = 16
"""Descriptors that may be opened after rights are given up: nothing of importance needs any."""

Tell = Callable[[Sighting, Place], object]
"""Is given each frame and where it came in."""

Follow = Callable[[int, float], None]
"""Is called before each frame with its stamp, in microseconds, and the seconds of a steady clock."""


def _stay(_stamp: int, _now: float) -> None:
    """The watches of all times are the same."""


_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@dataclass(slots=True)
class Ear:
    """An open capture: its number, what counts there, and the daemon's filter for it."""

    number: int
    capture: Capture
    place: Place
    program: Sequence[Instruction]


def explain_live(settings: Settings, source: bytes, *, as_json: bool) -> int:
    """Prints a line for each packet of a packed address until a signal comes; returns the exit status.

    Raises ConfigError, and OSError when it cannot print.
    """
    config, base = load_base(settings)
    with Keys(config, say) as keys, SignedMeans(config, say) as means:
        rotating = start_rotating(config, base, keys)
        signed = SignedTimes(config.doors, means.means)
        signed.move_to(rotating.newest)
        return _explain(settings, source, config, rotating, signed, as_json=as_json)


def _explain(
    settings: Settings,
    source: bytes,
    config: Config,
    rotating: RotatingWatches,
    signed: SignedTimes,
    *,
    as_json: bool,
) -> int:
    names = wanted_interfaces(config)
    if absent := explain_absent(names):
        say(absent)
    there = interfaces.read_interfaces()
    scene = make_scene(names, there)
    try:
        ears = _open_captures(scene, source, config, rotating.watches, signed.watch, ipv6=settings.ipv6)
    except NoPermissionError as error:
        say(f"--explain without --replay listens by itself: {error}")
        return os.EX_NOPERM
    if not ears:
        say("no interface to listen at: name one that is up with -i")
        return os.EX_UNAVAILABLE
    stop = _catch_signals()  # until now a signal just ends it: a name server may be slow
    parent = os.getppid()
    kept = give_up(packet_user(config.options.user), max(ears, default=2) + SPARE, may_write=True)
    end_with(parent)  # to become another user has undone it
    if kept.identity and os.geteuid() == 0:
        say(f"listens as root, which cannot be given up here: {', '.join(kept.identity)}")
    slack = 2 * config.options.latency / 1000
    follower = Follower(source, config, rotating, signed, slack=slack, ipv6=settings.ipv6)
    teller = Teller(follower.listener, follower.doors, as_json=as_json)

    def follow(stamp: int, now: float) -> None:
        rotating.move_to(stamp)
        if signed.move_to(stamp) | follower.follow(now):
            _take_watches(ears, rotating.watches, signed.watch, ipv6=settings.ipv6)

    def tell(sighting: Sighting, place: Place) -> None:
        account = teller.tell_packet(sighting, place)
        if account is not None:
            follower.use(account)

    where = ", ".join(printable(ear.capture.interface) for ear in ears.values())
    say(f"listening to {address_text(source)} at {where}; nothing is run; end with Ctrl-C")
    lost = listen(ears, tell, stop, follow)
    teller.tell_advice()
    return os.EX_UNAVAILABLE if lost else os.EX_OK


def _catch_signals() -> int:
    """Returns a descriptor that can be read once a signal has come that ends us."""
    reader, writer = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
    for number in _SIGNALS:
        signal.signal(number, lambda *_: None)
    signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
    return reader


def _open_captures(
    scene: Scene,
    source: bytes,
    config: Config,
    watches: Sequence[Watch],
    signed: SignedWatch,
    *,
    ipv6: bool,
) -> Mapping[int, Ear]:
    """The captures of a scene by their descriptors; says which cannot be opened. Raises NoPermissionError."""
    local, options = spread_addresses(scene.addresses), config.options
    ears: dict[int, Ear] = {}
    for number, (name, (_, kind)) in enumerate(scene.captures.items()):
        try:
            capture = open_capture(
                name, latency=options.latency, buffer=options.buffer * 1024, reader=options.capture
            )
            attach_source(capture, source)
        except NoPermissionError:
            raise
        except CaptureError as error:
            say(str(error))
            continue
        place = Place(
            name if len(scene.captures) > 1 else "",
            local.get(name, frozenset()),
            None if kind == LOOPBACK else scene.own,
        )
        ears[capture.fileno()] = Ear(number, capture, place, _make_program(watches, signed, place, ipv6=ipv6))
    return ears


def _make_program(
    watches: Sequence[Watch], signed: SignedWatch, place: Place, *, ipv6: bool
) -> Sequence[Instruction]:
    made = prefilter(watches, place.local, DLT_EN10MB, ipv6=ipv6, signed=signed)
    return made.fitted.program.instructions


def _take_watches(
    ears: Mapping[int, Ear], watches: Sequence[Watch], signed: SignedWatch, *, ipv6: bool
) -> None:
    """Judges by the filter of other watches from now on."""
    for ear in ears.values():
        ear.program = _make_program(watches, signed, ear.place, ipv6=ipv6)


def listen(ears: Mapping[int, Ear], tell: Tell, stop: int, follow: Follow = _stay) -> bool:
    """Tells of packets until a signal comes; returns whether all captures were lost before."""
    poll, hearing = select.poll(), Hearing(tell, follow)
    for descriptor in (stop, *ears):
        poll.register(descriptor, select.POLLIN)
    left = {*ears}
    while left:
        ready = {descriptor for descriptor, _ in poll.poll()}
        for descriptor in left if stop in ready else ready:  # at the end, what still waits in any ring
            try:
                hearing.read(ears[descriptor])
            except CaptureError as error:
                say(str(error))
                poll.unregister(descriptor)
                left = left - {descriptor}
        if stop in ready:
            return False
    return True


class Hearing:
    """What is remembered from one frame to the next: the time, and at which interface packets were seen."""

    def __init__(self, tell: Tell, follow: Follow = _stay) -> None:
        self._tell = tell
        self._follow = follow
        self._clock = CaptureClock()
        self._frames = 0
        self._seen = FirstSeen()

    def read(self, ear: Ear) -> None:
        """Tells of the frames that an interface has. Raises CaptureError."""
        data, records = ear.capture.read(BATCH)
        for seconds, microseconds, offset, length in RECORD.iter_unpack(records):
            self._frames += 1
            stamp = seconds * 1_000_000 + microseconds
            now = self._clock.advance(self._frames, stamp) / 1e6
            self._follow(stamp, now)
            frame, linktype = data[offset : offset + length], ear.capture.linktype
            passes = run_program(ear.program, show_frame(linktype, frame).filtered).verdict > 0
            packet = decode(linktype, frame)
            seen_at = "" if packet is None else self._seen.find_other(stamp, packet, ear.capture.interface)
            self._tell(Sighting(linktype, frame, stamp, now, passes, seen_at), ear.place)
