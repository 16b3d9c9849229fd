"""What an opening costs while many doors are open, how long a start takes then, and the end."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from knockd.leases.boot import boot_id, boot_time
from knockd.leases.journal import Journal, Record, State
from knockd.leases.journal_layout import encode
from tests.bench.figures import Outcome, Picture, Say, at_most
from tests.bench.knocks import knock
from tests.bench.plot import leases_svg
from tests.bench.stage import KNOCKERS, TCP_STEPS, Stage, stage
from tests.bench.subject import Subject, Who
from tests.support.daemons.doors import SERVER, config, door
from tests.support.lab.processes import cpu_seconds

MAX_LEASES = 65_536
COUNTS = (1, 500, 4_000, 16_000, MAX_LEASES - KNOCKERS)
DAY = 86_400
PATIENCE = 5
"""Seconds: Exit_Patience."""

COMMAND = "/bin/true -s %IP% -p tcp --dport 22 -j ACCEPT"
PAUSE = 0.002
"""Seconds between the packets of a knock."""

HOW = (
    "The daemon starts with a journal of so many open doors; then {openings} knockers more knock, one after"
    " the other, at a door with both commands. Processor time: the keeper's own, the start of the"
    " process included (/proc/PID/stat). Written: what the keeper writes to files (/proc/PID/io) less"
    " its log, until the end of the start command is noted. Start: from exec to `starting up` in"
    " the log. TERM: until the daemon has ended, having said which doors the next start will close."
)


@dataclass(frozen=True)
class Measured:
    """What one daemon took: seconds of the start and the end, milliseconds and bytes of an opening."""

    count: int
    start: float
    opening: float
    written: float
    end: float


def noted(count: int) -> bytes:
    """A journal of this boot with so many leases that end in a day."""
    deadline = boot_time() + DAY
    records = (
        Record(
            id=f"0123456789abcdef.{number}",
            door="old",
            occurrence=0,
            source=f"10.{100 + (number >> 16)}.{number >> 8 & 255}.{number & 255}",
            destination=SERVER[4],
            interface="eth0",
            state=State.OPEN,
            deadline=deadline + number / 1_000,
            failures=0,
            stop=COMMAND,
            cmd_timeout=2.0 * DAY,
            command_deadline=0.0,
            max_commands=8,
        )
        for number in range(count)
    )
    return encode(Journal(boot_id(), 1, tuple(records)))


def measure(on: Stage, folder: Path, count: int, openings: int) -> Measured:
    """Starts, opens, ends."""
    text = config(
        door(
            *("new", ",".join(TCP_STEPS)),
            seq_timeout=5,
            start_command=COMMAND,
            stop_command=COMMAND,
            cmd_timeout=DAY,
        ),
        Max_Leases=MAX_LEASES,
        Exit_Patience=PATIENCE,
    )
    subject = Subject(Who.OURS, on.server, text, folder, patience=120.0)
    state = subject.directory / "state"
    state.mkdir(mode=0o700)
    (state / "leases").write_bytes(noted(count))
    begun = time.monotonic()
    with subject:
        start = time.monotonic() - begun
        time.sleep(1)
        before = _used(subject)
        for number in range(openings):
            knock(on.client, on.knocker(number), SERVER[4], TCP_STEPS, PAUSE)
            time.sleep(0.01)
        opened = _opened(subject)
        after = _used(subject)
        begun = time.monotonic()
        subject.stop(timeout=120)
        end = time.monotonic() - begun
    assert "Traceback" not in subject.output()
    assert count < 10_000 or subject.count("the next start closes them") == 1
    cpu, written = (now - then for now, then in zip(after, before, strict=True))
    return Measured(count, start, cpu / opened * 1_000, written / opened, end)


def _opened(subject: Subject) -> int:
    """How many doors have opened, when no more do: a busy machine may lose a knock."""
    before, opened = -1, 0
    while opened > before:
        time.sleep(1)
        before, opened = opened, subject.count("new: running command")
    assert opened, "no knock has opened"
    return opened


def _used(subject: Subject) -> tuple[float, float]:
    """Processor seconds of the keeper, and bytes that it has written to files but its log."""
    lines = Path(f"/proc/{subject.pid}/io").read_text().splitlines()
    (written,) = (int(line.split()[1]) for line in lines if line.startswith("wchar:"))
    return cpu_seconds(subject.pid), written - subject.log_path.stat().st_size


def run(quick: bool, say: Say) -> Outcome:
    """From one open door to as many as Max_Leases takes."""
    counts: Sequence[int] = (1, 4_000) if quick else COUNTS
    openings = 50 if quick else KNOCKERS
    found = []
    with tempfile.TemporaryDirectory(prefix="knockd-bench-") as name, stage() as on:
        for count in counts:
            say(f"{count} open doors")
            found.append(measure(on, Path(name) / str(count), count, openings))
    most = found[-1]
    figures = (
        *(at_most(f"an opening with {one.count:,} open: processor", "ms", one.opening, 1.6) for one in found),
        *(
            at_most(f"an opening with {one.count:,} open: written", "bytes", one.written, 4_096)
            for one in found
        ),
        at_most(f"start with {most.count:,} open doors", "s", most.start, 3),
        at_most(
            f"TERM with {most.count:,} open doors, Exit_Patience {PATIENCE}", "s", most.end, PATIENCE + 1
        ),
    )
    picture = Picture(
        "leases.svg",
        "Processor time and bytes written of an opening against the number of open doors",
        leases_svg([(one.count, one.opening, one.written) for one in found]),
    )
    return Outcome("Open doors", HOW.format(openings=openings), figures, picture=picture)
