"""Allow and Deny as text: addresses and networks of both IP versions, divided by commas.

Pure.
"""

from __future__ import annotations

from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
    ip_network,
    summarize_address_range,
)
from typing import Final, NoReturn

from knockd_conf.access import Networks, make_networks
from knockd_conf.errors import seen
from knockd_conf.fields import is_host_name

_ALL: Final = "all"
_NONE: Final = "none"
_WORDS: Final = frozenset({_ALL, _NONE, "any", "anybody", "anyone", "everybody", "everyone", "nobody"})
_MAPPED_PREFIX: Final = 96
"""Bits in front of an IPv4 address that is written as IPv6 (RFC 4291, section 2.5.5.2)."""

_FEW: Final = 6
"""A range of addresses that is no more networks than this is written as those in the message."""

_NETWORK: Final = "an address or a network"


def parse_allow(text: str) -> Networks:
    """The networks of an Allow; none of them: everybody may knock (``all``)."""
    return _parse(text, _ALL)


def parse_deny(text: str) -> Networks:
    """The networks of a Deny; none of them: nobody is kept out (``none``)."""
    return _parse(text, _NONE)


def _parse(text: str, alone: str) -> Networks:
    parts = [part.strip() for part in text.split(",")]
    if parts == [parts[0]] and parts[0].lower() == alone:
        return ()
    if any(part.lower() in _WORDS for part in parts):
        _reject(f"{alone} or a list of addresses and networks", text)
    return tuple(dict.fromkeys(make_networks(map(_network, parts))))


def _reject(expected: str, text: str, why: str = "") -> NoReturn:
    raise ValueError(f"expected {expected}, got {seen(text)}{why}")


def _network(text: str) -> IPv4Network | IPv6Network:
    written, slash, length = (piece.strip() for piece in text.partition("/"))
    try:
        address = ip_address(written)
    except ValueError:
        _explain(text)
    if isinstance(address, IPv6Address) and address.scope_id is not None:
        _reject(f"{_NETWORK} without a zone (packets carry none; say the interface with Interface)", text)
    bits = address.max_prefixlen
    prefix = _read_length(address, length, text) if slash else bits
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None and prefix >= _MAPPED_PREFIX:
        four = ip_network((address.ipv4_mapped, prefix - _MAPPED_PREFIX), strict=False)
        _reject(f"{_show(four)} (packets of IPv4 come with the address itself)", text)
    network = ip_network((address, prefix), strict=False)
    if network.network_address != address:
        _reject(_show(network), text)
    return network


def _read_length(address: IPv4Address | IPv6Address, text: str, whole: str) -> int:
    """The length of a prefix; a mask is refused with the length that it stands for."""
    bits = address.max_prefixlen
    if text.isascii() and text.isdigit() and str(int(text[:4])) == text and int(text) <= bits:
        return int(text)
    if "." in text:
        try:
            network = ip_network(f"{address}/{text}", strict=False)
        except ValueError:
            pass
        else:
            _reject(_show(network), whole)
    _reject(f"a prefix of 0 to {bits} bits behind '/'", whole)


def _show(network: IPv4Network | IPv6Network) -> str:
    return str(*make_networks([network]))


def _explain(text: str) -> NoReturn:
    """Says what is wrong with what is no address."""
    if text.startswith("!"):
        _reject(f"{_NETWORK} (who may not knock stands in Deny)", text)
    if len(text.split()) > 1:
        _reject("commas between addresses and networks", text)
    low, dash, high = (piece.strip() for piece in text.partition("-"))
    if dash and (networks := _networks_of_range(low, high)):
        _reject(", ".join(map(_show, networks)), text)
    if is_host_name(text) and not text.rpartition(".")[2].isdigit():
        why = ": a name is no rule, as whoever answers for it would say who may knock"
        _reject(_NETWORK, text, why)
    _reject(_NETWORK, text)


def _networks_of_range(low: str, high: str) -> list[IPv4Network | IPv6Network]:
    """The networks from one address to another; none where that is no range, or they are many."""
    networks: list[IPv4Network | IPv6Network] = []
    try:
        match ip_address(low), ip_address(high):
            case IPv4Address() as first, IPv4Address() as last:
                networks += summarize_address_range(first, last)
            case IPv6Address() as first, IPv6Address() as last:
                networks += summarize_address_range(first, last)
    except ValueError:
        return []
    return networks if len(networks) <= _FEW else []
