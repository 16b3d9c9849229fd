"""The network as the client sees it: names to addresses, and one ordinary packet for each hit.

A TCP hit is a connection attempt that is dropped at once, a UDP hit a datagram of one zero
byte, each from a socket of its own: what knock 0.8 sends.

World: sockets and names of hosts.
"""

from __future__ import annotations

import errno
import os
import socket
import sys
from collections.abc import Callable

from knockd.client.hits import Hit
from knockd_conf.classes import NamedTuple
from knockd_conf.protocol import Protocol

WSAEACCES, WSAEWOULDBLOCK, WSAECONNREFUSED, WSAENETUNREACH, WSAEHOSTUNREACH, WSAEADDRNOTAVAIL = (
    10013,
    10035,
    10061,
    10051,
    10065,
    10049,
)
"""Windows' own numbers of what errno names elsewhere (Windows Sockets Error Codes)."""

REFUSED = frozenset({errno.ECONNREFUSED, WSAECONNREFUSED})
NOT_OURS = frozenset({errno.EADDRNOTAVAIL, WSAEADDRNOTAVAIL})
"""Results of binding a socket to an address that this machine does not have."""

UNDER_WAY = frozenset({errno.EINPROGRESS, WSAEWOULDBLOCK})
SENT = frozenset({0}) | UNDER_WAY | REFUSED
"""Results of a non-blocking connect after which a SYN has left (a refusal is an answer to it)."""

_NO_ROUTE = frozenset({errno.ENETUNREACH, errno.EHOSTUNREACH, WSAENETUNREACH, WSAEHOSTUNREACH})
_FORBIDDEN = frozenset({errno.EPERM, errno.EACCES, WSAEACCES})
_ROUTE_COMMANDS = {"linux": "ip route get {}", "darwin": "route -n get {}", "win32": "route print"}
_FAMILIES = {None: socket.AF_UNSPEC, 4: socket.AF_INET, 6: socket.AF_INET6}


class UnknownHost(Exception):
    """The host has no address to knock at; the text says why and what to do."""


class Unavailable(Exception):
    """A raw knock cannot be sent from here; the text says what is missing and what to do.

    ``permission`` tells a missing right from a missing package.
    """

    def __init__(self, message: str, *, permission: bool) -> None:
        super().__init__(message)
        self.permission = permission


class Destination(NamedTuple):
    """Where to knock. ``address`` is numeric, ``scope`` the interface index of a link-local one (or 0).

    ``text`` is the address as it is shown, with the interface's name where there is a scope.
    """

    version: int
    address: str
    scope: int
    text: str

    @property
    def family(self) -> socket.AddressFamily:
        """The address family of a socket that can reach it."""
        return socket.AF_INET6 if self.version == 6 else socket.AF_INET

    def sockaddr(self, port: int) -> tuple[str, int] | tuple[str, int, int, int]:
        """The address of one of its ports, in the form socket methods take."""
        if self.version == 6:
            return (self.address, port, 0, self.scope)
        return (self.address, port)


def service_port(name: str, protocol: str) -> int | None:
    """The port of a service of this system's list (services(5)), None when it is not there."""
    if not name.isascii():
        return None
    try:
        return socket.getservbyname(name, protocol)
    except OSError:
        return None


def resolve_host(host: str, version: int | None) -> Destination:
    """The first address of ``host`` in the system's order (RFC 6724), of one IP version or of any.

    One look-up serves all hits: a name with several addresses would otherwise spread the
    knock over them. Raises UnknownHost.
    """
    return resolve_both(host, version)[0]


