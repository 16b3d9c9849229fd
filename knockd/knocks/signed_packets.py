"""Packets at ports of signed knocks: those of a batch to events.

A packet is one when the filter's conditions hold for it: the form, the tag of a live minute, a destination
that is watched, a source that is admitted. ``signed_gate`` says what becomes of it.

Pure.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from knockd.knocks.batch import Batch, Head
from knockd.knocks.events import Discarded, SignedEvent, SignedPacket
from knockd.knocks.payloads import find_payloads
from knockd.knocks.signed_gate import Gate, Passed
from knockd.knocks.signed_watch import SignedPort, SignedWatch
from knockd_bpf.wire import UDP


class SignedPackets:
    """What is watched of signed knocks, and what becomes of them."""

    def __init__(self) -> None:
        self._gate = Gate()
        self._ports: dict[int, tuple[SignedPort, ...]] = {}

    def set_watch(self, watch: SignedWatch) -> None:
        """Takes other ports and minutes."""
        self._gate.set_minutes(watch.minutes)
        self._ports = {}
        for one in watch.ports if watch.minutes else ():
            self._ports[one.port] = (*self._ports.get(one.port, ()), one)

    def find(
        self, linktype: int, data: bytes, records: bytes, batch: Batch, local: frozenset[bytes]
    ) -> dict[int, bytes]:
        """The packets of SIZE bytes of a batch that have the tag of a live minute, by their places.

        ``batch`` was read of ``data`` and ``records``.
        """
        is_live = self._gate.is_live
        return {
            place: payload
            for group in batch.groups
            if self._find_ports(group.head, local)
            for place, payload in find_payloads(linktype, data, records, group.places)
            if is_live(payload)
        }

    def judge(
        self, batch: Batch, packets: Mapping[int, bytes], local: frozenset[bytes], now: float
    ) -> Iterator[tuple[int, SignedEvent]]:
        """What becomes of those ``packets`` that are in the batch; yields events with their places."""
        judge = self._gate.judge
        for group in batch.groups if packets else ():
            ports = self._find_ports(group.head, local)
            if not ports:
                continue
            destination, protocol, port, _ = group.head
            number = protocol << 16 | port
            for place, source in zip(group.places, group.sources, strict=True):
                packet = packets.get(place)
                if packet is None or not _admits(ports, source):
                    continue
                verdict = judge(source, packet, now)
                if isinstance(verdict, Passed):
                    yield place, SignedPacket(source, destination, number, packet, verdict.key)
                elif verdict is not None:
                    yield place, Discarded(source, number, verdict)

    def _find_ports(self, head: Head, local: frozenset[bytes]) -> tuple[SignedPort, ...]:
        """The ports that packets with this head are for."""
        destination, protocol, port, _ = head
        if protocol != UDP or port not in self._ports:
            return ()
        return tuple(one for one in self._ports[port] if destination in (one.target or local))


def _admits(ports: tuple[SignedPort, ...], source: bytes) -> bool:
    return any(one.access is None or one.access.admits(source) for one in ports)
