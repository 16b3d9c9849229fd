"""The packet process from its start to its end, with frames that a test gives."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from knockd.knocks.events import Expired, Stage
from knockd.process.privileges import PrivilegeError
from knockd.process.verbs import Dropped, Failed, HeldBack, Lost, Opening, Packet, Ready, SmallRing
from knockd.process.view import View
from knockd.token_bucket import BURST
from knockd.worker.capture import CaptureError, NoPermissionError
from knockd.worker.poll import DROPS_EVERY
from knockd.worker.setup import Setup
from tests.support.doubles.captures import FakeCapture
from tests.support.doubles.packet_process import BOB, DLT_EN10MB, NOW, VIEW, World, knock, new_world
from tests.support.doubles.played import ALICE, LOCAL, OURS
from tests.support.samples.headers import framed, tcp


@pytest.fixture
def world() -> Iterator[World]:
    """Nothing is there yet."""
    with new_world() as made:
        yield made


# The start.


def test_start(world: World) -> None:
    """It opens its captures, gives up its rights, and says that it captures and what it had to keep."""
    world.kept = "capset: no"
    world.interfaces["eth1"] = FakeCapture("eth1")
    ends = world.theirs.fileno(), world.after.fileno()
    assert world.run([]) == os.EX_OK
    assert world.said() == [Ready("capset: no")]
    descriptors = [one.fileno() for one in world.interfaces.values() if isinstance(one, FakeCapture)]
    ((user, links, captures, required),) = world.locked
    assert (user, links, required) == (BOB, ends, False)
    assert sorted(captures) == sorted(descriptors)


def test_figures_of_the_start(world: World) -> None:
    """A small ring is reported after READY, a lost interface before it."""
    small = FakeCapture("eth1")
    small.ring_size = 63 * 1024
    world.interfaces["eth1"] = small
    world.interfaces["eth2"] = CaptureError("eth2: gone")
    world.run([])
    assert world.said() == [Lost(1, hopeless=False, reason="eth2: gone"), Ready(""), SmallRing(0, 63)]


FAILURES = {
    "no right to capture": (NoPermissionError("no right"), None, Failed(os.EX_NOPERM, "no right")),
    "nothing to capture": (CaptureError("eth0: no"), None, Failed(os.EX_SOFTWARE, "eth0: no")),
    "cannot become bob": (None, PrivilegeError("not bob"), Failed(os.EX_NOPERM, "not bob")),
}


@pytest.mark.parametrize(("capture", "locking", "failed"), FAILURES.values(), ids=FAILURES)
def test_cannot_start(
    world: World, capture: CaptureError | None, locking: Exception | None, failed: Failed
) -> None:
    """Why it cannot start is the last it says, and its exit status."""
    world.interfaces["eth0"] = capture or FakeCapture("eth0")
    world.refuses = locking
    assert world.run() == failed.status
    assert world.said()[-1] == failed


def test_a_fault_of_ours(world: World) -> None:
    """A fault of the program is named to the keeper, and ends it with its traceback."""
    world.interfaces["eth0"] = FakeCapture("eth0")
    world.refuses = ZeroDivisionError("oh")
    with pytest.raises(ZeroDivisionError):
        world.run()
    assert world.said() == [Failed(os.EX_SOFTWARE, "ZeroDivisionError: oh")]


def test_the_keeper_has_gone(world: World) -> None:
    """Without a keeper it ends, quietly."""
    world.interfaces["eth0"] = FakeCapture("eth0")
    world.ours.close()
    assert world.run() == os.EX_OK


# Knocks.


def test_an_opening(world: World) -> None:
    """Knocks become stages, and an opening with the interface and the stamp of its packet."""
    world.interfaces["eth1"] = FakeCapture("eth1")
    world.run([knock(7)], [knock(8)])
    number = list(world.interfaces).index("eth0")
    stamp = round(NOW * 1_000_000)
    assert world.said() == [Ready(""), Stage(0, ALICE, 1), Opening(0, ALICE, OURS, 2, number, stamp)]


def test_addresses_of_others(world: World) -> None:
    """A knock at an address that is not the interface's is none."""
    world.run([knock(7)], view=View({"eth0": frozenset({ALICE})}, VIEW.watches))
    assert world.said() == [Ready("")]


