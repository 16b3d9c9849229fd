"""Openings and how they end: which line of the log belongs to which opening.

    what comes                              the opening of this address at this door
    --------------------------------------  ------------------------------------------------------
    open, opened-by-hand, fleet-opened      begins
    key-opened, signed-opened behind it     was made with that key
    signed-renewed                          begins, with that key
    signed-closed                           of each address, made with that key: ends
    command, none was run for it yet        its start command; one that undoes another door's: that ends
    command, another one ran for an earlier the earlier one is renewed: it ends
    command-failed behind the start command was not opened
    refused, command-too-long,              was not opened
      none was run for it yet
    command-timeout, closed-by-hand,        ends; the stop command follows
      fleet-closed
    command-failed behind the stop command  is not closed
    stop-failed, left-open, given-up        is not closed
    stopping, then its stop command         ends with the daemon
    starting                                is not closed, unless a recovered line says it goes on

Classic lines of commands name no address: it is the one in the command, else the last one at that door.

Pure.
"""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Iterator
from typing import Literal

from knockd.review.entries import Entry
from knockd.review.summary import End, Opening
from knockd.review.undo import undoes
from knockd_conf.classes import NamedTuple

MOST_RUNNING = 4_096
MOST_OF_ADDRESS = 64
_ADDRESS = re.compile(r"[0-9A-Fa-f]*[.:][0-9A-Fa-f.:]+")

LEFT = "the daemon ended before it closed it"

Kind = Literal["start", "stop"]

_ENDS = {"command-timeout": End.TIMEOUT, "closed-by-hand": End.BY_HAND, "fleet-closed": End.AT_GATEWAY}


class Opened:
    """One opening while it is read. ``lost``: the daemon that made it is gone."""

    __slots__ = (
        "by_hand", "closed", "closer", "command", "door", "end", "fingerprint", "gateway", "host", "ip",
        "key", "lost", "precision", "recovered", "selected", "stop", "time",
    )  # fmt: skip

    def __init__(self, entry: Entry, selected: bool) -> None:
        self.time, self.door, self.ip, self.host = entry.time, entry.door, entry.ip, entry.host
        self.precision, self.selected = entry.precision, selected
        self.by_hand = entry.event == "opened-by-hand"
        self.gateway = str(entry.fields.get("gateway", ""))
        self.command = self.stop = self.closer = self.key = self.fingerprint = ""
        self.end, self.closed = End.UNKNOWN, None
        self.lost = self.recovered = False

    end: End
    closed: float | None

    def value(self) -> Opening:
        """The opening as it is known now."""
        return Opening(
            self.time,
            self.door,
            self.ip,
            self.host,
            self.end,
            self.closed,
            self.closer,
            self.precision,
            self.by_hand,
            self.key,
            self.fingerprint,
            self.gateway,
        )


class Failed(NamedTuple):
    """Whose command failed. ``taken_back``: the opening was counted, and is none."""

    kind: Kind
    opened: Opened
    taken_back: bool


