"""Whether the kernel's filter sees a packet that we send ourselves, in a network of its own.

World: the lab.
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import replace

from knockd.doctor.knock_plan import Way, plan_ways
from knockd.doctor.knock_walk import Knocked, walk
from knockd.doctor.lab import Peer, run_in_lab
from knockd.doctor.lab_client import run_client
from knockd.knocks.watch import Watch
from knockd.worker.capture import CaptureError
from knockd_conf.classes import NamedTuple
from knockd_conf.model import Config

_MOST_BYTES = 65_536


class Seen(NamedTuple):
    """Whether the packet was seen; None: that could not be tried. ``reason``: why it was not."""

    seen: bool | None
    reason: str = ""


def see_own_packet(config: Config, watches: Sequence[Watch], *, ipv6: bool) -> Seen:
    """Attaches the filter of a configuration in a lab, sends the first packet of a door, and looks for it.

    Needs root, and a moment. Leaves nothing behind.
    """
    for watch in watches:
        # Whether its commands can be run is another question.
        door = replace(config.doors[watch.door], start_command="true", start_command_6=None, facts=())
        for way in plan_ways(door, watch, ipv6=ipv6) if watch.steps and watch.opens else ():
            if isinstance(way, Way) and way.flags is None:
                return _look(Knocked(config, watches, watch.door, ipv6), way._replace(steps=way.steps[:1]))
    return Seen(None, "no door has a sequence that ordinary clients knock")


def _look(at: Knocked, way: Way) -> Seen:
    reader, writer = os.pipe2(os.O_CLOEXEC)

    def report(seen: Seen) -> None:
        os.write(writer, json.dumps(seen).encode()[:_MOST_BYTES])

    def work(peer: Peer) -> int:
        try:
            outcome = walk(peer, way, at, 0, lambda _head, _text: None)
        except CaptureError as error:
            report(Seen(False, str(error)))
        else:
            seen = outcome.passed == 1
            report(Seen(seen, "" if seen else outcome.advice))
        return os.EX_OK

    try:
        run_in_lab(work, run_client, lambda reason: report(Seen(None, reason)), [writer])
    except OSError as error:
        report(Seen(None, f"no process is to be had: {error.strerror}"))
    os.close(writer)
    with os.fdopen(reader, "rb") as pipe:
        told = pipe.read(_MOST_BYTES)
    return Seen(*json.loads(told)) if told else Seen(None, "the process that looked has ended early")
