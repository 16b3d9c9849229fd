"""Dumps of what the kernel knows, asked for over netlink(7). Needs no privilege.

World: netlink.
"""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterator

from knockd.net.rtnetlink import HEADER, NLMSG_DONE, NLMSG_ERROR, split_messages

_NLM_F_REQUEST, _NLM_F_DUMP = 0x1, 0x300
_ERROR = struct.Struct("=i")


def read_dump(family: int, request: int, body: bytes) -> Iterator[tuple[int, bytes]]:
    """Asks for a dump and yields type and payload of each message. Raises OSError as the kernel does."""
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, family) as link:
        link.send(HEADER.pack(HEADER.size + len(body), request, _NLM_F_REQUEST | _NLM_F_DUMP, 1, 0) + body)
        while True:
            for kind, payload in split_messages(link.recv(1 << 17)):
                if kind in {NLMSG_DONE, NLMSG_ERROR}:  # the end, too, has a number: not 0 when it failed
                    number = _ERROR.unpack_from(payload)[0] if len(payload) >= _ERROR.size else 0
                    if number < 0:
                        raise OSError(-number, "netlink refused a dump")
                    return
                yield kind, payload
