"""Looks in the kernel's table of tracked connections for those of certain addresses to certain ports.

Needs CAP_NET_ADMIN. A connection that was found is asked for by its key the next time, which costs nothing;
else the whole table is read, in pieces: the kernel's own filter would hold the caller up for as long as it
searches (70 ms with 250,000 connections).

World: netlink (conntrack).
"""

from __future__ import annotations

import errno
import os
import socket
import struct
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import TypeVar

from knockd.net.conntrack_messages import (
    CT_GET,
    CT_NEW,
    NFGENMSG,
    find_source,
    pack_key,
    parse_connection,
)
from knockd.net.rtnetlink import HEADER, NLMSG_DONE, NLMSG_ERROR, split_messages
from knockd_conf.classes import NamedTuple
from knockd_conf.model import Service
from knockd_conf.protocol import Protocol

_NETLINK_NETFILTER = 12
_REQUEST, _DUMP = 0x1, 0x300
_ERROR = struct.Struct("=i")
_PIECE = 32_768
"""Bytes of the largest piece of a dump (netlink_recvmsg() of the Linux kernel): about 140 connections."""

LOOKUPS = 32
"""Known connections that are asked for in one step."""

_COUNT = "/proc/sys/net/netfilter/nf_conntrack_count"

_NO_RIGHT = "the kernel's table of connections cannot be read without CAP_NET_ADMIN"
_NO_NETLINK = "this kernel has no conntrack over netlink (nf_conntrack_netlink)"
_NOTHING_TRACKS = (
    "the kernel tracks no connections here:"
    " no rule of the firewall asks for their state (ct state, conntrack)"
)


_K = TypeVar("_K")


class Wanted(NamedTuple):
    """Whose connections are looked for, by a packed address, and to what.

    ``known`` is the key of one that the last look has found, or empty. ``prefix``: those of all addresses
    that have as many leading bits in common with it; None: of it alone.
    """

    address: bytes
    services: tuple[Service, ...]
    known: bytes = b""
    prefix: int | None = None

    def has(self, source: bytes) -> bool:
        """Whether connections of a packed address count."""
        if self.prefix is None or source == self.address:
            return source == self.address
        return len(source) == len(self.address) and _cut(source, self.prefix) == _cut(
            self.address, self.prefix
        )


def _cut(address: bytes, prefix: int) -> int:
    """The leading bits of an address."""
    return int.from_bytes(address, "big") >> 8 * len(address) - prefix


class _Missing:
    """Names of those whose connection has not been found yet, by their addresses and by their networks."""

    def __init__(self, wanted: Mapping[str, Wanted]) -> None:
        self._by_address: dict[bytes, list[str]] = {}
        self._by_network: dict[tuple[int, int], dict[int, list[str]]] = {}
        """By size of an address and prefix, then by the leading bits."""
        for name, one in wanted.items():
            if one.prefix is None:
                self._by_address.setdefault(one.address, []).append(name)
            else:
                networks = self._by_network.setdefault((len(one.address), one.prefix), {})
                networks.setdefault(_cut(one.address, one.prefix), []).append(name)

    def __bool__(self) -> bool:
        return bool(self._by_address or self._by_network)

    def find(self, source: bytes) -> Sequence[str]:
        """Those for whom a connection of this packed address may count."""
        found = self._by_address.get(source, ())
        if not self._by_network:  # as usual, and there may be 250,000 connections
            return found
        names = list(found)
        for (size, prefix), networks in self._by_network.items():
            if len(source) == size:
                names += networks.get(_cut(source, prefix), ())
        return names

    def remove(self, name: str, one: Wanted) -> None:
        """He is not missing any more."""
        if one.prefix is None:
            _drop(self._by_address, one.address, name)
            return
        networks = self._by_network[len(one.address), one.prefix]
        _drop(networks, _cut(one.address, one.prefix), name)
        if not networks:
            del self._by_network[len(one.address), one.prefix]


def _drop(names: dict[_K, list[str]], key: _K, name: str) -> None:
    names[key].remove(name)
    if not names[key]:
        del names[key]


