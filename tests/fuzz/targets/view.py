"""A view of any doors, ports, interfaces and addresses is read by the packet process as the keeper meant it.

The input is cut up: after one byte for the kind come an address or ports, by their length.
"""

from __future__ import annotations

from knockd.edge.link import MAX_MESSAGE, View
from knockd_conf import MAX_STEPS, Protocol, Step


def view_of(data: bytes) -> View:
    """A view that these bytes choose."""
    addresses: dict[str, frozenset[bytes]] = {}
    sequences: dict[int, tuple[Step, ...]] = {}
    at = 0
    while at + 2 <= len(data):
        kind, size = data[at], data[at + 1] % 65
        part = data[at + 2 : at + 2 + size]
        at += 2 + size
        name = part[16:31].decode("utf-8", "surrogateescape")
        if kind % 2 == 0 and len(part) >= 16:
            packed = part[: 4 if kind % 4 else 16]
            addresses[name] = addresses.get(name, frozenset()) | {packed}
        else:
            ports = [int.from_bytes(part[i : i + 2], "big") for i in range(0, len(part) - 1, 2)]
            protocol = Protocol.UDP if kind & 2 else Protocol.TCP
            sequences[kind] = tuple(Step(port, protocol) for port in ports[:MAX_STEPS])
    return View(addresses, sequences)


def check(data: bytes) -> None:
    """Send one view there and back."""
    view = view_of(data)
    encoded = view.encode()
    assert View.decode(encoded) == view
    assert len(encoded) <= MAX_MESSAGE or len(data) > MAX_MESSAGE // 8
