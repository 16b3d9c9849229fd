"""Captures: opened or given up one by one, filtered as the kernel has room, counted."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from knockd.knocks.prefilter import prefilter
from knockd.process.figures import Counted
from knockd.process.verbs import Dropped, Lost, SmallRing, Widened
from knockd.process.view import View
from knockd.worker import captures as module
from knockd.worker.capture import (
    CaptureError,
    FilterTooLongError,
    InterfaceDownError,
    NoPermissionError,
    NoSuchInterfaceError,
)
from knockd.worker.captures import Captures, share_rings
from knockd.worker.setup import Setup
from knockd_bpf.longest import find_longest
from knockd_bpf.wire import DLT_EN10MB
from knockd_conf.model import Reader
from tests.support.doubles.captures import FakeCapture
from tests.support.doubles.played import LOCAL, door, watched
from tests.support.samples.signed_packets import MINUTE, watching

SETUP = Setup(latency=10, buffer=64, max_attempts=9, reader=Reader.SOCKET)
WATCHES = watched(door("7 8"))
MANY = watched(*(door(f"{port} {port + 3}") for port in range(1_000, 9_000, 40)))
UNKNOWN_LINK_TYPE = 147

System = dict[str, FakeCapture | CaptureError]


@pytest.fixture
def system(monkeypatch: pytest.MonkeyPatch) -> Iterator[System]:
    """The captures of a system by the interface's name, or why one cannot be opened."""
    there: System = {}
    asked: list[dict[str, object]] = []

    def capture(name: str, **given: object) -> FakeCapture:
        asked.append(given)
        found = there.get(name, NoSuchInterfaceError(name))
        if isinstance(found, CaptureError):
            raise found
        return found

    monkeypatch.setattr(module, "open_capture", capture)
    yield there
    assert asked == [{"latency": 10, "buffer": 64 * 1024, "reader": Reader.SOCKET}] * len(asked)
    for one in there.values():
        if isinstance(one, FakeCapture) and not one.closed:
            one.close()


def opened(*names: str) -> tuple[Captures, list[Lost]]:
    """The captures on these interfaces, and what could not be opened."""
    made = Captures(SETUP)
    return made, list(made.open(names, View(dict.fromkeys(names, LOCAL), WATCHES)))


def names(made: Captures) -> list[str]:
    """Which interfaces are captured on."""
    return [watched.capture.interface for watched in made.by_descriptor.values()]


def test_open(system: System) -> None:
    """Each interface is captured on under its descriptor, with a filter for its addresses."""
    eth0, eth1 = FakeCapture("eth0"), FakeCapture("eth1")
    system.update(eth0=eth0, eth1=eth1)
    made, lost = opened("eth0", "eth1")
    assert list(made.by_descriptor) == [eth0.fileno(), eth1.fileno()]
    assert lost == []
    assert eth0.filters == [prefilter(WATCHES, LOCAL, DLT_EN10MB).fitted.program.pack()]
    assert made.by_descriptor[eth1.fileno()].local == LOCAL


@pytest.mark.parametrize("error", [NoSuchInterfaceError("eth1"), InterfaceDownError("eth1: down")])
def test_one_that_is_not_there(system: System, error: CaptureError) -> None:
    """An interface that has gone is named by its index; the others are captured on."""
    system.update(eth0=FakeCapture("eth0"), eth1=error)
    made, lost = opened("eth1", "eth0")
    assert lost == [Lost(0, hopeless=False, reason=str(error))]
    assert names(made) == ["eth0"]


def test_none_there(system: System) -> None:
    """When all have just gone that is no error: the keeper hears of it and waits."""
    system["eth1"] = InterfaceDownError("eth1: down")
    made, lost = opened("eth0", "eth1")
    assert [one.interface for one in lost] == [0, 1]
    assert names(made) == []


def test_none_can_be_opened(system: System) -> None:
    """When nothing is captured on and something was refused, that is an error."""
    system["eth0"] = CaptureError("eth0: libpcap could not open it")
    with pytest.raises(CaptureError, match="could not open"):
        opened("eth0", "eth1")


def test_one_refused_of_two(system: System) -> None:
    """A refused interface is no error while another one is captured on."""
    system.update(eth0=CaptureError("eth0: refused"), eth1=FakeCapture("eth1"))
    made, lost = opened("eth0", "eth1")
    assert lost == [Lost(0, hopeless=False, reason="eth0: refused")]
    assert names(made) == ["eth1"]