def test_an_expiry(world: World) -> None:
    """An expired attempt is reported as soon as the ring is empty."""
    world.run([knock(7)], world.pass_time(26))
    assert world.said() == [Ready(""), Stage(0, ALICE, 1), Expired(0, ALICE, 1)]


def test_strangers(world: World) -> None:
    """What strangers cause too much of is held back and counted."""
    many = [knock(7, f"198.51.100.{number}") for number in range(BURST + 5)]
    world.run(many, world.pass_time(2))
    said = world.said()
    assert len([one for one in said if isinstance(one, Stage)]) == BURST
    assert said[-1] == HeldBack(5)
    assert isinstance(said[-1], HeldBack)


def test_debug(world: World) -> None:
    """With -D each packet is printed before it is judged."""
    world.setup = Setup(latency=10, buffer=64, max_attempts=100, debug=True)
    world.run([knock(7)])
    _, packet, stage = world.said()
    assert isinstance(packet, Packet)
    assert "tcp: 192.0.2.1:40000 -> 10.0.0.1:7 " in packet.line
    assert stage == Stage(0, ALICE, 1)


@pytest.mark.parametrize(("ipv6", "stages"), [(True, 1), (False, 0)])
@pytest.mark.parametrize("debug", [False, True])
def test_ipv6(world: World, ipv6: bool, stages: int, debug: bool) -> None:
    """Without IPv6 a knock over IPv6 is none, with -D too."""
    from tests.support.samples.headers import ipv6 as over_ipv6

    world.setup = Setup(latency=10, buffer=64, max_attempts=100, ipv6=ipv6, debug=debug)
    ours = bytes(15) + b"\5"
    frame = framed(DLT_EN10MB, over_ipv6(tcp(7), destination="::5"))
    world.run([frame], view=View({"eth0": frozenset({ours})}, VIEW.watches))
    assert len([one for one in world.said() if isinstance(one, Stage)]) == stages


def test_an_own_source(world: World) -> None:
    """No packet off the wire counts that this host seems to have sent; the loopback's do."""
    world.run([knock(7, "10.0.0.1")], view=View(VIEW.addresses, VIEW.watches, LOCAL))
    assert world.said() == [Ready("")]


def test_an_own_source_at_the_loopback(world: World) -> None:
    """What this host sends itself counts."""
    view = View(VIEW.addresses, VIEW.watches, LOCAL)
    world.run([knock(7, "10.0.0.1")], view=view, loopbacks=("eth0",))
    assert world.said() == [Ready(""), Stage(0, OURS, 1)]


def test_debug_says_why_a_packet_is_ignored(world: World) -> None:
    """With -D the line of such a packet says that it is ignored, and why."""
    world.setup = Setup(latency=10, buffer=64, max_attempts=100, debug=True)
    world.run([knock(7, "127.0.0.1")])
    _, packet = world.said()
    assert isinstance(packet, Packet)
    assert packet.line.endswith("54 bytes (ignored: no packet off the wire can have this source)")


# Interfaces that fail.


def test_an_interface_goes_down(world: World) -> None:
    """A capture that fails is closed and named; the others go on."""
    other = FakeCapture("eth1")
    world.interfaces["eth1"] = other

    def fail_then_knock() -> None:
        other.batches = [CaptureError("eth1: The interface went down")]

    world.run(fail_then_knock, [knock(7)])
    assert world.said() == [
        Ready(""),
        Lost(0, hopeless=False, reason="eth1: The interface went down"),
        Stage(0, ALICE, 1),
    ]
    assert other.closed


def test_drops(world: World) -> None:
    """Drops are looked for a minute after a frame, and then again only after another one."""

    def drop() -> None:
        world.eth0.dropped = 3

    world.run([knock(9)], drop, world.pass_time(DROPS_EVERY - 1), world.pass_time(2), [])
    assert world.said() == [Ready(""), Dropped(0, 3)]
