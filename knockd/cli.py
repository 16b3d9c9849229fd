"""What the command knockd does: serve, check or print. Exit statuses are those of sysexits.h."""

from __future__ import annotations

import io
import os
import signal
import sys
from collections.abc import Sequence

from knockd.keeper.settings import Loaded, Settings, down, listening_on, missing
from knockd_conf import Config, ConfigError
from knockd_conf.errors import printable

EX_OK, EX_UNAVAILABLE, EX_TEMPFAIL, EX_CONFIG = 0, 69, 75, 78


def main(argv: Sequence[str] | None = None) -> int:
    """Runs knockd; returns its exit status."""
    from knockd.arguments import read

    given = read(argv)
    del read  # see forget_command_line
    if not (given.check or given.dry_run):
        return _serve(given.settings)
    try:
        config = given.settings.load()
    except ConfigError as error:
        return _refuse(error)
    # What only prints ends quietly when its reader does: knockd --dry-run | head
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # the locale may lack what a command holds
    if given.dry_run:
        return _dry_run(given.settings, config, as_json=given.as_json)
    return _check(given.settings, config)


def _refuse(error: ConfigError) -> int:
    print(error, file=sys.stderr)
    return EX_TEMPFAIL if error.passing else EX_CONFIG


def _dry_run(settings: Settings, config: Config, *, as_json: bool) -> int:
    from knockd.dryrun import as_json_text, as_text, filters, guards_now, live_sequences

    live, notes = live_sequences(config)
    names = listening_on(config)
    absent = missing(names)
    for note in (*notes, *([absent] if absent else [])):
        print(f"knockd: {note}", file=sys.stderr)
    guards = guards_now(config, live)
    made = filters(config, names or ("(none)",), live, guards, ipv6=settings.ipv6)
    print(as_json_text(made) if as_json else as_text(made, config, guards))
    return EX_OK


def _check(settings: Settings, config: Config) -> int:
    from knockd.check import describe, scans, surprises
    from knockd.dryrun import filters, guard_line, guards_now, live_sequences

    print(f"{config.path}: good, {len(config.doors)} door{'s' if len(config.doors) != 1 else ''}")
    live, notes = live_sequences(config)
    guards = guards_now(config, live)
    for door, steps, guard in zip(config.doors, live, guards, strict=True):
        for line in describe(door, steps or None):
            print(f"  {line}")
        print(f"    guards: {guard_line(guard)}")
    names = listening_on(config)
    for one in filters(config, names, live, guards, ipv6=settings.ipv6):
        print(f"  {one.interface}: filter of {len(one.prefilter.fitted.program)} instructions")
    for note in (*config.notes, *notes, *surprises(config), *scans(config, live, guards)):
        print(f"  warning: {note}")
    for name in down(names):
        print(f"  warning: interface {name} is down")
    absent = missing(names)
    if absent is not None:
        print(f"knockd: {absent}", file=sys.stderr)
        return EX_UNAVAILABLE
    return EX_OK


def _serve(settings: Settings) -> int:
    from knockd.edge.children import (
        daemonise,
        fork_child,
        leave_init,
        open_standard,
        report_started,
        unblock_signals,
    )
    from knockd.keeper.reading import begin, unread, wait

    open_standard()
    unblock_signals()
    path = settings.config_path
    try:
        reading = begin(fork_child, settings.read, path)
    except OSError as error:  # neither process nor descriptor to be had
        return _refuse(ConfigError([unread(path, str(error.strerror))]))
    # It is read while we make ourselves ready.
    from knockd.slim import forget_command_line, without_tls

    forget_command_line()
    without_tls()
    from knockd.edge.notify import take
    from knockd.keeper.keeper import Keeper

    loaded = wait(reading, path)
    if not isinstance(loaded, Loaded):
        return _refuse(ConfigError(loaded))
    for note in loaded.config.notes:
        print(f"knockd: {note}", file=sys.stderr)
    manager = take(os.environ, os.getpid())  # it knows the process that it started, also with -d
    waiting = None
    if settings.daemon:
        waiting = daemonise()
    else:
        leave_init()

    def started(status: int, reason: str) -> None:
        if status:
            print(f"knockd: {printable(reason)}", file=sys.stderr, flush=True)
        if waiting is not None:
            report_started(waiting, status)

    return Keeper(settings, loaded, manager, started).run()
