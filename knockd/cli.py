"""The command knockd: serves, checks or prints. Exit statuses are those of sysexits.h.

A child reads the command line and the configuration, and prints what there is to print; the
process itself only serves.

World: the process and its standard streams.
"""

from __future__ import annotations

import io
import os
import signal
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, NoReturn

from knockd.put_off import put_off

# 1 MB, for the signatures of classes without a docstring (with -OO: all of them), and for sending files.
with put_off({"inspect": {"signature": lambda _: ""}, "selectors": {}}):
    import socket  # noqa: F401
    from dataclasses import replace

from knockd.keeper.config_process import ConfigProcess, Send, read_configuration, unread
from knockd.keeper.settings import Loaded, Settings, explain_absent, explain_trouble, wanted_interfaces
from knockd.process.environment import forget_coerced_locale
from knockd.process.fork import (
    daemonise,
    fork_child,
    leave_init,
    open_standard_streams,
    report_started,
    unblock_signals,
)
from knockd.process.name import name_daemon
from knockd_conf.errors import ConfigError, Problem
from knockd_conf.text import printable

if TYPE_CHECKING:
    from knockd.report import Report  # for -t alone


def main(argv: Sequence[str] | None = None) -> int:
    """Runs knockd; returns its exit status."""
    open_standard_streams()
    unblock_signals()
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:  # else it is ignored, as by nohup
        signal.signal(signal.SIGINT, _end_by)
    try:
        child = ConfigProcess(fork_child, partial(read_command_line, argv))
    except OSError as error:  # neither process nor descriptor to be had
        return _refuse_unread(argv, str(error.strerror))
    settings: Settings | None = child.receive()
    if settings is None:
        _pass_signals(child.pid)
        return _end_as(child.wait(), "the command line")
    name_daemon(sys.argv if argv is None else ("knockd", *argv))
    forget_coerced_locale(os.environb)
    # Imported while the child reads the configuration.
    from knockd.keeper.keeper import serve
    from knockd.keeper.notify import take_manager
    from knockd.log.stream import find_journal

    loaded: Loaded | None = child.receive()
    status = child.wait()
    if loaded is None:
        return _end_as(status, settings.config_path)
    manager = take_manager(os.environ, os.getpid())  # it knows the process that it started, also with -d
    waiting = None
    if settings.daemon and manager.waits:
        _say("-d does nothing here: the service manager supervises knockd itself")
        settings = replace(settings, daemon=False)
    if settings.daemon:
        waiting = daemonise()
    else:
        leave_init()

    # What is logged, the journal has, and with -v the terminal.
    journal = frozenset() if settings.daemon else find_journal(os.environ)
    echoed = settings.verbose and not settings.daemon
    if not journal and not echoed:
        for line in (*loaded.refused, *loaded.config.notes):
            _say(str(line))
        if loaded.refused:
            _say(f"using the last good configuration, kept in {printable(loaded.kept)}")

    def started(status: int, reason: str) -> None:
        if reason and not journal and not echoed:
            _say(printable(reason))
        if waiting is not None:
            report_started(waiting, status)

    return serve(settings, loaded, manager, journal, started)


