"""In a damaged journal every record whose own line is whole is found, in order, and the damage is reported.

The input is what happened to a journal of nine leases: for every three bytes, a place and what is there now.
"""

from __future__ import annotations

from knockd.leases.journal import FREED, Journal, Record, State, parse
from knockd.leases.journal_layout import encode

RECORDS = tuple(
    Record(
        id=f"{number:032x}",
        door="Tür: ssh",
        occurrence=number % 2,
        source=f"192.0.2.{number}" if number % 2 else f"2001:db8::{number}",
        destination="10.0.0.1" if number % 2 else "fd00::1",
        interface="eth0",
        state=list(State)[number % len(State)],
        deadline=1_000.5 + number,
        failures=number,
        stop="/usr/sbin/iptables -D INPUT -s %IP% -j ACCEPT",
        cmd_timeout=10.0,
        command_deadline=60.0,
        max_commands=8,
    )
    for number in range(1, 10)
)
WHOLE = encode(Journal("6c2f0a4e-8a55-4d5e-9f5b-0d4f8ac6d1b1", 7, RECORDS))
CUT = 0xFF
"""With this byte the file ends at the place."""


def damaged(data: bytes) -> bytes:
    """The journal after what happened."""
    journal = bytearray(WHOLE)
    for at in range(0, len(data) - 2, 3):
        place = int.from_bytes(data[at : at + 2], "big") % len(WHOLE)
        if data[at + 2] == CUT:
            del journal[place:]
        elif place < len(journal):
            journal[place] = data[at + 2]
    return bytes(journal)


def check(data: bytes) -> None:
    """Damage the journal and read it."""
    now = damaged(data)
    before, after = WHOLE.split(b"\n"), now.split(b"\n")
    lines = [line for line in before if line]
    whole = [record for record, line in zip(RECORDS, lines[2:-1], strict=True) if line in after]
    found = parse(now)
    assert list(found.journal.records) == whole
    freed = any(line.startswith(FREED) for line in after)  # as a line is that counts no more
    assert found.damaged > 0 or freed or [line for line in after if line] == lines
    assert (found.journal.boot != "") == (lines[1] in after)
