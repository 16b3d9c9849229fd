"""What keeps this host from the store that its fleet shares.

Pure.
"""

from __future__ import annotations

from knockd.doctor.findings import Finding, Looked
from knockd_conf.errors import Problem

SUBJECT = "fleet"


def look_at_fleet(missing: Problem | None) -> Looked:
    """``missing``: why the store cannot be asked from this host."""
    if missing is None:
        return Looked(SUBJECT, ())
    text, _, cure = missing.message.partition(": ")
    return Looked(SUBJECT, (Finding("no-valkey", text, cure, f"{missing.path}:{missing.line}"),))