def read_command_line(argv: Sequence[str] | None, send: Send) -> int:
    """Prints what the command line asks for; to serve, sends Settings and then Loaded, if it is good.

    Runs in the child and returns its exit status.
    """
    from knockd.arguments import read_arguments
    from knockd_conf.extras import find_missing

    try:
        given = read_arguments(argv)
    except SystemExit as end:  # --help, --version and mistakes
        return end.code if isinstance(end.code, int) else os.EX_OK
    settings = given.settings
    if given.init is not None:
        from knockd.init.command import init

        return _print(send, settings, partial(init, settings, given.init))
    if given.check or given.dry_run:
        work = partial(_check, settings, as_json=given.as_json)
        if given.dry_run:
            work = partial(_dry_run, settings, as_json=given.as_json, show_secrets=given.show_secrets)
        return _print(send, settings, work, checking=not given.dry_run)
    if given.explain is not None:
        from knockd.explanation.command import explain

        explained = partial(explain, settings, given.replay, given.explain, as_json=given.as_json)
        return _print(send, settings, explained)
    if given.replay is not None:
        from knockd.replay.command import replay

        return _print(send, settings, partial(replay, settings, given.replay, as_json=given.as_json))
    if settings.debug and (missing := find_missing("impacket")):
        print(f"knockd: -D: {missing}", file=sys.stderr)
        return os.EX_UNAVAILABLE
    send(settings)

    def load() -> Loaded:
        from knockd.keeper.last_good import load_or_last_good

        return load_or_last_good(settings)

    outcome = read_configuration(load, settings.config_path)
    if not isinstance(outcome, Loaded):
        return _refuse(ConfigError(outcome))
    send(outcome)
    return os.EX_OK


def _end_by(number: int, _frame: object) -> NoReturn:
    """Ends this process by a signal, as the signal itself would; the child, if any, ends with it."""
    signal.signal(number, signal.SIG_DFL)
    os.kill(os.getpid(), number)
    os._exit(128 + number)  # the first process of a container outlives its signals


def _pass_signals(child: int) -> None:
    """Passes on what would end this process: the child that prints may have something to say at its end."""
    interrupted = False

    def pass_on(number: int, _frame: object) -> None:
        nonlocal interrupted
        again = number == signal.SIGINT and interrupted  # it waits for the end of a pipe, as for tcpdump's
        interrupted = interrupted or number == signal.SIGINT
        with suppress(ProcessLookupError, PermissionError):
            os.kill(child, signal.SIGTERM if again else number)

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, pass_on)


def _say(line: str) -> None:
    with suppress(OSError):  # nobody may read it, and the daemon runs all the same
        print(f"knockd: {line}", file=sys.stderr, flush=True)


