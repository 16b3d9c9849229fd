"""The seccomp program in the kernel: taken, heeded, and left out where there is no place for it."""

from __future__ import annotations

import ctypes
import errno
import os
import signal
from collections.abc import Callable

import pytest

from knockd.process import seccomp
from knockd_bpf.seccomp import MACHINES

NO_NEW_PRIVS = 38
LINK, CAPTURES = 100, (101, 102)
HERE = seccomp.find_own_machine()


def in_a_child(main: Callable[[], int]) -> int:
    """What waitpid(2) says of a child that runs ``main`` and exits with what it returns."""
    pid = os.fork()
    if pid == 0:
        status = 99
        try:
            ctypes.CDLL(None).prctl(NO_NEW_PRIVS, 1, 0, 0, 0)
            status = main()
        finally:
            os._exit(status)
    return os.waitpid(pid, 0)[1]


@pytest.fixture
def _supported() -> None:
    if HERE is None:
        pytest.skip(f"no seccomp program for {os.uname().machine}")


@pytest.mark.usefixtures("_supported")
def test_the_kernel_takes_and_heeds_it() -> None:
    """What is not listed gives EPERM, the rest works on."""

    def main() -> int:
        if not seccomp.restrict((LINK,), CAPTURES):
            return 1
        try:
            os.open("/", os.O_RDONLY)
        except PermissionError:
            return 0
        return 2

    assert 0 == in_a_child(main)


@pytest.mark.usefixtures("_supported")
@pytest.mark.parametrize("machine", sorted(name for name in MACHINES if MACHINES[name] is not HERE))
def test_calls_of_another_architecture_end_the_process(machine: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The kernel takes the program of another machine too, and here every call is a foreign one to that."""
    monkeypatch.setattr(seccomp, "find_machine", lambda *_: MACHINES[machine])
    status = in_a_child(lambda: int(seccomp.restrict((LINK,), CAPTURES)))
    assert (True, signal.SIGSYS) == (os.WIFSIGNALED(status), os.WTERMSIG(status))


def test_an_unknown_machine_has_no_program(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is installed, and nothing fails."""
    monkeypatch.setattr(seccomp, "find_machine", lambda *_: None)
    assert seccomp.restrict((LINK,), CAPTURES) is False


@pytest.mark.usefixtures("_supported")
def test_a_kernel_without_seccomp_has_no_place_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """It does not know the option: nothing to warn of, the manual says what is not prevented."""
    monkeypatch.setattr(seccomp, "_set", lambda _: errno.EINVAL)
    assert seccomp.restrict((LINK,), CAPTURES) is False


@pytest.mark.usefixtures("_supported")
@pytest.mark.parametrize("probe", [errno.EFAULT, errno.EPERM])
def test_a_kernel_that_refuses_is_told_of(probe: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where seccomp should be there and fails, that is no silence."""
    answers = iter([probe, errno.EPERM])
    monkeypatch.setattr(seccomp, "_set", lambda _: next(answers))
    with pytest.raises(PermissionError, match="seccomp: Operation not permitted"):
        seccomp.restrict((LINK,), CAPTURES)
