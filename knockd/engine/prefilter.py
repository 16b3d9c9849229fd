"""The filter of one interface, from doors, their live sequences and the interface's addresses."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from knockd.engine.guards import Guards
from knockd_bpf.build import build, watch
from knockd_bpf.fit import Fitted, fit
from knockd_bpf.instruction import MAX_INSTRUCTIONS
from knockd_bpf.layout import Layout, layout_for
from knockd_bpf.render import render
from knockd_bpf.terms import Term
from knockd_conf.model import Door, Step

SNAPLEN = 256
"""Bytes of a frame that decode may look at: Ethernet, IPv6, eight extension headers, TCP."""


class Prefilter(NamedTuple):
    """What the kernel will run on one interface."""

    term: Term
    fitted: Fitted
    layout: Layout

    def text(self) -> str:
        """The filter as pcap-filter(7) text."""
        return render(self.fitted.term)


def prefilter(
    doors: Sequence[Door],
    sequences: Sequence[Sequence[Step]],
    guards: Sequence[Guards],
    local: frozenset[bytes] | None,
    linktype: int,
    *,
    ipv6: bool = True,
    limit: int = MAX_INSTRUCTIONS,
) -> Prefilter:
    """The filter for frames of ``linktype``; ``local`` are the interface's packed addresses.

    ``sequences`` has the live steps of each door (none: the door matches nothing), ``guards`` its
    guards. With ``local`` None there is no address part. The program has at most ``limit``
    instructions. Raises ValueError for a link type we cannot read.
    """
    watches = [
        watch(door, steps, ((int(port.protocol), port.port) for port in guard.ports))
        for door, steps, guard in zip(doors, sequences, guards, strict=True)
        if steps
    ]
    term = build(watches, local, ipv6=ipv6)
    layout = layout_for(linktype)
    fitted = fit(term, layout, limit, snaplen=SNAPLEN)
    return Prefilter(term, fitted, layout)