def _end_as(status: int, path: str) -> int:
    """The exit status after a child that sent nothing to serve by; ``path`` is what it was reading."""
    # Nobody reads what it printed: knockd --dry-run | head; or somebody ended it.
    if -status in (signal.SIGPIPE, signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        _end_by(-status, None)
    if status < 0:
        return _refuse(ConfigError([unread(path, "the process that does so ended early")]))
    return status


def _refuse_unread(argv: Sequence[str] | None, reason: str) -> int:
    from knockd.arguments import read_arguments

    path = read_arguments(argv).settings.config_path
    return _refuse(ConfigError([unread(path, reason)]))


def _refuse(error: ConfigError) -> int:
    print(error, file=sys.stderr)
    return _status_of(error)


def _status_of(error: ConfigError) -> int:
    return os.EX_TEMPFAIL if error.passing else os.EX_CONFIG


def _print(send: Send, settings: Settings, work: Callable[[], int], *, checking: bool = False) -> int:
    # What only prints ends quietly when its reader does, or when it is told to: knockd --dry-run | head
    for number in (signal.SIGPIPE, signal.SIGINT):
        signal.signal(number, signal.SIG_DFL)
    send(None)  # there is nothing to serve by: now signals are passed on
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # the locale may lack what a command holds
    try:
        status = work()
        sys.stdout.flush()
    except ConfigError as error:
        status = _refuse(error)
        if checking:
            _explain_restart(settings, error)
        return status
    except OSError as error:  # a full disk behind standard output, above all
        print(f"knockd: could not print it: {error.strerror}", file=sys.stderr)
        return os.EX_IOERR
    return status


def _explain_restart(settings: Settings, error: ConfigError) -> None:
    """Says what a start of the daemon would use in place of a bad configuration."""
    from knockd.keeper.last_good import find_place

    place = find_place(settings, error)
    if place is not None and os.path.exists(place.path):
        _say(f"a restart would use the last good configuration, kept in {printable(place.path)}")


def _dry_run(settings: Settings, *, as_json: bool, show_secrets: bool) -> int:
    from knockd.checks.notes import current_guards, current_sequences, current_taken
    from knockd.dryrun import Secrets, build_filters, format_json, format_text, list_live, list_tags
    from knockd.replay.keys import find_watches_now
    from knockd.replay.rotating import make_base
    from knockd.signed.live_tags import find_signed_now

    config = settings.load_config()
    live, notes = current_sequences(config)
    taken, unsure = current_taken(config)
    names = wanted_interfaces(config)
    absent = explain_absent(names)
    for note in (*notes, *unsure, *([absent] if absent else [])):
        print(f"knockd: {note}", file=sys.stderr)
    guards = current_guards(config, live, taken)
    base = make_base(config, live, guards, taken)
    watches, signed, shown = base.watches, None, None
    if show_secrets:
        rotating = find_watches_now(config, base, _say)
        now = rotating.newest / 1e6
        watches, signed = rotating.watches, find_signed_now(config, now, _say)
        shown = Secrets(list_live(config, rotating.sequences, now), list_tags(signed, now))
    made = build_filters(watches, names or ("(none)",), ipv6=settings.ipv6, signed=signed)
    print(format_json(made, config, shown) if as_json else format_text(made, config, guards, shown))
    return os.EX_OK


def _check(settings: Settings, *, as_json: bool) -> int:
    from knockd.report import format_problems_json, format_report, format_report_json

    try:
        report = _make_report(settings)
    except ConfigError as error:
        if as_json:
            print(format_problems_json(settings.config_path, error.problems))
            return _status_of(error)
        raise
    print(format_report_json(report) if as_json else "\n".join(format_report(report)))
    for problem in report.problems:
        if not as_json:
            print(f"knockd: {problem.message}", file=sys.stderr)
    return os.EX_UNAVAILABLE if report.problems else os.EX_OK


def _make_report(settings: Settings) -> Report:
    from knockd.checks.command_notes import is_elsewhere
    from knockd.checks.fleet_host import find_missing_store_package
    from knockd.checks.keys import find_keys
    from knockd.checks.notes import (
        current_clock,
        current_guards,
        current_keys,
        current_sequences,
        current_taken,
        find_notes,
        find_weak_one_time,
    )
    from knockd.checks.reader import find_missing_reader
    from knockd.checks.signed_host import current_signed, find_missing_package
    from knockd.checks.signed_keys import find_signed_keys
    from knockd.dryrun import assume_signed, build_filters
    from knockd.knocks.guards import with_guards
    from knockd.knocks.watch import watches_of
    from knockd.report import Report

    config = settings.load_config()
    live, notes = current_sequences(config)
    taken, unsure = current_taken(config)
    guards = current_guards(config, live, taken)
    names = wanted_interfaces(config)
    watches = with_guards(watches_of(config.doors, live), guards)
    filters = build_filters(watches, names, ipv6=settings.ipv6, signed=assume_signed(config))
    known = settings.find_circumstances(config)
    files = current_keys(config)
    keys = find_keys(config.doors, files, known.days.today)
    signed_files = current_signed(config)
    signed = find_signed_keys(config.doors, signed_files)
    surprises = find_notes(config, live, guards, files, signed_files, known, taken)
    if is_elsewhere(config):  # that its files and interfaces are not here is no mistake
        return Report(config, live, guards, keys, signed, filters, surprises, [])
    trouble = explain_trouble(names, any_will_do=config.options.interface == ("any",))
    found = (
        *surprises,
        *notes,
        *find_weak_one_time(config),
        *current_clock(config),
        *unsure,
        *(config.note("interface", text) for text in trouble),
    )
    absent = explain_absent(names)
    problems = [Problem(*config.note("interface", absent)[:4])] if absent is not None else []
    finders = find_missing_package, find_missing_store_package, find_missing_reader
    problems += [one for find in finders if (one := find(config)) is not None]
    return Report(config, live, guards, keys, signed, filters, found, problems)
