"""How many frames of a capture were of which kind.

Pure.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import field

from knockd.knocks.decode import decode_ethernet
from knockd.knocks.kernel_view import Shown
from knockd.knocks.refusals import Cause, find_refusal
from knockd.replay.targets import KnockPorts
from knockd_bpf.wire import DLT_EN10MB
from knockd_conf.classes import dataclass

MOST_ELSEWHERE = 1_000
"""Addresses that are not watched whose knocks are counted."""


@dataclass(slots=True)
class Counts:
    """How many frames there were of which kind."""

    frames: int = 0
    passed: int = 0
    """The filter lets them through."""
    packets: int = 0
    """Of these, what has to do with a door, or nearly."""
    outgoing: int = 0
    """The host itself sent them."""
    cut: int = 0
    """Too little of them was captured to see port and flags."""
    kept_out: int = 0
    """To a knock port, of a source that may not knock there."""
    impossible: int = 0
    """Of a source that no packet off the wire can have."""
    duplicates: int = 0
    """Another interface of the capture has seen them."""
    wrong_flags: int = 0
    """To a knock port, with flags that its doors do not ask for."""
    elsewhere: Counter[bytes] = field(default_factory=Counter)
    """To a knock port, of an address that is not watched."""
    vlans: Counter[int] = field(default_factory=Counter)
    """To a knock port, in a VLAN."""
    double_tagged: int = 0
    unsigned: int = 0
    """To a port of signed knocks, and dropped since they are none of then."""
    discarded: int = 0
    """They begin like a signed knock, and no signature was looked at."""
    first: int | None = None
    """The stamp of the first frame."""
    last: int = 0

    def count_elsewhere(self, address: bytes) -> None:
        """Counts a packet to a knock port of an address that is not watched."""
        if address in self.elsewhere or len(self.elsewhere) < MOST_ELSEWHERE:
            self.elsewhere[address] += 1

    def count_tagged(self, shown: Shown, ports: KnockPorts) -> None:
        """Counts a frame of a VLAN, if its VLAN's own interface would be asked about it."""
        if shown.filtered[12:14] in (b"\x81\x00", b"\x88\xa8"):
            self.double_tagged += 1
            return
        packet = decode_ethernet(shown.filtered, 0, len(shown.filtered))
        if packet is not None and (ports.watches_at(packet) or ports.signed_at(packet)):
            self.vlans[shown.vlan] += 1


def is_cut(shown: Shown) -> bool:
    """Whether too little of a packet that nobody could read was captured."""
    refusal = find_refusal(DLT_EN10MB, shown.filtered)
    return refusal is not None and refusal.cause is Cause.CUT
