"""What is asked of a packet socket, and how a filter takes the place of another."""

from __future__ import annotations

import errno
import socket
from collections.abc import Iterator

import pytest

from knockd.worker import packet_socket
from knockd.worker.capture import FilterTooLongError
from knockd.worker.packet_socket import attach_filter, prepare_socket, set_filter
from knockd_bpf.instruction import RET_K, Instruction, pack

EVERYTHING = pack([Instruction(RET_K, 0, 0, 256)])
PROGRAM = pack([Instruction(RET_K, 0, 0, 0)]) * 3
NO_MEMORY, NO_SUCH_OPTION = errno.ENOMEM, errno.ENOPROTOOPT


@pytest.fixture
def end() -> Iterator[socket.socket]:
    """A socket, of another kind, with another one behind it."""
    one, other = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    one.setblocking(False)
    yield one
    one.close()
    other.close()


class Kernel:
    """A kernel that refuses filters, one after the other, with these errors (0: it takes one)."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *errors: int) -> None:
        self.taken: list[bytes] = []
        self._errors = [*errors]
        monkeypatch.setattr(packet_socket, "set_filter", self._set_filter)

    def _set_filter(self, _: socket.socket, program: bytes) -> None:
        if error := self._errors.pop(0):
            raise OSError(error, "refused")
        self.taken.append(program)


def test_prepared(end: socket.socket, monkeypatch: pytest.MonkeyPatch) -> None:
    """The kernel stamps packets, and nothing passes yet; what is of packet sockets alone may be refused."""
    kernel = Kernel(monkeypatch, 0)
    prepare_socket(end)
    assert kernel.taken == [pack([Instruction(RET_K, 0, 0, 0)])]
    assert end.getsockopt(socket.SOL_SOCKET, 29) == 1


def test_a_kernel_without_filters_at_first(end: socket.socket, monkeypatch: pytest.MonkeyPatch) -> None:
    """A kernel that refuses the filter that accepts everything says so again at the first real one."""
    kernel = Kernel(monkeypatch, NO_SUCH_OPTION, NO_SUCH_OPTION)
    prepare_socket(end)
    with pytest.raises(OSError, match="refused"):
        attach_filter(end, PROGRAM, "eth0")
    assert kernel.taken == []


def test_attach(end: socket.socket, monkeypatch: pytest.MonkeyPatch) -> None:
    """The program takes the place of the one before it."""
    kernel = Kernel(monkeypatch, 0)
    attach_filter(end, PROGRAM, "eth0")
    assert kernel.taken == [PROGRAM]


def test_no_room_beside_the_old_filter(end: socket.socket, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the new filter has no room beside the old one, everything passes for a moment."""
    kernel = Kernel(monkeypatch, NO_MEMORY, 0, 0)
    attach_filter(end, PROGRAM, "eth0")
    assert kernel.taken == [EVERYTHING, PROGRAM]


def test_no_room_at_all(end: socket.socket, monkeypatch: pytest.MonkeyPatch) -> None:
    """A filter too long for the kernel is named by its length; everything passes until then."""
    kernel = Kernel(monkeypatch, NO_MEMORY, 0, NO_MEMORY)
    with pytest.raises(FilterTooLongError, match="eth0: the kernel has no room for a filter of 3 instr"):
        attach_filter(end, PROGRAM, "eth0")
    assert kernel.taken == [EVERYTHING]


def test_the_kernel_runs_it() -> None:
    """A filter that rejects everything lets nothing through, one that accepts lets all through."""
    receiver = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    with receiver, sender:
        receiver.bind(("127.0.0.1", 0))
        receiver.settimeout(5)
        set_filter(receiver, PROGRAM)
        sender.sendto(b"rejected", receiver.getsockname())
        set_filter(receiver, EVERYTHING)
        sender.sendto(b"accepted", receiver.getsockname())
        assert receiver.recv(100) == b"accepted"
