"""Lines of a log to entries, each line on its own, whatever wrote it: 0.8, ours, syslog, the journal.

Total on any bytes: a line that cannot be read is counted, and told.

Pure.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator

from knockd.review.entries import Entry
from knockd.review.messages import Messages
from knockd.review.stamps import Stamps
from knockd.review.syslog_lines import OTHER, SyslogLines
from knockd_conf.classes import dataclass

LONGEST = 65_536
"""Bytes of the longest line that is read: a command line of 4,096 bytes, all of them escaped, and more."""

FORMATS = ("classic", "json", "syslog", "iso", "rfc5424", "journal", "logread")
"""Formats by their stamps: ``[2026-11-02 20:13]``, a JSON object, ``Nov  2 20:13:05``,
``2026-11-02T20:13:05+01:00``, the same behind a ``1``, ``Mon 2026-11-02 20:13:05 CET``,
``Mon Nov  2 20:13:05 2026``."""

MOST_STEPS = 20
"""Steps back of the clock that are kept; more are counted."""

_STAMP = re.compile(r"\[\d{4}-\d\d-\d\d \d\d:\d\d\] ")
_DEBUG = re.compile(
    r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d: (?:(?:tcp|udp): )?\S+ -> \S+ \d+ bytes|packet process: \w+ -> \w+"
    r"|(?:config: |adding pcap expression for door |removing (?:successful|failed) knock attempt "
    r"|new sequence for door |local IP: |ethernet interface detected).*"
)
"""What -D prints besides the log, here and in 0.8."""


@dataclass(frozen=True, slots=True)
class StepBack:
    """The clock went back: in front of line ``line`` (from 1), from one time to another."""

    line: int
    before: float
    after: float


class LineReader:
    """Reads the lines of one file, from its first to its last; more may come later.

    Every line counts once: ``blank``, ``unread``, ``other`` (of other programs, or no event of a log) or
    in ``by_format``. ``steps_back`` are the first steps back of its clock, ``steps_back_count`` is all.
    """

    def __init__(
        self,
        *,
        year_hint: float,
        messages: Messages | None = None,
        unread: Callable[[int, bytes], None] | None = None,
    ) -> None:
        """``year_hint``: when the file was last written, seconds since the epoch, for stamps without a year.

        ``messages`` may be shared with other readers. ``unread`` is told number (from 1) and bytes of each
        line that could not be read, at most LONGEST of them.
        """
        self.blank = self.unread = self.other = self.steps_back_count = 0
        self.by_format = dict.fromkeys(FORMATS, 0)
        self.steps_back: list[StepBack] = []
        self._messages = messages or Messages()
        self._stamps = Stamps(year_hint, self._note_step)
        self._tell_unread = unread
        self._syslog = SyslogLines(self._stamps)
        self._minute: tuple[str, float | None] = "", None

    @property
    def total(self) -> int:
        """How many lines were read so far."""
        return self.blank + self.unread + self.other + sum(self.by_format.values())

    def read_entries(self, lines: Iterable[bytes]) -> Iterator[Entry]:
        """The entries of lines, which end with a newline or not. Lines over LONGEST bytes are not read."""
        return filter(None, map(self.read, lines))

    def read(self, line: bytes) -> Entry | None:
        """The entry of one line, None when it has none."""
        if len(line) > LONGEST:
            return self._count_unread(line)
        try:
            text = line.decode().rstrip("\r\n")
        except UnicodeDecodeError:
            text = line.decode("utf-8", "backslashreplace").rstrip("\r\n")
        start = text[:1]
        if start == "[" and text[17:19] == "] ":
            stamp, time = self._minute
            if text[1:17] != stamp:
                time = self._stamps.read_minute(text[1:17])
                self._minute = text[1:17], time
            message = self._messages.read_classic(text[19:])
            form, precision = "classic", 60.0
        elif start == "{":
            form, precision = "json", 0.001
            stamp, message = self._messages.read_json(text)
            time = None if message is None else self._stamps.read_absolute(stamp)
        elif not text or text.isspace():
            self.blank += 1
            return None
        else:
            return self._read_syslog(text, line)
        if time is None or message is None:
            return self._count_unread(line)
        self.by_format[form] += 1
        event, ip, door, host, fields = message
        # A third of the time of Entry(...).
        return tuple.__new__(Entry, (time, event, ip, door, host, fields, precision))

    def _read_syslog(self, text: str, line: bytes) -> Entry | None:
        """The entry of a line of a system log."""
        found = self._syslog.read(text)
        if found is None:
            return self._count_other() if _DEBUG.fullmatch(text) else self._count_unread(line)
        if found is OTHER:
            return self._count_other()
        form, time, precision, body = found
        if not body or body.isspace():
            self.blank += 1
            return None
        stamp, message = self._messages.read_json(body) if body[0] == "{" else ("", None)
        told = None if message is None else self._stamps.read_absolute(stamp)
        if told is not None:
            time, precision = told, 0.001
        else:
            if body[0] == "[" and _STAMP.match(body):
                body = body[19:]  # of a log file that was sent to syslog
            message = self._messages.read_classic(body)
        if message is None:
            return self._count_other() if _DEBUG.fullmatch(body) else self._count_unread(line)
        self.by_format[form] += 1
        return tuple.__new__(Entry, (time, *message, precision))

    def _count_other(self) -> Entry | None:
        self.other += 1
        return None

    def _count_unread(self, line: bytes) -> Entry | None:
        self.unread += 1
        if self._tell_unread is not None:
            self._tell_unread(self.total, line[:LONGEST])
        return None

    def _note_step(self, before: float, after: float) -> None:
        self.steps_back_count += 1
        if len(self.steps_back) < MOST_STEPS:
            self.steps_back.append(StepBack(self.total + 1, before, after))
