"""The command line of knockd as a value. A child of the daemon reads it.

World: the command line.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from dataclasses import replace
from ipaddress import ip_address
from typing import NoReturn

import knockd
from knockd.keeper.settings import Settings, find_directory
from knockd.option_parser import OptionParser
from knockd_conf.classes import NamedTuple
from knockd_conf.fields import interfaces
from knockd_conf.model import Service
from knockd_conf.services import parse_services
from knockd_conf.text import printable

DEFAULT_CONFIG = "/etc/knockd.conf"
_STDOUT = "-"
_RANDOM, _KEY, _SIGNED = "ports", "key", "signed"
"""How a first door opens: by random ports, by those of a new key, or by knocks that SSH keys sign."""


class Replay(NamedTuple):
    """A capture to judge: ``path`` (``-``: standard input); packed addresses and the VLAN, if given."""

    path: str
    local: tuple[bytes, ...] | None = None
    vlan: int | None = None


class Init(NamedTuple):
    """A first configuration, with a key, random ports or signed knocks; ``printing``: nothing is written.

    ``service`` is the port to open, None: where SSH is served.
    """

    keyed: bool = False
    service: Service | None = None
    printing: bool = False
    signed: bool = False


class Arguments(NamedTuple):
    """What the command line asks for: to serve, unless one of the fields behind ``settings`` is set.

    ``explain`` is the packed address of the source that is explained.
    """

    settings: Settings
    check: bool
    dry_run: bool
    as_json: bool
    replay: Replay | None = None
    explain: bytes | None = None
    show_secrets: bool = False
    """With ``dry_run``: also the ports that are made of keys now."""
    init: Init | None = None


class _Parser(OptionParser):
    def error(self, message: str) -> NoReturn:
        self.print_usage(sys.stderr)
        self.exit(os.EX_USAGE, f"{self.prog}: {message}; try {self.prog} --help\n")


def read_arguments(argv: Sequence[str] | None = None) -> Arguments:
    """Returns what ``argv`` (default: the process's own) asks for.

    Raises SystemExit with the exit status after --help, --version and mistakes.
    """
    parser = _parser()
    given, more = parser.parse_known_args(argv)
    unknown = [word for word in more if word.startswith("-")]
    if unknown:
        parser.error(f"unrecognized arguments: {' '.join(unknown)}")
    if more:  # 0.8 says nothing; KNOCKD_OPTS="-i eth0 # my card" is in use
        print(f"knockd: ignored, expected options only: {printable(' '.join(more))}", file=sys.stderr)
    try:
        settings = _read_settings(given)
    except OSError as error:  # of os.path.abspath
        parser.error(f"expected absolute paths, for there is no working directory: {error.strerror}")
    replay = None if given.replay is None else Replay(given.replay, given.local, given.vlan)
    if replay is not None and (given.check or given.dry_run):
        parser.error("argument --replay: expected without -t and --dry-run: each prints something else")
    if replay is None and (given.local is not None or given.vlan is not None):
        parser.error("arguments --local and --vlan: expected with --replay FILE")
    if given.explain is not None and (given.check or given.dry_run or given.daemon):
        parser.error("argument --explain: expected without -t, --dry-run and -d")
    if given.show_secrets and not given.dry_run:
        parser.error("argument --show-secrets: expected with --dry-run")
    init = _read_init(parser, given)
    if init is not None and given.config == _STDOUT:
        settings = replace(settings, config_path=DEFAULT_CONFIG)
    return Arguments(
        settings,
        given.check,
        given.dry_run and init is None,
        given.format == "json",
        replay,
        given.explain,
        given.show_secrets,
        init,
    )


def _read_settings(given: argparse.Namespace) -> Settings:
    """What the daemon runs by. Raises OSError: a path is relative, and there is no working directory."""
    return Settings(
        config_path=os.path.abspath(given.config),
        directory=find_directory(),
        interfaces=given.interface,
        log_file=os.path.abspath(given.logfile) if given.logfile else None,
        pid_file=os.path.abspath(given.pidfile) if given.pidfile else None,
        state_dir=os.path.abspath(given.state_dir) if given.state_dir else None,
        control_socket=_control_socket(given.control_socket),
        host=given.host,
        daemon=given.daemon,
        verbose=given.verbose,
        debug=given.debug,
        lookup=given.lookup,
        ipv6=not given.only_ip_v4,
        allow_insecure_config=given.allow_insecure_config,
        also=given.also,
    )


def _read_init(parser: argparse.ArgumentParser, given: argparse.Namespace) -> Init | None:
    """The value of --init with what belongs to it."""
    if given.init is None:
        if given.port is not None:
            parser.error("argument --port: expected with --init")
        return None
    others = {
        "-t": given.check,
        "--replay": given.replay is not None,
        "--explain": given.explain is not None,
        "-d": given.daemon,
        "-4": given.only_ip_v4,
        "--format json": given.format == "json",
        "--show-secrets": given.show_secrets,
    }
    for name, is_given in others.items():
        if is_given:
            parser.error(f"argument --init: expected without {name}")
    printing = given.dry_run or given.config == _STDOUT
    return Init(given.init == _KEY, given.port, printing, given.init == _SIGNED)


def _control_socket(text: str | None) -> str | None:
    """The value of --control-socket: absolute, empty for ``none``."""
    return text if text is None else "" if text.lower() == "none" else os.path.abspath(text)


def _interfaces(text: str) -> tuple[str, ...]:
    """The value of -i, judged as that of Interface in the file."""
    try:
        return interfaces(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _addresses(text: str) -> tuple[bytes, ...]:
    """The value of --local, packed."""
    try:
        return tuple(dict.fromkeys(ip_address(one.strip()).packed for one in text.split(",")))
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"expected IP addresses with commas between them, got '{printable(text)}'"
        ) from None


def _source(text: str) -> bytes:
    """The value of --explain, packed; an IPv4 address in IPv6 form is that IPv4 address."""
    try:
        address = ip_address(text.strip())
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"expected an IP address, as 192.0.2.7 or 2001:db8::7, got '{printable(text)}'"
        ) from None
    mapped = address.ipv4_mapped if address.version == 6 else None
    return (mapped or address).packed


def _service(text: str) -> Service:
    """The value of --port: of TCP where it does not say."""
    text = text.strip()
    try:
        (found,) = parse_services(f"{text}/tcp" if text.isdecimal() else text)
        if found.low == found.high:
            return found
    except ValueError:
        pass
    raise argparse.ArgumentTypeError(f"expected one port, as 22 or 51820/udp, got '{printable(text)}'")


def _vlan(text: str) -> int:
    """The value of --vlan."""
    if not text.isascii() or not text.isdigit() or not 1 <= int(text) <= 4_094:
        raise argparse.ArgumentTypeError(f"expected the number of a VLAN, 1 to 4094, got '{printable(text)}'")
    return int(text)


def _parser() -> _Parser:
    """The options of knockd 0.8 and ours: those that most people need, then the others."""
    made = _Parser(
        "knockd", "knockd [OPTION...]", "Listens for secret sequences of packets and runs commands."
    )
    add = made.add_argument
    add(
        "-i",
        "--interface",
        metavar="IF",
        type=_interfaces,
        default=(),
        help="listen on IF, a comma list, auto or any",
    )
    add("-c", "--config", metavar="FILE", default=DEFAULT_CONFIG, help="config file (default: %(default)s)")
    add("-d", "--daemon", action="store_true", help="go into the background")
    add("-v", "--verbose", action="store_true", help="print log lines on standard output too")
    add("-D", "--debug", action="store_true", help="print a line for every packet")
    add("-l", "--lookup", action="store_true", help="log host names too")
    add(
        "--init",
        nargs="?",
        choices=(_RANDOM, _KEY, _SIGNED),
        const=_RANDOM,
        metavar=f"{_RANDOM}|{_KEY}|{_SIGNED}",
        help="write a first config, and say what to do next",
    )
    add("--port", metavar="PORT", type=_service, help="with --init: the port to open (default: SSH's)")
    add("-t", "--check", action="store_true", help="check the config, say what will surprise")
    add("--dry-run", action="store_true", help="print the filter that the kernel will run")
    add("--replay", metavar="FILE", help="say what would open for a capture (pcap, pcapng)")
    add("--explain", metavar="IP", type=_source, help="say why packets of IP open a door or do not")
    add("-V", "--version", action="version", version=f"knockd {knockd.__version__}")
    _add_rare(made)
    return made


def _add_rare(made: _Parser) -> None:
    """Options that few people need; --help has their names alone."""
    add = made.add_argument_group("More, see knockd(8)").add_argument
    add("-p", "--pidfile", metavar="FILE", help="pid file of -d (default: /var/run/knockd.pid)")
    add("-g", "--logfile", metavar="FILE", help="log file (default: the file's)")
    add("-4", "--only-ip-v4", action="store_true", help="do not listen to IPv6")
    add("--state-dir", metavar="DIR", help="where open doors are noted (default: the file's)")
    add("--control-socket", metavar="PATH", help="where knockctl asks, none: nowhere (default: the file's)")
    add("--show-secrets", action="store_true", help="with --dry-run: the ports too that keys make now")
    add("--local", metavar="ADDR,...", type=_addresses, help="with --replay: this host's addresses")
    add("--vlan", metavar="ID", type=_vlan, help="with --replay: judge the packets of a VLAN")
    add(
        "--format",
        choices=("text", "json"),
        default="text",
        metavar="text|json",
        help="how -t, --dry-run, --replay and --explain print (default: text)",
    )
    add("--host", metavar="NAME", help="choose key[NAME] = value variants (default: this host's name)")
    add(
        "--allow-insecure-config", action="store_true", help="accept a config that others than root can write"
    )
    add("--also", action="store_true", help="run beside another knockd of the same config or state directory")
