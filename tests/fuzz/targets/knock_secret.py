"""Any bytes are a secret that is written and read again the same, or are refused without showing a line.

The input is the file.
"""

from __future__ import annotations

from knockd_conf.knock_secret import format_secret, parse_secret
from knockd_conf.signed_packet import SECRET_BYTES


def check(data: bytes) -> None:
    """Reads a file."""
    refused = ""
    secret = b""
    try:
        secret = parse_secret(data)
    except ValueError as error:
        refused = str(error)
    if refused:
        assert refused.isprintable()
        lines = [line.strip() for line in data.split(b"\n") if len(line.strip()) > 10]
        assert not any(line in refused.encode() for line in lines)
        return
    assert len(secret) == SECRET_BYTES
    assert parse_secret(format_secret(secret).encode()) == secret
