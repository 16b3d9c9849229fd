"""Packets at ports of signed knocks: those of a batch to events.

A packet is one when the filter's conditions hold for it: the form, the tag of a live minute, a destination
that is watched, a source that is admitted. ``signed_gate`` says what becomes of it.

Pure.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from knockd.knocks.batch import Batch, Head
from knockd.knocks.events import Discarded, SignedEvent, SignedPacket
from knockd.knocks.payloads import find_payloads
from knockd.knocks.signed_gate import Gate, Passed
from knockd.knocks.signed_watch import SignedPort, SignedWatch
from knockd.token_bucket import TokenBucket
from knockd_bpf.wire import UDP
from knockd_conf.signed_sizes import TAG


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
        tags = self._gate.tags
        return {
            place: payload
            for group in batch.groups
            if self._find_ports(group.head, local)
            for place, payload in find_payloads(linktype, data, records, group.places)
            if payload[:TAG] in tags
        }

    def judge(
        self,
        batch: Batch,
        packets: Mapping[int, bytes],
        local: frozenset[bytes],
        now: float,
        strangers: TokenBucket,
    ) -> Iterator[tuple[int, SignedEvent]]:
        """What becomes of those ``packets`` that are in the batch; yields events with their places.

        Each that does not go on costs a token of ``strangers``, who counts those without an event.
        """
        for group in batch.groups if packets else ():
            ports = self._find_ports(group.head, local)
            if not ports:
                continue
            destination, protocol, port, _ = group.head
            number = protocol << 16 | port
            admits = _who_may(ports)
            chosen = [
                (place, source, packets[place])
                for place, source in zip(group.places, group.sources, strict=True)
                if place in packets and (admits is None or admits(source))
            ]
            sources, held = [source for _, source, _ in chosen], [packet for _, _, packet in chosen]
            verdicts = self._gate.judge_all(sources, held, now)
            for (place, source, packet), verdict in zip(chosen, verdicts, strict=True):
                if isinstance(verdict, Passed):
                    yield place, SignedPacket(source, destination, number, packet, verdict.key)
                elif verdict is not None and strangers.take():
                    yield place, Discarded(source, number, verdict)

    def _find_ports(self, head: Head, local: frozenset[bytes]) -> tuple[SignedPort, ...]:
        """The ports that packets with this head are for."""
        destination, protocol, port, _ = head
        if protocol != UDP or port not in self._ports:
            return ()
        return tuple(one for one in self._ports[port] if destination in (one.target or local))


def _who_may(ports: tuple[SignedPort, ...]) -> Callable[[bytes], bool] | None:
    """Says of a source whether it may knock at any of the ports; None: everybody may."""
    accesses = [one.access for one in ports if one.access is not None]
    if len(accesses) < len(ports):
        return None
    return lambda source: any(access.admits(source) for access in accesses)