def test_no_permission(system: System) -> None:
    """Without the right to capture no other interface is tried."""
    untried = FakeCapture("eth1")
    system.update(eth0=NoPermissionError("no right"), eth1=untried)
    with pytest.raises(NoPermissionError):
        opened("eth0", "eth1")
    assert untried.filters == []


def test_unknown_link_type(system: System) -> None:
    """An interface whose frames nobody can read is closed, and trying again is of no use."""
    eth0, odd = FakeCapture("eth0"), FakeCapture("usbmon0")
    odd.linktype = UNKNOWN_LINK_TYPE
    system.update(eth0=eth0, usbmon0=odd)
    _, lost = opened("eth0", "usbmon0")
    assert lost == [Lost(1, hopeless=True, reason="usbmon0: link type 147 is none that knockd can read")]
    assert odd.closed


def test_close(system: System) -> None:
    """A capture that fails later is closed and named."""
    eth0 = FakeCapture("eth0")
    system["eth0"] = eth0
    made, _ = opened("lo", "eth0")
    assert made.close(eth0.fileno(), CaptureError("eth0: down")) == Lost(
        1, hopeless=False, reason="eth0: down"
    )
    assert names(made) == []
    assert eth0.closed


def test_new_addresses(system: System) -> None:
    """With a view every capture gets its addresses and the others', and a filter for them."""
    eth0 = FakeCapture("eth0")
    system["eth0"] = eth0
    made, _ = opened("eth0")
    other = frozenset({bytes([10, 0, 0, 9])})
    made.set_filters(View({"eth0": other, "eth1": LOCAL}, WATCHES))
    other |= LOCAL
    assert made.by_descriptor[eth0.fileno()].local == other
    assert eth0.filters[1:] == [prefilter(WATCHES, other, DLT_EN10MB).fitted.program.pack()]
    made.set_filters(View({}, WATCHES))
    assert made.by_descriptor[eth0.fileno()].local == frozenset()


def test_signed_knocks(system: System) -> None:
    """The filter lets signed knocks of the live minutes through, from the opening on and with each view."""
    eth0 = FakeCapture("eth0")
    system["eth0"] = eth0
    made = Captures(SETUP)
    first, second = watching(1), watching(1, now=MINUTE + 1)
    assert list(made.open(["eth0"], View({"eth0": LOCAL}, WATCHES, signed=first))) == []
    made.set_filters(View({"eth0": LOCAL}, WATCHES, signed=second))
    wanted = [prefilter(WATCHES, LOCAL, DLT_EN10MB, signed=one) for one in (first, second)]
    assert eth0.filters == [one.fitted.program.pack() for one in wanted]
    assert eth0.filters[0] != eth0.filters[1]


def test_without_ipv6(system: System) -> None:
    """Without IPv6 the filter lets none through."""
    eth0 = FakeCapture("eth0")
    system["eth0"] = eth0
    made = Captures(replace(SETUP, ipv6=False))
    assert list(made.open(["eth0"], View({"eth0": LOCAL}, WATCHES))) == []
    assert eth0.filters == [prefilter(WATCHES, LOCAL, DLT_EN10MB, ipv6=False).fitted.program.pack()]


def figures(made: Captures, **given: bool) -> list[Widened | SmallRing]:
    """What is said of filters and rings."""
    return list(made.figures(**given))


def test_widened(system: System) -> None:
    """Where the kernel has no room the filter is made shorter until it fits; that is said once."""
    eth0 = FakeCapture("eth0")
    eth0.room = 400
    system["eth0"] = eth0
    made, _ = opened("eth0")
    assert figures(made) == []
    made.set_filters(View({"eth0": LOCAL}, MANY))
    (widened,) = figures(made)
    assert isinstance(widened, Widened)
    assert 0 < widened.millionths < 1_000_000
    assert len(eth0.filters[-1]) <= 400 * 8
    assert figures(made) == []
    made.set_filters(View({"eth0": LOCAL}, WATCHES))
    assert figures(made) == [Widened(0, 0, pooled=False)]


