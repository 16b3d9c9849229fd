"""One network interface as the kernel describes it, and which interface a name means.

Pure.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field, replace

from knockd.net.rtnetlink import Link
from knockd_bpf.wire import find_linktype
from knockd_conf.classes import dataclass
from knockd_conf.text import is_link_local, printable

LOOPBACK = 772
"""ARPHRD number of a loopback interface (linux/if_arp.h)."""

_SEEN_ON_MASTER = frozenset({"bridge", "bond", "team", "openvswitch"})
"""Kinds of interfaces on which every packet of their parts is seen once more."""


@dataclass(frozen=True, slots=True)
class Interface:
    """A network interface: its packed addresses, those of each label, the name of what it is a part of."""

    link: Link
    addresses: frozenset[bytes] = frozenset()
    labels: Mapping[str, frozenset[bytes]] = field(default_factory=dict)
    master: str = ""

    @property
    def left_out(self) -> bool:
        """Whether ``any`` leaves it out: it is down, or its packets are seen on its bridge or bond too."""
        return not self.link.up or self.link.part_of in _SEEN_ON_MASTER

    @property
    def linktype(self) -> int:
        """The DLT that libpcap will give frames of this interface; what it does not know it cooks."""
        return find_linktype(self.link.kind)


def find_interface(name: str, there: Mapping[str, Interface]) -> Interface | None:
    """The interface of a name, of an alternative name, or of a label; a label's has no other addresses.

    A name that is not printable may be given as it is shown. None: there is none now.
    """
    if name in there:
        return there[name]
    for one in there.values():
        if name in one.link.alternatives or name == printable(one.link.name):
            return one
        if name in one.labels:
            return replace(one, addresses=one.labels[name])
    return None


def explain_deaf(name: str, there: Mapping[str, Interface]) -> str | None:
    """Why no knock at its address can come by an interface that is up; None when it has one.

    A bridge's port has an IPv6 link-local address, at which the bridge takes every packet away.
    """
    one = find_interface(name, there)
    if one is None or not one.link.up:
        return None
    is_part = one.link.part_of in _SEEN_ON_MASTER
    if not all(is_part and is_link_local(address) for address in one.addresses):
        return None
    text = f"{printable(name)} has no address, so only doors with a Target can be knocked at there"
    if is_part and one.master:
        master = printable(one.master)
        text += f": it is a part of {one.link.part_of} {master}; write Interface = {master}"
    return text
