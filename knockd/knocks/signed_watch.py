"""What the packet process knows of signed knocks: ports, and for each live minute the tag and who may sign.

It holds no public key, no door's name and no knock secret.

Pure.
"""

from __future__ import annotations

from collections.abc import Iterable

from knockd_bpf.build import WatchedPorts
from knockd_bpf.payload import PayloadRule
from knockd_bpf.wire import UDP
from knockd_conf.access import Access
from knockd_conf.classes import NamedTuple
from knockd_conf.model import Door
from knockd_conf.signed_sizes import SIZE


class SignedPort(NamedTuple):
    """One UDP port of signed knocks. ``target`` and ``access`` are as in Watch."""

    port: int
    target: frozenset[bytes] = frozenset()
    access: Access | None = None


class SignedMinute(NamedTuple):
    """A live minute. ``key`` is that of MinuteKeys; ``hints`` are those of all keys that may sign.

    These are in the same order in every minute of a watch: a key has one place in all of them.
    """

    minute: int
    key: bytes
    tag: bytes
    hints: tuple[bytes, ...] = ()


class SignedWatch(NamedTuple):
    """All of it; without minutes no packet is taken."""

    ports: tuple[SignedPort, ...]
    minutes: tuple[SignedMinute, ...]

    def watched_ports(self) -> tuple[WatchedPorts, ...]:
        """What the filter has to let through."""
        tags = tuple(sorted({int.from_bytes(one.tag, "big") for one in self.minutes}))
        rule = PayloadRule(SIZE, tags)
        return tuple(
            WatchedPorts(frozenset({(UDP, one.port)}), None, one.target, one.access, rule)
            for one in self.ports
            if tags
        )


def signed_ports_of(doors: Iterable[Door]) -> tuple[SignedPort, ...]:
    """The ports of signed knocks of some doors; doors that are alike in all of it share one."""
    found = (
        SignedPort(door.signed_port, frozenset(address.packed for address in door.target), door.access)
        for door in doors
        if door.signed_port
    )
    return tuple(dict.fromkeys(found))
