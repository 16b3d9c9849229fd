"""One line about a packet, for -D. Decoding is impacket's; imported only when asked for. World: impacket."""

from __future__ import annotations

import time
from collections.abc import Callable

from knockd_bpf.wire import DLT_EN10MB, DLT_LINUX_SLL, DLT_LINUX_SLL2
from knockd_conf.text import address_text

_LINK_HEADER = {DLT_EN10MB: 14, DLT_LINUX_SLL: 16, DLT_LINUX_SLL2: 20}


PacketLine = Callable[[int, bytes, int], str]
"""(link type, frame, seconds since the epoch) to a line."""


def packet_printer() -> PacketLine:
    """What prints a packet as 0.8 does, with the right month; imports impacket now, not at the first packet.

    ``2026-11-22 20:13:13: tcp: 10.0.0.2:52522 -> 10.0.0.1:7000 74 bytes``, in local time.
    """
    from impacket import ImpactDecoder, ImpactPacket

    def packet_line(linktype: int, frame: bytes, seconds: int) -> str:
        stamp = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(seconds))
        offset = _LINK_HEADER.get(linktype, 0)
        if linktype in (DLT_EN10MB, DLT_LINUX_SLL) and frame[offset - 2 : offset] == b"\x81\x00":
            offset += 4  # a priority tag
        network = frame[offset:]
        if network[0] >> 4 == 4:
            # Without its options: one of length 0 keeps impacket's reader of them busy for ever.
            network = b"\x45" + network[1:20] + network[(network[0] & 0x0F) * 4 :]
            ip = ImpactDecoder.IPDecoder().decode(network)
            total, source, destination = ip.get_ip_len(), ip.get_ip_src(), ip.get_ip_dst()
        else:
            ip = ImpactDecoder.IP6Decoder().decode(network)
            total = ip.get_payload_length() + 40
            source, destination = (
                address_text(bytes(a.as_bytes())) for a in (ip.get_ip_src(), ip.get_ip_dst())
            )
        transport = ip.child()
        while transport is not None and not isinstance(transport, ImpactPacket.TCP | ImpactPacket.UDP):
            transport = transport.child()
        if transport is None:
            return f"{stamp}: {source} -> {destination} {offset + total} bytes"
        if isinstance(transport, ImpactPacket.TCP):
            name, ports = "tcp", (transport.get_th_sport(), transport.get_th_dport())
        else:
            name, ports = "udp", (transport.get_uh_sport(), transport.get_uh_dport())
        return f"{stamp}: {name}: {source}:{ports[0]} -> {destination}:{ports[1]} {offset + total} bytes"

    def total_line(linktype: int, frame: bytes, seconds: int) -> str:
        try:
            return packet_line(linktype, frame, seconds)
        except Exception as error:  # noqa: BLE001 - a general decoder on a hostile packet: only the line may suffer
            return f"{len(frame)} bytes that impacket cannot read ({type(error).__name__})"

    return total_line
