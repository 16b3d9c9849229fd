"""The filter of one interface, from watches and the interface's addresses. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from knockd.knocks.watch import Watch
from knockd_bpf.build import build_term
from knockd_bpf.fit import Fitted, fit_term
from knockd_bpf.instruction import MAX_INSTRUCTIONS
from knockd_bpf.layout import Layout, layout_for
from knockd_bpf.render import render_term
from knockd_bpf.terms import Term
from knockd_conf.classes import NamedTuple

if TYPE_CHECKING:
    from knockd.knocks.signed_watch import SignedWatch

SNAPLEN = 256
"""Bytes of a frame that decode may look at: Ethernet, IPv6, eight extension headers, TCP."""


class Prefilter(NamedTuple):
    """What the kernel will run on one interface."""

    term: Term
    fitted: Fitted
    layout: Layout

    def text(self) -> str:
        """The filter as pcap-filter(7) text."""
        return render_term(self.fitted.term)


def prefilter(
    watches: Iterable[Watch],
    local: frozenset[bytes] | None,
    linktype: int,
    *,
    ipv6: bool = True,
    limit: int = MAX_INSTRUCTIONS,
    signed: SignedWatch | None = None,
) -> Prefilter:
    """The filter for frames of ``linktype``; ``local`` are the interface's packed addresses.

    A watch without steps leaves no trace in it, nor do ports of signed knocks while no minute is live.
    With ``local`` None there is no address part. The program has at most ``limit`` instructions. Raises
    ValueError for a link type we cannot read.

    Frames for another host's link address do not pass, unless a watch has a Target that is not the
    interface's own: that may be behind a bridge of which the interface is a port.
    """
    ports = (
        *(watch.ports for watch in watches if watch.steps),
        *(signed.watched_ports() if signed is not None else ()),
    )
    term = build_term(ports, local, ipv6=ipv6)
    behind = any(one.target - (local or frozenset()) for one in ports)
    layout = layout_for(linktype)._replace(this_host_only=not behind)
    fitted = fit_term(term, layout, limit, snaplen=SNAPLEN)
    return Prefilter(term, fitted, layout)
