"""Looks for connections without a kernel: a test says who is connected, and what fails."""

from __future__ import annotations

from collections.abc import Mapping
from ipaddress import ip_address

from knockd.net.conntrack import Wanted


class FakeConntrack:
    """``connected`` are the addresses with a connection; ``wanted`` is what each look was for."""

    def __init__(self) -> None:
        self.connected: set[str] = set()
        self.steps = 1
        self.refused: OSError | None = None
        self.broken: OSError | None = None
        self.obstacle: str | None = None
        self.checks = 0
        self.wanted: list[Mapping[str, Wanted]] = []
        self.under_way = 0

    def begin(self, wanted: Mapping[str, Wanted]) -> FakeLook:
        """Begins a look. Raises what ``refused`` is."""
        if self.refused is not None:
            raise self.refused
        self.wanted.append(wanted)
        self.under_way += 1
        return FakeLook(self, wanted)

    def check(self) -> str | None:
        """What is in the way."""
        self.checks += 1
        return self.obstacle


class FakeLook:
    """A look that takes some steps. Raises what ``broken`` is, in the first of them."""

    def __init__(self, world: FakeConntrack, wanted: Mapping[str, Wanted]) -> None:
        self.found: dict[str, bytes] = {}
        self._world, self._wanted = world, wanted
        self._left = world.steps

    def step(self) -> bool:
        """Looks a little further."""
        if self._world.broken is not None:
            raise self._world.broken
        self._left -= 1
        if self._left:
            return False
        connected = {ip_address(one).packed for one in self._world.connected}
        self.found |= {id_: b"key" for id_, one in self._wanted.items() if one.address in connected}
        return True

    def close(self) -> None:
        """Ends it."""
        self._world.under_way -= 1
