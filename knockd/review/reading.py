"""Files to entries in time: opens, unpacks, splits, reads and joins them, and says what was odd.

World: log files.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from functools import partial
from itertools import chain, islice

from knockd.review.entries import Entry
from knockd.review.files import STDIN, Source, describe_head, open_source
from knockd.review.joining import Joiner, Log
from knockd.review.lines import LineReader
from knockd.review.messages import Messages
from knockd.review.moments import show_moment
from knockd.review.splitting import LineSplitter
from knockd.review.summary import Lines
from knockd.review.unpack import unpack_chunks
from knockd.review.unreadable import Unreadable
from knockd_conf.classes import dataclass
from knockd_conf.text import printable

PEEK = 8
"""Chunks of a file in which its first entry is looked for, to know where it belongs."""

MOST_NOTICES = 20
"""Notices of one kind that are kept."""


@dataclass(frozen=True, slots=True)
class Problem:
    """Why a file, or the rest of it, was not read; ``status`` is one of sysexits.h."""

    text: str
    status: int


class LogReader:
    """Reads logs once, as one. After that, ``problems`` and ``notices`` say what was wrong and what was odd.

    ``size`` is how many bytes there are, as far as files have a size, and ``done`` how many were read.
    """

    def __init__(
        self,
        names: Sequence[str],
        *,
        tell_unread: Callable[[str, int, bytes], None] | None = None,
        report_progress: Callable[[int, int], None] | None = None,
    ) -> None:
        """Opens all files, so that a rotation cannot take them away. Names are in the order of their age.

        ``tell_unread`` is told file, number (from 1) and bytes of each line that could not be read;
        ``report_progress`` how many bytes were read, and of how many.
        """
        self.problems: list[Problem] = []
        self.notices: list[str] = []
        self.size = self.done = 0
        self._tell_unread = tell_unread
        self._report_progress = report_progress
        self._messages = Messages()
        self._counts: list[LineReader] = []
        self._joiner = Joiner()
        self._sources = list(self._open_sources(names))

    def read_entries(self) -> Iterator[Entry]:
        """All entries of all files, in time."""
        logs = [self._find_first(source) for source in self._sources]
        starts = [log.start for log in logs if log.first is not None]
        if starts != sorted(starts):
            self._notice("the files were read in the order of their first stamps, not of their names")
        yield from self._joiner.join_logs(logs)
        if self._joiner.overlapping:
            names = list(self._joiner.overlapping)
            shown = ", ".join(names[:4]) + (f" and {len(names) - 4} more" if len(names) > 4 else "")
            twice = f"; {self._joiner.doubles:,} lines are in two of them and count once"
            self._notice(f"{shown} overlap in time and were merged{twice if self._joiner.doubles else ''}")

    def count_lines(self) -> Lines:
        """How many lines were read so far."""
        by_format: dict[str, int] = {}
        for reader in self._counts:
            for name, count in reader.by_format.items():
                if count:
                    by_format[name] = by_format.get(name, 0) + count
        return Lines(
            total=sum(reader.total for reader in self._counts),
            blank=sum(reader.blank for reader in self._counts),
            unread=sum(reader.unread for reader in self._counts),
            by_format=by_format,
            other=sum(reader.other for reader in self._counts),
        )

    def _open_sources(self, names: Sequence[str]) -> Iterator[Source]:
        known: dict[tuple[int, int], str] = {}
        for name in names:
            try:
                source = open_source(name)
            except Unreadable as error:
                self._add_problem("standard input" if name == STDIN else printable(name), error)
                continue
            if source.identity in known:
                self._notice(f"{source.name} is the same file as {known[source.identity]}, and counts once")
                source.close()
                continue
            known[source.identity] = source.name
            self.size += source.size
            yield source

    def _find_first(self, source: Source) -> Log:
        """A log with its first entry, or without when it is not near the beginning.

        A pipe is read no further than that; a file is read again from its beginning, so that no more
        than one is in memory.
        """
        if not source.regular:
            entries = self._read_source(source)
            first = next(entries, None)
            whole = chain(() if first is None else (first,), entries)
            return Log(source.name, source.name, first, lambda: whole)
        first = None
        with suppress(Unreadable):  # it will come again
            chunks = islice(unpack_chunks(islice(source.read_chunks(), PEEK)), PEEK)
            lines = chain.from_iterable(LineSplitter().split_chunks(chunks))
            first = next(self._line_reader(source).read_entries(lines), None)
        source.rewind()
        return Log(source.name, source.family, first, lambda: self._read_source(source))

    def _read_source(self, source: Source) -> Iterator[Entry]:
        """All entries of a file. What is wrong with it becomes a problem."""
        tell = self._tell_unread
        reader = self._line_reader(source, None if tell is None else partial(tell, source.name))
        self._counts.append(reader)
        splitter = LineSplitter()
        head = b""

        def count_chunks() -> Iterator[bytes]:
            nonlocal head
            for chunk in source.read_chunks():
                head = head or chunk[:4096]
                self.done += len(chunk)
                if self._report_progress is not None:
                    self._report_progress(self.done, self.size)
                yield chunk

        problem = None
        try:
            chunks = splitter.split_chunks(unpack_chunks(count_chunks()))
            yield from reader.read_entries(chain.from_iterable(chunks))
        except Unreadable as error:
            problem = error
        if splitter.half:
            unread = reader.unread
            yield from reader.read_entries([splitter.half])
            if reader.unread > unread and problem is None:
                self._notice(f"{source.name}: its last line has no end, and could not be read")
        source.close()
        if problem is not None:
            self._add_problem(source.name, problem)
        elif not head:
            self._notice(f"{source.name} is empty")
        else:
            self._judge(source, reader, head)

    def _judge(self, source: Source, reader: LineReader, head: bytes) -> None:
        """Says what was odd in a file that was read to its end, or that it is no log."""
        for step in reader.steps_back[:1]:
            before, after = show_moment(step.before), show_moment(step.after)
            often = f" {reader.steps_back_count:,} times, first" if reader.steps_back_count > 1 else ""
            where = f"{source.name}, line {step.line:,}"
            self._notice(f"{where}: the clock went back{often} from {before} to {after}")
        if sum(reader.by_format.values()):
            return
        if reader.unread:
            seen = f"none of its {reader.total:,} lines could be read: {describe_head(head)}"
            self._add_problem(source.name, Unreadable(f"not a log of knockd, {seen}"))
        else:
            self._notice(f"{source.name}: none of its {reader.total:,} lines is knockd's")

    def _line_reader(self, source: Source, tell: Callable[[int, bytes], None] | None = None) -> LineReader:
        hint = time.time() if source.written is None else source.written
        return LineReader(year_hint=hint, messages=self._messages, unread=tell)

    def _add_problem(self, name: str, error: Unreadable) -> None:
        self.problems.append(Problem(f"{name}: {error}", error.status))

    def _notice(self, text: str) -> None:
        if len(self.notices) < MOST_NOTICES:
            self.notices.append(text)
        elif len(self.notices) == MOST_NOTICES:
            self.notices.append("there is more of that kind, which is not said")
