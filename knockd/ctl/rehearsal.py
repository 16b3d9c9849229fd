"""What a knock would run, as lines: nothing is cut, so that it can be compared with what was meant.

Pure.
"""

from __future__ import annotations

from collections.abc import Iterator
from json import dumps

from knockd.ctl.fields import Fields
from knockd.ctl.reply import Run, read_run
from knockd_conf.classes import NamedTuple
from knockd_conf.text import printable, show_span


class Rehearsal(NamedTuple):
    """The answer to Test; ``seconds`` are between start and stop command."""

    start: Run | None
    stop: Run | None
    seconds: float
    obstacle: str | None

    @property
    def obstacles(self) -> list[str]:
        """Why it would not work, without repeating one."""
        runs = [run for run in (self.start, self.stop) if run is not None]
        found = [self.obstacle, *(run.obstacle for run in runs)]
        return list(dict.fromkeys(one for one in found if one))


def read_rehearsal(found: object) -> Rehearsal:
    """The answer to Test. Raises UnknownReply."""
    of = Fields(found)
    return Rehearsal(
        of.maybe_record("start", read_run),
        of.maybe_record("stop", read_run),
        of.number("seconds"),
        of.maybe_text("obstacle"),
    )


def format_rehearsal(rehearsal: Rehearsal, door: str, address: str) -> list[str]:
    """Lines as long as they need to be, without an escape sequence."""
    lines = [f"A knock of {address} at {printable(door)} would run this; nothing was run."]
    if rehearsal.obstacles:
        lines += ["", *(f"It would not work: {printable(one)}" for one in rehearsal.obstacles)]
    lines += ["", "At once:"]
    lines += _list_run(rehearsal.start) if rehearsal.start else ["  nothing: the door has no start command"]
    if rehearsal.stop:
        lines += ["", f"After {show_span(rehearsal.seconds)}:", *_list_run(rehearsal.stop)]
    else:
        lines += ["", "Later: nothing, as the door has no stop command"]
    return lines


def _list_run(run: Run) -> Iterator[str]:
    yield f"  command      {printable(run.command)}"
    if run.words is None:
        yield "  run by       /bin/sh -c"
    else:
        yield f"  words        {' '.join(printable(dumps(word, ensure_ascii=False)) for word in run.words)}"
    yield f"  as user      {printable(run.user)}"
    yield f"  at most      {show_span(run.deadline) if run.deadline else 'as long as it takes'}"
    for at, (name, value) in enumerate(sorted(run.environment.items())):
        yield f"  {'' if at else 'environment':<11}  {printable(name)}={printable(value)}"
