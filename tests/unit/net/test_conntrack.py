"""Looks in the table of tracked connections, whose kernel is the test's."""

from __future__ import annotations

import errno
import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from ipaddress import ip_address
from pathlib import Path

import pytest

from knockd.net import conntrack
from knockd.net.conntrack import LOOKUPS, Look, Wanted, explain, find_obstacle
from knockd.net.conntrack_messages import parse_connection
from knockd_conf.protocol import Protocol
from knockd_conf.services import parse_services
from tests.support.samples.connections import END, KNOCKER, connection, error, message

SSH = parse_services("22/tcp")
NOBODY = error(errno.ENOENT)


class FakeKernel(socket.socket):
    """A netlink socket whose kernel answers each request as a test says; ``requests`` is what was asked."""

    def __init__(self, *answers: list[bytes]) -> None:
        super().__init__(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.requests: list[bytes] = []
        self._answers = list(answers)
        self._queue: list[bytes] = []

    def send(self, data: bytes, *_: object) -> int:  # type: ignore[override]
        """Takes a request."""
        self.requests.append(data)
        self._queue += self._answers.pop(0)
        return len(data)

    def recvfrom(self, *_: object) -> tuple[bytes, tuple[int, int]]:
        """A datagram of the kernel; one that begins with '!' is of another process."""
        if not self._queue:
            raise BlockingIOError(errno.EAGAIN, "nothing")
        data = self._queue.pop(0)
        return (data[1:], (4_711, 0)) if data.startswith(b"!") else (data, (0, 0))


Answer = Callable[..., FakeKernel]


@pytest.fixture
def answer(monkeypatch: pytest.MonkeyPatch) -> Iterator[Answer]:
    """Lets the kernel give these answers, a list of datagrams for each request."""
    with ExitStack() as held:

        def give(*answers: list[bytes]) -> FakeKernel:
            kernel = held.enter_context(FakeKernel(*answers))
            monkeypatch.setattr(conntrack, "_open", lambda: kernel)
            return kernel

        yield give


def wanted(address: str = KNOCKER, known: bytes = b"", services: str = "22/tcp") -> Wanted:
    """Somebody whose connections are looked for."""
    return Wanted(ip_address(address).packed, parse_services(services), known)


def key_of(payload: bytes) -> bytes:
    """By what the kernel finds a connection again."""
    found = parse_connection(payload)
    assert found is not None
    return found.key


def look(**who: Wanted) -> dict[str, bytes]:
    """Looks to the end; what was found."""
    one = Look(who)
    while not one.step():
        pass
    one.close()
    return one.found


def test_a_dump_serves_all(answer: Answer) -> None:
    """One dump is asked for, and everybody is found in it who has a connection to a service of theirs."""
    here, there = connection(KNOCKER), connection("2001:db8::7", "2001:db8::1", 443)
    kernel = answer([message(connection("198.51.100.1")) + message(here), message(there), END])
    found = look(
        a=wanted(KNOCKER),
        b=wanted("2001:db8::7", services="443/tcp"),
        c=wanted("2001:db8::7"),
        d=wanted("198.51.100.9"),
        e=wanted(KNOCKER),
    )
    assert {"a": key_of(here), "b": key_of(there), "e": key_of(here)} == found
    assert 1 == len(kernel.requests)


def test_what_does_not_count(answer: Answer) -> None:
    """Half-open connections and those to other ports are passed over; one that counts is found."""
    good = connection(source_port=5)
    kinds = connection(state=2), connection(port=80), connection(protocol=Protocol.UDP), good
    answer([b"".join(map(message, kinds)), END])
    assert {"a": key_of(good)} == look(a=wanted())


def test_it_ends_when_everybody_is_found(answer: Answer) -> None:
    """The rest of a dump is not read."""
    answer([message(connection()), message(connection("198.51.100.1"))])
    one = Look({"a": wanted()})
    assert not one.step()
    assert one.step()


def test_a_known_connection_is_asked_for(answer: Answer) -> None:
    """Whoever's connection is known, and still there, costs no dump."""
    key = key_of(connection())
    kernel = answer([message(connection())])
    assert {"a": key} == look(a=wanted(known=key))
    assert kernel.requests[0].endswith(key)


@pytest.mark.parametrize(
    ("source", "destination", "family"),
    [(KNOCKER, "192.0.2.1", socket.AF_INET), ("2001:db8::7", "2001:db8::1", socket.AF_INET6)],
)
def test_the_family_of_a_known_connection(answer: Answer, source: str, destination: str, family: int) -> None:
    """The kernel reads the addresses of a key as those of the family that the request names."""
    payload = connection(source, destination)
    kernel = answer([message(payload)])
    look(a=wanted(source, known=key_of(payload)))
    assert family == kernel.requests[0][16]


@pytest.mark.parametrize("now", [NOBODY, message(connection(state=7)), message(connection("198.51.100.1"))])
def test_a_known_connection_that_is_over(answer: Answer, now: bytes) -> None:
    """When the known one is gone, or ended, the dump may have another one."""
    other = connection(source_port=5)
    answer([now], [message(other), END])
    assert {"a": key_of(other)} == look(a=wanted(known=key_of(connection())))


def test_many_known_connections(answer: Answer) -> None:
    """A step asks for so many that it takes no time to speak of."""
    key = key_of(connection())
    answer(*[[message(connection())]] * (LOOKUPS + 1))
    one = Look({str(number): wanted(known=key) for number in range(LOOKUPS + 1)})
    assert not one.step()
    assert LOOKUPS == len(one.found)
    assert one.step()
    assert LOOKUPS + 1 == len(one.found)


def test_others_are_not_the_kernel(answer: Answer) -> None:
    """What another process sends is no answer."""
    answer([b"!" + message(connection()), END])
    assert {} == look(a=wanted())
    answer([b"!" + message(connection()), NOBODY], [END])
    assert {} == look(a=wanted(known=key_of(connection())))


@pytest.mark.parametrize("answers", [[error(errno.EPERM)], [END[:16] + error(errno.EPERM)[16:20]]])
def test_refused(answer: Answer, answers: list[bytes]) -> None:
    """A kernel that says no raises its error, at once or at the end of a dump."""
    answer(answers)
    with pytest.raises(PermissionError):
        look(a=wanted())


def test_a_kernel_that_says_nothing(answer: Answer) -> None:
    """An answer that does not come is an error, and not waited for."""
    answer([])
    with pytest.raises(BlockingIOError):
        look(a=wanted())


@pytest.mark.parametrize(
    ("number", "reason"),
    [
        (errno.EPERM, "the kernel's table of connections cannot be read without CAP_NET_ADMIN"),
        (errno.EPROTONOSUPPORT, "this kernel has no conntrack over netlink (nf_conntrack_netlink)"),
        (errno.EINVAL, "this kernel has no conntrack over netlink (nf_conntrack_netlink)"),
        (errno.ENOMEM, "the kernel's table of connections cannot be read (no memory)"),
    ],
)
def test_reasons(answer: Answer, number: int, reason: str) -> None:
    """Each error is explained in words."""
    assert reason == explain(OSError(number, "no memory"))
    if number != errno.ENOMEM:
        answer([error(number)])
        assert reason == find_obstacle()


def test_obstacle_none_where_connections_are_tracked(
    answer: Answer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Where there are connections in the table nothing is in the way, and nothing is tried."""
    (tmp_path / "count").write_text("3\n")
    monkeypatch.setattr(conntrack, "_COUNT", str(tmp_path / "count"))
    kernel = answer([NOBODY])
    assert find_obstacle() is None
    assert 1 == len(kernel.requests)


@pytest.mark.parametrize(
    ("seen", "tracks"), [(message(connection()), True), (NOBODY, False)], ids=["tracked", "not tracked"]
)
def test_an_empty_table(
    answer: Answer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, seen: bytes, tracks: bool
) -> None:
    """Where the table is empty a datagram over the loopback shows whether anything is tracked."""
    (tmp_path / "count").write_text("0\n")
    monkeypatch.setattr(conntrack, "_COUNT", str(tmp_path / "count"))
    answer([NOBODY], [seen], [seen])
    reason = find_obstacle()
    assert tracks is (reason is None)
    assert reason is None or reason.startswith("the kernel tracks no connections here: ")


def test_an_unreadable_count(answer: Answer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A count that cannot be read is no reason to say anything."""
    monkeypatch.setattr(conntrack, "_COUNT", str(tmp_path / "none"))
    answer([NOBODY])
    assert find_obstacle() is None


def test_a_socket_of_netlink() -> None:
    """The socket is the kernel's own, closes at exec and never waits."""
    try:
        link = conntrack._open()
    except OSError as problem:
        pytest.skip(f"no netfilter here: {problem}")
    with link:
        assert not link.getblocking()
        assert not link.get_inheritable()


def test_a_network(answer: Answer) -> None:
    """A connection of any address of a network counts for it, and for nobody outside of it."""
    near, far = connection("203.0.113.200"), connection("2001:db8:0:ff::7", "2001:db8::1")
    other = connection("198.51.100.1")
    answer([message(other) + message(near), message(far), END])
    found = look(
        a=wanted("203.0.113.7")._replace(prefix=24),
        b=wanted("203.0.113.7"),
        c=wanted("2001:db8::1")._replace(prefix=56),
        d=wanted("203.0.114.7")._replace(prefix=24),
        e=wanted("203.0.112.1")._replace(prefix=23),
    )
    assert {"a": key_of(near), "c": key_of(far), "e": key_of(near)} == found


def test_a_known_connection_of_a_network(answer: Answer) -> None:
    """One that is known is asked for, whatever address of the network it is of."""
    near = connection("203.0.113.200")
    kernel = answer([message(near)])
    one = wanted("203.0.113.7", known=key_of(near))._replace(prefix=24)
    assert {"a": key_of(near)} == look(a=one)
    assert 1 == len(kernel.requests)
