"""What a packet process that has been taken over might try; each attack says how it ended."""

from __future__ import annotations

import array
import ctypes
import errno
import fcntl
import mmap
import os
import platform
import resource
import signal
import socket
import struct
import subprocess
import termios
from collections.abc import Callable, Mapping

_libc = ctypes.CDLL(None, use_errno=True)
_libc.mmap.restype = ctypes.c_void_p

_PTRACE_ATTACH, _CLONE_NEWUSER, _PROT_EXEC, _PROT_ALL = 16, 0x10000000, 4, 7
_SOL_PACKET, _PACKET_RX_RING, _SO_DETACH_FILTER, _SO_ATTACH_BPF, _SO_LOCK_FILTER = 263, 5, 27, 50, 44
_SO_PEERPIDFD = 77
_FRAME = b"\xff" * 12 + b"\x88\xb5" + b"gotcha".ljust(60, b"\0")

NEW_CALLS = {
    # The same number on every machine (asm-generic/unistd.h).
    "pidfd_send_signal": 424,
    "io_uring_setup": 425,
    "pidfd_open": 434,
    "clone3": 435,
    "openat2": 437,
    "pidfd_getfd": 438,
}
X32_GETPID = 0x4000_0000 + 39
_MACHINE = platform.machine()  # asks uname(2), which is refused later

DONE = "done"

Attack = Callable[[], object]


def attack(
    *, link: int, captures: tuple[int, ...], config_path: str, keeper: int, gently: bool
) -> dict[str, str]:
    """Tries everything: name to ``done`` or the error's name.

    ``gently``: leaves out what, where it works, ends or changes this process.
    """
    capture = captures[0]
    attacks = {
        **_files(config_path),
        **_processes(keeper),
        **_rights(),
        **_packets(capture),
        **_sockets(),
    }
    if not gently:
        attacks |= _last(link, capture, keeper)
    return {name: _outcome(one) for name, one in attacks.items()}


def _outcome(one: Attack) -> str:
    try:
        one()
    except OSError as error:
        return errno.errorcode[error.errno or 0]
    return DONE


def _call(name: str, *arguments: object) -> int:
    """A C function that returns -1 on failure. Raises OSError."""
    result: int = getattr(_libc, name)(*arguments)
    if result in {-1, ctypes.c_size_t(-1).value}:
        raise OSError(ctypes.get_errno(), name)
    return result


def _files(config_path: str) -> Mapping[str, Attack]:
    return {
        "open the config": lambda: os.open(config_path, os.O_RDONLY),
        "open a file of everybody's": lambda: os.open("/etc/passwd", os.O_RDONLY),
        "open a file to write": lambda: os.open("/tmp/insider", os.O_WRONLY | os.O_CREAT),
        "open the null device": lambda: os.open(os.devnull, os.O_WRONLY),
        "a pipe": os.pipe,
        "a copy of a descriptor": lambda: os.dup(0),
        "a file in memory": lambda: os.memfd_create("insider"),
    }


def _processes(keeper: int) -> Mapping[str, Attack]:
    return {
        "start a program": lambda: subprocess.run(["/bin/true"], check=True),
        "fork": _fork,
        "stop the keeper": lambda: os.kill(keeper, signal.SIGSTOP),
        "trace the keeper": lambda: _call("ptrace", _PTRACE_ATTACH, keeper, None, None),
        "read the keeper's memory": lambda: _call("process_vm_readv", keeper, *_vectors()),
    }


def _fork() -> None:
    if os.fork() == 0:
        os._exit(0)


def _vectors() -> tuple[object, ...]:
    buffer = ctypes.create_string_buffer(8)
    vector = ctypes.create_string_buffer(struct.pack("@PN", ctypes.addressof(buffer), 8))
    return vector, 1, vector, 1, 0


def _rights() -> Mapping[str, Attack]:
    header = struct.pack("=II", 0x20080522, 0)
    return {
        "become root": lambda: os.setresuid(0, 0, 0),
        "become root's group": lambda: os.setresgid(0, 0, 0),
        "get groups": lambda: os.setgroups([0]),
        "get capabilities": lambda: _call("capset", header, struct.pack("=6I", *[0xFFFF_FFFF] * 6)),
        "mount": lambda: _call("mount", b"none", b"/tmp", b"tmpfs", 0, None),
        "change the root": lambda: os.chroot("/"),
        "raise a limit": lambda: _call("setrlimit", resource.RLIMIT_NPROC, struct.pack("@2L", 9, 9)),
    }


