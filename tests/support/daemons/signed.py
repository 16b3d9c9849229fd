"""Hosts of signed knocks: secret, authorized_keys, and packets of whoever has a key, by this machine's clock.

The packets are made by the slow model, with the keys of the vectors.
"""

from __future__ import annotations

import os
import socket
import time
from base64 import b64encode
from collections.abc import Collection
from ipaddress import ip_address
from pathlib import Path

from tests.support.daemons.daemon import Daemon
from tests.support.daemons.doors import SERVER
from tests.support.daemons.doors import config as config_of
from tests.support.daemons.keyed import ask_status, wait_for_views
from tests.support.lab.hosts import Host
from tests.support.lab.services import family_of
from tests.support.lab.waiting import wait_until
from tests.support.oracles.signed_cases import KEYS, TOUCHED
from tests.support.oracles.signed_model import UNBOUND, VERBS, Knock, Signer, make_packet
from tests.support.samples.signed_vectors import KEYS as PUBLISHED

PORT = 47_811


class SignedHost:
    """A server's secret and keys as files in ``directory``; who knocks has the same secret."""

    def __init__(self, directory: Path, *names: str, port: int = PORT) -> None:
        self.port = port
        self.secret = bytes(range(32))
        self.secret_path = directory / "knock-secret"
        self.secret_path.touch(0o600)
        self.secret_path.write_text(f"{b64encode(self.secret).decode()}\n")
        self.keys_path = directory / "authorized_keys"
        self.write_keys(*(PUBLISHED[name].line for name in names or ("alice", "bob", "token")))

    def write_keys(self, *lines: str) -> None:
        """Puts these lines into authorized_keys, as an editor does: another file takes its place."""
        new = self.keys_path.with_suffix(".new")
        new.touch(0o644)
        new.write_text("".join(f"{line}\n" for line in lines))
        new.rename(self.keys_path)

    def section(self, name: str = "ssh", **fields: object) -> str:
        """The section of a door that signed knocks alone open."""
        lines = [f"{key} = {value}" for key, value in {"Start_Command": "true %IP%", **fields}.items()]
        return "\n".join([f"[{name}]", *lines, "", ""])

    def config(self, *sections: str, **options: object) -> str:
        """A configuration with these doors, whose clock is trusted whatever the kernel says."""
        signed = {
            "Signed_Port": self.port,
            "Authorized_Keys": self.keys_path,
            "Knock_Secret": self.secret_path,
            "Clock": "trust",
        }
        return config_of(*(sections or (self.section(),)), **{**signed, **options})

    def minute(self) -> int:
        """The number of the minute that is now."""
        return int(time.time() // 60)

    def wait_for_minute(self, left: float = 10.0) -> int:
        """Waits until the minute has so many seconds left; its number."""
        wait_until(lambda: time.time() % 60 <= 60 - left, left + 1, "a minute has begun")
        return self.minute()

    def packet(
        self,
        key: str | Signer = "alice",
        door: str = "ssh",
        verb: str = "open",
        *,
        address: str | None = None,
        minute: int | None = None,
        nonce: bytes | None = None,
        secret: bytes | None = None,
    ) -> bytes:
        """A packet of one of the published keys, of now, with another nonce each time."""
        signer = KEYS[key] if isinstance(key, str) else key
        bound = UNBOUND
        if address is not None:
            packed = ip_address(address).packed
            bound = packed if len(packed) == 16 else bytes(10) + b"\xff\xff" + packed
        knock = Knock(
            self.secret if secret is None else secret,
            signer,
            self.minute() if minute is None else minute,
            os.urandom(16) if nonce is None else nonce,
            door,
            VERBS[verb],
            int(address is not None),
            bound,
            0 if signer.application is None else TOUCHED,
        )
        return make_packet(knock).packet

    def send(
        self, host: Host, *packets: bytes, to: str = SERVER[4], source: str | None = None, port: int = 0
    ) -> None:
        """Sends packets from a host, each as a datagram, from another address of it if ``source`` says so."""
        with host.socket(family_of(to), socket.SOCK_DGRAM) as sender:
            if source is not None:
                sender.bind((source, 0))
            for packet in packets:
                sender.sendto(packet, (to, port or self.port))

    def knock(
        self,
        host: Host,
        key: str | Signer = "alice",
        door: str = "ssh",
        verb: str = "open",
        *,
        to: str = SERVER[4],
        source: str | None = None,
    ) -> bytes:
        """Sends a packet of now, and returns it."""
        packet = self.packet(key, door, verb)
        self.send(host, packet, to=to, source=source)
        return packet


def wait_signed(daemon: Daemon, but: Collection[str] = ()) -> None:
    """Waits until signed knocks open all doors that have a port of them, and the packet process knows it."""

    def are_open() -> bool:
        doors = [door for door in ask_status(daemon)["doors"] if door["name"] not in but]
        return all(door["signed"] is None or door["signed"]["waiting"] is None for door in doors)

    wait_until(are_open, 10, "signed knocks open the doors")
    wait_for_views(daemon)
