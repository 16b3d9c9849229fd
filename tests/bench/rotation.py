"""Whether a packet is lost while the filter is changed under traffic: by ours and by libpcap's own way."""

from __future__ import annotations

import select
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from knockd.knocks.prefilter import Prefilter, prefilter
from knockd.knocks.watch import watches_of
from knockd.worker.capture import Capture, open_capture
from knockd.worker.capture_pcap import PcapCapture
from knockd_conf.model import Door, FlagRule, Options, Step
from tests.bench.figures import Figure, Outcome, Say, at_most
from tests.bench.packets import LOCAL
from tests.bench.stage import Stage, stage
from tests.bench.traffic import Kind, Replay, Sources, write_pcap
from tests.support.samples.frames import SYN

RATE, SECONDS, SWAPS = 50_000, 5, 300
TAIL = 1.0
"""Seconds without a frame after which the rest has arrived."""

HOW = (
    "250,000 SYNs to a port that both filters want, at 50,000/s, while the filter of an open capture"
    " changes between two 300 times: with SO_ATTACH_FILTER, as the daemon does it, and with libpcap's"
    " setfilter. Lost: sent and not read."
)


@dataclass(frozen=True)
class Lost:
    """Frames that were sent and not read, those of them that the ring had no room for, filters attached."""

    frames: int
    dropped: int
    swaps: int


def play(on: Stage, pcap: Path, swap: Callable[[Capture, Prefilter], None]) -> Lost:
    """One run over the file."""
    with on.server.entered():
        capture = open_capture("eth0", latency=Options().latency, buffer=Options().buffer * 1024)
    try:
        filters = [_filter(capture.linktype, port) for port in (9000, 9100)]
        swap(capture, filters[0])
        replay = Replay(on.client, pcap, rate=RATE)
        read, swaps = _read(capture, filters, swap, replay)
        sent = replay.wait()
        return Lost(sent.packets - read, capture.counts()[1], swaps)
    finally:
        capture.close()


def _read(
    capture: Capture, filters: list[Prefilter], swap: Callable[[Capture, Prefilter], None], replay: Replay
) -> tuple[int, int]:
    """Reads until the traffic is over, changing the filter all the while."""
    poll = select.poll()
    poll.register(capture.fileno(), select.POLLIN)
    read = swaps = 0
    begun = last = time.monotonic()
    while replay.running or time.monotonic() < last + TAIL:
        poll.poll(5)
        while records := capture.read(1_024)[1]:
            read += len(records) // 16
            last = time.monotonic()
        if not read:
            begun = time.monotonic()
        elif swaps < SWAPS and time.monotonic() >= begun + swaps * SECONDS / SWAPS:
            swap(capture, filters[swaps % 2])
            swaps += 1
    return read, swaps


def _filter(linktype: int, last: int) -> Prefilter:
    door = Door("a", "", 1, (Step(7000), Step(8000), Step(last)), flags=FlagRule(SYN, 0))
    return prefilter(watches_of([door]), LOCAL, linktype)


def _attach(capture: Capture, made: Prefilter) -> None:
    capture.attach(made.fitted.program.pack(), made.text)


def _setfilter(capture: Capture, made: Prefilter) -> None:
    assert isinstance(capture, PcapCapture)
    capture._reader.setfilter(made.text())


def run(quick: bool, say: Say) -> Outcome:
    """Ours, then libpcap's way for comparison."""
    count = RATE * SECONDS // (5 if quick else 1)
    with tempfile.TemporaryDirectory(prefix="knockd-bench-") as folder, stage() as on:
        kind = Kind("first port", 7000)
        pcap = write_pcap(Path(folder) / "syn.pcap", kind.template(*on.macs()), Sources().take(count))
        say("SO_ATTACH_FILTER")
        ours = play(on, pcap, _attach)
        say("setfilter")
        libpcap = play(on, pcap, _setfilter)
    figures = (
        at_most(f"packets lost of {count:,}", "packets", ours.frames, 0),
        Figure("filters attached meanwhile", "", ours.swaps),
        Figure("packets lost the way of libpcap's setfilter", "packets", libpcap.frames),
        Figure("filters set meanwhile", "", libpcap.swaps),
    )
    dropped = [
        f"The ring had no room for {one.dropped} of the lost packets ({name})."
        for name, one in (("ours", ours), ("setfilter", libpcap))
        if one.dropped
    ]
    note = "0.8 has no sequence that changes while it runs; at a reload (SIGHUP) it opens a new capture."
    return Outcome("Rotation", HOW, figures, (note, *dropped))
