"""Whatever bytes come in the kernel's place, reading them as tracked connections ends and raises nothing.

The input is what one receive returns.
"""

from __future__ import annotations

from knockd.net.conntrack_messages import find_source, parse_connection
from knockd.net.rtnetlink import split_messages
from knockd_conf.protocol import Protocol
from knockd_conf.services import parse_services

ALL = parse_services("1-65535/tcp,1-65535/udp")


def check(data: bytes) -> None:
    """Read every message of one datagram; what is found counts for its own port, and the short way agrees."""
    for _, payload in split_messages(data):
        source = find_source(payload)
        found = parse_connection(payload)
        if found is None:
            continue
        assert len(found.source) in (4, 16)
        assert found.protocol in list(Protocol)
        assert found.goes_to(ALL) is (found.port > 0 or found.answers_from > 0)
        assert found.key in payload or len(found.key) <= len(payload) + 8
        assert source[:4] == found.source[:4]
