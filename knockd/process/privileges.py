"""Who this process is and what it may do. The only file that changes user, groups, capabilities and limits.

What is given up here is given up for good; only ``files_of_group`` is for a moment.

World: users, groups, capabilities and limits.
"""

from __future__ import annotations

import ctypes
import os
import pwd
import resource
import signal
import struct
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial

from knockd_conf.classes import NamedTuple

DEFAULT_USERS = ("knockd", "nobody")
OVERFLOW_ID = 65_534
"""The ids that the kernel itself uses for nobody, where there is no list of users."""

_PR_SET_PDEATHSIG, _PR_SET_DUMPABLE, _PR_CAPBSET_DROP = 1, 4, 24  # linux/prctl.h
_PR_SET_NO_NEW_PRIVS, _PR_CAP_AMBIENT = 38, 47
_PR_CAP_AMBIENT_CLEAR_ALL = 4
_CLONE_NEWNET = 0x40000000  # linux/sched.h
_CAPABILITY_VERSION_3 = 0x20080522  # linux/capability.h
_MAX_CAPABILITIES = 64

_libc = ctypes.CDLL(None, use_errno=True)
_libc.prctl.argtypes = (ctypes.c_int, *[ctypes.c_ulong] * 4)


class NoSuchUserError(OSError):
    """There is no user of that name to become; an OSError, as whatever keeps a process from being started."""


class PrivilegeError(Exception):
    """The change to a user that was asked for by name is impossible."""


class User(NamedTuple):
    """A user to become."""

    name: str
    uid: int
    gid: int


def find_user(name: str) -> User:
    """A user of this system other than root, who owns his files also without capabilities.

    Raises NoSuchUserError.
    """
    try:
        entry = pwd.getpwnam(name)
    except KeyError:
        raise NoSuchUserError(f"there is no user {name} on this system") from None
    if entry.pw_uid == 0:
        raise NoSuchUserError(f"{name} is root: the packet process needs a user who may nothing")
    return User(name, entry.pw_uid, entry.pw_gid)


def is_user(name: str) -> bool:
    """Whether there is a user of that name, and he is not root."""
    try:
        find_user(name)
    except NoSuchUserError:
        return False
    return True


def packet_user(name: str | None) -> User | None:
    """Who the packet process becomes: the one asked for, else a default where we are root, else nobody else.

    Raises NoSuchUserError for a ``name`` that does not exist.
    """
    if name is not None:
        return find_user(name)
    if os.geteuid() != 0:
        return None
    for default in DEFAULT_USERS:
        try:
            return find_user(default)
        except NoSuchUserError:
            continue
    return User(str(OVERFLOW_ID), OVERFLOW_ID, OVERFLOW_ID)


def find_group(name: str) -> int | None:
    """The id of a group that this process can give files to; None: there is none, or it is not root."""
    import grp  # the daemon itself looks nobody up

    if os.geteuid() != 0:
        return None
    try:
        return grp.getgrnam(name).gr_gid
    except KeyError:
        return None


@contextmanager
def files_of_group(gid: int) -> Iterator[None]:
    """In the block, files that this process makes are of that group; needs CAP_SETGID. Raises OSError."""
    before = os.getegid()
    os.setresgid(-1, gid, -1)
    try:
        yield
    finally:
        os.setresgid(-1, before, -1)


class Kept(NamedTuple):
    """What could not be given up: each step that failed, with the kernel's reason."""

    identity: tuple[str, ...]
    rights: tuple[str, ...]


def give_up(user: User | None, descriptors: int, *, may_write: bool = False) -> Kept:
    """Becomes ``user`` (None: stays who it is), without any capability, group or way to get one.

    No file grows (unless it ``may_write`` to those that are open), no process starts, and no descriptor
    above the first ``descriptors`` is opened after it.
    """
    for number in range(_MAX_CAPABILITIES):
        # Without CAP_SETPCAP they stay in the bounding set, of which no_new_privs makes nothing.
        _prctl(_PR_CAPBSET_DROP, number)
    return Kept(tuple(_become(user)), tuple(_let_go(descriptors, may_write=may_write)))


def end_with(parent: int) -> None:
    """Lets this process, a child of ``parent``, be killed as soon as that has ended, or at once if it has."""
    _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os.kill(os.getpid(), signal.SIGKILL)


def leave_no_core() -> None:
    """Keeps the memory of this process out of files: no core, and nobody but root may look into it."""
    _prctl(_PR_SET_DUMPABLE, 0)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def limit_memory(most: int) -> None:
    """Lets this process have so many bytes of memory at most."""
    resource.setrlimit(resource.RLIMIT_AS, (most, most))


def leave_network() -> None:
    """Puts this process into a network namespace of its own, in which there is nothing. Raises OSError."""
    _must(ctypes.get_errno() if _libc.unshare(_CLONE_NEWNET) else 0)


def _become(user: User | None) -> Iterator[str]:
    if user is None or user.uid == os.getuid() != 0:
        return  # whom somebody else started as that user already cannot change, and need not
    uid, gid = user.uid, user.gid
    yield from _try("setgroups", lambda: os.setgroups([]))
    yield from _try("setresgid", lambda: os.setresgid(gid, gid, gid))
    yield from _try("setresuid", lambda: os.setresuid(uid, uid, uid))


def _let_go(descriptors: int, *, may_write: bool) -> Iterator[str]:
    _prctl(_PR_CAP_AMBIENT, _PR_CAP_AMBIENT_CLEAR_ALL)  # kernels before 4.3 have none
    yield from _try("capset", _clear_capabilities)
    yield from _try("no_new_privs", lambda: _must(_prctl(_PR_SET_NO_NEW_PRIVS, 1)))
    # Others of the same user can neither trace it nor read its memory.
    yield from _try("dumpable", lambda: _must(_prctl(_PR_SET_DUMPABLE, 0)))
    most_bytes = resource.RLIM_INFINITY if may_write else 0
    limits = {
        "RLIMIT_NPROC": (resource.RLIMIT_NPROC, 0),
        "RLIMIT_FSIZE": (resource.RLIMIT_FSIZE, most_bytes),
        "RLIMIT_CORE": (resource.RLIMIT_CORE, 0),
        # 0 would keep poll(2) from working too.
        "RLIMIT_NOFILE": (resource.RLIMIT_NOFILE, descriptors),
    }
    for name, (limit, most) in limits.items():
        yield from _try(name, partial(resource.setrlimit, limit, (most, most)))


def _try(what: str, step: Callable[[], object]) -> Iterator[str]:
    try:
        step()
    except OSError as error:
        yield f"{what}: {error.strerror}"


def _prctl(option: int, argument: int) -> int:
    """Calls prctl(2); the error number, 0 for none."""
    return ctypes.get_errno() if _libc.prctl(option, argument, 0, 0, 0) else 0


def _must(failed: int) -> None:
    if failed:
        raise OSError(failed, os.strerror(failed))


def _clear_capabilities() -> None:
    header = ctypes.create_string_buffer(struct.pack("=II", _CAPABILITY_VERSION_3, 0))
    nothing = ctypes.create_string_buffer(struct.pack("=6I", *[0] * 6))
    if _libc.capset(header, nothing):
        _must(ctypes.get_errno())
