"""What the packet process gives up, tried in a child of this one; and what it says where it cannot."""

from __future__ import annotations

import errno
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from knockd.process import seccomp
from knockd.process.privileges import Kept, PrivilegeError, User
from knockd.worker import lockdown
from knockd.worker.lockdown import lock_down
from tests.support.lab.processes import limits, status

BOB = User("bob", 103, 203)
NOBODY = User("nobody", 65_534, 65_534)


def forbidden(link: socket.socket) -> str:
    """The error of each call that was tried, by its number's name; after the lock-down."""
    tried = []
    for attempt in (
        lambda: os.open("/etc/passwd", os.O_RDONLY),
        os.fork,
        lambda: os.kill(os.getppid(), 0),
        lambda: os.dup(link.fileno()),
    ):
        outcome = "done"
        try:
            attempt()
        except OSError as error:
            outcome = errno.errorcode[error.errno or 0]
        tried.append(outcome)
    return " ".join(tried)


@contextmanager
def locked_down(user: User | None) -> Iterator[tuple[int, list[str]]]:
    """A child that has locked itself down: its pid, what it had to keep, and how its attempts ended."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    pid = os.fork()
    if pid == 0:
        with suppress(BaseException):
            ours.close()
            kept = lock_down(user, (theirs.fileno(),), (), required=True)
            theirs.send(f"kept: {kept}".encode())
            theirs.send(forbidden(theirs).encode())
            theirs.recv(1)
        os._exit(0)
    theirs.close()
    with ours:
        yield pid, [ours.recv(4_096).decode() for _ in range(2)]
    os.waitpid(pid, 0)


@pytest.fixture
def _supported() -> None:
    if seccomp.find_own_machine() is None:
        pytest.skip(f"no seccomp program for {os.uname().machine}")


@pytest.mark.usefixtures("_supported")
def test_calls_are_really_refused() -> None:
    """No file, process, signal or copy of a descriptor is to be had any more; the link still works."""
    with locked_down(None) as (_, said):
        assert said == ["kept: ", "EPERM EPERM EPERM EPERM"]


def test_as_the_kernel_shows_it() -> None:
    """Without capabilities, without a way to get one; no file grows, no descriptor is opened."""
    with locked_down(None) as (pid, _):
        shown, bounds = status(pid), limits(pid)
        assert shown["CapEff"] == shown["CapPrm"] == shown["CapInh"] == ["0" * 16]
        assert shown["NoNewPrivs"] == ["1"]
        assert shown["Seccomp"] == (["0"] if seccomp.find_own_machine() is None else ["2"])
        assert bounds["Max processes"] == bounds["Max file size"] == ("0", "0")
        assert bounds["Max open files"][0] == bounds["Max open files"][1]


def test_becomes_another_user() -> None:
    """Root becomes the user, in no group."""
    if Path("/proc/self/uid_map").read_text().split() != ["0", "0", "4294967295"] or os.geteuid() != 0:
        pytest.skip("only root can become another user")
    with locked_down(NOBODY) as (pid, said):
        shown = status(pid)
        assert said[0] == "kept: "
        assert shown["Uid"] == shown["Gid"] == ["65534"] * 4
        assert shown["Groups"] == []


class Given:
    """What ``give_up`` and ``restrict`` were asked for."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, kept: Kept, refused: OSError | None = None) -> None:
        self.descriptors = 0
        self.restricted: list[tuple[tuple[int, ...], tuple[int, ...]]] = []
        self._kept, self._refused = kept, refused
        monkeypatch.setattr(lockdown, "give_up", self.give_up)
        monkeypatch.setattr(seccomp, "restrict", self.restrict)

    def give_up(self, _: User | None, descriptors: int) -> Kept:
        """Gives up nothing."""
        self.descriptors = descriptors
        return self._kept

    def restrict(self, links: tuple[int, ...], captures: tuple[int, ...]) -> bool:
        """Installs nothing."""
        self.restricted.append((links, captures))
        if self._refused is not None:
            raise self._refused
        return True


def test_nothing_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where all goes well there is nothing to say; descriptors end with the highest that is needed."""
    given = Given(monkeypatch, Kept((), ()))
    assert lock_down(BOB, (3, 4), (5, 7), required=False) == ""
    assert given.descriptors == 8
    assert given.restricted == [((3, 4), (5, 7))]


def test_standard_descriptors_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    """The standard three stay, also where the link has one of their numbers."""
    given = Given(monkeypatch, Kept((), ()))
    lock_down(None, (0,), (), required=False)
    assert given.descriptors == 3


def test_what_has_to_be_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who it is comes first, then the rights, then the system calls; it goes on."""
    refused = OSError(errno.EPERM, "seccomp: Operation not permitted")
    Given(monkeypatch, Kept(("setgroups: no", "setresuid: no"), ("capset: no",)), refused)
    kept = lock_down(BOB, (3,), (), required=False)
    assert kept == (
        "it cannot become bob (setgroups: no, setresuid: no), capset: no, seccomp: Operation not permitted"
    )


def test_a_user_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who cannot become the user that was asked for ends, and says what to do."""
    given = Given(monkeypatch, Kept(("setresuid: no",), ()))
    with pytest.raises(PrivilegeError, match=r"cannot become bob \(setresuid: no\); start knockd as root"):
        lock_down(BOB, (3,), (), required=True)
    assert given.restricted == []


def test_rights_alone_are_no_reason_to_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """A right that stays is said, also where the user was asked for."""
    Given(monkeypatch, Kept((), ("capset: no",)))
    assert lock_down(BOB, (3,), (), required=True) == "capset: no"
