"""The seccomp program of the packet process: which system calls it may still make, and on what.

The kernel runs it on a struct seccomp_data (linux/seccomp.h) at every call. What is not listed
is answered with EPERM. Arguments have 64 bits there; those that are tested here (descriptors,
levels, options, requests, protection bits) are 32-bit values to the kernel too, which drops the
upper half, and a C library may leave anything in it. So the lower half is what counts.

Pure.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Final

from knockd_bpf.instruction import JEQ_K, JGE_K, JSET_K, LD_W_ABS, RET_K, Instruction
from knockd_conf.classes import NamedTuple

ALLOW: Final = 0x7FFF_0000
DENY: Final = 0x0005_0001
"""SECCOMP_RET_ERRNO with EPERM."""
KILL: Final = 0x8000_0000
"""SECCOMP_RET_KILL_PROCESS (kernels before 4.14 end the one thread that there is)."""

_NUMBER, _ARCH, _ARGUMENTS = 0, 4, 16  # offsets in struct seccomp_data


class Machine(NamedTuple):
    """A machine's system call interface: its AUDIT_ARCH, the numbers of its calls, its byte order."""

    arch: int
    numbers: Mapping[str, int]
    big_endian: bool = False
    sol_socket: int = 1
    """SOL_SOCKET (asm/socket.h)."""


class OneOf(NamedTuple):
    """An argument, counted from 0, is one of a run of values, ``low`` to ``high``."""

    argument: int
    low: int
    high: int


class Without(NamedTuple):
    """An argument, counted from 0, has none of these bits."""

    argument: int
    bits: int


Check = OneOf | Without

_CALLS: Final[Mapping[str, tuple[int | None, int | None, int | None, int | None]]] = {
    # name: (asm/unistd_64.h, asm-generic/unistd.h, arm: asm/unistd-eabi.h, mips: asm/unistd_o32.h)
    "poll": (7, None, 168, 4188),
    "ppoll": (271, 73, 336, 4302),
    "ppoll_time64": (None, None, 414, 4414),
    "recvfrom": (45, 207, 292, 4176),
    "recv": (None, None, 291, 4175),
    "sendto": (44, 206, 290, 4180),
    "send": (None, None, 289, 4178),
    "clock_gettime": (228, 113, 263, 4263),
    "clock_gettime64": (None, None, 403, 4403),
    "gettimeofday": (96, 169, 78, 4078),
    "futex": (202, 98, 240, 4238),
    "futex_time64": (None, None, 422, 4422),
    "brk": (12, 214, 45, 4045),
    "mmap": (9, 222, None, None),
    "mmap2": (None, None, 192, 4210),
    "munmap": (11, 215, 91, 4091),
    "mremap": (25, 216, 163, 4167),
    "mprotect": (10, 226, 125, 4125),
    "madvise": (28, 233, 220, 4218),
    "getsockopt": (55, 209, 295, 4173),
    "setsockopt": (54, 208, 294, 4181),
    "ioctl": (16, 29, 54, 4054),
    "write": (1, 64, 4, 4004),
    "close": (3, 57, 6, 4006),
    "getrandom": (318, 278, 384, 4353),
    "rt_sigaction": (13, 134, 174, 4194),
    "rt_sigprocmask": (14, 135, 175, 4195),
    "rt_sigreturn": (15, 139, 173, 4193),
    "sigreturn": (None, None, 119, 4119),
    "restart_syscall": (219, 128, 0, 4253),
    "exit": (60, 93, 1, 4001),
    "exit_group": (231, 94, 248, 4246),
}
"""Every call that is allowed, the frequent ones first.

C libraries of 32 bits have calls of their own for times of 64 bits (linux 5.1), and signals return by two.
"""


def _number_calls(column: int) -> Mapping[str, int]:
    numbers = ((name, row[column]) for name, row in _CALLS.items())
    return {name: number for name, number in numbers if number is not None}


MACHINES: Final[Mapping[str, Machine]] = {
    "x86_64": Machine(0xC000_003E, _number_calls(0)),
    "aarch64": Machine(0xC000_00B7, _number_calls(1)),
    "arm": Machine(0x4000_0028, _number_calls(2)),
    "mips": Machine(0x0000_0008, _number_calls(3), big_endian=True, sol_socket=0xFFFF),
    "mipsel": Machine(0x4000_0008, _number_calls(3), sol_socket=0xFFFF),
}
"""The last three have 32-bit pointers: arm's EABI, and o32 in both byte orders. AUDIT_ARCH: linux/audit.h."""


