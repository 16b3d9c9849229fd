"""Numbers of TCP and UDP, written out a second time here."""

from __future__ import annotations

import socket

from knockd_conf.protocol import FLAG_BITS, MAX_PORT, Protocol


def test_protocol_numbers() -> None:
    """The numbers are those of IANA, as the C library has them, and the texts those of a sequence."""
    assert {"tcp": socket.IPPROTO_TCP, "udp": socket.IPPROTO_UDP} == {str(one): one.value for one in Protocol}
    assert "7000:udp" == f"7000:{Protocol.UDP}"


def test_flag_bits() -> None:
    """The flags are the six of RFC 793 in the order of the header, the lowest bit first."""
    assert ["fin", "syn", "rst", "psh", "ack", "urg"] == list(FLAG_BITS)
    assert [1, 2, 4, 8, 16, 32] == list(FLAG_BITS.values())


def test_the_highest_port() -> None:
    """A port has 16 bits."""
    assert 2**16 - 1 == MAX_PORT
