"""``knockctl log``: what happened, from the log's files.

World: the process and its standard streams.
"""

from __future__ import annotations

import gc
import os
import sys
import time
from collections import deque
from collections.abc import Sequence

from knockd.ctl.log_options import Options, parse_arguments
from knockd.ctl.openers import Openers
from knockd.ctl.parser import UsageError
from knockd.ctl.terminal import Progress, complain, prepare_output, wants_colour
from knockd.review.files import find_rotations, sort_rotations
from knockd.review.listing import format_entry
from knockd.review.reading import LogReader
from knockd.review.unreadable import Unreadable
from knockd_conf.text import decoded, printable

DEFAULT_LOG = "/var/log/knockd.log"
MOST_SHOWN = 2_000
"""Characters of a line that could not be read."""


def run_command(arguments: Sequence[str]) -> int:
    """Runs ``knockctl log`` with the arguments after its name; the exit status.

    1: -q found what needs a person; 64 usage; 65 a file is no log, damaged or a bomb; 66 a file cannot be
    opened; 69 a module is missing; 73 the page cannot be written; 74 a file was not read to its end.
    The first file with a problem decides.
    """
    prepare_output()
    try:
        options = parse_arguments(arguments, time.time())
        if options.mode == "follow":
            from knockd.ctl.log_follow import follow_logs

            return follow_logs(options, choose_names(options.names, live=True))
        return _Run(options, choose_names(options.names)).run()
    except UsageError as error:
        complain(f"{printable(str(error))}\ntry 'knockctl log --help'")
        return os.EX_USAGE
    except Unreadable as error:
        complain(str(error))
        return error.status


def choose_names(names: Sequence[str], *, live: bool = False) -> list[str]:
    """The files to read, the oldest first. Raises Unreadable when the default ones are missing.

    ``live``: the default log is among them, even if it is not there yet.
    """
    if names:
        return sort_rotations(names)
    found = find_rotations(DEFAULT_LOG)
    if live:
        return [*(name for name in found if name != DEFAULT_LOG), DEFAULT_LOG]
    if not found:
        raise Unreadable(
            f"{DEFAULT_LOG}: no such file; name the LogFile of your knockd.conf, or read the system's log:"
            " journalctl -u knockd -o short-iso | knockctl log -",
            os.EX_NOINPUT,
        )
    return found


class _Run:
    """One reading of the files, with what it prints."""

    def __init__(self, options: Options, names: Sequence[str]) -> None:
        self._options = options
        self._names = names
        self._progress = Progress()
        tell = self._print_unread if options.mode == "unread" else None
        self._reader = LogReader(names, tell_unread=tell, report_progress=self._progress.report)

    def run(self) -> int:
        """Reads all, prints what was asked for, complains of files; the exit status."""
        gc.disable()  # a quarter of the time goes into looking for cycles, of which there are none
        try:
            status = self._show()
        finally:
            gc.freeze()  # nor does the first look after this one find any
            gc.enable()
            self._progress.clear()
        sys.stdout.flush()
        for problem in self._reader.problems:
            complain(problem.text)
        return self._reader.problems[0].status if self._reader.problems else status

    def _show(self) -> int:
        if self._options.mode == "unread":
            deque(self._reader.read_entries(), maxlen=0)
            return os.EX_OK
        if self._options.mode == "list":
            return self._list()
        from knockd.ctl.log_review import show_review

        return show_review(self._options, self._reader, self._progress.clear)

    def _list(self) -> int:
        selection, openers, colour = self._options.selection, Openers(), wants_colour()
        if selection.needs_openers and all(map(os.path.isfile, self._names)):  # a pipe is read once
            first = LogReader(self._names, report_progress=self._progress.report)
            deque(openers.watch_entries(first.read_entries()), maxlen=0)
        entries = openers.watch_entries(self._reader.read_entries())
        known = openers.addresses
        count = 0
        for entry in entries:
            if selection.shows(entry, known):
                self._progress.clear()
                print(format_entry(entry, known, colour=colour))
                count += 1
        for notice in self._reader.notices:
            complain(f"note: {notice}")
        if not count and not self._reader.problems:
            complain("no event is what was asked for")
        return os.EX_OK

    def _print_unread(self, name: str, line: int, data: bytes) -> None:
        self._progress.clear()
        text = printable(decoded(data.rstrip(b"\r\n")))
        more = f" ... ({len(text):,} characters)" if len(text) > MOST_SHOWN else ""
        print(f"{name}:{line}: {text[:MOST_SHOWN]}{more}")
