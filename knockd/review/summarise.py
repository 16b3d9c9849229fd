"""Entries of a log, in the order of time, to a summary: which line counts where. Bounded memory.

Who is an owner, and what is new, is judged by all entries; what is counted, by those that are selected.

Pure.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection, Iterable, Iterator
from math import inf

from knockd.review.attention import REMEDIES, WELL, Novelty, Repeats, Troubles, describe_attention
from knockd.review.clock import Clock
from knockd.review.daemon_events import DaemonEvents
from knockd.review.doors import MOST_DOORS, Doors
from knockd.review.entries import Entry
from knockd.review.faults import Faults, explain_command_failure
from knockd.review.openings import LEFT, Opened, Openings
from knockd.review.selection import Selection
from knockd.review.sources import Sources
from knockd.review.summary import Lines, Summary
from knockd.review.timeline import ATTEMPTS, OPENINGS, SCANS, Counts

MOST_OPENINGS = 2_000
MOST_OWNERS = 500
MOST_SCANNERS = 500

ORDINARY = (
    *("its start command failed", "its start command has not ended yet", "shutting down"),
    "it was used at another gateway",
)
"""Reasons of refused openings that need nobody, or that other lines tell of."""

REPEATED = "came before"
"""Why a signed knock is refused that somebody may have heard and sent again (knockd/signed/values.py)."""

LONGEST_ADDRESS, LONGEST_NAME, LONGEST = 64, 256, 1_024
"""Characters that are kept of an address, of a name and of any other text: no real one is longer, but for
commands."""

NO_LINES = Lines(0, 0, 0, {})


class Review:
    """What has been read so far. ``clock`` None is that of this machine."""

    def __init__(self, selection: Selection | None = None, clock: Clock | None = None) -> None:
        selection = selection or Selection()
        self._covers = None if selection == Selection() else selection.covers
        self._clock = clock = clock or Clock()
        self._first: float | None = None
        self._last: float | None = None
        self._counts = Counts(clock)
        self._doors = Doors()
        self._sources = Sources(self._doors, self._counts)
        self._openings = Openings()
        self._kept: deque[Opened] = deque(maxlen=MOST_OPENINGS)
        self._opened = self._not_opened = 0
        self._stopped = 0.0
        self._faults = Faults()
        self._daemon = DaemonEvents()
        self._novelty = Novelty(selection.since)
        self._troubles = Troubles()
        self._repeats = Repeats()
        self._strangers: dict[str, Callable[[Entry], None]] = {
            "stage": self._sources.add_stage,
            "expired": self._sources.add_failure,
            "spoiled": self._sources.add_failure,
            "guarded": self._sources.add_failure,
            "ignored": self._sources.add_failure,
            "flags-unfit": self._sources.add_reason,
            "key-used": self._key_used,
            "key-behind": self._sources.add_failure,
            "key-ahead": self._sources.add_failure,
            "key-before-start": self._sources.add_failure,
            "signed-refused": self._signed_refused,
            "signed-unread": self._signed_refused,
        }
        self._others: dict[str, Callable[[Entry, bool], None]] = {
            "open": self._open,
            "opened-by-hand": self._open,
            "fleet-opened": self._open,
            "key-opened": self._key_opened,
            "signed-opened": self._key_opened,
            "signed-renewed": self._signed_renewed,
            "signed-closed": lambda entry, _: self._openings.close_by_key(entry),
            "command": self._command,
            "command-output": lambda entry, _: self._faults.print_line(entry),
            "command-failed": self._command_failed,
            "command-late": self._command_late,
            "command-too-long": self._command_too_long,
            "command-timeout": lambda entry, _: self._openings.end_by_time(entry),
            "refused": self._refused,
            "closed-by-hand": lambda entry, _: self._openings.end_by_time(entry),
            "fleet-closed": lambda entry, _: self._openings.end_by_time(entry),
            "stop-failed": self._left_open,
            "given-up": self._left_open,
            "left-open": self._left_open,
            "recovered": self._recovered,
            "recovered-starting": self._recovered,
            "recovered-unopened": self._recovered,
            "recovered-failed": self._recovered,
        }

    def add(self, entry: Entry) -> None:
        """One more entry, not earlier than the last one (one that is earlier is counted all the same)."""
        self.add_all((entry,))

    def add_all(self, entries: Iterable[Entry]) -> None:
        """More entries, each not earlier than the one before."""
        strangers, others, covers = self._strangers, self._others, self._covers
        first = inf if self._first is None else self._first
        last = -inf if self._last is None else self._last
        selected = True
        for entry in entries:
            event = entry[1]
            if covers is not None:
                selected = covers(entry)
            if selected:
                time = entry[0]
                if time > last:
                    self._last = last = time
                if time < first:
                    self._first = first = time
                add = strangers.get(event)
                if add is not None:
                    if len(entry[2]) > LONGEST_ADDRESS or len(entry[3]) > LONGEST_NAME:
                        entry = _shorten(entry)  # noqa: PLW2901 - the short one is meant from here on
                    add(entry)
                    continue
            else:
                self._novelty.see(entry[0])
                if event in strangers:
                    continue
            others.get(event, self._daemon_event)(_shorten(entry), selected)

    def _open(self, entry: Entry, selected: bool) -> None:
        opened = self._openings.open(entry, selected)
        self._sources.open(entry, selected)
        self._novelty.open(opened, self._clock.place_of(entry.time)[1])
        if selected:
            self._opened += 1
            self._kept.append(opened)
            self._doors.open(entry.door, entry.ip, entry.time)
            self._counts.add(OPENINGS, entry.time)

    def _key_opened(self, entry: Entry, _selected: bool) -> None:
        if ip := self._openings.name_key(entry):
            self._repeats.open(entry._replace(ip=ip))

    def _signed_renewed(self, entry: Entry, selected: bool) -> None:
        self._open(entry, selected)
        self._key_opened(entry, selected)

    def _signed_refused(self, entry: Entry) -> None:
        opener = self._sources.add_refusal(entry)
        if entry.fields.get("reason") == REPEATED:
            if entry.fields.get("key"):
                self._repeats.use(entry)
            elif not opener:
                self._repeats.use_unread(entry)

    def _key_used(self, entry: Entry) -> None:
        self._sources.add_failure(entry)
        self._repeats.use(entry)

    def _take_back(self, opened: Opened, failure: Entry) -> None:
        """What seemed to be an opening was none: it is a failed knock of an owner."""
        if not opened.selected:
            return
        self._not_opened += 1
        self._doors.take_back(opened.door, opened.ip)
        self._counts.add(OPENINGS, opened.time, -1)
        self._sources.fail_opening(failure._replace(ip=opened.ip), opened.time)

    def _command(self, entry: Entry, _selected: bool) -> None:
        self._faults.run_command(entry)
        stopped = self._openings.run_command(entry)
        if stopped is not None:
            self._faults.free(stopped.door, stopped.ip)

    def _command_late(self, entry: Entry, selected: bool) -> None:
        if selected:
            self._faults.fail(entry, entry.ip, str(entry.fields.get("command", "")))

    def _command_too_long(self, entry: Entry, selected: bool) -> None:
        self._command_late(entry, selected)
        self._not_run(entry, explain_command_failure(entry.event, entry.fields))

    def _command_failed(self, entry: Entry, selected: bool) -> None:
        why = explain_command_failure(entry.event, entry.fields)
        failed = self._openings.fail_command(entry, why)
        if failed is not None and failed.taken_back:
            self._take_back(failed.opened, entry)
        if not selected:
            return
        if failed is not None and failed.kind == "stop":
            self._faults.stick(entry.time, entry.door, failed.opened.ip, failed.opened.closer)
        if failed is None:
            self._faults.fail(entry, entry.ip, "")
        else:
            opened = failed.opened
            self._faults.fail(entry, opened.ip, opened.stop if failed.kind == "stop" else opened.command)

    def _refused(self, entry: Entry, selected: bool) -> None:
        reason = str(entry.fields.get("reason", ""))
        self._not_run(entry, reason)
        if selected and reason not in ORDINARY:
            self._troubles.refuse(entry, reason)

    def _not_run(self, entry: Entry, reason: str) -> None:
        opened = self._openings.refuse(entry, reason)
        if opened is not None:
            self._take_back(opened, entry)

    def _left_open(self, entry: Entry, selected: bool) -> None:
        if entry.event == "left-open":
            why = "it could not be closed before the daemon ended"
        elif entry.event == "given-up":
            why = "its stop command failed, and it was given up by hand"
        else:
            why = f"its stop command failed {entry.fields.get('tries', 'several')} times"
        self._openings.leave_open(entry, why)
        if selected:
            self._faults.stick(entry.time, entry.door, entry.ip, why)

    def _recovered(self, entry: Entry, selected: bool) -> None:
        self._openings.recover(entry)
        self._faults.free(entry.door, entry.ip)
        self._daemon_event(entry, selected)

    def _daemon_event(self, entry: Entry, selected: bool) -> None:
        if entry.event == "starting":
            self._leave(self._openings.start(), entry.time)
        elif entry.event == "stopping":
            self._openings.stop()
            self._stopped = entry.time
        about = f"{entry.door} {entry.fields.get('gateway', '')}"
        for trouble in WELL.get(entry.event, ()):
            self._troubles.remove(f"{trouble} {about}")
        event = self._daemon.add(entry, selected)
        if event is not None and (event.restart or event.event in REMEDIES):
            self._troubles.add(f"{event.event} {about}", event)

    def _leave(self, left: Iterable[Opened], time: float) -> None:
        """A daemon has ended at about that time, and has not closed these."""
        for opened in left:
            entry = Entry(time, "left-open", opened.ip, opened.door, opened.host, {}, opened.precision)
            if self._covers is None or self._covers(entry):
                self._faults.stick(time, opened.door, opened.ip, LEFT)

    def finish(self, lines: Lines = NO_LINES, notices: Collection[str] = ()) -> Summary:
        """The summary of all that has been added; ``lines`` and ``notices`` go into it as they are."""
        self._leave(self._openings.finish(), self._stopped)
        owners, scanners = self._sources.owners(), self._sources.scanners()
        strangers, exact = self._sources.count_scanners()
        stuck, commands = self._faults.stuck(), self._faults.failures()
        first, last = self._first, self._last
        hours = self._counts.hours
        scan_hours = [
            tuple(map(sum, zip(*rows, strict=True)))
            for rows in zip(hours[ATTEMPTS], hours[SCANS], strict=True)
        ]
        return Summary(
            first=first,
            last=last,
            lines=lines,
            doors=tuple(self._doors.values()),
            openings=tuple(opened.value() for opened in self._kept),
            owners=tuple(owners[:MOST_OWNERS]),
            scanners=tuple(scanners[:MOST_SCANNERS]),
            commands=tuple(commands),
            stuck=tuple(stuck),
            daemon=tuple(self._daemon.events()),
            held_back=self._daemon.held_back,
            dropped=self._daemon.dropped,
            timeline=self._counts.timeline(first or 0.0, last or 0.0),
            hours=tuple(map(tuple, hours[OPENINGS])),
            scan_hours=tuple(scan_hours),
            notices=tuple(notices),
            cut=tuple(self._cut(len(owners), len(scanners), strangers, exact)),
            attention=describe_attention(
                stuck, commands, self._novelty, self._troubles, self._repeats, self._clock
            ),
            totals={
                "openings": self._opened - self._not_opened,
                "not_opened": self._not_opened,
                "failed": self._sources.failed,
                "failed_of_owners": self._sources.failed_of_owners,
                "owners": len(owners),
                "scanners": strangers,
                "commands": self._faults.failed,
                "stuck": len(stuck),
                "daemon": self._daemon.count,
            },
        )

    def _cut(self, owners: int, scanners: int, strangers: int, exact: bool) -> Iterator[str]:
        if self._opened > len(self._kept):
            yield f"only the last {len(self._kept):,} of {self._opened:,} openings are listed"
        if owners > MOST_OWNERS:
            yield f"only {MOST_OWNERS} of {owners:,} addresses that opened and failed are listed"
        if scanners > MOST_SCANNERS:
            yield f"only the busiest {MOST_SCANNERS} of {scanners:,} sources that opened nothing are listed"
        if not exact:
            yield f"about {strangers:,} addresses opened nothing, the quiet ones are counted as networks"
        if self._sources.cut_owners:
            yield f"failures of {self._sources.cut_owners:,} addresses that opened were not kept"
        if self._doors.uncounted:
            yield "more addresses opened doors than are told apart: read their numbers as `at least`"
        if self._doors.crowded:
            yield f"doors beyond the first {MOST_DOORS:,} are counted together"
        if self._faults.cut:
            yield f"{self._faults.cut:,} failed commands are not listed"
        if self._daemon.count > len(self._daemon.events()):
            kept = len(self._daemon.events())
            yield f"only the last {kept} of {self._daemon.count:,} lines of the daemon are kept"
        if self._novelty.cut:
            yield f"{self._novelty.cut:,} more openings from new addresses or at new hours are not named"


def _shorten(entry: Entry) -> Entry:
    """The entry with no text too long to be kept."""
    names, texts = max(len(entry.door), len(entry.host)), map(str, entry.fields.values())
    if (
        len(entry.ip) <= LONGEST_ADDRESS
        and names <= LONGEST_NAME
        and max(map(len, texts), default=0) <= LONGEST
    ):
        return entry
    fields = {
        name: value[:LONGEST] if isinstance(value, str) else value for name, value in entry.fields.items()
    }
    ip, door, host = entry.ip[:LONGEST_ADDRESS], entry.door[:LONGEST_NAME], entry.host[:LONGEST_NAME]
    return entry._replace(ip=ip, door=door, host=host, fields=fields)
