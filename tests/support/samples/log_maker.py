"""Large logs as daemons write them: owners, scanners, restarts and reloads, from a seed, in each format.

``python -m tests.support.samples.log_maker FORM LINES FILE``: FORM is one of those of ``Form``. The same
seed gives the same events in each format, but 0.8 has fewer kinds of them. Stamps are UTC.
"""

from __future__ import annotations

import heapq
import json
import random
import sys
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from enum import StrEnum
from functools import lru_cache, partial
from pathlib import Path
from typing import BinaryIO, NamedTuple

from knockd.log.catalogue import EVENTS
from knockd.log.classic import render_classic

START = 1_793_577_600
"""2026-11-02 00:00 UTC, a Monday."""

DAYS = 28
"""What a log of any length spans."""

IP = "192.0.2.255"
"""Stands for the address in the lines of a story."""


class Form(StrEnum):
    """How a line looks."""

    OLD = "0.8"
    CLASSIC = "classic"
    JSON = "json"
    RFC3164 = "rfc3164"
    RFC5424 = "rfc5424"
    SHORT_ISO = "short-iso"


class Line(NamedTuple):
    """One line of a story, ``delay`` seconds after its begin."""

    delay: float
    event: str
    fields: Mapping[str, object]


Story = tuple[Line, ...]


STEPS = {"ssh": 3, "vpn: backup site": 4, "openSSH": 3, "closeSSH": 3}
"""The doors, and the length of their sequences."""


def _line(delay: float, event: str, door: str, **fields: object) -> Line:
    """A line about somebody at a door, with all fields of the event."""
    if "steps" in EVENTS[event].fields:
        fields = {"stage": fields.pop("stage"), "steps": STEPS[door], **fields}
    return Line(delay, event, {"ip": IP, "door": door, **fields})


def _attempt(door: str, stages: int, *ends: Line, pause: float = 0.2) -> Story:
    """Stages of an attempt, and what became of it."""
    steps = (_line(pause * n, "stage", door, stage=n + 1) for n in range(stages))
    return (*steps, *(end._replace(delay=end.delay + pause * stages) for end in ends))


def _opening(door: str, start: str, stop: str | None, seconds: float) -> Story:
    """A knock that opens, with its commands."""
    ends = [_line(0, "open", door), _line(0.002, "command", door, command=start, verb="start")]
    if stop is not None:
        ends += [
            _line(seconds, "command-timeout", door),
            _line(seconds, "command", door, command=stop, verb="stop"),
        ]
    return _attempt(door, STEPS[door], *ends)


def _later(story: Story, seconds: float) -> Story:
    return tuple(line._replace(delay=line.delay + seconds) for line in story)


NFT = f"nft {{}} element inet filter knocked {{{{ {IP} }}}}".format
IPTABLES = f"/sbin/iptables -{{}} INPUT -s {IP} -p tcp --dport 22 -j ACCEPT".format
VPN_COMMAND = f"/usr/local/sbin/vpn {{}} {IP}".format

SSH = _opening("ssh", NFT("add"), NFT("delete"), 30)
VPN = _opening("vpn: backup site", VPN_COMMAND("open"), VPN_COMMAND("close"), 3600)
PAIR = (
    *_opening("openSSH", IPTABLES("A"), None, 0),
    *_later(_opening("closeSSH", IPTABLES("D"), None, 0), 1800),
)
LATE = _attempt("ssh", 2, _line(15, "expired", "ssh", stage=2))
BROKEN = (*SSH, _line(30.7, "command-failed", "ssh", status=1, verb="stop"))
UNOPENED = _attempt(
    "vpn: backup site",
    4,
    _line(0, "open", "vpn: backup site"),
    _line(0.1, "command", "vpn: backup site", command=VPN_COMMAND("open"), verb="start"),
    _line(0.2, "command-failed", "vpn: backup site", status=127, verb="start"),
    _line(0.2, "refused", "vpn: backup site", reason="its start command failed"),
)
OWNERS: tuple[tuple[Story, int], ...] = (
    (SSH, 60),
    (VPN, 10),
    (PAIR, 10),
    (LATE, 8),
    (BROKEN, 1),
    (UNOPENED, 1),
)
"""What owners do, and how often."""

DOORS = ("ssh", "vpn: backup site", "openSSH")
GUARDED = tuple(
    _attempt(door, stages, _line(0.01, "guarded", door, stage=stages, seconds=60.0))
    for door in DOORS
    for stages in (0, 0, 0, 0, 1)
)
IGNORED = tuple(
    (line, _line(2, "ignored", door, reason="guard port touched", seconds=58.0))
    for door, (line, *_) in zip(DOORS, GUARDED[::5], strict=True)
)
SPOILED = tuple(
    _attempt(door, stages, _line(0.01, "spoiled", door, stage=stages))
    for door in DOORS
    for stages in (1, 1, 2)
)
STALE = tuple(_attempt(door, 1, _line(15, "expired", door, stage=1)) for door in DOORS)
HELD_BACK: tuple[Story, ...] = tuple((Line(1, "held-back", {"count": count}),) for count in (3, 57, 1_204))

