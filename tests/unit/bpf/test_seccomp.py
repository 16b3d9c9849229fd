"""The seccomp program, run by our own machine: what each machine's calls are answered with."""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from knockd_bpf.seccomp import ALLOW, DENY, KILL, MACHINES, Machine, find_machine, seccomp_program
from knockd_bpf.vm import run_program

LINKS, CAPTURES = (2, 3), (4, 5, 6)
LINK = 3
MOST = 1_024
"""More numbers than any machine has calls; those of mips are counted from 4,000."""

X32 = 1 << 30
EVERYWHERE = (*range(MOST), *range(4_000, 4_000 + MOST))
ANY_UPPER = 0xDEAD_BEEF << 32
"""What a C library may leave above a 32-bit argument."""

SMALL = [MACHINES[name] for name in ("arm", "mips", "mipsel")]
"""Machines with pointers of 32 bits."""

HEADERS = {
    "x86_64": ("/usr/include/x86_64-linux-gnu/asm/unistd_64.h",),
    "aarch64": ("/usr/include/asm-generic/unistd.h",),
    "arm": (
        "/usr/arm-linux-gnueabihf/include/asm/unistd-eabi.h",  # linux-libc-dev-armhf-cross
        "/usr/include/arm-linux-gnueabihf/asm/unistd-eabi.h",
    ),
    "mips": ("/usr/mips-linux-gnu/include/asm/unistd_o32.h",),  # linux-libc-dev-mips-cross
    "mipsel": ("/usr/mips-linux-gnu/include/asm/unistd_o32.h",),
}


@pytest.fixture(params=sorted(MACHINES))
def machine(request: pytest.FixtureRequest) -> Machine:
    """Each machine that we know the calls of."""
    return MACHINES[request.param]


def answer(machine: Machine, number: int, *arguments: int, arch: int | None = None) -> int:
    """What the kernel would answer a call with: ALLOW, DENY or KILL."""
    values = [*arguments, *[0] * (6 - len(arguments))]
    pairs = [(value & 0xFFFF_FFFF, value >> 32 & 0xFFFF_FFFF) for value in values]
    halves = [half for pair in pairs for half in (reversed(pair) if machine.big_endian else pair)]
    # Loads from a struct seccomp_data are in the machine's own byte order, those of our machine in
    # the network's: so the words are laid out for that one.
    data = struct.pack(">16I", number, machine.arch if arch is None else arch, 0, 0, *halves)
    return run_program(seccomp_program(machine, LINKS, CAPTURES), data).verdict


def call(machine: Machine, name: str, *arguments: int) -> int:
    """The same for a call by name."""
    return answer(machine, machine.numbers[name], *arguments)


def mapping(machine: Machine) -> str:
    """The call that maps memory: on 32-bit machines one that counts in pages."""
    return "mmap2" if machine in SMALL else "mmap"


def allowed(machine: Machine, name: str, samples: Sequence[tuple[int, ...]]) -> list[tuple[int, ...]]:
    """Those of some argument lists that are allowed."""
    return [one for one in samples if call(machine, name, *one) == ALLOW]


def test_every_number_that_is_not_listed_is_refused(machine: Machine) -> None:
    """Whatever call a machine has or will have: EPERM, unless it is on the list."""
    listed = set(machine.numbers.values())
    assert {DENY} == {answer(machine, number) for number in EVERYWHERE if number not in listed}


def test_every_x32_number_is_refused() -> None:
    """x86-64's second set of calls has the same architecture and bit 30: no way around."""
    assert {DENY} == {answer(MACHINES["x86_64"], X32 | number) for number in EVERYWHERE}


def test_a_foreign_architecture_ends_the_process(machine: Machine) -> None:
    """int 0x80 on x86-64 has other numbers: a process that uses it is not ours any more."""
    for arch in (0x4000_0003, 0x28, 0, *({one.arch for one in MACHINES.values()} - {machine.arch})):
        assert {KILL} == {answer(machine, number, arch=arch) for number in EVERYWHERE}


def test_what_needs_no_argument_is_allowed(machine: Machine) -> None:
    """The calls of a loop that reads and waits, memory and the end."""
    names = {"ppoll", "recvfrom", "clock_gettime", "gettimeofday", "futex", "brk", "munmap", "mremap"}
    names |= {"madvise", "close", "getrandom", "rt_sigreturn", "restart_syscall", "exit", "exit_group"}
    assert {ALLOW} == {call(machine, name) for name in names}


def test_sending_is_for_the_link(machine: Machine) -> None:
    """Not one packet leaves by a capture, or by anything else than the links."""
    samples = [(descriptor, 0, 10) for descriptor in range(10)]
    assert [(link, 0, 10) for link in LINKS] == allowed(machine, "sendto", samples)


@pytest.mark.parametrize("machine", SMALL, ids=lambda one: hex(one.arch))
def test_small_machines_have_more_ways_to_do_the_same(machine: Machine) -> None:
    """Times of 64 bits, calls without an address, the older end of a signal: with the same checks."""
    names = {"ppoll_time64", "clock_gettime64", "futex_time64", "recv", "sigreturn"}
    assert {ALLOW} == {call(machine, name) for name in names}
    samples = [(descriptor, 0, 10) for descriptor in range(10)]
    assert [(link, 0, 10) for link in LINKS] == allowed(machine, "send", samples)


