"""Which addresses a capture's knocks went to: those that are watched where nobody names any.

Pure.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from knockd.knocks.decode import decoder_for
from knockd.knocks.kernel_view import Shown
from knockd.knocks.signed_watch import SignedPort
from knockd.knocks.watch import Watch
from knockd_bpf.wire import TCP, UDP, PacketFields

MOST = 8
"""Addresses that are watched at most."""

TENTH = 10
"""An address with fewer than a tenth of the knocks of the most knocked one is none of ours."""


class KnockPorts:
    """The steps of all doors, and ports of signed knocks: whether a packet could be a knock.

    Its address does not matter.
    """

    def __init__(self, watches: Iterable[Watch], signed: Iterable[SignedPort] = ()) -> None:
        self._watches: dict[int, list[Watch]] = {}
        for watch in watches:
            for step in dict.fromkeys(watch.steps):
                self._watches.setdefault(step.protocol << 16 | step.port, []).append(watch)

        self._signed: dict[int, list[SignedPort]] = {}
        for one in signed:
            self._signed.setdefault(one.port, []).append(one)

    def signed_at(self, packet: PacketFields) -> Sequence[SignedPort]:
        """The ports of signed knocks that a packet is for."""
        return self._signed.get(packet[3], ()) if packet[2] == UDP else ()

    def watches_at(self, packet: PacketFields) -> Sequence[Watch]:
        """The watches that have a step at the port of a packet."""
        return self._watches.get(packet[2] << 16 | packet[3], ())


def count_destinations(knocks: Iterable[tuple[Shown, KnockPorts]]) -> Counter[bytes]:
    """How many knocks each address got at doors that watch their interface's own addresses.

    With each frame come the knock ports of its time.

    Where no packet has the flags of a knock, those to knock ports count without them.
    """
    found: Counter[bytes] = Counter()
    unfit: Counter[bytes] = Counter()
    for one, ports in knocks:
        decoder = decoder_for(one.linktype)
        packet = decoder(one.frame, 0, len(one.frame)) if decoder else None
        if packet is None or is_group(packet[1]):
            continue
        asking = [watch for watch in ports.watches_at(packet) if not watch.target]
        if any(not one.target for one in ports.signed_at(packet)):
            found[packet[1]] += 1
        elif asking:
            fits = any(fits_flags(watch, packet) for watch in asking)
            (found if fits else unfit)[packet[1]] += 1
    return found or unfit


def fits_flags(watch: Watch, packet: PacketFields) -> bool:
    """Whether the flags of a packet are those that a watch asks for; it asks nothing of UDP."""
    return packet[2] != TCP or watch.flags is None or watch.flags.accepts(packet[4])


def is_kept_out(asking: Sequence[Watch | SignedPort], packet: PacketFields) -> bool:
    """Whether the source of a packet may knock at none of those that ask for it, of which there are some."""
    return bool(asking) and all(one.access is not None and not one.access.admits(packet[0]) for one in asking)


def choose_most_knocked(counts: Counter[bytes]) -> list[tuple[bytes, int]]:
    """The addresses that got most knocks, of both versions of IP, with how many."""
    chosen = []
    for length in (4, 16):
        of_version = [(address, count) for address, count in counts.most_common() if len(address) == length]
        least = of_version[0][1] / TENTH if of_version else 0
        chosen += [one for one in of_version if one[1] >= least][: MOST // 2]
    return chosen


def is_group(address: bytes) -> bool:
    """Whether an address is multicast, or broadcast on every link."""
    if len(address) == 16:
        return address[0] == 0xFF
    return 224 <= address[0] < 240 or address == b"\xff\xff\xff\xff"
