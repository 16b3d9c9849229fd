"""A view of any watches, interfaces and addresses is read by the packet process as the keeper meant it.

The input is cut up: after one byte for the kind come an address or a watch, by their length.
"""

from __future__ import annotations

from knockd.knocks.watch import Watch
from knockd.process.link import MAX_MESSAGE
from knockd.process.view import View
from knockd_conf.access import Access, Network
from knockd_conf.model import MAX_STEPS, FlagRule, Step
from knockd_conf.protocol import Protocol


def view_of(data: bytes) -> View:
    """A view that these bytes choose."""
    addresses: dict[str, frozenset[bytes]] = {}
    watches: list[Watch] = []
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
            watches.append(_watch(kind, part))
    own = frozenset({data[:4]}) if len(data) % 3 else None
    return View(addresses, tuple(watches) if watches else None, own, begin=len(data) % 2 > 0)


def _watch(kind: int, part: bytes) -> Watch:
    ports = [int.from_bytes(part[i : i + 2], "big") for i in range(0, len(part) - 1, 2)]
    protocol = Protocol.UDP if kind & 2 else Protocol.TCP
    steps = tuple(Step(port, protocol) for port in ports[:MAX_STEPS])
    return Watch(
        door=kind,
        steps=steps,
        flags=FlagRule(kind, 255 - kind) if kind & 4 else None,
        target=frozenset({part[:4]}) if kind & 8 and len(part) >= 4 else frozenset(),
        seq_timeout=kind / 10,
        seq_cooldown=len(part) / 7,
        once=kind & 16 > 0,
        serial=len(part),
        guards=steps[1:] if kind & 32 else (),
        opens=kind % 3 > 0,
        ignore_time=kind * 0.5,
        key=kind % 4,
        access=_access(part) if kind % 5 == 0 else None,
    )


def _access(part: bytes) -> Access:
    """Allows a network that the bytes choose, and denies one."""
    size = 16 if len(part) >= 16 else 4
    address = int.from_bytes(part[:size].ljust(size, b"\0"), "big")
    prefix = len(part) % (8 * size + 1)
    mask = (1 << 8 * size) - (1 << 8 * size - prefix)
    return Access((Network(size, mask, address & mask),), (Network(4, 0xFFFFFFFF, prefix),))


def check(data: bytes) -> None:
    """Send one view there and back."""
    view = view_of(data)
    encoded = view.encode()
    assert View.decode(encoded) == view
    assert len(encoded) <= MAX_MESSAGE or len(data) > MAX_MESSAGE // 16
