"""The seccomp program of the packet process: which system calls it may still make, and on what.

The kernel runs it on a struct seccomp_data (linux/seccomp.h) at every call. What is not listed
is answered with EPERM. Arguments have 64 bits there; those that are tested here (descriptors,
levels, options, requests, protection bits) are 32-bit values to the kernel too, which drops the
upper half, and a C library may leave anything in it. So the lower half is what counts.

Pure.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Final, NamedTuple

from knockd_bpf.instruction import JEQ_K, JGE_K, JSET_K, LD_W_ABS, RET_K, Instruction

ALLOW: Final = 0x7FFF_0000
DENY: Final = 0x0005_0001
"""SECCOMP_RET_ERRNO with EPERM."""
KILL: Final = 0x8000_0000
"""SECCOMP_RET_KILL_PROCESS (kernels before 4.14 end the one thread that there is)."""

_NUMBER, _ARCH, _ARGUMENTS = 0, 4, 16  # offsets in struct seccomp_data, little-endian


class Machine(NamedTuple):
    """A machine's system call interface: its AUDIT_ARCH and the numbers of its calls."""

    arch: int
    numbers: Mapping[str, int]


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

_CALLS: Final[Mapping[str, tuple[int | None, int | None, int | None]]] = {
    # name: (asm/unistd_64.h, asm-generic/unistd.h, arm: asm/unistd-eabi.h)
    "poll": (7, None, 168),
    "ppoll": (271, 73, 336),
    "ppoll_time64": (None, None, 414),
    "recvfrom": (45, 207, 292),
    "recv": (None, None, 291),
    "sendto": (44, 206, 290),
    "send": (None, None, 289),
    "clock_gettime": (228, 113, 263),
    "clock_gettime64": (None, None, 403),
    "gettimeofday": (96, 169, 78),
    "futex": (202, 98, 240),
    "futex_time64": (None, None, 422),
    "brk": (12, 214, 45),
    "mmap": (9, 222, None),
    "mmap2": (None, None, 192),
    "munmap": (11, 215, 91),
    "mremap": (25, 216, 163),
    "mprotect": (10, 226, 125),
    "madvise": (28, 233, 220),
    "getsockopt": (55, 209, 295),
    "setsockopt": (54, 208, 294),
    "ioctl": (16, 29, 54),
    "write": (1, 64, 4),
    "close": (3, 57, 6),
    "getrandom": (318, 278, 384),
    "rt_sigaction": (13, 134, 174),
    "rt_sigprocmask": (14, 135, 175),
    "rt_sigreturn": (15, 139, 173),
    "sigreturn": (None, None, 119),
    "restart_syscall": (219, 128, 0),
    "exit": (60, 93, 1),
    "exit_group": (231, 94, 248),
}
"""Every call that is allowed, the frequent ones first.

The C library of arm has calls of its own for times of 64 bits (linux 5.1), and signals return by two.
"""


def _machine(arch: int, column: int) -> Machine:
    numbers = ((name, row[column]) for name, row in _CALLS.items())
    return Machine(arch, {name: number for name, number in numbers if number is not None})


MACHINES: Final[Mapping[str, Machine]] = {
    "x86_64": _machine(0xC000_003E, 0),
    "aarch64": _machine(0xC000_00B7, 1),
    "arm": _machine(0x4000_0028, 2),
}
"""All little-endian, the last one the EABI with 32-bit pointers. AUDIT_ARCH: linux/audit.h."""


def find_machine(name: str, pointer: int) -> Machine | None:
    """The machine of a program with pointers of so many bytes where uname(2) says ``name``; None: not known.

    A 32-bit program on a 64-bit kernel makes the 32-bit machine's calls. ARM's last letter is its byte order.
    """
    if pointer == 8:
        return MACHINES.get(name)
    is_arm = name == "aarch64" or (name.startswith("armv") and name.endswith("l"))
    return MACHINES["arm"] if pointer == 4 and is_arm else None


_PROT_EXEC: Final = 0x4
_NO_DESCRIPTOR: Final = 0xFFFF_FFFF
_STANDARD_ERROR: Final = 2
_SOL_SOCKET, _SO_ATTACH_FILTER, _SIOCGIFNAME = 1, 26, 0x8910


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
    checks = _checks(OneOf(0, min(links), max(links)), OneOf(0, low, high))
    made = [
        Instruction(LD_W_ABS, 0, 0, _ARCH),
        Instruction(JEQ_K, 1, 0, machine.arch),
        Instruction(RET_K, 0, 0, KILL),
        Instruction(LD_W_ABS, 0, 0, _NUMBER),
    ]
    for name, number in machine.numbers.items():
        body = _body(checks.get(name, ()))
        made += [Instruction(JEQ_K, 0, len(body), number), *body]
    # Here ends what is not listed, the x32 calls of x86-64 too: their numbers have bit 30.
    return (*made, Instruction(RET_K, 0, 0, DENY))


def _checks(link: OneOf, capture: OneOf) -> Mapping[str, tuple[Check, ...]]:
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
            OneOf(1, _SOL_SOCKET, _SOL_SOCKET),
            OneOf(2, _SO_ATTACH_FILTER, _SO_ATTACH_FILTER),
        ),
        # After an error libpcap 1.10 looks whether its interface is still there.
        "ioctl": (capture, OneOf(1, _SIOCGIFNAME, _SIOCGIFNAME)),
        "write": (OneOf(0, _STANDARD_ERROR, _STANDARD_ERROR),),
    }


def _body(checks: Collection[Check]) -> list[Instruction]:
    """What runs for a call once its number has been found: the checks, then ALLOW or DENY."""
    allow = Instruction(RET_K, 0, 0, ALLOW)
    if not checks:
        return [allow]
    tests = [test for check in checks for test in _tests(check)]
    deny = len(tests) + 1
    body = [
        one
        if one.code == LD_W_ABS
        else one._replace(jt=one.jt * (deny - at - 1), jf=one.jf * (deny - at - 1))
        for at, one in enumerate(tests)
    ]
    return [*body, allow, Instruction(RET_K, 0, 0, DENY)]


def _tests(check: Check) -> list[Instruction]:
    """One check; an offset of 1 stands for a jump to DENY."""
    load = Instruction(LD_W_ABS, 0, 0, _ARGUMENTS + 8 * check.argument)
    if isinstance(check, Without):
        return [load, Instruction(JSET_K, 1, 0, check.bits)]
    if check.low == check.high:
        return [load, Instruction(JEQ_K, 0, 1, check.low)]
    return [load, Instruction(JGE_K, 0, 1, check.low), Instruction(JGE_K, 1, 0, check.high + 1)]
