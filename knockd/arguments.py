"""The command line of knockd as a value. The daemon forgets this module once it has read it (knockd.slim)."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from typing import NamedTuple, NoReturn

import knockd
from knockd.keeper.settings import Settings

EX_USAGE = 64
DEFAULT_CONFIG = "/etc/knockd.conf"


class Arguments(NamedTuple):
    """What was asked for: to serve, unless ``check`` or ``dry_run``."""

    settings: Settings
    check: bool
    dry_run: bool
    as_json: bool


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        self.print_usage(sys.stderr)
        self.exit(EX_USAGE, f"{self.prog}: {message}; try {self.prog} --help\n")


def read(argv: Sequence[str] | None = None) -> Arguments:
    """What ``argv`` (default: the process's own) says. Ends the process on --help, --version and mistakes."""
    given = _parser().parse_args(argv)
    settings = Settings(
        config_path=os.path.abspath(given.config),
        directory=os.getcwd(),
        interfaces=_names(given.interface),
        log_file=os.path.abspath(given.logfile) if given.logfile else None,
        pid_file=os.path.abspath(given.pidfile) if given.pidfile else None,
        state_dir=os.path.abspath(given.state_dir) if given.state_dir else None,
        host=given.host,
        daemon=given.daemon,
        verbose=given.verbose,
        debug=given.debug,
        lookup=given.lookup,
        ipv6=not given.only_ip_v4,
        allow_insecure_config=given.allow_insecure_config,
    )
    return Arguments(settings, given.check, given.dry_run, given.format == "json")


def _names(interface: str | None) -> tuple[str, ...]:
    return tuple(name.strip() for name in (interface or "").split(",") if name.strip())


def _parser() -> argparse.ArgumentParser:
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
