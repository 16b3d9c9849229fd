"""Little room: a kernel that takes only short filters, and little memory for the capture ring."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from knockd.worker.capture import SMALLEST_BUFFER
from tests.e2e.conftest import BOTH_READERS, Pair, Start
from tests.support.daemons.daemon import OURS
from tests.support.daemons.doors import CLIENT, config, door
from tests.support.lab.hosts import Host

OPTMEM = Path("/proc/sys/net/core/optmem_max")
SMALL = 20_480
"""Bytes: the default of many systems."""

WIDENED = "eth0: filter widened to fit the kernel"


def crowd(doors: int) -> str:
    """Doors of three random ports, none of them a port that the tests knock."""
    choose = random.Random(1)
    ports = range(10_000, 60_000)
    return "".join(
        f"[d{number}]\nsequence = {','.join(map(str, choose.sample(ports, 3)))}\ntcpflags = syn\n"
        for number in range(doors)
    )


def little_room(server: Host) -> None:
    """Gives the host's kernel 20,480 bytes for filters; skips where that is one value for all hosts."""
    before = OPTMEM.read_text()
    try:
        server.sysctl("net/core/optmem_max", str(SMALL))
    except OSError as error:
        pytest.skip(f"this kernel has one net.core.optmem_max for all namespaces: {error}")
    if OPTMEM.read_text() != before:
        OPTMEM.write_text(before)
        pytest.skip("this kernel has one net.core.optmem_max for all namespaces")


def test_a_filter_too_long_for_the_kernel_is_widened_and_every_knock_passes(
    pair: Pair, start: Start, tmp_path: Path
) -> None:
    """1,000 doors in little room: the log says how wide the filter is; knocks open, also after a swap."""
    little_room(pair.server)
    codes = tmp_path / "codes"
    codes.write_text("1700,1800,1900\n2700,2800,2900\n")
    once = f"[once]\none_time_sequences = {codes}\n"
    daemon = start(pair.server, config(crowd(1_000), door("plain", "700,800,900"), once))
    daemon.wait_for(WIDENED)
    pair.knock_until(daemon, ("700", "800", "900"), f"{CLIENT[4]}: plain: OPEN SESAME")
    for number, steps in enumerate((("1700", "1800", "1900"), ("2700", "2800", "2900")), 1):
        pair.knock_until(daemon, steps, f"{CLIENT[4]}: once: OPEN SESAME", times=number)
    assert [] == [line for line in daemon.log_lines() if "packet process ended" in line]


def test_an_ordinary_filter_is_not_widened(pair: Pair, start: Start) -> None:
    """Fifty doors fit into little room as they are."""
    little_room(pair.server)
    daemon = start(pair.server, config(crowd(50), door("plain", "700,800,900")))
    pair.knock_until(daemon, ("700", "800", "900"), f"{CLIENT[4]}: plain: OPEN SESAME")
    assert 0 == daemon.count(WIDENED)


@BOTH_READERS
def test_a_ring_that_memory_refuses_is_replaced_by_a_smaller_one(pair: Pair, start: Start) -> None:
    """A ring that does not fit the address space becomes a smaller one; the log says so, the door opens."""
    text = f"[options]\nBuffer = {1 << 20}\n" + door("plain", "700,800,900")
    limited = ("prlimit", f"--as={700 << 20}")
    daemon = start(pair.server, text, program=(*limited, *OURS))
    lines = daemon.wait_for("memory is short, the capture ring has only")
    kib = int(next(line for line in lines if "ring" in line).rsplit(" ", 2)[1])
    assert SMALLEST_BUFFER // 1024 <= kib < 1 << 20
    pair.knock_until(daemon, ("700", "800", "900"), f"{CLIENT[4]}: plain: OPEN SESAME")
