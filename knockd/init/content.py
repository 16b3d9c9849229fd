"""The text of a first configuration.

Pure.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from knockd.init.commands import Command
from knockd_conf.classes import NamedTuple
from knockd_conf.model import Service, Step
from knockd_conf.protocol import Protocol
from knockd_conf.text import printable

CMD_TIMEOUT = 30
"""Seconds that a door stays open: a person types the next command in them."""

SEQ_TIMEOUT = 10


class Signed(NamedTuple):
    """What signed knocks need: a UDP port, and the paths of the knock secret and of the file of keys."""

    port: int
    secret: str
    keys: str


class Content(NamedTuple):
    """What the file says. A door has ``steps``, or the path of a ``key``, or is opened by signed knocks."""

    door: str
    service: Service
    interfaces: tuple[str, ...]
    steps: tuple[Step, ...]
    key: str
    four: Command
    six: Command
    log_file: str
    """Empty: the log goes to syslog."""
    signed: Signed | None = None


def format_configuration(content: Content, path: str) -> str:
    """The text of the file ``path``."""
    return "".join(f"{line}\n" for line in _format(content, path))


def _format(content: Content, path: str) -> Iterator[str]:
    yield f"# {printable(path)}, made by knockd --init: see knockd.conf(5). After each change: knockd -t"
    yield ""
    yield "[options]"
    yield from _align(
        [
            ("Interface", ", ".join(content.interfaces)),
            ("LogFile", content.log_file) if content.log_file else ("UseSyslog", ""),
            *_signed(content.signed),
        ]
    )
    yield ""
    yield f"# Opens {content.service} to whoever has knocked, for {CMD_TIMEOUT} seconds; connections stay."
    yield f"[{content.door}]"
    yield from _align([*_sequence(content), *_commands(content), ("Cmd_Timeout", str(CMD_TIMEOUT))])


def _signed(signed: Signed | None) -> Iterator[tuple[str, str]]:
    if signed is not None:
        yield "Signed_Port", str(signed.port)
        yield "Knock_Secret", signed.secret
        yield "Authorized_Keys", signed.keys


def _sequence(content: Content) -> Iterator[tuple[str, str]]:
    if content.signed is not None:
        return
    if content.key:
        yield "Sequence_Key", content.key
        return
    yield "Sequence", ",".join(map(format_step, content.steps))
    yield "Seq_Timeout", str(SEQ_TIMEOUT)
    yield "TCPFlags", "syn"


def _commands(content: Content) -> Iterator[tuple[str, str]]:
    yield "Start_Command", content.four.start
    yield "Stop_Command", content.four.stop
    if content.six != content.four:
        yield "Start_Command_6", content.six.start
        yield "Stop_Command_6", content.six.stop


def format_step(step: Step) -> str:
    """A step as configuration and client have it: TCP is understood."""
    return str(step.port) if step.protocol is Protocol.TCP else str(step)


def _align(lines: Sequence[tuple[str, str]]) -> Iterator[str]:
    widest = max(len(key) for key, _ in lines)
    for key, value in lines:
        yield f"\t{key.ljust(widest)} = {value}" if value else f"\t{key}"
