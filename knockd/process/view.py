"""What the keeper sends the packet process: a view, as JSON and numbers.

Pure.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import field
from itertools import chain, islice
from typing import TYPE_CHECKING, Any

from knockd.knocks.watch import Watch
from knockd_conf.access import Access, Network
from knockd_conf.classes import dataclass
from knockd_conf.model import FlagRule, Step
from knockd_conf.protocol import Protocol

if TYPE_CHECKING:
    from knockd.knocks.signed_watch import SignedWatch


@dataclass(frozen=True, slots=True)
class View:
    """What may change while a packet process lives.

    ``addresses``: packed addresses of all interfaces by name; empty: they stay. ``watches``: all of
    them, with their guards; None: they stay. ``own``: all addresses of this host; None: they stay. ``begin``:
    all has been heard of the packet process before, whose place this one takes. ``figures``: the packet
    process says how it is (``figures``) before it answers. ``signed``: the ports and minutes of signed
    knocks, empty: none; None: they stay. It answers every view with PONG as soon as it is
    in effect; one with nothing in it only asks for that answer.
    """

    addresses: Mapping[str, frozenset[bytes]] = field(default_factory=dict)
    watches: tuple[Watch, ...] | None = None
    own: frozenset[bytes] | None = None
    begin: bool = False
    figures: bool = False
    signed: SignedWatch | None = None

    def followed_by(self, later: View) -> View:
        """What holds once ``later`` is in effect, too; what is asked or begun once is left out."""
        return View(
            later.addresses or self.addresses,
            self.watches if later.watches is None else later.watches,
            self.own if later.own is None else later.own,
            signed=self.signed if later.signed is None else later.signed,
        )

    def encode(self) -> bytes:
        """The view as it goes over the link: a line of JSON, then all steps and guards as numbers.

        Who may knock is written once, however many watches it is the same at.
        """
        addresses = {name: _pack_addresses(packed) for name, packed in self.addresses.items()}
        ports: list[int] = []
        access: dict[Access, int] = {}
        watches = (
            None if self.watches is None else [_pack_watch(watch, ports, access) for watch in self.watches]
        )
        own = None if self.own is None else _pack_addresses(self.own)
        signed = None if self.signed is None else _pack_signed(self.signed, access)
        accesses = [*map(_pack_access, access)]
        values = [addresses, watches, own, self.begin, self.figures, accesses, signed]
        head = json.dumps(values, separators=(",", ":")).encode()
        return head + b"\n" + b"".join([number.to_bytes(_BYTES, "big") for number in ports])

    @staticmethod
    def decode(data: bytes) -> View:
        """Reads what ``encode`` wrote."""
        head, _, packed = data.partition(b"\n")
        addresses, watches, own, begin, figures, accesses, signed = json.loads(head)
        access = [*map(_access, accesses)]
        ports = (int.from_bytes(packed[at : at + _BYTES], "big") for at in range(0, len(packed), _BYTES))
        return View(
            {name: _addresses(packed) for name, packed in addresses.items()},
            None if watches is None else tuple(_watch(ports, access, *values) for values in watches),
            None if own is None else _addresses(own),
            begin,
            figures,
            None if signed is None else _signed(signed, access),
        )


def _pack_signed(signed: SignedWatch, accesses: dict[Access, int]) -> list[Any]:
    from knockd.process.signed_view import pack_signed  # who has no signed knocks has none of its code

    return pack_signed(signed, accesses)


def _signed(packed: list[Any], accesses: Sequence[Access]) -> SignedWatch:
    from knockd.process.signed_view import unpack_signed

    return unpack_signed(packed, accesses)


def _pack_watch(watch: Watch, ports: list[int], accesses: dict[Access, int]) -> list[Any]:
    """A watch without its ports, of which it has the numbers; they go to the end of ``ports``.

    Of who may knock it has the number in ``accesses``.
    """
    flags = None if watch.flags is None else (watch.flags.must_set, watch.flags.must_clear)
    steps, guards = [_number(step) for step in watch.steps], _runs(watch.guards)
    ports += (*steps, *guards)
    times = watch.seq_timeout, watch.seq_cooldown
    counts = len(steps), len(guards)
    access = None if watch.access is None else accesses.setdefault(watch.access, len(accesses))
    kept = watch.once, watch.serial, watch.opens, watch.ignore_time, access, watch.key
    return [watch.door, flags, _pack_addresses(watch.target), *times, *kept, *counts]


def _watch(
    ports: Iterator[int],
    accesses: Sequence[Access],
    door: int,
    flags: list[int] | None,
    target: list[str],
    seq_timeout: float,
    seq_cooldown: float,
    once: bool,
    serial: int,
    opens: bool,
    ignore_time: float,
    access: int | None,
    key: int,
    steps: int,
    guards: int,
) -> Watch:
    rule = None if flags is None else FlagRule(*flags)
    knocks = tuple(map(_step, islice(ports, steps)))
    beside = tuple(map(_step, chain.from_iterable(map(_run, islice(ports, guards)))))
    return Watch(
        door,
        knocks,
        rule,
        _addresses(target),
        seq_timeout,
        seq_cooldown,
        once,
        serial,
        beside,
        opens,
        ignore_time,
        None if access is None else accesses[access],
        key,
    )


_BYTES = 3
"""Of the number of a port, or of a run of ports: a view with many doors has to fit."""

_PORT_BITS = 17
_LONGEST = 1 << 8 * _BYTES - _PORT_BITS
"""Ports of a run at most: how many follow the first one is above its number."""


def _number(step: Step) -> int:
    """Protocol and port as one number."""
    return (step.protocol is Protocol.UDP) << 16 | step.port


def _runs(guards: tuple[Step, ...]) -> list[int]:
    """Runs of ports one above the other: the guards of a door are beside its steps."""
    runs: list[int] = []
    follows = -1
    for number in map(_number, guards):
        if number == follows and runs[-1] >> _PORT_BITS < _LONGEST - 1:
            runs[-1] += 1 << _PORT_BITS
        else:
            runs.append(number)
        follows = number + 1
    return runs


def _run(number: int) -> range:
    first = number & (1 << _PORT_BITS) - 1
    return range(first, first + (number >> _PORT_BITS) + 1)


def _step(number: int) -> Step:
    return Step(number & 0xFFFF, Protocol.UDP if number >> 16 else Protocol.TCP)


def _pack_access(access: Access) -> list[list[str]]:
    """Each network as its address and the length of its prefix."""
    return [
        [one.bits.to_bytes(one.size, "big").hex() + f"{one.prefix:02x}" for one in networks]
        for networks in (access.allow, access.deny)
    ]


def _access(packed: list[list[str]]) -> Access:
    return Access(*(tuple(map(_network, networks)) for networks in packed))


def _network(packed: str) -> Network:
    address, prefix = bytes.fromhex(packed[:-2]), int(packed[-2:], 16)
    bits = 8 * len(address)
    mask = (1 << bits) - (1 << bits - prefix)
    return Network(len(address), mask, int.from_bytes(address, "big"))


def _pack_addresses(packed: frozenset[bytes]) -> list[str]:
    return sorted(address.hex() for address in packed)


def _addresses(packed: list[str]) -> frozenset[bytes]:
    return frozenset(bytes.fromhex(address) for address in packed)
