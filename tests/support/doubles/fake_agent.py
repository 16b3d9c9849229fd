"""An ssh-agent in a thread, whose keys, refusals, silences and garbage are a test's; keys in hardware too."""

from __future__ import annotations

import hashlib
import socket
import threading
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType

from nacl.signing import SigningKey

from knockd_conf.ssh_keys import PublicKey
from knockd_conf.ssh_wire import Reader, pack_string

FAILURE = bytes((5,))
RSA = pack_string(b"ssh-rsa") + pack_string(b"\1\0\1") + pack_string(bytes(256))
"""A key of another kind: what it says does not matter."""


class SoftKey:
    """A key pair made of a number. With an ``application`` it signs as hardware does (PROTOCOL.u2f)."""

    def __init__(
        self, number: int, comment: str = "laptop", application: str | None = None, *, flags: int = 1
    ) -> None:
        self._key = SigningKey(bytes([number]) * 32)
        self.key = PublicKey(bytes(self._key.verify_key), application)
        self.comment = comment
        self.flags, self.counter = flags, 0

    @property
    def line(self) -> str:
        """The key as a ``.pub`` file has it."""
        from base64 import b64encode

        return f"{self.key.kind} {b64encode(self.key.blob).decode()} {self.comment}\n"

    def sign(self, data: bytes) -> bytes:
        """A signature as SSH hands it over."""
        kind = pack_string(self.key.kind.encode())
        if self.key.application is None:
            return kind + pack_string(self._key.sign(data).signature)
        self.counter += 1
        told = bytes((self.flags,)) + self.counter.to_bytes(4, "big")
        application = hashlib.sha256(self.key.application.encode()).digest()
        signed = application + told + hashlib.sha256(data).digest()
        return kind + pack_string(self._key.sign(signed).signature) + told


class FakeAgent:
    """Listens at ``path`` from entering the context to leaving it.

    ``canned`` has raw answers by the number of the request (11: list, 13: sign), with their length in
    front; ``None`` there is no answer at all. ``others`` are blobs of further keys. ``asked`` has each
    request, without its length.
    """

    def __init__(self, path: Path, *keys: SoftKey, others: Sequence[bytes] = ()) -> None:
        self.path, self.keys, self.others = path, keys, tuple(others)
        self.canned: dict[int, bytes | None] = {}
        self.asked: list[bytes] = []
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._thread = threading.Thread(target=self._serve)
        self._clients: list[socket.socket] = []

    def __enter__(self) -> FakeAgent:
        """Listens."""
        self._listener.bind(str(self.path))
        self._listener.listen()
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        self._listener.close()
        for client in self._clients:
            client.close()

    def signed(self) -> list[bytes]:
        """What it was asked to sign, in order."""
        return [_parse_signing(one)[1] for one in self.asked if one[0] == 13]

    def _serve(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return  # the test is over
            self._clients.append(client)
            threading.Thread(target=self._answer, args=(client,), daemon=True).start()

    def _answer(self, client: socket.socket) -> None:
        # Whoever has asked may be gone.
        with suppress(OSError), client.makefile("rb") as stream:
            while head := stream.read(4):
                request = stream.read(int.from_bytes(head, "big"))
                self.asked.append(request)
                answer = self.canned.get(request[0], b"")
                if answer is None:
                    continue
                client.sendall(answer or pack_string(self._answer_to(request)))

    def _answer_to(self, request: bytes) -> bytes:
        if request == b"\x0b":
            held = [(one.key.blob, one.comment) for one in self.keys]
            held += [(blob, "other") for blob in self.others]
            listed = [pack_string(blob) + pack_string(comment.encode()) for blob, comment in held]
            return b"\x0c" + len(listed).to_bytes(4, "big") + b"".join(listed)
        if request[0] == 13:
            blob, data, flags = _parse_signing(request)
            mine = [one for one in self.keys if one.key.blob == blob]
            if mine and flags == 0:
                return b"\x0e" + pack_string(mine[0].sign(data))
        return FAILURE


def _parse_signing(request: bytes) -> tuple[bytes, bytes, int]:
    """Key, data and flags of a request to sign."""
    reader = Reader(request[1:])
    found = reader.string(), reader.string(), reader.number()
    reader.end()
    return found