def find_machine(name: str, pointer: int, order: str) -> Machine | None:
    """The machine of a program where uname(2) says ``name``; None: not known.

    ``pointer`` is the size of its pointers in bytes, ``order`` its byte order (as sys.byteorder). A 32-bit
    program on a 64-bit kernel makes the 32-bit machine's calls; of mips there are two kinds, and which one
    nobody says.
    """
    if pointer == 8:
        return MACHINES.get(name)
    if name == "mips":
        return MACHINES["mips" if order == "big" else "mipsel"]
    is_arm = name == "aarch64" or name.startswith("armv")
    return MACHINES["arm"] if order == "little" and is_arm else None


_PROT_EXEC: Final = 0x4
_NO_DESCRIPTOR: Final = 0xFFFF_FFFF
_STANDARD_ERROR: Final = 2
_SO_ATTACH_FILTER, _SIOCGIFNAME = 26, 0x8910


def seccomp_program(
    machine: Machine, links: Collection[int], captures: Collection[int]
) -> tuple[Instruction, ...]:
    """The program for a process with these descriptors.

    It may send on ``links``. What is between the lowest and the highest capture counts as one, and so
    between the links; raises ValueError when a link is among the captures.
    """
    low, high = min(captures, default=_NO_DESCRIPTOR), max(captures, default=_NO_DESCRIPTOR)
    if min(links) <= high and low <= max(links):
        raise ValueError(f"links: expected descriptors below or above {low} to {high}, got {sorted(links)}")
    lower = _ARGUMENTS + (4 if machine.big_endian else 0)
    checks = _checks(OneOf(0, min(links), max(links)), OneOf(0, low, high), machine.sol_socket)
    made = [
        Instruction(LD_W_ABS, 0, 0, _ARCH),
        Instruction(JEQ_K, 1, 0, machine.arch),
        Instruction(RET_K, 0, 0, KILL),
        Instruction(LD_W_ABS, 0, 0, _NUMBER),
    ]
    for name, number in machine.numbers.items():
        body = _body(checks.get(name, ()), lower)
        made += [Instruction(JEQ_K, 0, len(body), number), *body]
    # Here ends what is not listed, the x32 calls of x86-64 too: their numbers have bit 30.
    return (*made, Instruction(RET_K, 0, 0, DENY))


def _checks(link: OneOf, capture: OneOf, level: int) -> Mapping[str, tuple[Check, ...]]:
    """What is asked of the arguments of calls that not every use is allowed of."""
    mapping = (Without(2, _PROT_EXEC), OneOf(4, _NO_DESCRIPTOR, _NO_DESCRIPTOR))
    return {
        "sendto": (link,),
        "send": (link,),
        # No new machine code: neither written and made executable nor mapped from a descriptor.
        "mmap": mapping,
        "mmap2": mapping,
        "mprotect": (Without(2, _PROT_EXEC),),
        # libpcap counts drops and asks for the reason of an error; a view changes the filter, and
        # nothing may take it off (SO_DETACH_FILTER).
        "getsockopt": (capture,),
        "setsockopt": (
            capture,
            OneOf(1, level, level),
            OneOf(2, _SO_ATTACH_FILTER, _SO_ATTACH_FILTER),
        ),
        # After an error libpcap 1.10 looks whether its interface is still there.
        "ioctl": (capture, OneOf(1, _SIOCGIFNAME, _SIOCGIFNAME)),
        "write": (OneOf(0, _STANDARD_ERROR, _STANDARD_ERROR),),
    }


def _body(checks: Collection[Check], lower: int) -> list[Instruction]:
    """What runs for a call once its number has been found: the checks, then ALLOW or DENY."""
    allow = Instruction(RET_K, 0, 0, ALLOW)
    if not checks:
        return [allow]
    tests = [test for check in checks for test in _tests(check, lower)]
    deny = len(tests) + 1
    body = [
        one
        if one.code == LD_W_ABS
        else one._replace(jt=one.jt * (deny - at - 1), jf=one.jf * (deny - at - 1))
        for at, one in enumerate(tests)
    ]
    return [*body, allow, Instruction(RET_K, 0, 0, DENY)]


def _tests(check: Check, lower: int) -> list[Instruction]:
    """One check; an offset of 1 stands for a jump to DENY. ``lower``: where the first lower half lies."""
    load = Instruction(LD_W_ABS, 0, 0, lower + 8 * check.argument)
    if isinstance(check, Without):
        return [load, Instruction(JSET_K, 1, 0, check.bits)]
    if check.low == check.high:
        return [load, Instruction(JEQ_K, 0, 1, check.low)]
    return [load, Instruction(JGE_K, 0, 1, check.low), Instruction(JGE_K, 1, 0, check.high + 1)]
