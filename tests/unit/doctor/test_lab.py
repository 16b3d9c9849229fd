"""The lab's processes and what they say to each other; tests/e2e makes real ones."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from types import SimpleNamespace

import pytest

from knockd.doctor import lab
from knockd.doctor.lab import LabError, Peer, bring_up, join, run_in_lab, wait_up
from knockd.net.programs import UnreadableError
from tests.support.doubles.lab_ends import LabEnds

NOBODY = "the other process of the lab has ended"


@pytest.fixture
def ends() -> Iterator[LabEnds]:
    """Two sides."""
    made = LabEnds()
    yield made
    made.close()


@pytest.fixture
def ran(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The commands of ip that were run; none is."""
    lines: list[str] = []
    monkeypatch.setattr(lab, "find_program", lambda name: f"/sbin/{name}")
    monkeypatch.setattr(lab, "run_program", lambda _, *words: lines.append(" ".join(words)))
    return lines


def test_messages(ends: LabEnds) -> None:
    """What one side sends the other receives, one message at a time."""
    ends.say(left=0)
    ends.say(left=1)
    assert [ends.peer.receive(), ends.peer.receive()] == [{"left": 0}, {"left": 1}]
    ends.peer.send(knock={"delay": 7})
    assert ends.heard() == [{"knock": {"delay": 7}}]


def test_problem(ends: LabEnds) -> None:
    """A problem of the other side is ours."""
    ends.say(problem="there is no program ip here")
    with pytest.raises(LabError, match="there is no program ip here"):
        ends.peer.receive()


def test_the_other_side_ends(ends: LabEnds) -> None:
    """Nobody waits for a process that has ended, or sends it anything."""
    ends.leave()
    with pytest.raises(LabError, match=NOBODY):
        ends.peer.receive()
    ends._there.close()
    with pytest.raises(LabError, match=f"{NOBODY}: Broken pipe"):
        ends.peer.send(left=0)


def test_the_other_side_says_nothing(ends: LabEnds) -> None:
    """A side that says nothing is waited for so long."""
    with pytest.raises(LabError, match="has not answered for 10 seconds"):
        Peer(ends._here, 0.01).receive()


def test_a_side_that_cannot_be_heard(ends: LabEnds) -> None:
    """An error of the system is named."""
    ends._here.close()
    with pytest.raises(LabError, match="cannot be heard: Bad file descriptor"):
        ends.peer.receive()


def test_join(ran: list[str]) -> None:
    """An end gets its address, and a way to the other, without a network around them."""
    join("knock0", "192.0.2.1", "192.0.2.2", 4)
    join("knock1", "2001:db8::2", "2001:db8::1", 6)
    assert ran == [
        "/sbin/ip -4 address add 192.0.2.1/32 dev knock0",
        "/sbin/ip -4 route add 192.0.2.2/32 dev knock0",
        "/sbin/ip -6 address add 2001:db8::2/128 dev knock1 nodad",
        "/sbin/ip -6 route add 2001:db8::1/128 dev knock1",
    ]


def test_no_program(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without ip(8) it is said what to install."""
    monkeypatch.setattr(lab, "find_program", lambda _: None)
    with pytest.raises(LabError, match="there is no program ip here: install iproute2"):
        bring_up("knock0")


def test_a_program_that_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    """What ip(8) says is passed on, with what it was asked to do."""

    def refuse(*_: object) -> str:
        raise UnreadableError("ip: Operation not supported")

    monkeypatch.setattr(lab, "find_program", lambda name: name)
    monkeypatch.setattr(lab, "run_program", refuse)
    with pytest.raises(LabError, match="'ip link set knock0 up' failed: ip: Operation not supported"):
        bring_up("knock0")


def test_wait_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """An end is waited for until packets can pass; not for ever."""
    states = iter([{}, {"knock0": False}, {"knock0": True}])

    def read() -> dict[str, SimpleNamespace]:
        return {name: SimpleNamespace(link=SimpleNamespace(up=up)) for name, up in next(states).items()}

    monkeypatch.setattr(lab, "_PAUSE", 0.0)
    monkeypatch.setattr(lab, "read_interfaces", read)
    wait_up("knock0")
    assert list(states) == []
    monkeypatch.setattr(lab, "SECONDS", -1.0)
    monkeypatch.setattr(lab, "read_interfaces", dict)
    with pytest.raises(LabError, match="knock0 of the lab does not come up"):
        wait_up("knock0")


def say(text: str) -> None:
    """Writes a line, from a process that has no stream of pytest's."""
    os.write(1, f"{text}\n".encode())


def refuse_network() -> None:
    """A kernel that gives no namespace."""
    raise PermissionError(1, "Operation not permitted")


def test_no_namespace(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
    """Where the kernel refuses, that is said in the other process, and nothing is tried."""
    monkeypatch.setattr(lab, "leave_network", refuse_network)
    assert run_in_lab(lambda _: 0, lambda _: 0, say) == os.EX_UNAVAILABLE
    reason = "the kernel gives us no network namespace (Operation not permitted)"
    assert capfd.readouterr().out == f"{reason}: run it as root, not in a container\n"


@pytest.fixture
def pretend(monkeypatch: pytest.MonkeyPatch) -> Callable[..., int]:
    """Makes a lab of two processes without namespaces, and runs what it is given there."""
    monkeypatch.setattr(lab, "leave_network", lambda: None)
    monkeypatch.setattr(lab, "wait_up", lambda _: None)
    monkeypatch.setattr(lab, "find_program", lambda name: name)
    monkeypatch.setattr(lab, "run_program", lambda *_: "")
    return run_in_lab


def test_both_sides(pretend: Callable[..., int], capfd: pytest.CaptureFixture[str]) -> None:
    """Each side runs in a process of its own; the status is the server's."""
    first = os.getpid()

    def serve(peer: Peer) -> int:
        peer.send(pid=os.getpid())
        other = peer.receive()["pid"]
        return 7 if len({first, other, os.getpid()}) == 3 else 8

    def knock(peer: Peer) -> int:
        peer.receive()
        peer.send(pid=os.getpid())
        return 0

    assert pretend(serve, knock, print) == 7
    assert capfd.readouterr().err == ""


def test_a_client_that_fails(pretend: Callable[..., int], capfd: pytest.CaptureFixture[str]) -> None:
    """What the client cannot do the server hears."""

    def fail(_: Peer) -> int:
        raise LabError("no socket is to be had")

    def serve(peer: Peer) -> int:
        peer.receive()
        return 0

    assert pretend(serve, fail, say) == os.EX_UNAVAILABLE
    assert capfd.readouterr().out == "no socket is to be had\n"


def test_a_server_that_ends_first(pretend: Callable[..., int], capfd: pytest.CaptureFixture[str]) -> None:
    """A client whose server has ended goes without a word."""

    def wait(peer: Peer) -> int:
        peer.receive()
        return 0

    assert pretend(lambda _: 0, wait, print) == 0
    assert capfd.readouterr() == ("", "")
