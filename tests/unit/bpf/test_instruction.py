"""Programs are printed exactly as tcpdump -d prints them."""

from __future__ import annotations

import ctypes
import ctypes.util
import os
import shutil
import subprocess

import pytest

from knockd_bpf.instruction import SOCK_FILTER_SIZE, Instruction, image, pack
from knockd_bpf.program import Program
from knockd_bpf.wire import DLT_EN10MB
from tests.support.lab.packages import PATH
from tests.support.lab.tools import need_pcapy

FILTERS = [
    "tcp dst port 7000",
    "tcp[13] & 18 = 2 and ip dst host 10.0.0.1",
    "ip6[6] = 6 and ip6[53] & 2 = 2 and tcp dst portrange 7000-7002",
    "ip[2:2] - 4 * (ip[0] & 15) > len and icmp",
    "ether[0] | 1 << 2 >= 7 and ip6 dst host 2001:db8::1",
    "vlan 100 and udp src port 53",
    "less 100 or greater 1000",
]

SAMPLES = [
    Instruction(code, 3, 4, k)
    for code in (*range(0, 0x40), *range(0x40, 0x100))
    for k in (0, 14, 0xFFFFF000, 0xFFFFF03C, 0xFFFFF040, 0xFFFFFFFF)
]


class BpfInstruction(ctypes.Structure):
    """struct bpf_insn of libpcap."""

    _fields_ = (
        ("code", ctypes.c_ushort),
        ("jt", ctypes.c_ubyte),
        ("jf", ctypes.c_ubyte),
        ("k", ctypes.c_uint),
    )


def need(what: str | None, name: str) -> str:
    """The tool, or skip the test; where it must be there (CI) its absence is a failure."""
    if what is None and os.environ.get("CI") == "true":
        pytest.fail(f"{name} is missing")
    return what or pytest.skip(f"{name} is missing")


@pytest.mark.parametrize("text", FILTERS)
def test_listing_is_that_of_tcpdump(text: str) -> None:
    """The listing of a program is what tcpdump prints for the same filter."""
    tcpdump = need(shutil.which("tcpdump", path=PATH), "tcpdump")
    done = subprocess.run(
        [tcpdump, "-y", "EN10MB", "-d", text], capture_output=True, text=True, check=True, timeout=10
    )
    snaplen = 262_144
    compiled = need_pcapy().compile(DLT_EN10MB, snaplen, text, 1, 0xFFFFFFFF)
    program = Program(tuple(Instruction(*row) for row in compiled.get_bpf()), ())
    assert done.stdout == program.listing()


def test_every_instruction_as_libpcap_prints_it() -> None:
    """Every operation code of classic BPF, with operands at the edges, looks as in libpcap."""
    library = ctypes.CDLL(need(ctypes.util.find_library("pcap"), "libpcap"))
    library.bpf_image.restype = ctypes.c_char_p
    library.bpf_image.argtypes = [ctypes.POINTER(BpfInstruction), ctypes.c_int]
    theirs = {one: library.bpf_image(ctypes.byref(BpfInstruction(*one)), 7).decode() for one in SAMPLES}
    known = {one: text for one, text in theirs.items() if "unimp" not in text}
    assert len(known) > 200
    assert known == {one: image(one, 7) for one in known}


def test_unknown_code() -> None:
    """A code that classic BPF does not have cannot be printed."""
    with pytest.raises(KeyError):
        image(Instruction(0xFF, 0, 0, 0), 0)


def test_comments() -> None:
    """A commented listing has the reason after each instruction, its operand filled in."""
    program = Program((Instruction(0x15, 0, 1, 7000), Instruction(6, 0, 0, 0)), ("port {k}?", "no"))
    assert program.listing(comments=True).splitlines() == [
        "(000) jeq      #0x1b58          jt 1    jf 2             ; port 7000?",
        "(001) ret      #0                                        ; no",
    ]


def test_rows() -> None:
    """As rows for JSON an instruction is a list of four numbers."""
    assert Program((Instruction(0x15, 0, 1, 7000),), ("",)).rows() == [[0x15, 0, 1, 7000]]


def test_pack() -> None:
    """Packed, an instruction is a struct sock_filter of eight bytes in native order."""
    packed = pack([Instruction(0x06, 0, 0, 1), Instruction(0x15, 1, 2, 0x01020304)])
    assert len(packed) == 2 * SOCK_FILTER_SIZE == 16
    again = BpfInstruction.from_buffer_copy(packed, SOCK_FILTER_SIZE)
    assert Instruction(0x15, 1, 2, 0x01020304) == (again.code, again.jt, again.jf, again.k)
