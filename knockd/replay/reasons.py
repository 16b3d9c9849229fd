"""Why a source opened nothing (more), in a few words.

Pure.
"""

from __future__ import annotations

from collections.abc import Sequence

from knockd.knocks.events import Expired, Guarded, Ignored
from knockd.replay.sources import Source
from knockd_conf.model import Door
from knockd_conf.protocol import Protocol


def explain_source(row: Source, doors: Sequence[Door], steps: Sequence[int]) -> str:
    """Returns one sentence; empty: it opened its door and nothing failed after it."""
    failure = row.failure
    if failure is None:
        return _explain_quiet(row, steps)
    door = doors[failure.door]
    if isinstance(failure, Ignored):
        return f"knocked again too soon: Seq_Cooldown is {door.seq_cooldown:g} s"
    place = f"step {failure.stage} of {steps[failure.door]}"
    if isinstance(failure, Guarded):
        port = f"guard port {failure.port & 0xFFFF}:{Protocol(failure.port >> 16)}"
        after = f" after {place}" if failure.stage else ""
        if door.sequence_key is not None:
            return f"touched {port}{after}; the sequences of then are closed to it"
        return f"touched {port}{after}; ignored for {door.seq_timeout:g} s each time"
    if isinstance(failure, Expired):
        return f"the next step did not come in time after {place}: Seq_Timeout is {door.seq_timeout:g} s"
    return f"a step that was not due ended it after {place}"


def _explain_quiet(row: Source, steps: Sequence[int]) -> str:
    if row.refused:
        return f"a signed knock does nothing: {row.refused}"
    if row.stale:
        return f"knocked a whole sequence of a key: {row.stale}"
    if row.openings:
        return ""
    if row.impossible:
        return "no packet off the wire can have this source"
    if row.stage and row.door is not None:
        return f"nothing came after step {row.stage} of {steps[row.door]} before the capture ended"
    if not row.packets:
        return row.reason
    return "never knocked at a first step" if not row.reason else row.reason
