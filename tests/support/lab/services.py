"""Services behind the door and the people who try it: TCP and UDP servers, connection attempts."""

from __future__ import annotations

import contextlib
import select
import socket
import threading
from abc import ABC, abstractmethod
from collections.abc import Iterator
from types import TracebackType

from tests.support.lab.hosts import Host
from tests.support.lab.waiting import PATIENCE, wait_until

BANNER = b"hello from behind the door\n"


class _Service(ABC):
    """A socket on a host served by a thread of this process until the context is left."""

    def __init__(self, sock: socket.socket, address: str, port: int) -> None:
        self._sock = sock
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if sock.family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        sock.bind((address, port))
        self._wake, self._stop = socket.socketpair()
        self._thread = threading.Thread(target=self._serve, name=f"service-{port}", daemon=True)

    def __enter__(self) -> _Service:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.close()
        self._thread.join()
        self._wake.close()
        self._sock.close()

    def _serve(self) -> None:
        while True:
            ready, _, _ = select.select([self._sock, self._wake], [], [])
            if self._wake in ready:
                return
            with contextlib.suppress(OSError):
                self._answer()

    @abstractmethod
    def _answer(self) -> None:
        """Answers whoever has come."""


class TcpService(_Service):
    """Greets every TCP connection to ``port`` with BANNER, over IPv4 and IPv6."""

    def __init__(self, host: Host, port: int, address: str = "::") -> None:
        super().__init__(host.socket(socket.AF_INET6, socket.SOCK_STREAM), address, port)
        self._sock.listen(64)

    def _answer(self) -> None:
        connection, _ = self._sock.accept()
        with connection:
            connection.sendall(BANNER)


class UdpService(_Service):
    """Heartbeat every datagram to ``port`` with BANNER, over IPv4 and IPv6."""

    def __init__(self, host: Host, port: int, address: str = "::") -> None:
        super().__init__(host.socket(socket.AF_INET6, socket.SOCK_DGRAM), address, port)

    def _answer(self) -> None:
        _, peer = self._sock.recvfrom(2048)
        self._sock.sendto(BANNER, peer)


def family_of(address: str) -> socket.AddressFamily:
    """AF_INET or AF_INET6, by the look of a numeric address."""
    return socket.AF_INET6 if ":" in address else socket.AF_INET


def can_connect(host: Host, address: str, port: int, *, udp: bool = False, timeout: float = 0.3) -> bool:
    """Whether ``host`` gets BANNER from a service within ``timeout`` seconds, times PATIENCE.

    A dropped packet and a refused connection are both False. One attempt, so that a closed
    port costs ``timeout``.
    """
    kind = socket.SOCK_DGRAM if udp else socket.SOCK_STREAM
    with host.socket(family_of(address), kind) as sock:
        sock.settimeout(timeout * PATIENCE)
        try:
            sock.connect((address, port))
            if udp:
                sock.send(b"?")
            return sock.recv(len(BANNER)) == BANNER
        except OSError:
            return False


def can_reach(host: Host, address: str, port: int, *, timeout: float = 1.0) -> bool:
    """Whether ``host`` can make a connection, whatever answers there."""
    with host.socket(family_of(address), socket.SOCK_STREAM) as sock:
        sock.settimeout(timeout * PATIENCE)
        return sock.connect_ex((address, port)) == 0


def wait_open(host: Host, address: str, port: int, *, udp: bool = False, within: float = 10.0) -> None:
    """Wait until the service answers; raises WaitTimeout after ``within`` seconds."""
    wait_until(lambda: can_connect(host, address, port, udp=udp), within, f"{address} port {port} opens")


def wait_closed(host: Host, address: str, port: int, *, udp: bool = False, within: float = 10.0) -> None:
    """Wait until the service no longer answers; raises WaitTimeout after ``within`` seconds."""
    wait_until(lambda: not can_connect(host, address, port, udp=udp), within, f"{address} port {port} closes")


@contextlib.contextmanager
def session(
    server: Host, client: Host, address: str, port: int
) -> Iterator[tuple[socket.socket, socket.socket] | None]:
    """A connection of the client to the server: both its ends; None: it could not be made in two seconds."""
    with server.socket(family_of(address), socket.SOCK_STREAM) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((address, port))
        listener.listen()
        with client.socket(family_of(address), socket.SOCK_STREAM) as out:
            out.settimeout(2 * PATIENCE)
            try:
                out.connect((address, port))
            except OSError:
                yield None
                return
            with listener.accept()[0] as inside:
                yield out, inside


def passes(ends: tuple[socket.socket, socket.socket], timeout: float) -> bool:
    """Whether a byte comes from the client to the server."""
    out, inside = ends
    inside.settimeout(timeout * PATIENCE)
    try:
        out.send(b"x")
        return inside.recv(1) == b"x"
    except OSError:
        return False


def send_knock(host: Host, address: str, *steps: str, source_port: int | None = None) -> None:
    """Knock with plain sockets of this process: each step ``port`` or ``port:udp``, in order.

    TCP steps send exactly one SYN (the socket is closed at once), UDP steps one empty byte.
    """
    for step in steps:
        port, _, protocol = step.partition(":")
        kind = socket.SOCK_DGRAM if protocol == "udp" else socket.SOCK_STREAM
        with host.socket(family_of(address), kind) as sock:
            sock.setblocking(False)
            if source_port is not None:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                sock.bind(("", source_port))
            if kind == socket.SOCK_DGRAM:
                sock.sendto(b"\0", (address, int(port)))
            else:
                with contextlib.suppress(BlockingIOError, ConnectionRefusedError):
                    sock.connect((address, int(port)))
