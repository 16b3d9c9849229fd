"""The review of a log as it was asked for: on the terminal, as JSON, as a page, or what needs a person.

World: the process and its standard streams.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable

from knockd.ctl.log_options import Options
from knockd.ctl.terminal import complain, find_columns, find_lines, shows_blocks, wants_colour
from knockd.review.reading import LogReader
from knockd.review.summarise import Review
from knockd.review.summary import Summary
from knockd_conf.text import printable

NEEDS_A_PERSON = 1
"""Exit status of -q when there is something to do."""

STDOUT = "-"
_DOCTYPE = b"<!doctype html>"


def show_review(options: Options, reader: LogReader, clear_progress: Callable[[], None]) -> int:
    """Reads all, shows it as it was asked for; the exit status. Raises OSError for standard output."""
    review = Review(options.selection)
    review.add_all(reader.read_entries())
    clear_progress()
    # Who sees standard error sees the problems there.
    problems = [problem.text for problem in reader.problems] if options.mode in {"json", "html"} else []
    summary = review.finish(reader.count_lines(), [*reader.notices, *problems])
    if options.mode == "quiet":
        for need in summary.attention:
            print(need)
        return NEEDS_A_PERSON if summary.attention else os.EX_OK
    if options.mode == "json":
        import json

        from knockd.review.as_json import summary_json

        print(json.dumps(summary_json(summary), indent=2))
        return os.EX_OK
    if options.mode == "html":
        return _write_page(summary, options.html)

    from knockd.review.terminal import LINES, format_summary

    columns = options.columns or find_columns()
    lines = find_lines(LINES)
    for line in format_summary(summary, columns, wants_colour(), lines=lines, unicode=shows_blocks()):
        print(line)
    return os.EX_OK


def _write_page(summary: Summary, path: str) -> int:
    """Writes the page to a file that is new or a page already: a log that was named by mistake stays."""
    from knockd.review.page import NoTemplateEngine, render_page

    try:
        page = render_page(summary)
    except NoTemplateEngine as error:
        complain(str(error))
        return os.EX_UNAVAILABLE
    if path == STDOUT:
        sys.stdout.flush()
        sys.stdout.buffer.write(page.encode())
        return os.EX_OK
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        with open(descriptor, "r+b") as file:
            begin = file.read(len(_DOCTYPE))
            if begin and begin.lower() != _DOCTYPE:
                complain(
                    f"{printable(path)} is there and is no HTML page: not overwritten, name another file"
                )
                return os.EX_CANTCREAT
            file.seek(0)
            file.truncate()
            file.write(page.encode())
    except (OSError, ValueError) as error:
        complain(f"{printable(path)}: the page could not be written: {getattr(error, 'strerror', error)}")
        return os.EX_CANTCREAT
    return os.EX_OK
