"""One parser for each kind of value: text in, value out, ValueError("expected ..., got '...'").

Nothing here resolves a name or touches a file; every message shows what was seen.

Pure.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from enum import Enum
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Final, NoReturn, TypeVar

from knockd_conf.errors import seen
from knockd_conf.key_file import parse_date
from knockd_conf.model import MAX_STEPS, FlagRule, GuardPorts, Step
from knockd_conf.protocol import FLAG_BITS, MAX_PORT, Protocol
from knockd_conf.text import MAX_DOOR_NAME, encoded, garbles
from knockd_conf.timed import MIN_RANGE

MAX_SECONDS: Final = 2**31 - 1
MAX_INTERFACE_NAME: Final = 127
"""Bytes of an alternative name: ALTIFNAMSIZ of the Linux kernel without its terminating zero."""

NO_PORT: Final = "none"
"""The word for no port, in any case."""

_NUMBER: Final = re.compile(r"[0-9]{1,20}")
_RANGE: Final = re.compile(r"([0-9]{1,20})\s*-\s*([0-9]{1,20})")
_USER: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,30}\$?")
_HOST_LABEL: Final = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?")

Address = IPv4Address | IPv6Address
_E = TypeVar("_E", bound=Enum)


def _reject(expected: str, text: str) -> NoReturn:
    raise ValueError(f"expected {expected}, got {seen(text)}")


def sequence(text: str) -> tuple[Step, ...]:
    """``port[:tcp|udp]`` steps divided by commas, 1 to MAX_STEPS of them, tcp when none is named."""
    if not text.strip():
        _reject("port[:tcp|udp] steps divided by commas", text)
    parts = text.split(",")
    if len(parts) > MAX_STEPS:
        raise ValueError(f"expected at most {MAX_STEPS} steps, got {len(parts)}")
    return tuple(_step(part.strip()) for part in parts)


def _step(part: str) -> Step:
    port, colon, name = (piece.strip() for piece in part.partition(":"))
    name = name.upper() if colon else "TCP"
    if not _NUMBER.fullmatch(port) or int(port) > MAX_PORT or name not in ("TCP", "UDP"):
        from knockd_conf.mistakes import explain_step  # the client has no need of it

        raise ValueError(explain_step(part))
    return Step(int(port), Protocol[name])


def guard_ports(text: str) -> GuardPorts:
    """``auto``, ``none``, or ``port[:tcp|udp]`` divided by commas."""
    word = text.strip().lower()
    if word in ("auto", "none"):
        return GuardPorts(auto=word == "auto")
    if not word[:1].isdigit():
        _reject("auto, none or a list of ports", text)
    return GuardPorts(auto=False, ports=tuple(dict.fromkeys(sequence(text))))


def flag_rule(text: str) -> FlagRule:
    """Flag names divided by commas: a plain one must be set, one with ``!`` must be clear."""
    must_set = must_clear = 0
    for part in text.split(","):
        word = part.strip()
        name = word.removeprefix("!").strip().lower()
        if name not in FLAG_BITS:
            several = re.split(r"[\s|+/;&]+", word.lower())
            if len(several) > 1 and all(one.removeprefix("!") in FLAG_BITS for one in several):
                _reject(f"commas between flags ({','.join(several)})", word)
            _reject("fin, syn, rst, psh, ack or urg, each with or without '!'", word)
        if word.startswith("!"):
            must_clear |= FLAG_BITS[name]
        else:
            must_set |= FLAG_BITS[name]
    if must_set & must_clear:
        _reject("each flag either set or clear (no packet has it both ways)", text)
    return FlagRule(must_set, must_clear)


def whole(low: int, high: int, unit: str = "") -> Callable[[str], int]:
    """A parser for whole numbers from ``low`` to ``high``; ``unit`` is for the message."""

    def parse(text: str) -> int:
        if not _NUMBER.fullmatch(text) or not low <= int(text) <= high:
            _reject(f"a whole number{unit} from {low} to {high}", text)
        return int(text)

    return parse


def seconds(text: str) -> float:
    """Whole seconds, 0 to MAX_SECONDS (0.8 takes whole seconds, 0 included)."""
    if not _NUMBER.fullmatch(text) or int(text) > MAX_SECONDS:
        _reject("whole seconds, 0 or more", text)
    return float(text)


def day(text: str) -> str:
    """A day of the calendar as YYYY-MM-DD."""
    try:
        return parse_date(text)
    except ValueError as error:
        raise ValueError(f"{error}, got {seen(text)}") from None


def yes_no(text: str) -> bool:
    """``yes`` or ``no`` in any case."""
    if text.lower() not in ("yes", "no"):
        _reject("yes or no", text)
    return text.lower() == "yes"


def word(kind: type[_E]) -> Callable[[str], _E]:
    """A parser for the values of an enum whose members have lower-case words as values."""
    words = {str(member.value): member for member in kind}

    def parse(text: str) -> _E:
        if text.lower() not in words:
            _reject(" or ".join((", ".join(list(words)[:-1]), list(words)[-1])), text)
        return words[text.lower()]

    return parse


def one_of(words: tuple[str, ...]) -> Callable[[str], str]:
    """A parser for one of some lower-case words, in any case."""

    def parse(text: str) -> str:
        if text.lower() not in words:
            _reject(" or ".join((", ".join(words[:-1]), words[-1])), text)
        return text.lower()

    return parse


def port_or_none(value: str) -> int:
    """A port from 1 to 65535; 0 for ``none``."""
    return 0 if value.lower() == NO_PORT else whole(1, MAX_PORT)(value)


def port_range(text: str) -> tuple[int, int]:
    """``lowest-highest``, at least MIN_RANGE ports from 1 to MAX_PORT."""
    found = _RANGE.fullmatch(text)
    if found is None:
        _reject("the lowest and the highest port, as in 20000-60000", text)
    low, high = int(found[1]), int(found[2])
    if not (1 <= low <= MAX_PORT and 1 <= high <= MAX_PORT):
        _reject(f"ports from 1 to {MAX_PORT}", text)
    if low > high:
        _reject("the lower port first", text)
    if high - low + 1 < MIN_RANGE:
        raise ValueError(
            f"expected a range of at least {MIN_RANGE} ports, got {high - low + 1}: fewer are soon tried"
        )
    return low, high


def user(text: str) -> str:
    """The name of a user; whether there is one is for the daemon to see (useradd(8), "Caveats")."""
    if not _USER.fullmatch(text):
        _reject("the name of a user", text)
    return text


def file_path(text: str) -> str:
    """A path, as written."""
    if not text:
        _reject("a path", text)
    return text


def path_or_none(text: str) -> str:
    """A path, as written; empty for ``none``."""
    return "" if text.lower() == "none" else file_path(text)


def command(text: str) -> str:
    """A command line, as written; empty means that nothing is run."""
    return text


def interfaces(text: str) -> tuple[str, ...]:
    """Interface names divided by commas, or ``auto`` or ``any`` alone; each name once."""
    names = tuple(dict.fromkeys(name.strip() for name in text.split(",")))
    for name in names:
        if not _is_interface_name(name):
            _reject("an interface name (1 to 127 bytes without '/' or white space), auto or any", name)
    if len(names) > 1:
        for alone in ("auto", "any"):
            if alone in names:
                _reject(f"{alone} alone or a list of names", text)
    return names


def _is_interface_name(name: str) -> bool:
    # The kernel's own rule, dev_valid_name(), for names, alternative names (ALTIFNAMSIZ) and labels; a
    # control character would besides garble log lines. A byte that is not UTF-8 is shown as an escape.
    if name in (".", "..") or not 1 <= len(encoded(name)) <= MAX_INTERFACE_NAME:
        return False
    return all((c.isprintable() or "\udc80" <= c <= "\udcff") and c != "/" and not c.isspace() for c in name)


def targets(text: str) -> tuple[Address | str, ...]:
    """Addresses and host names divided by commas; names are checked for form only."""
    return tuple(dict.fromkeys(_target(part.strip()) for part in text.split(",")))


def _target(text: str) -> Address | str:
    try:
        found = ip_address(text)
    except ValueError:
        if not is_host_name(text) or text.rpartition(".")[2].isdigit():
            _reject("an IPv4 or IPv6 address or a host name", text)
        return text
    if isinstance(found, IPv6Address) and found.scope_id is not None:
        _reject("an address without a zone (packets carry none; say the interface with Interface)", text)
    return found


def is_host_name(text: str) -> bool:
    """Whether ``text`` has the form of a host name (RFC 1123, underscores allowed)."""
    return len(text) <= 253 and all(_HOST_LABEL.fullmatch(label) for label in text.split("."))


def door_name(text: str) -> str:
    """A section's name: 1 to MAX_DOOR_NAME bytes, nothing that would garble a log line."""
    if not text.strip():
        _reject("a name in the brackets", text)
    if len(text.encode()) > MAX_DOOR_NAME:
        raise ValueError(f"expected a name of at most {MAX_DOOR_NAME} bytes, got {len(text.encode())}")
    if any(garbles(c) for c in text):
        _reject("a name without control characters", text)
    return text
