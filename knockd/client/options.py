"""The command line of knock: arguments to values. Pure; raises UsageError and prints nothing.

It is parsed with getopt because that has 0.8's forms: options anywhere, ``-d100``, ``-uv``,
long names shortened as far as they stay clear, a stop at the first operand under POSIXLY_CORRECT.

Pure.
"""

from __future__ import annotations

from collections.abc import Sequence
from getopt import GetoptError, gnu_getopt
from typing import NamedTuple

SYNOPSIS = "usage: knock [options] <host> <port[:proto]> [port[:proto]] ..."

HELP = f"""{SYNOPSIS}
options:
  -u, --udp            make all ports hits use UDP (default is TCP)
  -d, --delay <t>      wait <t> milliseconds between port hits
  -4, --ipv4           Force usage of IPv4
  -6, --ipv6           Force usage of IPv6
      --flags <list>   send TCP hits with exactly these flags, as in fin,!ack (needs root)
  -v, --verbose        be verbose
  -V, --version        display version
  -h, --help           this help

example:  knock myserver.example.com 123:tcp 456:udp 789:tcp
"""

MAX_DELAY = 2_147_483_647
"""Longest delay, in milliseconds: the largest number 0.8 reads (about 25 days)."""


class UsageError(Exception):
    """The command line makes no sense; the text says what was expected and what was seen."""


class Options(NamedTuple):
    """One command line. ``delay`` is in milliseconds, ``version`` the IP version or None for any.

    ``flags`` is the byte of TCP flags to send, or None for an ordinary connection attempt.
    ``show`` is "help" or "version" when only that text is wanted; then nothing else counts.
    """

    host: str = ""
    ports: tuple[str, ...] = ()
    udp: bool = False
    delay: int = 0
    version: int | None = None
    flags: int | None = None
    verbose: bool = False
    show: str | None = None


def parse_arguments(argv: Sequence[str]) -> Options:
    """The arguments after the program's name as Options. Raises UsageError."""
    try:
        given, operands = gnu_getopt(
            list(argv), "ud:46vVh", ["udp", "delay=", "ipv4", "ipv6", "flags=", "verbose", "version", "help"]
        )
    except GetoptError as error:
        raise UsageError(error.msg) from None
    options = Options()
    for name, value in given:
        match name:
            case "-u" | "--udp":
                options = options._replace(udp=True)
            case "-d" | "--delay":
                options = options._replace(delay=_delay(value))
            case "-4" | "--ipv4":
                options = options._replace(version=4)
            case "-6" | "--ipv6":
                options = options._replace(version=6)
            case "--flags":
                options = options._replace(flags=_flags(value))
            case "-v" | "--verbose":
                options = options._replace(verbose=True)
            case "-V" | "--version":
                return Options(show="version")
            case "-h" | "--help":
                return Options(show="help")
    if not operands:
        raise UsageError("expected a host and at least one port, got neither")
    if len(operands) == 1:
        raise UsageError(f"expected at least one port after the host, got only {operands[0]!r}")
    return options._replace(host=operands[0], ports=tuple(operands[1:]))


def _delay(text: str) -> int:
    if not (text.isascii() and text.isdecimal()) or len(text) > 12 or int(text) > MAX_DELAY:
        raise UsageError(f"--delay: expected whole milliseconds from 0 to {MAX_DELAY}, got {text!r}")
    return int(text)


def _flags(text: str) -> int:
    """The byte that has just the named flags: one with ``!`` is clear, as is each that is not named."""
    # The grammar is that of the daemon's TCPFlags. Its package takes longer to import than
    # everything else here together, so only those who use flags pay for it.
    from knockd_conf.fields import flag_rule

    try:
        return flag_rule(text).must_set
    except ValueError as error:
        raise UsageError(f"--flags: {error}") from None
