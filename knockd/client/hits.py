"""What the arguments ``port[:tcp|udp]`` ask for: hits, the single packets of a knock.

Pure: the look-up of service names is an argument. The values are named tuples because
importing dataclasses would double the time the client takes to start.

Pure.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Final

from knockd_conf.classes import NamedTuple
from knockd_conf.protocol import MAX_PORT, Protocol

ServiceLookup = Callable[[str, str], int | None]
"""(service name, protocol name) -> port, or None when there is no such service."""


MAX_SHOWN: Final = 60
"""How many characters of a bad value a message repeats."""


class Hit(NamedTuple):
    """One packet to send. ``label`` is the port as it was typed, which is what ``-v`` prints."""

    label: str
    port: int
    protocol: Protocol


def show(text: str) -> str:
    """A text as messages quote it: printable, and at most MAX_SHOWN characters of it."""
    return repr(text if len(text) <= MAX_SHOWN else f"{text[:MAX_SHOWN]}...")


def split_list(operands: Iterable[str]) -> Iterator[str]:
    """Each ``port[:tcp|udp]`` of operands that may hold several, divided by commas as in a configuration.

    ``7000,8000:udp``, ``7000, 8000:udp`` and ``7000 , 8000:udp`` are all the same.
    """
    for operand in operands:
        if operand.strip() != ",":
            yield from (part.strip() for part in operand.strip().removesuffix(",").split(","))


def parse_hit(text: str, service: ServiceLookup, *, udp: bool = False) -> Hit:
    """One argument ``port[:tcp|udp]`` as a hit; the port is 0 to 65535 or a service name.

    TCP when no protocol is named; ``udp`` overrides whatever is named. The protocol's case
    does not matter. Raises ValueError("port TEXT: expected ..., got ...").
    """
    label, colon, name = text.partition(":")
    protocol = _protocol(text, name) if colon else Protocol.TCP
    if udp:
        protocol = Protocol.UDP
    return Hit(label, _port(text, label, protocol, service), protocol)


def _protocol(text: str, name: str) -> Protocol:
    # 0.8 takes every word but "udp" for tcp, so that a typing error knocks in the wrong protocol.
    match name.lower():
        case "tcp":
            return Protocol.TCP
        case "udp":
            return Protocol.UDP
    raise ValueError(f"port {show(text)}: expected tcp or udp after the colon, got {show(name)}")


def _port(text: str, label: str, protocol: Protocol, service: ServiceLookup) -> int:
    if label.isascii() and label.isdecimal():
        # 0.8 sends to the number modulo 65536. Long digit strings are not worth converting.
        if len(label) > 9 or int(label) > MAX_PORT:
            raise ValueError(f"port {show(text)}: expected a number from 0 to {MAX_PORT}, got {show(label)}")
        return int(label)
    port = _service_port(label, protocol, service)
    if port is None:
        expected = f"a number from 0 to {MAX_PORT} or a service of /etc/services"
        raise ValueError(f"port {show(text)}: expected {expected}, got {show(label)}")
    return port


def _service_port(name: str, wanted: Protocol, service: ServiceLookup) -> int | None:
    """The port of a service for the hit's own protocol, else for the other one, as in 0.8."""
    other = Protocol.TCP if wanted is Protocol.UDP else Protocol.UDP
    for protocol in (wanted, other):
        port = service(name, str(protocol))
        if port is not None:
            return port
    return None
