"""What is on the wire, by numbers that stand in the kernel's and libpcap's headers."""

from __future__ import annotations

import pytest

from knockd_bpf import wire
from knockd_bpf.wire import (
    DLT_EN10MB,
    DLT_LINUX_SLL,
    DLT_RAW,
    TCP,
    UDP,
    find_linktype,
    flag_names,
)
from knockd_conf.fields import flag_rule
from knockd_conf.model import FlagRule
from knockd_conf.protocol import Protocol


def test_protocols_are_plain() -> None:
    """Each packet is compared with plain ints, equal to the members of Protocol."""
    assert [int, int] == [type(TCP), type(UDP)]
    assert [Protocol.TCP, Protocol.UDP] == [TCP, UDP]


@pytest.mark.parametrize(
    ("rule", "text"),
    [
        (FlagRule(0x02, 0x10), "syn,!ack"),
        (FlagRule(0x3F, 0), "fin,syn,rst,psh,ack,urg"),
        (FlagRule(0, 0x21), "!fin,!urg"),
        (FlagRule(0, 0), ""),
    ],
)
def test_flag_names(rule: FlagRule, text: str) -> None:
    """Flags that must be set come first, then those that must be clear, each in the order of the header."""
    assert text == flag_names(rule)


@pytest.mark.parametrize("must_set", range(0x40))
def test_flag_names_are_read_back(must_set: int) -> None:
    """What is printed is what TCPFlags takes for the same rule."""
    rule = FlagRule(must_set, 0x3F & ~must_set)
    assert rule == flag_rule(flag_names(rule))


def test_link_types() -> None:
    """Numbers of pcap/dlt.h and of captures in files."""
    assert [1, 12, 101, 113, 276] == [
        wire.DLT_EN10MB,
        wire.DLT_RAW,
        wire.LINKTYPE_RAW,
        wire.DLT_LINUX_SLL,
        wire.DLT_LINUX_SLL2,
    ]


def test_extension_headers() -> None:
    """No transport protocol, no ESP and no "no next header" is walked over as an extension header."""
    assert not wire.EXTENSION_HEADERS & {6, 17, 50, 58, 59}
    assert wire.EXTENSION_HEADERS >= {0, 43, 44, 60}


@pytest.mark.parametrize(
    ("arphrd", "linktype"),
    [
        (1, DLT_EN10MB),
        (772, DLT_EN10MB),
        (65_534, DLT_RAW),
        (776, DLT_RAW),
        (512, DLT_LINUX_SLL),
        (0, DLT_LINUX_SLL),
    ],
)
def test_find_linktype(arphrd: int, linktype: int) -> None:
    """Ethernet and loopback have their header, what has none is raw IP, all else is cooked."""
    assert find_linktype(arphrd) == linktype