RESTART: Story = (Line(0, "stopping", {}), Line(2, "starting", {"interface": "eth0"}))
RELOAD: Story = (
    Line(0, "reading", {"path": "/etc/knockd.conf"}),
    Line(0.01, "reopening", {"path": "/var/log/knockd.log"}),
    Line(0.1, "listening", {"interface": "eth0"}),
)
LOST: Story = (
    Line(0, "worker-lost", {"reason": "signal 9", "seconds": 1.0}),
    Line(1.2, "listening", {"interface": "eth0"}),
)
DROPPED: Story = (Line(0, "dropped", {"interface": "eth0", "count": 812}),)
STUCK: Story = (
    _line(0, "command-failed", "ssh", status=2, verb="stop"),
    _line(600, "stop-failed", "ssh", tries=8, command=NFT("delete")),
)
DAEMON: tuple[tuple[Story, int], ...] = ((RESTART, 10), (RELOAD, 10), (LOST, 2), (DROPPED, 4), (STUCK, 1))

OLD_EVENTS = frozenset(list(EVENTS)[:12])
"""Those of 0.8."""

HEADS = {
    Form.OLD: "[%Y-%m-%d %H:%M] ",
    Form.CLASSIC: "[%Y-%m-%d %H:%M] ",
    Form.JSON: '{"time": "%Y-%m-%dT%H:%M:%S.MMM+00:00", ',
    Form.RFC3164: "%b %e %H:%M:%S gate knockd[812]: ",
    Form.RFC5424: "<29>1 %Y-%m-%dT%H:%M:%S.MMM000+00:00 gate knockd 812 - - ",
    Form.SHORT_ISO: "%Y-%m-%dT%H:%M:%S+0000 gate knockd[812]: ",
}
"""What stands before the text; MMM are milliseconds."""

Told = tuple[tuple[float, str, str], ...]
"""A story as text: of each line its delay, its event and what follows the stamp."""


class _Stories:
    """All stories in one form, chosen by dice."""

    def __init__(self, form: Form, dice: random.Random) -> None:
        self._dice = dice
        tell = partial(_tell, form)
        self._owners = [tell(story) for story, weight in OWNERS for _ in range(weight)]
        self._scans = [
            told for kind in (GUARDED, IGNORED, SPOILED, STALE) for story in kind if (told := tell(story))
        ]
        daemon = (*DAEMON, *((story, 15) for story in HELD_BACK))
        self._daemon = [told for story, weight in daemon if (told := tell(story)) for _ in range(weight)]

    def choose(self, hour: int) -> Iterator[tuple[Told, str]]:
        """What comes next and from which address: a knock of an owner by day, a scan, the daemon."""
        dice = self._dice
        kind = dice.random()
        owner = f"203.0.113.{dice.randrange(10, 22)}"
        if kind < 0.02 and 7 <= hour < 19:
            yield dice.choice(self._owners), owner
        elif kind > 0.9995:
            yield dice.choice(self._daemon), owner
        else:
            scanner = self._scanner()
            for _ in range(dice.randrange(1, 6)):
                yield dice.choice(self._scans), scanner

    def _scanner(self) -> str:
        """One of 16 million private ones; a quarter is of 64 networks for tests, some are of IPv6."""
        bits = self._dice.getrandbits(32)
        if bits & 3 == 0:
            return f"198.18.{bits >> 26}.{bits >> 8 & 255}"
        if bits & 31 == 1:
            return f"2001:db8:{bits >> 20:x}::{bits >> 4 & 0xFFFF:x}"
        return f"10.{bits >> 24}.{bits >> 16 & 255}.{bits >> 8 & 255}"


def make_log(out: BinaryIO, lines: int, form: Form, seed: int = 1) -> Counter[str]:
    """Writes ``lines`` lines, besides the empty ones of 0.8; returns how many there are of each event."""
    stories, head = _Stories(form, random.Random(seed)), lru_cache(1_000)(partial(_head, form))
    pending: list[tuple[float, int, str, str, str]] = []
    counts: Counter[str] = Counter()
    texts: list[str] = []
    told = 0
    for done in range(lines):
        now = START + DAYS * 86_400 * done / lines
        while not pending or pending[0][0] > now:
            for story, ip in stories.choose(int(now // 3600 % 24)):
                for delay, event, text in story:
                    told += 1
                    heapq.heappush(pending, (now + delay, told, event, text, ip))
        moment, _, event, text, ip = heapq.heappop(pending)
        counts[event] += 1
        start, end = head(int(moment))
        texts.append(f"{start}{int(moment % 1 * 1000):03d}{end}" if end else start)
        texts.append(text.replace(IP, ip))
        if len(texts) > 10_000:
            out.write("".join(texts).encode())
            texts.clear()
    out.write("".join(texts).encode())
    return counts


def _head(form: Form, second: int) -> tuple[str, str]:
    """What stands before and behind the milliseconds, or all of it and nothing."""
    before, _, behind = time.strftime(HEADS[form], time.gmtime(second)).partition("MMM")
    return before, behind


def _tell(form: Form, story: Story) -> Told:
    """A story in a form, without the lines that 0.8 does not have."""
    return tuple(
        (line.delay, line.event, _text(form, line.event, line.fields))
        for line in story
        if form != Form.OLD or line.event in OLD_EVENTS
    )


def _text(form: Form, event: str, fields: Mapping[str, object]) -> str:
    """What follows the stamp; 0.8 writes an empty line behind a command."""
    if form == Form.JSON:
        return json.dumps({"level": EVENTS[event].level, "event": event, **fields})[1:] + "\n"
    blank = form == Form.OLD and event in {"command", "reading"}
    return render_classic(event, fields) + ("\n\n" if blank else "\n")


def main(form: str, lines: str, path: str) -> None:
    """Writes a log, and prints its events."""
    with Path(path).open("wb") as out:
        for event, count in make_log(out, int(lines), Form(form)).most_common():
            print(f"{count:>10} {event}")


if __name__ == "__main__":
    main(*sys.argv[1:])
