"""Labs and daemons for end-to-end tests; each goes away with its test."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support.daemons.daemon import LISTENING, OURS, PEER, Daemon
from tests.support.daemons.doors import CLIENT_ADDRESSES, SERVER, SERVER_ADDRESSES
from tests.support.daemons.fleet import FleetLab
from tests.support.lab.hosts import Host, Lab
from tests.support.lab.services import send_knock
from tests.support.lab.tools import need
from tests.support.lab.waiting import WaitTimeout, wait_until

Start = Callable[..., Daemon]


@dataclass(frozen=True)
class Pair:
    """Two hosts joined by their eth0, addresses as in doors.py."""

    lab: Lab
    server: Host
    client: Host

    def knock_until(self, daemon: Daemon, steps: Sequence[str], text: str, times: int = 1) -> list[str]:
        """Knock again every half second until ``times`` log lines hold ``text``; all lines.

        For doors that are not live the moment before: a reload or the next one-time sequence
        takes a few milliseconds to reach the filter.
        """

        def opened() -> list[str] | None:
            send_knock(self.client, SERVER[4], *steps)
            try:
                return daemon.wait_for(text, timeout=0.5, times=times)
            except WaitTimeout:
                return None

        return wait_until(opened, 10, f"{','.join(steps)} gives {text!r}")


@pytest.fixture
def lab() -> Iterator[Lab]:
    """An empty lab."""
    with Lab() as made:
        yield made


@pytest.fixture
def pair(lab: Lab) -> Pair:
    """A server and a client on one Ethernet cable."""
    server, client = lab.host("server"), lab.host("client")
    lab.link(server, "eth0", client, "eth0", SERVER_ADDRESSES, CLIENT_ADDRESSES)
    return Pair(lab, server, client)


@pytest.fixture
def fleet(lab: Lab, tmp_path: Path) -> Iterator[FleetLab]:
    """A store that is not started, and no gateways yet; all daemons are stopped before the lab goes."""
    made = FleetLab(lab, tmp_path)
    with made.running:
        yield made


BOTH_READERS = pytest.mark.parametrize("reader", [None, "socket"], ids=["", "own-reader"])
"""A test runs with the reader that daemons choose, which is libpcap, and with our own."""


@pytest.fixture
def reader() -> str | None:
    """What the daemons' ``Capture`` is; None: what their configuration says."""
    return None


@pytest.fixture
def start(lab: Lab, tmp_path: Path, reader: str | None) -> Iterator[Start]:  # noqa: ARG001 - the lab outlives its daemons
    """Starts daemons: ``start(host, config, *options, program=OURS, interface="eth0", ready=...)``.

    Each has a directory of its own and is stopped before the lab goes.
    """
    with ExitStack() as running:

        def begin(
            host: Host,
            config: str,
            *options: str,
            program: tuple[str, ...] = OURS,
            interface: str | None = "eth0",
            ready: str | None = LISTENING,
            directory: Path | None = None,
        ) -> Daemon:
            if program == PEER:
                need(PEER[0])
            folder = directory or tmp_path / f"knockd-{len(list(tmp_path.iterdir()))}"
            folder.mkdir(exist_ok=True)
            daemon = Daemon(
                host,
                config,
                folder,
                *options,
                program=program,
                interface=interface,
                ready=ready,
                reader=reader if program != PEER else None,
            )
            return running.enter_context(daemon)

        yield begin


@pytest.fixture(params=[OURS, PEER], ids=["ours", "0.8"])
def either(request: pytest.FixtureRequest) -> tuple[str, ...]:
    """Our knockd, then Debian's 0.8: what both can do."""
    program: tuple[str, ...] = request.param
    if program == PEER:
        need(PEER[0])
    return program
