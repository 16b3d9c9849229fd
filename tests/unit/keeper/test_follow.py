"""Which news of the kernel lead to a look at the interfaces, and what is seen then."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from knockd.keeper.follow import ASK_AGAIN, DEBOUNCE, Follow
from knockd.keeper.worker_events import SceneChanged
from knockd.net.interface import Interface
from knockd.net.rtnetlink import Address, DefaultRoute, Link, Thing
from knockd.net.selection import Scene
from tests.support.doubles.fake_kernel import ETH0, TUN0, FakeKernel
from tests.support.doubles.manual_loop import ManualLoop

SCENE = Scene({"eth0": (2, 1)}, {"eth0": ETH0.addresses}, frozenset({2}), ETH0.addresses)


class Following:
    """A Follow that has looked once, with its kernel and loop."""

    def __init__(self, *there: Interface, wanted: tuple[str, ...] = ("eth0",)) -> None:
        self.loop = ManualLoop()
        self.kernel = FakeKernel(*there)
        self.lines: list[str] = []
        self.seen: list[SceneChanged] = []
        self.follow = Follow(self.loop.loop, self.kernel, wanted, self.log)
        self.follow.changed = self.seen.append
        self.follow.look()

    def log(self, event: str, **fields: object) -> None:
        """Notes an event of the log."""
        self.lines.append(f"{event} {fields.get('interface', '')}".strip())

    def tell(self, *things: tuple[Thing, bool], overflow: bool = False) -> None:
        """The kernel reports changes."""
        self.kernel.tell(*things, overflow=overflow)
        self.loop.deliver()


@pytest.fixture
def eth0() -> Iterator[Following]:
    """eth0 is asked for and there."""
    made = Following(ETH0)
    yield made
    made.follow.stop()
    assert made.loop.waiting == []
    assert made.loop.readers == {}


def test_look() -> None:
    """The scene has the interfaces asked for that are up, with index, kind and addresses."""
    down = replace(TUN0, link=replace(TUN0.link, up=False))
    following = Following(ETH0, down, wanted=("eth0", "tun0", "ppp0"))
    assert following.follow.look() == SCENE
    assert following.follow.waiting == ("tun0", "ppp0")
    assert following.lines == ["waiting tun0, ppp0"]
    following.follow.stop()


def test_default_routes() -> None:
    """With auto the interfaces of default routes are the ones; the kernel is to tell of routes."""
    following = Following(ETH0, TUN0, wanted=("auto",))
    following.kernel.routes = ("tun0",)
    assert tuple(following.follow.look().captures) == ("tun0",)
    assert following.kernel.routes_followed
    following.follow.wanted = ("eth0",)
    assert tuple(following.follow.look().captures) == ("eth0",)
    assert not following.kernel.routes_followed
    following.follow.stop()


OLD_NEWS = {
    "link as before": (ETH0.link, False),
    "address that is there": (Address(2, b"\x0a\0\0\1"), False),
    "address that was not there": (Address(2, b"\x0a\0\0\7"), True),
    "link that was not there": (Link(9, "x", 1, up=False), True),
}


@pytest.mark.parametrize("thing", OLD_NEWS.values(), ids=OLD_NEWS)
def test_old_news(eth0: Following, thing: tuple[Thing, bool]) -> None:
    """News that change nothing, as wireless links and renewed addresses make them, lead to no look."""
    eth0.tell(thing)
    assert eth0.loop.waiting == []


NEWS = {
    "link down": (replace(ETH0.link, up=False), False),
    "link gone": (ETH0.link, True),
    "new link": (TUN0.link, False),
    "new name": (replace(ETH0.link, name="wan"), False),
    "new address": (Address(2, b"\x0a\0\0\7"), False),
    "address gone": (Address(2, b"\x0a\0\0\1"), True),
    "default route": (DefaultRoute(0, (2,)), False),
}


@pytest.mark.parametrize("thing", NEWS.values(), ids=NEWS)
def test_one_look(eth0: Following, thing: tuple[Thing, bool]) -> None:
    """Whatever news come while a look is due share it."""
    eth0.tell(thing)
    eth0.tell(thing)
    assert eth0.loop.waiting == [DEBOUNCE]


def test_overflow(eth0: Following) -> None:
    """When the kernel had more to tell than there was room for, it is asked."""
    eth0.kernel.there = ()
    eth0.tell(overflow=True)
    eth0.loop.fire()
    assert eth0.seen == [SceneChanged(Scene())]
    assert eth0.lines == ["waiting eth0"]


def test_look_soon(eth0: Following) -> None:
    """A look that others ask for comes as soon, and gives the scene."""
    eth0.follow.look_soon()
    assert eth0.loop.waiting == [DEBOUNCE]
    eth0.loop.fire()
    assert eth0.seen == [SceneChanged(SCENE)]
    assert eth0.loop.waiting == []


@pytest.mark.parametrize("gone", [False, True], ids=["down", "gone"])
def test_down_and_up_before_the_look(eth0: Following, *, gone: bool) -> None:
    """An interface that was down or gone in between is named, until it is looked for a start."""
    eth0.tell((replace(ETH0.link, up=gone), gone), (ETH0.link, False))
    eth0.loop.fire()
    eth0.follow.look()
    eth0.follow.look_soon()
    eth0.loop.fire()
    assert eth0.seen == [SceneChanged(SCENE, frozenset({2})), SceneChanged(SCENE)]


def test_others_that_come_and_go(eth0: Following) -> None:
    """Only interfaces that were chosen are remembered as ended: others may come and go for ever."""
    eth0.tell((TUN0.link, True), overflow=True)
    eth0.loop.fire()
    assert eth0.seen == [SceneChanged(SCENE)]


def test_logged_again_after_it_was_there(eth0: Following) -> None:
    """What is waited for is logged once, and again when it has been there in between."""
    for there in ((), (), (ETH0,), ()):
        eth0.kernel.there = there
        eth0.tell(overflow=True)
        eth0.loop.fire()
    assert eth0.lines == ["waiting eth0"] * 2


def test_the_kernel_does_not_answer(eth0: Following) -> None:
    """It is asked again until it answers, which is logged once each time that it falls silent."""
    for _ in range(2):
        eth0.kernel.broken = True
        eth0.tell((ETH0.link, True))
        eth0.loop.fire()
        assert eth0.loop.waiting == [ASK_AGAIN]
        eth0.loop.fire()
        eth0.kernel.broken = False
        eth0.loop.fire()
    assert eth0.lines == ["interfaces-problem"] * 2
    assert eth0.seen == [SceneChanged(SCENE, frozenset({2}))] * 2


def test_look_fails(eth0: Following) -> None:
    """Who asks for a start learns that the kernel does not answer."""
    eth0.kernel.broken = True
    with pytest.raises(OSError, match="105"):
        eth0.follow.look()
