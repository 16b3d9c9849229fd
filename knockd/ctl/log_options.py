"""The command line of ``knockctl log``.

World: the process.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from typing import TypeVar

from knockd.ctl.parser import Parser, UsageError
from knockd.review.moments import parse_since, parse_until
from knockd.review.selection import Kind, Network, Selection, parse_kinds, parse_network
from knockd_conf.classes import dataclass

DAY = 86_400.0
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Options:
    """What was asked for. ``mode`` is ``summary`` or the long name of the option that asks for another."""

    mode: str
    names: tuple[str, ...]
    selection: Selection
    html: str
    columns: int | None


def parse_arguments(arguments: Sequence[str], now: float) -> Options:
    """The options; ``now`` is in seconds since the epoch.

    Raises UsageError; SystemExit after --help.
    """
    found = _parser().parse_args(arguments)
    modes = [name for name in ("list", "follow", "json", "html", "quiet", "unread") if getattr(found, name)]
    if modes == ["list", "follow"]:
        modes = ["follow"]
    if len(modes) > 1:
        raise UsageError(f"--{modes[0]} and --{modes[1]} exclude each other")
    mode = modes[0] if modes else "list" if found.what else "summary"
    if found.what and mode not in {"list", "follow"}:
        raise UsageError(f"--what chooses lines, for --list and --follow: --{mode} has none")
    if found.columns is not None and mode != "summary":
        raise UsageError(f"--columns is for the summary of a terminal, not for --{mode}")
    selection = _select(found, now, mode)
    if mode == "follow" and selection.until is not None:
        raise UsageError("--follow and --until exclude each other")
    return Options(mode, tuple(found.files), selection, found.html or "", found.columns)


def _select(found: argparse.Namespace, now: float, mode: str) -> Selection:
    since = until = None
    if found.since is not None:
        since = _value("--since", lambda text: parse_since(text, now), found.since)
    elif mode == "quiet":
        since = now - DAY
    if found.until is not None:
        until = _value("--until", lambda text: parse_until(text, now, since), found.until)
    if since is not None and until is not None and until <= since:
        raise UsageError(f"--until {found.until!r} is not after --since {found.since!r}")
    kinds: frozenset[Kind] = frozenset()
    for text in found.what or ():
        kinds |= _value("--what", parse_kinds, text)
    networks: tuple[Network, ...] = tuple(_value("--ip", parse_network, text) for text in found.ip or ())
    return Selection(since, until, frozenset(found.door or ()), networks, kinds)


def _value(option: str, parse: Callable[[str], _T], text: str) -> _T:
    try:
        return parse(text)
    except ValueError as error:
        raise UsageError(f"{option}: {error}") from error


def _parser() -> Parser:
    parser = Parser(
        prog="knockctl log",
        usage="knockctl log [OPTION...] [FILE...]",
        description="Reads logs of knockd and says what happened: openings, failed knocks of those who"
        " opened at other times, scans, commands that failed. Without FILE it reads /var/log/knockd.log and"
        " its rotations; FILE - is standard input.",
        epilog="TIME is a date (2026-11-28), a time of day (08:00), both, today, yesterday, now, or a span"
        " back (3h, '2 days ago'). See knockctl(1).",
    )
    add = parser.add_argument
    add("files", nargs="*", metavar="FILE", help="log, rotated log (.gz, .bz2, .xz, .zst), or -")
    add("-s", "--since", metavar="TIME", help="leave out what was before")
    add("-u", "--until", metavar="TIME", help="leave out what was after; a date means its end")
    add("-d", "--door", action="append", metavar="NAME", help="only this door; may be repeated")
    add("-i", "--ip", action="append", metavar="ADDR", help="only this address or network; may be repeated")
    add("-w", "--what", action="append", metavar="KINDS", help=f"list only these: {','.join(Kind)}")
    add("-l", "--list", action="store_true", help="one line an event, in the order of time")
    add("-f", "--follow", action="store_true", help="the last ten events, then each as it comes")
    add(
        "-q",
        "--quiet",
        action="store_true",
        help="for cron: print, and exit with 1, only what needs a person",
    )
    add("--json", action="store_true", help="the summary as one JSON object")
    add(
        "--html",
        metavar="PAGE",
        help="the summary as an HTML page, written to the file PAGE (-: standard output)",
    )
    add("--unread", action="store_true", help="only the lines that could not be read")
    add(
        "--columns",
        type=_columns,
        metavar="N",
        help="width of the summary; default: that of the terminal, or 80",
    )
    return parser


def _columns(text: str) -> int:
    if not text.isascii() or not text.isdigit() or not 40 <= int(text) <= 1000:
        raise argparse.ArgumentTypeError(f"expected a number from 40 to 1000, got {text!r}")
    return int(text)