class Openings:
    """Openings that may still be open, and those that have just ended; at most MOST_RUNNING addresses."""

    def __init__(self) -> None:
        self._running: OrderedDict[str, list[Opened]] = OrderedDict()
        self._last: dict[tuple[str, str], tuple[Kind, Opened]] = {}
        """The last command of an address at a door, and of any address ("") there."""
        self._stopping: dict[tuple[str, str], Opened | None] = {}
        """Whose stop command comes next."""
        self._latest: dict[str, str] = {}
        self._of_keys: dict[tuple[str, str], set[str]] = {}
        """The addresses for which an SSH key has opened a door, by door and fingerprint."""
        self._with_stop: set[str] = set()
        self._ending = False

    def open(self, entry: Entry, selected: bool) -> Opened:
        """A new opening: there is a daemon again, even if the log does not say that it started."""
        self._ending = False
        opened = Opened(entry, selected)
        own = self._running.setdefault(entry.ip, [])
        own.append(opened)
        del own[:-MOST_OF_ADDRESS]
        if len(self._running) > MOST_RUNNING:
            self._running.popitem(last=False)
        if len(self._latest) > MOST_RUNNING:
            self._latest.clear()
        self._latest[entry.door] = entry.ip
        self._stopping.pop((entry.door, entry.ip), None)
        return opened

    def name_key(self, entry: Entry) -> str:
        """The line behind an opening that says by whose key it was. Returns its address, empty for none.

        Of a signed knock the classic line has no address: it is that of the last opening at the door.
        """
        ip = entry.ip or self._latest.get(entry.door, "")
        own = self._of(entry.door, ip)
        if not own:
            return ""
        opened = own[-1]
        opened.key = str(entry.fields.get("key", ""))
        opened.fingerprint = str(entry.fields.get("fingerprint", ""))
        if opened.fingerprint:
            if len(self._of_keys) > MOST_RUNNING:
                self._of_keys.clear()
            addresses = self._of_keys.setdefault((entry.door, opened.fingerprint), set())
            if len(addresses) < MOST_OF_ADDRESS:
                addresses.add(ip)
        return ip

    def close_by_key(self, entry: Entry) -> None:
        """An SSH key closes what it has opened at a door; the stop commands follow."""
        fingerprint = str(entry.fields.get("fingerprint", ""))
        for ip in sorted(self._of_keys.pop((entry.door, fingerprint), ())):
            for opened in self._of(entry.door, ip):
                if opened.fingerprint == fingerprint and not opened.lost:
                    self._end(opened, End.BY_KEY, entry.time, "")
                    self._expect_stop(entry.door, ip, opened)

    def run_command(self, entry: Entry) -> Opened | None:
        """A command runs. Returns the opening whose stop command it is; None: another one, or not known."""
        door, command = entry.door, str(entry.fields.get("command", ""))
        ip = entry.ip or self._address_in(command, door)
        key = (door, ip)
        if key in self._stopping:
            opened = self._stopping.pop(key)
            if opened is None:
                self._last.pop(key, None)
                self._last.pop((door, ""), None)
                return None
            _try_again(opened, entry.time)
            return self._note(key, "stop", opened, command)
        own = self._of(door, ip)
        if self._ending and own:
            self._end(own[0], End.DAEMON, entry.time, "the daemon ended")
            self._with_stop.add(door)
            return self._note(key, "stop", own[0], command)
        if own and not own[-1].command:
            earlier = [opened for opened in own if opened.command]
            if earlier and _is_stop(entry, earlier[-1]):
                self._end(earlier[-1], End.RENEWED, entry.time, door)
                self._with_stop.add(door)
                return self._note(key, "stop", earlier[-1], command)
            self._note(key, "start", own[-1], command)
            self._undo_others(own[-1], entry.time)
        elif own and _is_stop(entry, own[0]):  # closed early, or what an earlier run left
            self._end(own[0], End.TIMEOUT, entry.time, "")
            return self._note(key, "stop", own[0], command)
        elif not own and (last := self._last.get(key)) and last[0] == "stop":
            _try_again(last[1], entry.time)
            return last[1]
        return None

    def end_by_time(self, entry: Entry) -> None:
        """The time of an opening is over, or it is closed by hand or at another gateway.

        Later knocks that ran nothing have extended it, and end too.
        """
        end, closer = _ENDS[entry.event], str(entry.fields.get("gateway", ""))
        own = self._of(entry.door, entry.ip)
        own = [opened for opened in own if not opened.lost] or own
        first = own[0] if own else None
        for at, opened in enumerate(own):
            if at and opened.command:
                break
            self._end(opened, end, entry.time, closer)
        self._expect_stop(entry.door, entry.ip, first)

    def _expect_stop(self, door: str, ip: str, opened: Opened | None) -> None:
        self._with_stop.add(door)
        if len(self._stopping) > MOST_RUNNING:
            self._stopping.clear()
        self._stopping[door, ip] = opened

    def fail_command(self, entry: Entry, why: str) -> Failed | None:
        """The last command of an address at a door failed. None where it is not known whose it was."""
        last = self._last.get((entry.door, entry.ip))
        if last is None:
            return None
        kind, opened = last
        taken_back = False
        if kind == "stop":
            opened.end, opened.closed, opened.closer = End.NOT_CLOSED, None, f"its stop command failed, {why}"
        elif opened.end not in (End.NOT_OPENED, End.CLOSED_ANOTHER):
            taken_back = True
            self._end(opened, End.NOT_OPENED, None, f"its start command failed, {why}")
        return Failed(kind, opened, taken_back)

    def refuse(self, entry: Entry, reason: str) -> Opened | None:
        """An opening was refused. Returns it; None where it is not known, or known already."""
        own, last = self._of(entry.door, entry.ip), self._last.get((entry.door, entry.ip))
        if "start command failed" in reason and last and last[1].end is End.NOT_OPENED:
            return None
        if not own or ("start command failed" in reason) is not bool(own[-1].command):
            return None
        self._end(own[-1], End.NOT_OPENED, None, reason)
        return own[-1]

    def leave_open(self, entry: Entry, reason: str) -> None:
        """A door could not be closed."""
        own = self._of(entry.door, entry.ip)
        last = self._last.get((entry.door, entry.ip))
        opened = own[0] if own else last[1] if last else None
        if opened is not None and opened.end is not End.NOT_OPENED:
            self._end(opened, End.NOT_CLOSED, None, reason)

    def recover(self, entry: Entry) -> None:
        """An opening of an earlier run goes on, or its stop command, which failed, runs again."""
        for opened in self._of(entry.door, entry.ip):
            opened.lost, opened.recovered = False, True

    def start(self) -> list[Opened]:
        """A daemon starts: what an earlier one left is lost, unless this one recovers it.

        Returns what is lost from now on, of doors that have a stop command.
        """
        self._ending = False
        lost = []
        for opened in list(self._all()):
            if opened.lost:
                self._end(opened, *self._left(opened))
            elif not opened.recovered and opened.door in self._with_stop:
                lost.append(opened)
            opened.lost, opened.recovered = not opened.recovered, False
        return lost

    def stop(self) -> None:
        """The daemon ends: the stop commands that follow are those of openings that it closes."""
        self._ending = True

    def finish(self) -> list[Opened]:
        """The log ends: says of what is still open why that is.

        Returns what the daemon left when it ended, of doors that have a stop command.
        """
        left = []
        for opened in list(self._all()):
            if self._ending and opened.door in self._with_stop and not opened.lost:
                left.append(opened)
            if opened.lost or self._ending:
                self._end(opened, *self._left(opened))
            elif opened.end is End.UNKNOWN:
                known = opened.door in self._with_stop
                opened.closer = "still open at the end of the log" if known else "no stop command in the log"
        return left

    def _left(self, opened: Opened) -> tuple[End, None, str]:
        if opened.door in self._with_stop:
            return End.NOT_CLOSED, None, LEFT
        return End.UNKNOWN, None, "no stop command in the log"

    def _all(self) -> Iterator[Opened]:
        return (opened for own in self._running.values() for opened in own)

    def _of(self, door: str, ip: str) -> list[Opened]:
        return [opened for opened in self._running.get(ip, ()) if opened.door == door]

    def _address_in(self, command: str, door: str) -> str:
        for word in _ADDRESS.findall(command):
            if (door, word) in self._stopping or self._of(door, word) or (door, word) in self._last:
                return str(word)
        return self._latest.get(door, "")

    def _note(self, key: tuple[str, str], kind: Kind, opened: Opened, command: str) -> Opened:
        if kind == "start":
            opened.command = command
        else:
            opened.stop = command
        if len(self._last) > 2 * MOST_RUNNING:
            self._last.clear()
        self._last[key] = self._last[key[0], ""] = (kind, opened)
        return opened

    def _undo_others(self, closer: Opened, time: float) -> None:
        for opened in self._running.get(closer.ip, ())[:]:
            if opened.door != closer.door and opened.command and undoes(closer.command, opened.command):
                self._end(opened, End.DOOR, time, closer.door)
                self._end(closer, End.CLOSED_ANOTHER, time, opened.door)

    def _end(self, opened: Opened, end: End, time: float | None, closer: str) -> None:
        opened.end, opened.closed, opened.closer = end, time, closer
        own = self._running.get(opened.ip, [])
        if opened in own:
            own.remove(opened)
            if not own:
                del self._running[opened.ip]


def _is_stop(entry: Entry, opened: Opened) -> bool:
    """Whether a command is not the start command of an opening, as ``verb`` says, where a line has it."""
    verb = entry.fields.get("verb")
    return verb == "stop" or (verb != "start" and entry.fields.get("command") != opened.command)


def _try_again(opened: Opened, time: float) -> None:
    """A stop command that failed runs again: it has worked when no failure follows."""
    if opened.end is End.NOT_CLOSED:
        opened.end, opened.closed, opened.closer = End.TIMEOUT, time, ""
