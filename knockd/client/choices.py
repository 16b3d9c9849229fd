"""What may be chosen both on the command line and in a profile: names, values and how they are read.

Pure.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from knockd.client.hits import show
from knockd_conf.classes import NamedTuple
from knockd_conf.protocol import MAX_PORT
from knockd_conf.text import MAX_DOOR_NAME, garbles
from knockd_conf.timed import KINDS, MAX_PERIOD, MAX_STEPS, MIN_PERIOD, MIN_STEPS, Rule, check_rule

MAX_DELAY: Final = 2_147_483_647
"""Longest delay, in milliseconds: the largest number 0.8 reads (about 25 days)."""

MAX_TRIES: Final = 1_000


class Choices(NamedTuple):
    """What was chosen; None where nothing was. ``delay`` is in milliseconds, ``period`` in seconds.

    ``ports`` are the lowest and the highest port of rotating sequences, ``signed`` is the UDP port of
    signed knocks. ``bind`` is BIND_NONE, BIND_AUTO or an address.
    """

    key: str | None = None
    door: str | None = None
    name: str | None = None
    steps: int | None = None
    period: int | None = None
    ports: tuple[int, int] | None = None
    protocol: str | None = None
    sequence_file: str | None = None
    signed: int | None = None
    secret: str | None = None
    identity: str | None = None
    bind: str | None = None
    delay: int | None = None
    verify: int | None = None
    tries: int | None = None
    both: bool | None = None

    def over(self, other: Choices) -> Choices:
        """These choices, and the other's where these say nothing."""
        mine: dict[str, Any] = {name: one for name, one in self._asdict().items() if one is not None}
        return other._replace(**mine)

    def chosen(self, *names: str) -> tuple[str, ...]:
        """Those of the names for which there is a choice, as they are written."""
        return tuple(written(name) for name in names if getattr(self, name) is not None)

    def rule(self) -> Rule:
        """How sequences are made of a key, with the specification's values where nothing was chosen."""
        usual = Rule()
        low, high = self.ports or (usual.low, usual.high)
        return Rule(
            self.steps or usual.steps, self.period or usual.period, low, high, self.protocol or usual.protocol
        )


WAYS: Final = ("key", "sequence_file", "signed")
"""How to knock where no ports are given: one of them."""

OF_A_KEY: Final = ("name", "steps", "period", "ports", "protocol")
"""What says something only where there is a key."""

OF_SIGNED: Final = ("secret", "identity", "bind")
"""What says something only where knocks are signed."""

FINGERPRINT: Final = "SHA256:"
"""What an identity begins with that is no file, but a key of the ssh-agent."""

BIND_NONE: Final = "none"
BIND_AUTO: Final = "auto"


def written(name: str) -> str:
    """A field's name as options and profiles write it."""
    return name.replace("_", "-")


def show_choice(value: str | int | tuple[int, int] | None) -> str:
    """A value as it is written; empty for None."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, tuple):
        return f"{value[0]}-{value[1]}"
    return "" if value is None else str(value)


def choose(choices: Choices, word: str, text: str) -> Choices:
    """The choices with one more, ``word`` as it is written. Raises ValueError("expected ..., got ...")."""
    chosen: dict[str, Any] = {word.replace("-", "_"): PARSERS[word](text)}
    return choices._replace(**chosen)


def whole(low: int, high: int, unit: str = "a whole number") -> Callable[[str], int]:
    """A parser for whole numbers from ``low`` to ``high``."""

    def parse(text: str) -> int:
        if not (text.isascii() and text.isdecimal()) or len(text) > 12 or not low <= int(text) <= high:
            raise ValueError(f"expected {unit} from {low} to {high}, got {show(text)}")
        return int(text)

    return parse


def _path(text: str) -> str:
    if not text or "\0" in text:
        raise ValueError(f"expected a path, got {show(text)}")
    return text


def _name(text: str) -> str:
    # A lone surrogate stands for a byte that is not UTF-8; the specification has none in names.
    good = text.isprintable() or not any(garbles(c) or "\ud800" <= c <= "\udfff" for c in text)
    if not good or not 1 <= len(text.encode()) <= MAX_DOOR_NAME:
        raise ValueError(f"expected a name of at most {MAX_DOOR_NAME} bytes, got {show(text)}")
    return text


def _range(text: str) -> tuple[int, int]:
    low, dash, high = (part.strip() for part in text.partition("-"))
    if not dash or not (low.isascii() and low.isdecimal() and high.isascii() and high.isdecimal()):
        raise ValueError(f"expected the lowest and the highest port, as in 20000-60000, got {show(text)}")
    if len(low) > 9 or len(high) > 9:
        raise ValueError(f"expected ports from 1 to {MAX_PORT}, got {show(text)}")
    check_rule(Rule(low=int(low), high=int(high)))
    return int(low), int(high)


def _protocol(text: str) -> str:
    if text.lower() not in KINDS:
        raise ValueError(f"expected {', '.join(KINDS[:-1])} or {KINDS[-1]}, got {show(text)}")
    return text.lower()


def _bind(text: str) -> str:
    if text.lower() in (BIND_NONE, BIND_AUTO):
        return text.lower()
    from ipaddress import ip_address  # 5 ms, which only who has such an address needs

    try:
        written = ip_address(text)
    except ValueError:
        written = None
    address = getattr(written, "ipv4_mapped", None) or written
    if address is None or address.is_unspecified or "%" in text:
        raise ValueError(f"expected {BIND_NONE}, {BIND_AUTO} or an address, got {show(text)}")
    return str(address)


def _verified(text: str) -> int:
    port, colon, protocol = text.partition(":")
    if colon and protocol.lower() != "tcp":
        raise ValueError(f"expected a TCP port (no answer can be expected of others), got {show(text)}")
    return whole(1, MAX_PORT, "a TCP port")(port)


def _yes_no(text: str) -> bool:
    if text.lower() not in ("yes", "no"):
        raise ValueError(f"expected yes or no, got {show(text)}")
    return text.lower() == "yes"


PARSERS: Final[Mapping[str, Callable[[str], object]]] = {
    "key": _path,
    "door": _name,
    "name": _name,
    "steps": whole(MIN_STEPS, MAX_STEPS),
    "period": whole(MIN_PERIOD, MAX_PERIOD, "whole seconds"),
    "ports": _range,
    "protocol": _protocol,
    "sequence-file": _path,
    "signed": whole(1, MAX_PORT, "a UDP port"),
    "secret": _path,
    "identity": _path,
    "bind": _bind,
    "delay": whole(0, MAX_DELAY, "whole milliseconds"),
    "verify": _verified,
    "tries": whole(1, MAX_TRIES),
    "both": _yes_no,
}
"""By what is written in an option or a profile. Each raises ValueError("expected ..., got ...")."""
