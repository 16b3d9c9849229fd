"""The command line of knockd. Exit statuses are those of sysexits.h."""

from __future__ import annotations

import argparse
import io
import os
import signal
import sys
from collections.abc import Sequence
from typing import NoReturn

import knockd
from knockd.keeper.settings import Settings, down, listening_on, missing
from knockd_conf import Config, ConfigError
from knockd_conf.errors import printable

EX_OK, EX_USAGE, EX_UNAVAILABLE, EX_TEMPFAIL, EX_CONFIG = 0, 64, 69, 75, 78
DEFAULT_CONFIG = "/etc/knockd.conf"


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        self.print_usage(sys.stderr)
        self.exit(EX_USAGE, f"{self.prog}: {message}; try {self.prog} --help\n")


def parser() -> argparse.ArgumentParser:
    """The options of knockd 0.8 and ours."""
    made = _Parser(prog="knockd", description="Listens for secret sequences of packets and runs commands.")
    add = made.add_argument
    add(
        "-i",
        "--interface",
        metavar="IF",
        help="listen on IF, a comma list, auto or any (default: the file's)",
    )
    add("-d", "--daemon", action="store_true", help="go into the background")
    add("-c", "--config", metavar="FILE", default=DEFAULT_CONFIG, help="config file (default: %(default)s)")
    add("-D", "--debug", action="store_true", help="print a line for every packet")
    add("-l", "--lookup", action="store_true", help="log host names too")
    add("-p", "--pidfile", metavar="FILE", help="pid file of -d (default: /var/run/knockd.pid)")
    add("-g", "--logfile", metavar="FILE", help="log file (default: the file's)")
    add("--state-dir", metavar="DIR", help="where open doors are noted (default: the file's)")
    add("-v", "--verbose", action="store_true", help="print log lines on standard output too")
    add("-4", "--only-ip-v4", action="store_true", help="do not listen to IPv6")
    add(
        "-t", "--check", action="store_true", help="check the config, say what is good and what will surprise"
    )
    add("--dry-run", action="store_true", help="print the filter that the kernel will run, and exit")
    add("--format", choices=("text", "json"), default="text", help="how --dry-run prints (default: text)")
    add("--host", metavar="NAME", help="choose key[NAME] = value variants (default: this host's name)")
    add(
        "--allow-insecure-config", action="store_true", help="accept a config that others than root can write"
    )
    add("-V", "--version", action="version", version=f"knockd {knockd.__version__}")
    return made


def main(argv: Sequence[str] | None = None) -> int:
    """Runs knockd; returns its exit status."""
    arguments = parser().parse_args(argv)
    settings = Settings(
        config_path=os.path.abspath(arguments.config),
        directory=os.getcwd(),
        interfaces=_names(arguments.interface),
        log_file=os.path.abspath(arguments.logfile) if arguments.logfile else None,
        pid_file=os.path.abspath(arguments.pidfile) if arguments.pidfile else None,
        state_dir=os.path.abspath(arguments.state_dir) if arguments.state_dir else None,
        host=arguments.host,
        daemon=arguments.daemon,
        verbose=arguments.verbose,
        debug=arguments.debug,
        lookup=arguments.lookup,
        ipv6=not arguments.only_ip_v4,
        allow_insecure_config=arguments.allow_insecure_config,
    )
    try:
        config = settings.load()
    except ConfigError as error:
        print(error, file=sys.stderr)
        return EX_TEMPFAIL if error.passing else EX_CONFIG
    if arguments.dry_run or arguments.check:
        # What only prints ends quietly when its reader does: knockd --dry-run | head
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)
        if isinstance(sys.stdout, io.TextIOWrapper):
            sys.stdout.reconfigure(errors="backslashreplace")  # the locale may lack what a command holds
    if arguments.dry_run:
        return _dry_run(settings, config, as_json=arguments.format == "json")
    if arguments.check:
        return _check(settings, config)
    for note in config.notes:
        print(f"knockd: {note}", file=sys.stderr)
    return _serve(settings, config)


def _names(interface: str | None) -> tuple[str, ...]:
    return tuple(name.strip() for name in (interface or "").split(",") if name.strip())


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


def _serve(settings: Settings, config: Config) -> int:
    from knockd.slim import without_tls

    without_tls()
    from knockd.edge.children import daemonise, leave_init, open_standard, report_started, unblock_signals
    from knockd.edge.notify import take
    from knockd.keeper.keeper import Keeper

    open_standard()
    unblock_signals()
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

    return Keeper(settings, config, manager, started).run()
