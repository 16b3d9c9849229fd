"""What keeps this host from the store that its fleet shares.

Pure.
"""

from __future__ import annotations

from collections.abc import Iterable

from knockd.doctor.findings import Finding, Looked
from knockd_conf.errors import Note, Problem

SUBJECT = "fleet"
_MEND = "mend it, then run 'knockctl reload'"


def look_at_fleet(unusable: Iterable[Note], missing: Problem | None) -> Looked:
    """``unusable``: notes about its files; ``missing``: why the store cannot be asked from this host."""
    found = [Finding("fleet-unusable", note.message, _MEND, f"{note.path}:{note.line}") for note in unusable]
    if missing is not None:
        text, _, cure = missing.message.partition(": ")
        found.append(Finding("no-valkey", text, cure, f"{missing.path}:{missing.line}"))
    return Looked(SUBJECT, tuple(found))
