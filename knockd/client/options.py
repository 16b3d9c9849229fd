"""The command line of knock: arguments to values. Pure; raises UsageError and prints nothing.

It is parsed with getopt because that has 0.8's forms: options anywhere, ``-d100``, ``-uv``,
long names shortened as far as they stay clear, a stop at the first operand under POSIXLY_CORRECT.

Pure.
"""

from __future__ import annotations

from collections.abc import Sequence
from getopt import GetoptError, gnu_getopt
from typing import Any, Final

from knockd.client.choices import PARSERS, Choices, choose
from knockd.client.hits import split_list
from knockd_conf.classes import NamedTuple

SYNOPSIS = """usage: knock [options] <host> <port[:proto]> [port[:proto]] ... [-- command ...]
       knock [options] <profile> [-- command ...]"""

HELP = f"""{SYNOPSIS}
options:
  -u, --udp              make all ports hits use UDP (default is TCP)
  -d, --delay <t>        wait <t> milliseconds between port hits
  -4, --ipv4             Force usage of IPv4
  -6, --ipv6             Force usage of IPv6
      --both             knock at the host's IPv4 and its IPv6 address
      --verify <port>    wait until this TCP port answers, else knock again
      --tries <n>        knock at most <n> times (default is 3)
      --if-needed        do not knock when that port answers already
      --list             list the profiles
      --import <uri>     make a profile of a knock:// URI (-: of standard input)
  -v, --verbose          be verbose
  -V, --version          display version
  -h, --help             this help
rotating sequences: --key <file>, --door <name>, --name <name>, --steps <n>,
  --period <s>, --ports <low>-<high>, --protocol <p>, --wait
signed knocks: --signed <port>, --secret <file>, -k, --identity <key>,
  --bind <address>, --renew, --close
one-time sequences: --sequence-file <file>, --mark
TCP packets with other flags: --flags <list>. See knock(1) for all of these.
example:  knock myserver.example.com 123:tcp 456:udp 789:tcp
"""

_FLAGS: Final = {
    "-u": "udp",
    "--udp": "udp",
    "-v": "verbose",
    "--verbose": "verbose",
    "--wait": "wait",
    "--if-needed": "if_needed",
    "--mark": "mark",
    "--renew": "renew",
    "--close": "close",
}
_VERSIONS: Final = {"-4": 4, "--ipv4": 4, "-6": 6, "--ipv6": 6}
_SHOWN: Final = {"-V": "version", "--version": "version", "-h": "help", "--help": "help"}
_SHORTENED: Final = {"-d": "--delay", "--d": "--delay", "-k": "--identity"}
"""``--d`` is what 0.8 calls --delay, too, though --door begins with it."""

_LONG: Final = (
    *("udp", "d=", "ipv4", "ipv6", "both", "flags=", "wait", "if-needed", "mark", "list", "import="),
    *("renew", "close", "verbose", "version", "help"),
    *(f"{word}=" for word in PARSERS if word != "both"),
)


class UsageError(Exception):
    """The command line makes no sense; the text says what was expected and what was seen."""


class Options(NamedTuple):
    """One command line. ``version`` is the IP version or None for any; ``host`` may be a profile's name.

    ``flags`` is the byte of TCP flags to send, or None for an ordinary connection attempt.
    ``show`` is "help", "version" or "list" when only that is wanted; then nothing else counts.
    ``uri`` is what is to be imported, as the profile ``host``. ``command`` is to be run afterwards.
    """

    host: str = ""
    ports: tuple[str, ...] = ()
    choices: Choices = Choices()
    udp: bool = False
    version: int | None = None
    flags: int | None = None
    verbose: bool = False
    wait: bool = False
    if_needed: bool = False
    mark: bool = False
    renew: bool = False
    close: bool = False
    show: str | None = None
    uri: str | None = None
    command: tuple[str, ...] = ()


def parse_arguments(argv: Sequence[str]) -> Options:
    """The arguments after the program's name as Options. Raises UsageError."""
    given, operands, command = _split(list(argv))
    options = Options(command=tuple(command))
    for name, value in given:
        if name in _SHOWN:
            return Options(show=_SHOWN[name])
        options = _with_option(options, _SHORTENED.get(name, name), value)
    if options.show is not None or options.uri is not None:
        return _alone(options, operands)
    if not operands and not (options.mark and options.choices.sequence_file is not None):
        raise UsageError("expected a host and at least one port, or the name of a profile, got neither")
    return options._replace(host=operands[0] if operands else "", ports=tuple(split_list(operands[1:])))


def _with_option(options: Options, name: str, value: str) -> Options:
    if name in _FLAGS:
        chosen: dict[str, Any] = {_FLAGS[name]: True}
        return options._replace(**chosen)
    if name in _VERSIONS:
        return options._replace(version=_VERSIONS[name])
    match name:
        case "--flags":
            return options._replace(flags=_flags(value))
        case "--list":
            return options._replace(show="list")
        case "--import":
            return options._replace(uri=value)
    try:
        word = name.removeprefix("--")
        return options._replace(choices=choose(options.choices, word, "yes" if word == "both" else value))
    except ValueError as error:
        raise UsageError(f"{name}: {error}") from None


def _alone(options: Options, operands: Sequence[str]) -> Options:
    """Options that ask for something else than a knock: none that a knock is made by goes with them."""
    name, most = ("--list", 0) if options.show == "list" else ("--import", 1)
    if len(operands) > most or options.command:
        got = " ".join(repr(word) for word in (*operands, *options.command))
        raise UsageError(
            f"{name}: expected {'the name of a profile' if most else 'nothing'} behind it, got {got}"
        )
    return options._replace(host=operands[0] if operands else "")


def _split(argv: list[str]) -> tuple[list[tuple[str, str]], list[str], list[str]]:
    """Options, operands, and the command behind ``--``.

    A ``--`` before the first operand ends the options, as everywhere. Behind a host, words that all are
    port numbers are 0.8's operands still.
    """
    at = argv.index("--") if "--" in argv else len(argv)
    rest, command = argv[at + 1 :], list[str]()
    try:
        given, operands = gnu_getopt(argv[:at], "ud:46k:vVh", list(_LONG))
    except GetoptError as error:
        raise UsageError(error.msg) from None
    if operands:
        if not all(_is_port(word) for word in rest):
            rest, command = [], rest
    elif "--" in rest:
        at = rest.index("--")
        rest, command = rest[:at], rest[at + 1 :]
    return given, [*operands, *rest], command


def _is_port(word: str) -> bool:
    port, _, protocol = word.partition(":")
    return port.isascii() and port.isdecimal() and protocol.lower() in ("", "tcp", "udp")


def _flags(text: str) -> int:
    """The byte that has just the named flags: one with ``!`` is clear, as is each that is not named."""
    # The grammar is that of the daemon's TCPFlags. Its package takes longer to import than
    # everything else here together, so only those who use flags pay for it.
    from knockd_conf.fields import flag_rule

    try:
        return flag_rule(text).must_set
    except ValueError as error:
        raise UsageError(f"--flags: {error}") from None
