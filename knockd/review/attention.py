"""What of a log needs a person: the sentences that -q prints. Each says when, which door, who, what to do.

Pure.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from knockd.review.clock import Clock
from knockd.review.entries import Entry
from knockd.review.openings import Opened
from knockd.review.sections import show_who
from knockd.review.summary import CommandFailure, DaemonEvent, End, Stuck
from knockd_conf.text import printable

MOST_NEW = 64
MOST_ADDRESSES = 32_768
MOST_REFUSALS = 64
MOST_OPENERS = 4_096
MOST_EACH = 20
"""Sentences of one kind."""

REMEDIES: Mapping[str, str] = {
    "one-time-exhausted": "the door is disabled: write new sequences into its file",
    "one-time-problem": "the door is disabled: mend the file, then reload knockd",
    "key-file-problem": "the door is disabled: mend the file, it is read again by itself",
    "key-expired": "take it out of the file, or write another last day",
    "keys-problem": "doors with keys shut after some periods: look at memory and processes",
    "periods-unread": "knock again in the next period; look at the disk",
    "clock-waiting": "doors with keys are disabled until the clock is good: timedatectl",
    "periods-unnoted": "make StateDir writable: after each restart doors with keys wait two periods",
    "used-unnoted": "make the file writable, or strike the sequence out by hand",
    "fleet-unreachable": "doors with Fleet_Required stay closed until it does: knockctl doctor",
    "fleet-child-ended": "doors with Fleet_Required stay closed until it speaks: knockctl doctor",
    "fleet-silent": "look whether it runs, and reaches the store",
    "worker-failed": "no door can open: mend what it names, then start knockd",
    "capture-failed": "no door opens there: look at the interface",
    "command-rights": "commands of the door fail: give knockd the right, or change the command",
    "config-kept": "mend the file (knockd -t names each line), then reload knockd",
    "last-good": "mend the file (knockd -t names each line), then reload knockd",
    "still-open": "look whether the firewall still lets someone in",
    "journal-damaged": "look whether a door of the last run is still open",
    "journal-unknown": "look whether a door of the last run is still open",
    "state-problem": "make the directory writable: a restart may forget open doors",
    "log-lost": "look at the disk and at the log's rights",
    "internal-error": "please report it",
}
"""What to do about an event of the daemon."""

WELL: Mapping[str, tuple[str, ...]] = {
    "clock-good": ("clock-waiting",),
    "fleet-reached": ("fleet-unreachable", "fleet-child-ended"),
    "fleet-came": ("fleet-silent",),
}
"""Events of the daemon that say that what others told of is over, and those others."""


class Novelty:
    """Openings of addresses, and at hours of the day, that the log has not seen before the selection."""

    def __init__(self, since: float | None) -> None:
        self._since = since
        self._addresses: set[str] = set()
        self._hours: set[int] = set()
        self._history = False
        self._new: list[tuple[Opened, bool, int | None]] = []
        self.cut = 0

    def see(self, time: float) -> None:
        """The log has an entry of that time: one before the selection makes the rest comparable."""
        if self._since is not None and time < self._since:
            self._history = True

    def open(self, opened: Opened, hour: int) -> None:
        """A door opened in that hour of the day."""
        if self._since is None or not self._history:
            return
        if opened.time >= self._since:
            stranger = opened.ip not in self._addresses and len(self._addresses) < MOST_ADDRESSES
            odd = hour not in self._hours
            if opened.selected and (stranger or odd):
                if len(self._new) < MOST_NEW:
                    self._new.append((opened, stranger, hour if odd else None))
                else:
                    self.cut += 1
        if len(self._addresses) < MOST_ADDRESSES:
            self._addresses.add(opened.ip)
        self._hours.add(hour)

    def sentences(self, clock: Clock) -> list[str]:
        """One for each new address or hour."""
        found = []
        for opened, stranger, hour in self._new:
            if opened.end in (End.NOT_OPENED, End.CLOSED_ANOTHER):
                continue
            reasons = ["this address had opened nothing before"] if stranger else []
            if hour is not None:
                reasons.append(f"nothing had been opened between {hour:02}:00 and {hour:02}:59 before")
            who = show_who(opened.ip, opened.host)
            found.append(
                f"{clock.show_time(opened.time)}: {opened.door} was opened by {who}:"
                f" {', and '.join(reasons)}; find out who it was, and change the sequence if nobody knows"
            )
        return found


class Repeats:
    """Whole knocks with a sequence that another address had opened with: somebody listens on the way."""

    def __init__(self) -> None:
        self._openers: dict[tuple[str, str], str] = {}
        """Who opened last, by door and key."""
        self._found: dict[tuple[str, str, str, str], tuple[int, float]] = {}
        self._unread: dict[str, tuple[int, float]] = {}
        """Who repeated signed knocks of nobody knows whom."""

    def open(self, entry: Entry) -> None:
        """An address opened a door with a key."""
        key = entry.door, str(entry.fields.get("key", ""))
        if key in self._openers or len(self._openers) < MOST_OPENERS:
            self._openers[key] = entry.ip

    def use(self, entry: Entry) -> None:
        """An address knocked with a sequence that had been used."""
        name = str(entry.fields.get("key", ""))
        opener = self._openers.get((entry.door, name))
        if opener is None or opener == entry.ip:
            return  # its owner has knocked twice
        what = entry.door, name, opener, entry.ip
        if what in self._found or len(self._found) < MOST_REFUSALS:
            self._found[what] = (self._found.get(what, (0, 0.0))[0] + 1, entry.time)

    def use_unread(self, entry: Entry) -> None:
        """An address that has opened nothing sent a signed knock that came before."""
        if entry.ip in self._unread or len(self._unread) < MOST_REFUSALS:
            self._unread[entry.ip] = (self._unread.get(entry.ip, (0, 0.0))[0] + 1, entry.time)

    def sentences(self, clock: Clock) -> list[str]:
        """One for each door, key and pair of addresses; one for each address where the key is not known."""
        known = [
            f"{clock.show_time(time)}: {ip} repeated a knock of {opener} at {door} with key {key}"
            f"{_times(count)}: it opened nothing; unless both are one person's, somebody listens on the way"
            for (door, key, opener, ip), (count, time) in self._found.items()
        ]
        unread = [
            f"{clock.show_time(time)}: {ip} repeated a signed knock{_times(count)}: it opened nothing;"
            " unless it is its sender's, somebody listens on the way"
            for ip, (count, time) in self._unread.items()
        ]
        return known + unread


class Troubles:
    """Refused openings by door and reason, and events of the daemon that REMEDIES names."""

    def __init__(self) -> None:
        self._refused: dict[tuple[str, str], tuple[int, float, str]] = {}
        self._events: dict[str, tuple[int, DaemonEvent]] = {}

    def refuse(self, entry: Entry, reason: str) -> None:
        """An opening was refused."""
        key = (entry.door, reason)
        if key in self._refused or len(self._refused) < MOST_REFUSALS:
            self._refused[key] = (self._refused.get(key, (0, 0.0, ""))[0] + 1, entry.time, entry.ip)

    def add(self, key: str, event: DaemonEvent) -> None:
        """An event of the daemon; those with one key are one sentence."""
        if key in self._events or len(self._events) < MOST_REFUSALS:
            self._events[key] = (self._events.get(key, (0, event))[0] + 1, event)

    def remove(self, key: str) -> None:
        """What was wrong is well again."""
        self._events.pop(key, None)

    def sentences(self, clock: Clock) -> list[str]:
        """One for each door and reason, and one for each kind of event."""
        found = []
        for (door, reason), (count, time, ip) in self._refused.items():
            found.append(
                f"{clock.show_time(time)}: {door} could not be opened for {ip}{_times(count)}: {reason};"
                " remove the cause, then knock again"
            )
        for count, event in self._events.values():
            remedy = REMEDIES.get(event.event, "look at the lines before it")
            text = event.text
            if event.event == "starting":
                remedy = "look at the system's log"
                text = "knockd started and had not ended before: it crashed, was killed, or the power was cut"
            elif event.restart:
                text = f"the daemon restarted itself: {text}"
            found.append(f"{clock.show_time(event.time)}: {text}{_times(count)}; {remedy}")
        return found


def describe_attention(
    stuck: Iterable[Stuck],
    commands: Iterable[CommandFailure],
    novelty: Novelty,
    troubles: Troubles,
    repeats: Repeats,
    clock: Clock,
) -> tuple[str, ...]:
    """All sentences, the gravest first; at most MOST_EACH of a kind."""
    kinds = [
        [
            f"{clock.show_time(one.time)}: {one.door} may still be open for {one.ip or 'somebody'}:"
            f" {one.why}; close it by hand"
            + (", and mend its stop command" if "stop command" in one.why else "")
            for one in stuck
        ],
        [
            f"{clock.show_time(one.last)}: a command of {one.door} failed{_times(one.count)}: {one.why}"
            + (f", it said: {one.output}" if one.output else "")
            + (
                f"; find out why, and mend it: {one.command}"
                if one.command
                else "; find out why, and mend it"
            )
            for one in commands
        ],
        repeats.sentences(clock),
        novelty.sentences(clock),
        troubles.sentences(clock),
    ]
    found: list[str] = []
    for sentences in kinds:
        found += sentences[:MOST_EACH]
        if len(sentences) > MOST_EACH:
            found.append(f"and {len(sentences) - MOST_EACH} more like the last one")
    return tuple(printable(sentence) for sentence in found)


def _times(count: int) -> str:
    return f", {count} times" if count > 1 else ""
