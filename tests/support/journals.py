"""Journals for tests: records in a few words, and Hypothesis strategies for all that can be written."""

from __future__ import annotations

from hypothesis import strategies as st

from knockd.engine.journal import Journal, Record, State

BOOT = "3f0c7a0e-7a8e-4f0b-9f8e-0d6a5c1b2e3d"

RECORD = Record(
    id="a1b2.1",
    door="ssh",
    occurrence=0,
    source="192.0.2.1",
    destination="10.0.0.1",
    interface="eth0",
    state=State.OPEN,
    deadline=1_010.0,
    failures=0,
    stop="close %IP%; sync",
    cmd_timeout=10.0,
    command_deadline=0.0,
    max_commands=8,
)


def record(number: int = 1, **values: object) -> Record:
    """The lease of knocker ``number``."""
    made = RECORD._replace(id=f"a1b2.{number}", source=f"192.0.2.{number}")
    return made._replace(**values)  # type: ignore[arg-type]


def journal(*records: Record, serial: int = 1, boot: str = BOOT, complete: bool = True) -> Journal:
    """A journal of these leases."""
    return Journal(boot, serial, records, complete)


_TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))
_TIMES = st.floats(min_value=0.0, allow_nan=False, allow_infinity=False)
_ADDRESSES = st.ip_addresses().map(str)

RECORDS = st.builds(
    Record,
    id=_TEXTS,
    door=_TEXTS,
    occurrence=st.integers(min_value=0),
    source=_ADDRESSES,
    destination=_ADDRESSES,
    interface=_TEXTS,
    state=st.sampled_from(State),
    deadline=_TIMES,
    failures=st.integers(min_value=0),
    stop=_TEXTS.filter(bool),
    cmd_timeout=_TIMES,
    command_deadline=_TIMES,
    max_commands=st.integers(min_value=1),
)

JOURNALS = st.builds(
    Journal, _TEXTS, st.integers(min_value=0), st.lists(RECORDS, max_size=5).map(tuple), st.booleans()
)