def _packets(capture: int) -> Mapping[str, Attack]:
    message = struct.pack(_MESSAGE, 0, 0, *_one_vector(), 0, 0, 0)
    return {
        "send a packet with sendto": lambda: _call("sendto", capture, _FRAME, len(_FRAME), 0, None, 0),
        "send a packet with sendmsg": lambda: _call("sendmsg", capture, message, 0),
        "send a packet with write": lambda: os.write(capture, _FRAME),
        "send a packet with writev": lambda: os.writev(capture, [_FRAME]),
        "take the filter off": lambda: _option(capture, socket.SOL_SOCKET, _SO_DETACH_FILTER, 4),
    }


_MESSAGE = "@PIPNPNi0P"  # struct msghdr
_frame = ctypes.create_string_buffer(_FRAME)
_vector = ctypes.create_string_buffer(struct.pack("@PN", ctypes.addressof(_frame), len(_FRAME)))


def _one_vector() -> tuple[int, int]:
    return ctypes.addressof(_vector), 1


def _option(descriptor: int, level: int, option: int, size: int) -> None:
    _call("setsockopt", descriptor, level, option, bytes(size), size)


def _sockets() -> Mapping[str, Attack]:
    families = {"inet": socket.AF_INET, "packet": socket.AF_PACKET, "unix": socket.AF_UNIX}
    families["netlink"] = socket.AF_NETLINK
    return {f"a socket ({name})": _socket(family) for name, family in families.items()}


def _socket(family: int) -> Attack:
    kind = socket.SOCK_RAW if family in {socket.AF_PACKET, socket.AF_NETLINK} else socket.SOCK_DGRAM
    return lambda: _call("socket", family, kind, 0)


def _last(link: int, capture: int, keeper: int) -> Mapping[str, Attack]:
    """What would leave its traces where it works."""
    page = ctypes.create_string_buffer(2 * mmap.PAGESIZE)
    start = ctypes.c_void_p(-(-ctypes.addressof(page) // mmap.PAGESIZE) * mmap.PAGESIZE)
    private = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS
    passed = array.array("i", [capture])
    header = struct.calcsize("@Nii")
    control = (
        struct.pack("@Nii", header + passed.itemsize, socket.SOL_SOCKET, socket.SCM_RIGHTS)
        + passed.tobytes()
        + bytes(4)
    )
    buffer = ctypes.create_string_buffer(control)
    message = struct.pack(_MESSAGE, 0, 0, *_one_vector(), ctypes.addressof(buffer), len(control), 0)
    attacks: dict[str, Attack] = {
        "become another program": lambda: os.execv("/bin/true", ["true"]),
        "a namespace": lambda: _call("unshare", _CLONE_NEWUSER),
        "end a process": lambda: os.kill(keeper, 0),
        "pass a descriptor on": lambda: _call("sendmsg", link, message, 0),
        "a descriptor of the keeper": lambda: _call(
            "getsockopt", link, socket.SOL_SOCKET, _SO_PEERPIDFD, bytes(4), struct.pack("=I", 4)
        ),
        "another filter's kind": lambda: _option(capture, socket.SOL_SOCKET, _SO_ATTACH_BPF, 4),
        "lock the filter": lambda: _option(capture, socket.SOL_SOCKET, _SO_LOCK_FILTER, 4),
        "take the ring away": lambda: _option(capture, _SOL_PACKET, _PACKET_RX_RING, 28),
        "change the link's options": lambda: _option(link, socket.SOL_SOCKET, socket.SO_SNDBUF, 4),
        "another interface": lambda: _call("bind", capture, struct.pack("=HHI12x", 17, 0x0300, 1), 20),
        "code in new memory": lambda: _call("mmap", None, 4096, _PROT_ALL, private, -1, ctypes.c_long(0)),
        "code in old memory": lambda: _call("mprotect", start, mmap.PAGESIZE, _PROT_ALL),
        "write to the terminal's output": lambda: os.write(1, b"gotcha"),
        "type into the terminal": lambda: fcntl.ioctl(2, termios.TIOCSTI, b"x"),
        "make the link wait": lambda: os.set_blocking(link, True),
        "read the input": lambda: os.read(0, 1),
        "look at a file": lambda: os.stat("/"),
    }
    attacks |= {name: _new(number) for name, number in NEW_CALLS.items()}
    if _MACHINE == "x86_64":
        attacks["a call by the x32 numbers"] = _new(X32_GETPID)
    return attacks


def _new(number: int) -> Attack:
    return lambda: _call("syscall", number, 0, 0, 0, 0, 0, 0)