@pytest.mark.parametrize(
    ("name", "pointer", "order", "machine"),
    [
        ("x86_64", 8, "little", "x86_64"),
        ("aarch64", 8, "little", "aarch64"),
        ("armv7l", 4, "little", "arm"),
        ("armv5tel", 4, "little", "arm"),
        ("armv8l", 4, "little", "arm"),
        ("aarch64", 4, "little", "arm"),  # a 32-bit program on a 64-bit kernel
        ("x86_64", 4, "little", None),
        ("armv7b", 4, "big", None),
        ("aarch64_be", 8, "big", None),
        ("mips", 4, "big", "mips"),
        ("mips", 4, "little", "mipsel"),
        ("mips64", 4, "big", None),  # n32 or o32
        ("mips64", 8, "big", None),
        ("riscv64", 8, "little", None),
    ],
)
def test_the_machine_of_a_program(name: str, pointer: int, order: str, machine: str | None) -> None:
    """uname(2), the size of a pointer and the byte order tell whose calls a program makes."""
    assert find_machine(name, pointer, order) is (None if machine is None else MACHINES[machine])


def test_writing_is_for_standard_error(machine: Machine) -> None:
    """write(2) on a capture would send a packet too."""
    assert [(2, 0, 10)] == allowed(machine, "write", [(descriptor, 0, 10) for descriptor in range(10)])


def test_filters_are_changed_and_not_taken_off(machine: Machine) -> None:
    """Of all socket options only SO_ATTACH_FILTER, on a capture."""
    samples = [
        (fd, level, option) for fd in range(9) for level in (0, 1, 6, 263, 0xFFFF) for option in range(80)
    ]
    assert [(fd, machine.sol_socket, 26) for fd in CAPTURES] == allowed(machine, "setsockopt", samples)


def test_questions_are_for_captures(machine: Machine) -> None:
    """getsockopt(2) on the link could make a descriptor of the keeper (SO_PEERPIDFD)."""
    assert [(fd, 263, 6) for fd in CAPTURES] == allowed(
        machine, "getsockopt", [(fd, 263, 6) for fd in range(9)]
    )
    samples = [(fd, request) for fd in range(9) for request in (0x8910, 0x8913, 0x8914, 0x5412, 0x5421)]
    assert [(fd, 0x8910) for fd in CAPTURES] == allowed(machine, "ioctl", samples)


def test_no_memory_becomes_code(machine: Machine) -> None:
    """Neither mapped nor made executable; nothing is mapped from a descriptor."""
    nowhere = 0xFFFF_FFFF
    protections = range(8)
    samples = [(0, 4096, bits, 0x22, fd) for bits in protections for fd in (0, LINK, *CAPTURES, nowhere)]
    mapped = [(0, 4096, bits, 0x22, nowhere) for bits in protections if not bits & 4]
    assert mapped == allowed(machine, mapping(machine), samples)
    changed = [(0, 4096, bits) for bits in protections if not bits & 4]
    assert changed == allowed(machine, "mprotect", [(0, 4096, bits) for bits in protections])


def test_the_upper_half_of_an_argument_means_nothing(machine: Machine) -> None:
    """As to the kernel: it neither opens a way around nor stops what is allowed."""
    assert ALLOW == call(machine, "sendto", LINK | ANY_UPPER)
    assert DENY == call(machine, "sendto", CAPTURES[0] | ANY_UPPER)
    assert ALLOW == call(
        machine, "setsockopt", *(one | ANY_UPPER for one in (CAPTURES[0], machine.sol_socket, 26))
    )
    assert DENY == call(
        machine, "setsockopt", *(one | ANY_UPPER for one in (CAPTURES[0], machine.sol_socket, 27))
    )
    assert ALLOW == call(machine, mapping(machine), 0, 4096, 3 | ANY_UPPER, 0x22, (1 << 64) - 1)
    assert DENY == call(machine, mapping(machine), 0, 4096, 7 | ANY_UPPER, 0x22, (1 << 64) - 1)


def test_one_capture_or_none(machine: Machine) -> None:
    """The kernel's checker wants jumps that stay inside however many captures there are."""
    for captures in ((), (4,), range(4, 1_000)):
        program = seccomp_program(machine, LINKS, captures)
        inside = [at + 1 + max(one.jt, one.jf) < len(program) for at, one in enumerate(program)]
        assert inside == [True] * (len(program) - 1) + [False]


def test_a_link_among_the_captures_is_refused(machine: Machine) -> None:
    """The program could not tell them apart."""
    for links in ((5,), (3, 4), (3, 7)):
        with pytest.raises(ValueError, match=re.escape(f"got {list(links)}")):
            seccomp_program(machine, links, (4, 6))


@pytest.mark.parametrize("name", sorted(HEADERS))
def test_numbers_are_those_of_the_kernel(name: str) -> None:
    """Where the kernel's headers are installed they have the same numbers."""
    header = next(filter(Path.exists, map(Path, HEADERS[name])), None)
    if header is None:
        pytest.skip("the kernel's headers are not installed (linux-libc-dev, linux-libc-dev-*-cross)")
    known = {call: base + number for call, number, base in _numbers(header.read_text())}
    ours = MACHINES[name].numbers
    assert ours == {call: known[call] for call in ours}


def _numbers(header: str) -> Iterator[tuple[str, int, int]]:
    """Yields name, number, and what all numbers are counted from."""
    bases = {"": 0, "(__NR_SYSCALL_BASE + ": 0, "(__NR_Linux + ": 4_000}  # the EABI's, o32's
    for name, base, number in re.findall(r"#define __NR(?:3264)?_(\w+)\s+(\(__NR_\w+ \+ )?(\d+)\b", header):
        yield name, int(number), bases[base]
