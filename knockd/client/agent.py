"""A conversation with the ssh-agent of this session: over its socket, on Windows over its pipe.

World: the agent's socket.
"""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from io import FileIO
from typing import Final

from knockd.client.agent_protocol import (
    MAX_ANSWER,
    REQUEST_IDENTITIES,
    Declined,
    Held,
    ask_signature,
    parse_identities,
    parse_signed,
)
from knockd.client.signature import Signature
from knockd_conf.ssh_keys import PublicKey
from knockd_conf.ssh_wire import pack_string
from knockd_conf.text import printable

PATIENCE: Final = 120.0
"""Seconds for an answer: somebody may have to confirm it, to find a key and touch it, or to type a PIN."""

SOON: Final = 2.0
"""Seconds after which it is said that the agent is waited for."""

VARIABLE: Final = "SSH_AUTH_SOCK"
PIPES: Final = "\\\\.\\pipe\\"
PIPE: Final = f"{PIPES}openssh-ssh-agent"
"""Where the agent of OpenSSH for Windows listens when the variable does not say something else."""

Exchange = Callable[[bytes], bytes]
"""Sends a request and returns the answer, both without their length. Raises OSError and ValueError."""


class NoAgent(Exception):
    """There is no agent to talk to; the text says why."""


class AgentFailed(Exception):
    """An agent is there and answers nothing that can be used; the text says what it did."""


class Agent:
    """An agent to talk to. ``place`` is what messages call it."""

    def __init__(self, exchange: Exchange, place: str) -> None:
        self._exchange = exchange
        self.place = place

    def list_keys(self) -> Held:
        """What it holds; a locked one says that it holds nothing. Raises AgentFailed."""
        try:
            return parse_identities(self._ask(REQUEST_IDENTITIES))
        except Declined:
            raise AgentFailed(f"{self.place}: expected the list of its keys, got a refusal") from None
        except ValueError as error:
            raise AgentFailed(f"{self.place}: {error}") from None

    def sign(self, key: PublicKey, data: bytes) -> Signature:
        """The signature of ``key`` over the data. Raises Declined and AgentFailed."""
        try:
            return parse_signed(self._ask(ask_signature(key, data)), key)
        except ValueError as error:
            raise AgentFailed(f"{self.place}: {error}") from None

    def _ask(self, request: bytes) -> bytes:
        try:
            return self._exchange(request)
        except TimeoutError:
            raise AgentFailed(f"{self.place}: expected an answer within {PATIENCE:.0f} s, got none") from None
        except OSError as error:
            raise AgentFailed(f"{self.place}: {error.strerror or error}") from None


@contextmanager
def open_agent(waiting: Callable[[], None]) -> Iterator[Agent]:
    """The agent of this session. Raises NoAgent on entering.

    ``waiting`` is called when an answer takes longer than SOON.
    """
    path = find_agent(os.environ, windows=os.name == "nt")
    try:
        stream = open(path, "r+b", buffering=0) if path.startswith(PIPES) else _connect(path)  # noqa: SIM115
    except OSError as error:
        # Python has no number for a path that is too long.
        raise NoAgent(f"{VARIABLE}: {printable(path)}: {error.strerror or error}") from None
    with stream:
        exchange = _over_socket(stream, waiting) if isinstance(stream, socket.socket) else _over_pipe(stream)
        yield Agent(exchange, f"ssh-agent at {printable(path)}")


def find_agent(environ: Mapping[str, str], *, windows: bool) -> str:
    """The path of the agent's socket or pipe. Raises NoAgent."""
    path = environ.get(VARIABLE, "")
    if path:
        return path
    if windows:
        return PIPE
    raise NoAgent(f"{VARIABLE} is not set")


def _connect(path: str) -> socket.socket:
    if not hasattr(socket, "AF_UNIX"):  # Python on Windows, where the socket is another system's
        raise OSError("this Python has no sockets of this kind")
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        sock.settimeout(PATIENCE)
        sock.connect(path)
    except OSError:
        sock.close()
        raise
    return sock


def _over_socket(sock: socket.socket, waiting: Callable[[], None]) -> Exchange:
    def exchange(request: bytes) -> bytes:
        end = time.monotonic() + PATIENCE
        told = False

        def receive(most: int) -> bytes:
            nonlocal told
            left = end - time.monotonic()
            if left <= 0:
                raise TimeoutError
            sock.settimeout(left if told else min(SOON, left))
            try:
                return sock.recv(most)
            except TimeoutError:
                if told:
                    raise
            told = True
            waiting()
            return receive(most)

        sock.settimeout(PATIENCE)
        sock.sendall(pack_string(request))
        return read_answer(receive)

    return exchange


def _over_pipe(file: FileIO) -> Exchange:
    """Reads of a pipe of Windows wait for as long as the agent takes."""

    def exchange(request: bytes) -> bytes:
        file.write(pack_string(request))
        return read_answer(file.read)

    return exchange


def read_answer(receive: Callable[[int], bytes | None]) -> bytes:
    """One answer, as long as it says itself."""

    def read(size: int) -> bytes:
        data = b""
        while len(data) < size:
            more = receive(size - len(data))
            if not more:
                raise ConnectionError("expected an answer, got the end of the connection")
            data += more
        return data

    length = int.from_bytes(read(4), "big")
    if not 1 <= length <= MAX_ANSWER:
        raise ValueError(f"expected an answer of 1 to {MAX_ANSWER} bytes, got one of {length}")
    return read(length)
