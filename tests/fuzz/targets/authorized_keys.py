"""Any bytes are keys within their bounds, each written and read again the same, or problems of one line.

The input is the file.
"""

from __future__ import annotations

from knockd_conf.authorized_keys import (
    DOORS,
    MAX_COMMENT,
    MAX_KEYS,
    MAX_PROBLEMS,
    format_authorized,
    parse_authorized_keys,
)
from knockd_conf.expiry_time import utc_seconds
from knockd_conf.key_line import KeyLine
from knockd_conf.ssh_keys import PUBLIC_BYTES, PublicKey


def check(data: bytes) -> None:
    """Reads a file, and writes the first of its keys."""
    found = parse_authorized_keys(data, utc_seconds)
    assert found.keys or found.problems
    assert len(found.keys) <= MAX_KEYS
    assert len(found.problems) <= MAX_PROBLEMS + 1
    assert all(problem.isprintable() and len(problem) < 400 for problem in found.problems)
    long_lines = [
        line.strip() for line in data.decode("utf-8", "replace").split("\n") if len(line.strip()) > 60
    ]
    assert not any(line in problem for line in long_lines for problem in found.problems)
    assert len({key.public for key in found.keys}) == len(found.keys)
    for key in found.keys[:8]:
        assert len(key.public) == PUBLIC_BYTES
        assert key.comment.isprintable()
        assert len(key.comment) <= MAX_COMMENT
        assert key.doors is None or all(key.doors)
        options = [] if key.doors is None else [(DOORS, ",".join(key.doors))]
        line = format_authorized(KeyLine(PublicKey(key.public, key.application), key.comment), options)
        again = parse_authorized_keys(line.encode("utf-8", "surrogateescape"), utc_seconds)
        assert again.problems == ()
        assert [(one.public, one.fingerprint, one.doors) for one in again.keys] == [
            (key.public, key.fingerprint, key.doors)
        ]
