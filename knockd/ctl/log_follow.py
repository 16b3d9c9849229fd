"""``knockctl log --follow``: the last events, then each as it comes.

World: the process and its standard streams.
"""

from __future__ import annotations

import os
import sys
import time
from collections import deque
from collections.abc import Iterable, Sequence

from knockd.ctl.log_options import Options
from knockd.ctl.openers import Openers
from knockd.ctl.parser import UsageError
from knockd.ctl.terminal import complain, wants_colour
from knockd.review.entries import Entry
from knockd.review.files import STDIN, is_rotation, open_source
from knockd.review.follow import Followed
from knockd.review.lines import LineReader
from knockd.review.listing import format_entry
from knockd.review.reading import LogReader
from knockd.review.splitting import LineSplitter
from knockd.review.unpack import unpack_chunks
from knockd.review.unreadable import Unreadable
from knockd_conf.text import printable

PAUSE = 0.25
"""Seconds between two looks at the files."""

LAST = 10
"""Events that are shown of what is in the files already, without --since."""


def follow_logs(options: Options, names: Sequence[str]) -> int:
    """Prints the last events, or those since --since, then follows the files until ^C, a pipe to its end.

    Rotations are read once. The exit status, where there is nothing to follow (any more).
    """
    printer = _Printer(options)
    if STDIN in names:
        if len(names) > 1:
            raise UsageError("--follow reads standard input alone, or files")
        return _follow_stdin(printer)
    live = [name for name in names if not is_rotation(name)]
    if not live:
        raise UsageError("nothing to follow: a rotation is not written to any more")
    reader = LogReader([name for name in names if name not in live])
    printer.note_entries(reader.read_entries())
    for problem in reader.problems:
        complain(problem.text)
    followed = [(Followed(name), LineReader(year_hint=time.time())) for name in live]
    for name in live:
        if not os.path.exists(name):
            complain(f"{printable(name)}: not there yet, waiting for it")
    while followed:
        for file, lines in list(followed):
            try:
                while found := file.read_lines():
                    printer.note_entries(lines.read_entries(found))
            except Unreadable as error:
                complain(f"{printable(file.path)}: {error}")
                followed.remove((file, lines))
        printer.show_last()
        time.sleep(PAUSE)
    return os.EX_NOINPUT


def _follow_stdin(printer: _Printer) -> int:
    printer.show_last()
    splitter, lines = LineSplitter(), LineReader(year_hint=time.time())
    for batch in splitter.split_chunks(unpack_chunks(open_source(STDIN).read_chunks())):
        printer.note_entries(lines.read_entries(batch))
    printer.note_entries(lines.read_entries([splitter.half]))
    return os.EX_OK


class _Printer:
    """Prints entries that are asked for; at first only the last of them, unless a time was asked for."""

    def __init__(self, options: Options) -> None:
        self._selection = options.selection
        self._colour = wants_colour()
        self._openers = Openers()
        self._last: deque[str] | None = None if options.selection.since is not None else deque(maxlen=LAST)

    def note_entries(self, entries: Iterable[Entry]) -> None:
        """Prints entries, or keeps the last ones until ``show_last``."""
        known = self._openers.addresses
        for entry in self._openers.watch_entries(entries):
            if self._selection.shows(entry, known):
                line = format_entry(entry, known, colour=self._colour)
                if self._last is None:
                    print(line)
                else:
                    self._last.append(line)
        sys.stdout.flush()

    def show_last(self) -> None:
        """Prints what was kept; from now on everything is printed at once."""
        for line in self._last or ():
            print(line)
        sys.stdout.flush()
        self._last = None
