"""Who may knock: networks that are allowed and denied, as values that judge a packed address.

Pure.
"""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import IPv4Network, IPv6Network
from typing import NamedTuple


class Network(NamedTuple):
    """A network as packed addresses are compared: bytes of an address, the mask and the masked bits."""

    size: int
    mask: int
    bits: int


class Access(NamedTuple):
    """``allow`` empty: everybody who is not in ``deny``."""

    allow: tuple[Network, ...] = ()
    deny: tuple[Network, ...] = ()

    def admits(self, source: bytes) -> bool:
        """Whether a packed address (4 or 16 bytes) may knock; a network of ``deny`` wins."""
        size, bits = len(source), int.from_bytes(source, "big")
        if any(one.size == size and bits & one.mask == one.bits for one in self.deny):
            return False
        return not self.allow or any(one.size == size and bits & one.mask == one.bits for one in self.allow)


def make_networks(networks: Iterable[IPv4Network | IPv6Network]) -> tuple[Network, ...]:
    """The networks as values that compare."""
    return tuple(
        Network(one.max_prefixlen // 8, int(one.netmask), int(one.network_address)) for one in networks
    )