def test_no_room_at_all(system: System) -> None:
    """A kernel without room for the shortest filter is one to give up on."""
    eth0 = FakeCapture("eth0")
    system["eth0"] = eth0
    made, _ = opened("eth0")
    eth0.room = 1
    with pytest.raises(FilterTooLongError):
        made.set_filters(View({"eth0": LOCAL}, MANY))


@pytest.mark.parametrize(("size", "said"), [(64 * 1024, []), (64 * 1024 - 1, [SmallRing(0, 63)])])
def test_small_ring(system: System, size: int, said: list[SmallRing]) -> None:
    """A ring that is smaller than was asked for is named with its KiB, when rings are asked for."""
    eth0 = FakeCapture("eth0")
    eth0.ring_size = size
    system["eth0"] = eth0
    made, _ = opened("eth0")
    assert figures(made) == []
    assert figures(made, rings=True) == said


@pytest.mark.parametrize(
    ("interfaces", "size", "share"),
    [
        *((number, 2_048, 2_048) for number in (0, 1, 8)),
        *((9, 2_048, 1_820), (122, 2_048, 134), (402, 2_048, 64), (402, 65_536, 1_304)),
        *((1, 64, 64), (20, 64, 64)),
    ],
)
def test_share_rings(interfaces: int, size: int, share: int) -> None:
    """Rings of many interfaces take the memory of eight, as long as each has the least."""
    assert share_rings(size, interfaces) == share


def test_many_interfaces(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each is asked for a smaller ring, and no ring of that size counts as small."""
    asked: list[int] = []
    names = [f"eth{number}" for number in range(16)]
    made = {name: FakeCapture(name) for name in names}

    def capture(name: str, *, buffer: int, **_: object) -> FakeCapture:
        asked.append(buffer)
        made[name].ring_size = buffer
        return made[name]

    monkeypatch.setattr(module, "open_capture", capture)
    captures = Captures(Setup(latency=10, buffer=2_048, max_attempts=9))
    assert list(captures.open(names, View(watches=WATCHES))) == []
    assert asked == [1_024 * 1_024] * 16
    assert figures(captures, rings=True) == []
    for one in made.values():
        one.close()


def test_drops(system: System) -> None:
    """Frames dropped are counted from the last look; none is not worth a word."""
    eth0, eth1 = FakeCapture("eth0"), FakeCapture("eth1")
    system.update(eth0=eth0, eth1=eth1)
    made, _ = opened("eth0", "eth1")
    assert list(made.drops()) == []
    eth1.dropped = 7
    assert list(made.drops()) == [Dropped(1, 7)]
    eth1.dropped = 9
    assert list(made.drops()) == [Dropped(1, 2)]
    assert list(made.drops()) == []


def test_counted(system: System) -> None:
    """What an interface has brought is counted from the opening of its capture, whoever looks meanwhile."""
    eth0 = FakeCapture("eth0")
    system["eth0"] = eth0
    made, _ = opened("eth0")
    program = prefilter(WATCHES, LOCAL, DLT_EN10MB).fitted.program
    cost = len(program), find_longest(program.instructions)
    eth0.received, eth0.dropped = 9, 7
    assert list(made.counted()) == [Counted(0, DLT_EN10MB, 9, 7, *cost)]
    assert list(made.drops()) == [Dropped(0, 7)]
    eth0.received, eth0.dropped = 12, 8
    assert list(made.drops()) == [Dropped(0, 1)]
    assert list(made.counted()) == [Counted(0, DLT_EN10MB, 12, 8, *cost)]


def test_counts_begin_again(system: System) -> None:
    """libpcap's counts have 32 bits, ours go on."""
    eth0 = FakeCapture("eth0")
    system["eth0"] = eth0
    made, _ = opened("eth0")
    eth0.received = 2**32 - 1
    assert [one.received for one in made.counted()] == [2**32 - 1]
    eth0.received = 4
    assert [one.received for one in made.counted()] == [2**32 + 4]


def test_cost_of_a_filter_that_is_not_ours(system: System) -> None:
    """What libpcap makes of the text of a filter nobody has seen."""
    eth0 = FakeCapture("eth0")
    eth0.takes_programs = False
    system["eth0"] = eth0
    made, _ = opened("eth0")
    assert list(made.counted()) == [Counted(0, DLT_EN10MB, 0, 0, 0, 0)]