def resolve_both(host: str, version: int | None) -> tuple[Destination, ...]:
    """The first address of each IP version that ``host`` has, in the system's order. Raises UnknownHost."""
    family = _FAMILIES[version]
    try:
        # Bytes spare an ASCII name the import of the IDNA codec.
        name: str | bytes = host.encode() if host.isascii() else host
        found = socket.getaddrinfo(name, None, family, socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not a valid name"
        raise UnknownHost(f"host {host!r}: {reason}; {_host_advice(host, version)}") from None
    first: dict[int, Destination] = {}
    for kind, _, _, _, sockaddr in found:
        if kind not in first:
            text, _ = socket.getnameinfo(sockaddr, socket.NI_NUMERICHOST | socket.NI_NUMERICSERV)
            scope = int(sockaddr[3]) if len(sockaddr) == 4 else 0
            first[kind] = Destination(6 if kind == socket.AF_INET6 else 4, str(sockaddr[0]), scope, text)
    return tuple(first.values())


def _host_advice(host: str, version: int | None) -> str:
    if host.startswith("[") and host.endswith("]"):
        return f"write the address without brackets: {host[1:-1]}"
    if version is None:
        return "expected a name that resolves or an IPv4 or IPv6 address"
    return f"expected a name or address of IPv{version}; leave -{version} out to use any"


def send_hit(destination: Destination, hit: Hit) -> None:
    """Send one ordinary packet and do not wait for an answer. Raises OSError when none has left."""
    if hit.protocol is Protocol.UDP:
        with socket.socket(destination.family, socket.SOCK_DGRAM) as sock:
            sock.sendto(b"\0", destination.sockaddr(hit.port))
        return
    with socket.socket(destination.family, socket.SOCK_STREAM) as sock:
        # Closing the socket before an answer keeps the kernel from sending the SYN again.
        sock.setblocking(False)
        result = sock.connect_ex(destination.sockaddr(hit.port))
    if result not in SENT:
        raise OSError(result, error_text(result))


def send_made(destination: Destination, port: int, make: Callable[[str], bytes], source: str | None) -> None:
    """Send one datagram that ``make`` makes for the address that it will leave from.

    That is ``source`` where this machine has such an address (a router with NAT may have it instead), else
    the one that the route has. Raises OSError when nothing has left.
    """
    with socket.socket(destination.family, socket.SOCK_DGRAM) as sock:
        if source is not None:
            try:
                sock.bind(destination._replace(address=source).sockaddr(0))
            except OSError as error:
                if error.errno not in NOT_OURS:
                    raise
        # Connecting fixes the route: the address that is read here is the one of the packet.
        sock.connect(destination.sockaddr(port))
        sock.send(make(str(sock.getsockname()[0]).partition("%")[0]))


def error_text(number: int) -> str:
    """What an error of a socket means, in the system's words."""
    words: dict[int, str] = getattr(socket, "errorTab", {})  # of Windows' own numbers, which strerror lacks
    return words.get(number) or os.strerror(number)


def is_own(destination: Destination) -> bool:
    """Whether an address is one of this machine's: the kernel would then reach it from itself."""
    try:
        mine = own_address(destination)
        return mine == destination.address or destination.address.startswith("127.")
    except OSError:
        return False


def own_address(destination: Destination) -> str:
    """The address of this machine that the kernel would use to reach ``destination``; OSError if none."""
    with socket.socket(destination.family, socket.SOCK_DGRAM) as sock:
        # Connecting a datagram socket looks up the route and sends nothing. The port is discard.
        sock.connect(destination.sockaddr(9))
        return str(sock.getsockname()[0]).partition("%")[0]


def advice(error: OSError, destination: Destination) -> str:
    """What the user can do about a packet that could not be sent; empty when nothing comes to mind."""
    if destination.scope == 0 and destination.address.startswith("fe80:"):
        return f"a link-local address needs its interface, as in {destination.address}%eth0"
    if error.errno in _NO_ROUTE:
        command = _ROUTE_COMMANDS.get(sys.platform, "netstat -rn")
        return f"there is no route to it, see: {command.format(destination.address)}"
    if error.errno in _FORBIDDEN:
        return "a rule of this machine's own firewall or routing forbids it"
    return ""
