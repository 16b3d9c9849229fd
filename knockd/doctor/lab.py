"""A server and a client that nobody else meets: two network namespaces, joined by a pair of veth interfaces.

They have no names: both, and the pair, go with their processes, however those end. This host's network is
not touched.

World: network namespaces.
"""

from __future__ import annotations

import json
import os
import socket
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from typing import Any

from knockd.net.interfaces import read_interfaces
from knockd.net.programs import Patience, UnreadableError, find_program, run_program
from knockd.process.fork import fork_child
from knockd.process.privileges import end_with, leave_network

SERVER, CLIENT = "knock0", "knock1"
"""The interfaces of the pair."""

SECONDS = 10.0
"""How long the lab may take to be made, and the client to answer."""

MOST_BYTES = 65_536
_PAUSE = 0.01


class LabError(Exception):
    """Why there can be no lab, or no more of it; a sentence that says what to do."""


class Peer:
    """The other process of the lab: messages to and from it, each a JSON object."""

    def __init__(self, end: socket.socket, timeout: float | None) -> None:
        """``timeout``: seconds to wait for a message; None: as long as it takes."""
        self._end = end
        end.settimeout(timeout)

    def fileno(self) -> int:
        """The descriptor to watch."""
        return self._end.fileno()

    def send(self, **message: Any) -> None:
        """Sends a message. Raises LabError when nobody is there any more."""
        try:
            self._end.send(json.dumps(message).encode())
        except OSError as error:
            raise LabError(f"the other process of the lab has ended: {error.strerror}") from None

    def receive(self) -> Mapping[str, Any]:
        """Waits for the next message and returns it. Raises LabError, also for the other's ``problem``."""
        try:
            data = self._end.recv(MOST_BYTES)
        except TimeoutError:
            raise LabError(f"the other process of the lab has not answered for {SECONDS:g} seconds") from None
        except OSError as error:
            raise LabError(f"the other process of the lab cannot be heard: {error.strerror}") from None
        if not data:
            raise LabError("the other process of the lab has ended")
        message: Mapping[str, Any] = json.loads(data)
        if "problem" in message:
            raise LabError(message["problem"])
        return message


Work = Callable[[Peer], int]
"""What one side does with the other, and its exit status."""


def run_in_lab(
    work: Work, client_work: Work, complain: Callable[[str], None], keep: Iterable[int] = ()
) -> int:
    """Runs ``work`` in the server's namespace and ``client_work`` in the client's, a process each.

    Returns the status of ``work``; EX_UNAVAILABLE when there can be no lab, which ``complain`` is told in
    the server's process. That has the descriptors of ``keep``. Raises OSError when no process is to be had.
    """
    parent = os.getpid()

    def serve() -> int:
        end_with(parent)
        try:
            return work(_make_lab(client_work))
        except LabError as error:
            complain(str(error))
            return os.EX_UNAVAILABLE

    status = os.waitpid(fork_child(serve, keep), 0)[1]
    return os.waitstatus_to_exitcode(status)


def join(interface: str, mine: str, other: str, version: int) -> None:
    """Gives our end of the pair an address, and a way to the other's. Raises LabError."""
    bits = 32 if version == 4 else 128
    once = () if version == 4 else ("nodad",)  # nobody else can have it, and to ask takes a second
    _ip(f"-{version}", "address", "add", f"{mine}/{bits}", "dev", interface, *once)
    _ip(f"-{version}", "route", "add", f"{other}/{bits}", "dev", interface)


def bring_up(interface: str) -> None:
    """Brings our end of the pair up. Raises LabError."""
    _ip("link", "set", interface, "up")


def wait_up(interface: str) -> None:
    """Waits until packets can pass. Raises LabError."""
    until = time.monotonic() + SECONDS
    while not ((one := read_interfaces().get(interface)) is not None and one.link.up):
        if time.monotonic() > until:
            raise LabError(f"{interface} of the lab does not come up")
        time.sleep(_PAUSE)


def _make_lab(client_work: Work) -> Peer:
    """Makes this process's namespace and the client's, and joins them. Raises LabError."""
    _leave_network()
    here, there = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    server = os.getpid()

    def knock() -> int:
        end_with(server)
        peer = Peer(there, None)
        try:
            _leave_network()
            peer.send(ready=True)
            peer.receive()
            bring_up(CLIENT)
            wait_up(CLIENT)
            peer.send(ready=True)
            return client_work(peer)
        except LabError as error:
            with suppress(LabError):  # the server has ended, and we with it
                peer.send(problem=str(error))
            return os.EX_UNAVAILABLE

    try:
        pid = fork_child(knock, [there.fileno()])
    except OSError as error:
        raise LabError(f"no process is to be had: {error.strerror}") from None
    there.close()
    peer = Peer(here, SECONDS)
    peer.receive()
    _ip("link", "add", SERVER, "type", "veth", "peer", "name", CLIENT, "netns", str(pid))
    bring_up(SERVER)
    peer.send(joined=True)
    peer.receive()
    wait_up(SERVER)
    return peer


def _leave_network() -> None:
    try:
        leave_network()
    except OSError as error:
        raise LabError(
            f"the kernel gives us no network namespace ({error.strerror}): run it as root, not in a container"
        ) from None


def _ip(*words: str) -> None:
    """Runs ip(8). Raises LabError."""
    program = find_program("ip")
    if program is None:
        raise LabError("there is no program ip here: install iproute2")
    try:
        run_program(Patience(SECONDS), program, *words)
    except (OSError, UnreadableError) as error:
        raise LabError(f"'ip {' '.join(words)}' failed: {error}") from None