class Look:
    """A look for everybody in ``wanted``. Call ``step`` until it returns True, and then ``close``.

    ``found`` has the key of a connection for each of those who have one. Raises OSError.
    """

    def __init__(self, wanted: Mapping[str, Wanted]) -> None:
        self.found: dict[str, bytes] = {}
        self._wanted = wanted
        self._known = [(name, one) for name, one in wanted.items() if one.known]
        self._missing: _Missing | None = None
        self._link = _open()

    def step(self) -> bool:
        """Looks a little further, which takes less than a millisecond; whether it is done. Raises OSError."""
        for name, one in self._known[:LOOKUPS]:
            if _matches(_ask(self._link, one.known, len(one.address)), one):
                self.found[name] = one.known
        del self._known[:LOOKUPS]
        if self._known:
            return False
        if self._missing is None:
            self._missing = _Missing({k: one for k, one in self._wanted.items() if k not in self.found})
            if self._missing:
                self._link.send(_request(_REQUEST | _DUMP, socket.AF_UNSPEC))
            return not self._missing
        data, (port, _) = self._link.recvfrom(_PIECE)
        return port == 0 and self._read_piece(data, self._missing)

    def close(self) -> None:
        """Ends it, done or not."""
        self._link.close()

    def _read_piece(self, data: bytes, missing: _Missing) -> bool:
        for kind, payload in split_messages(data):
            if kind in {NLMSG_DONE, NLMSG_ERROR}:
                _raise_error(payload)
                return True
            if kind == CT_NEW and (names := missing.find(find_source(payload))):
                self._take(payload, names, missing)
        return not missing

    def _take(self, payload: bytes, names: Iterable[str], missing: _Missing) -> None:
        """Notes for whom a connection counts: they are not looked for any more."""
        for name in [name for name in names if _matches(payload, self._wanted[name])]:
            connection = parse_connection(payload)
            assert connection is not None, "it matched"
            self.found[name] = connection.key
            missing.remove(name, self._wanted[name])


def find_obstacle() -> str | None:
    """Why a look would find nothing whoever is connected, as a clause; None where nothing says so.

    Where the table is empty it sends a datagram over the loopback and looks whether that is tracked.
    """
    try:
        with _open() as link:
            _ask(link, pack_key(bytes(4), bytes(4), Protocol.UDP, (1, 1)), 4)
            if _count_connections() == 0 and (probes := list(_probe(link))) and not any(probes):
                return _NOTHING_TRACKS
    except OSError as error:
        return explain(error)
    return None


def explain(error: OSError) -> str:
    """Why a look could not be made, as a clause."""
    if error.errno in (errno.EPERM, errno.EACCES):
        return _NO_RIGHT
    if error.errno in (errno.EPROTONOSUPPORT, errno.EAFNOSUPPORT, errno.EINVAL, errno.EOPNOTSUPP):
        return _NO_NETLINK
    return f"the kernel's table of connections cannot be read ({error.strerror or error})"


def _open() -> socket.socket:
    kind = socket.SOCK_RAW | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC
    return socket.socket(socket.AF_NETLINK, kind, _NETLINK_NETFILTER)


def _request(flags: int, family: int, attributes: bytes = b"") -> bytes:
    body = NFGENMSG.pack(family, 0, 0) + attributes
    return HEADER.pack(HEADER.size + len(body), CT_GET, flags, 1, 0) + body


def _ask(link: socket.socket, key: bytes, size: int) -> bytes | None:
    """The message about one connection, None when there is none. Raises OSError.

    ``size`` is that of its addresses in bytes.
    """
    link.send(_request(_REQUEST, socket.AF_INET if size == 4 else socket.AF_INET6, key))
    port = 1
    while port != 0:
        data, (port, _) = link.recvfrom(_PIECE)
    for kind, payload in split_messages(data):
        if kind == CT_NEW:
            return payload
        if kind == NLMSG_ERROR:
            with suppress(FileNotFoundError):
                _raise_error(payload)
    return None


def _raise_error(payload: bytes) -> None:
    number = _ERROR.unpack_from(payload)[0] if len(payload) >= _ERROR.size else 0
    if number < 0:
        raise OSError(-number, os.strerror(-number))


def _matches(payload: bytes | None, wanted: Wanted) -> bool:
    connection = parse_connection(payload) if payload is not None else None
    return (
        connection is not None
        and wanted.has(connection.source)
        and connection.in_use
        and connection.goes_to(wanted.services)
    )


def _count_connections() -> int:
    """How many connections are tracked; 1 where that cannot be read."""
    try:
        with open(_COUNT, encoding="ascii") as file:
            return int(file.read(32))
    except (OSError, ValueError):
        return 1


def _probe(link: socket.socket) -> Iterator[bool]:
    """Whether a datagram over the loopback is tracked, for each IP version that has one."""
    for family, host in ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")):
        with suppress(OSError), socket.socket(family, socket.SOCK_DGRAM) as near:
            near.bind((host, 0))
            with socket.socket(family, socket.SOCK_DGRAM) as far:
                far.bind((host, 0))
                near.sendto(b"", far.getsockname())
                address = socket.inet_pton(family, host)
                ports = near.getsockname()[1], far.getsockname()[1]
                key = pack_key(address, address, Protocol.UDP, ports)
                yield _ask(link, key, len(address)) is not None
