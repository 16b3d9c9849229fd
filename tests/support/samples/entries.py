"""Entries of a log in a few words: what a daemon would have logged, for tests of reviews."""

from __future__ import annotations

from knockd.log.classic import Value
from knockd.review.entries import Entry

NOON = 1_790_000_000.0
"""A time in September 2026."""


def entry(
    time: float,
    event: str,
    ip: str = "",
    door: str = "ssh",
    *,
    host: str = "",
    precision: float = 0.001,
    **fields: Value,
) -> Entry:
    """An entry ``time`` seconds after NOON."""
    return Entry(NOON + time, event, ip, door, host, fields, precision)


def stages(time: float, ip: str, *numbers: int, door: str = "ssh") -> list[Entry]:
    """Steps that came right, a second apart."""
    return [entry(time + at, "stage", ip, door, stage=number) for at, number in enumerate(numbers)]


def opening(
    time: float,
    ip: str,
    door: str = "ssh",
    start: str = "start %IP%",
    stop: str = "stop %IP%",
    span: float = 10,
) -> list[Entry]:
    """An opening that ends by time after ``span`` seconds; without ``stop`` it does not end."""
    begin = [
        entry(time, "open", ip, door),
        entry(time, "command", ip, door, command=start.replace("%IP%", ip)),
    ]
    end = [
        entry(time + span, "command-timeout", ip, door),
        entry(time + span, "command", ip, door, command=stop.replace("%IP%", ip)),
    ]
    return begin + end if stop else begin


def classic(entries: list[Entry]) -> list[Entry]:
    """The same as classic lines have it: commands name no address, stamps are exact to a minute."""
    return [
        one._replace(time=one.time // 60 * 60, precision=60.0, ip="" if one.event in NAMELESS else one.ip)
        for one in entries
    ]


def signed_opening(
    time: float, ip: str, door: str = "ssh", key: str = "laptop", event: str = "signed-opened"
) -> list[Entry]:
    """An opening by a signed knock, up to its start command; or, by ``event``, a renewal."""
    begin = [entry(time, "open", ip, door)] if event == "signed-opened" else []
    return [
        *begin,
        entry(time, event, ip, door, key=key, fingerprint=f"SHA256:{key}"),
        entry(time, "command", ip, door, command=f"start {ip}"),
    ]


COMMANDS = ("command", "command-failed", "command-output", "command-late", "command-too-long")
NAMELESS = (*COMMANDS, "signed-opened")
"""Events whose classic lines name no address."""
