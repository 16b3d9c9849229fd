"""Journals for tests: records in a few words, and Hypothesis strategies for all that can be written."""

from __future__ import annotations

from hypothesis import strategies as st

from knockd.leases.journal import MAX_COMMANDS, MAX_NUMBER, MAX_SECONDS, MAX_SERIAL, Journal, Record, State
from knockd_conf.text import address_text

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
    made = RECORD._replace(
        id=f"a1b2.{number}", source=f"192.{number >> 16}.{2 + (number >> 8) % 250}.{number & 255}"
    )
    return made._replace(**values)  # type: ignore[arg-type]


def journal(*records: Record, serial: int = 1, boot: str = BOOT, complete: bool = True) -> Journal:
    """A journal of these leases."""
    return Journal(boot, serial, records, complete)


_TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=40)
_NUMBERS = st.integers(0, MAX_NUMBER)
_SECONDS = st.floats(0.0, MAX_SECONDS)
_ADDRESSES = st.ip_addresses().map(lambda address: address_text(address.packed))

_SERVICES = st.sampled_from(["22/tcp", "60000-61000/udp", "65535/tcp"])

RECORDS = st.builds(
    Record,
    id=st.from_regex(r"[0-9a-f]{1,16}\.[0-9]{1,9}", fullmatch=True),
    door=_TEXTS,
    occurrence=_NUMBERS,
    source=_ADDRESSES,
    destination=_ADDRESSES,
    interface=_TEXTS,
    state=st.sampled_from(State),
    deadline=st.floats(min_value=0.0, allow_nan=False, allow_infinity=False),
    failures=_NUMBERS,
    stop=_TEXTS.filter(bool),
    cmd_timeout=_SECONDS,
    command_deadline=_SECONDS,
    max_commands=st.integers(1, MAX_COMMANDS),
    unopened=st.booleans(),
    by=_TEXTS,
    opened=st.floats(min_value=0.0, allow_nan=False, allow_infinity=False),
    idle=_SECONDS,
    service=st.lists(_SERVICES, min_size=1, max_size=3).map(",".join),
    open_max=_SECONDS,
    prefix=st.integers(0, 128),
)

_SERIALS = st.integers(0, MAX_SERIAL - 1)
_LINEAGES: st.SearchStrategy[tuple[str, dict[str, int]]] = st.one_of(
    st.just(("", {})),
    st.tuples(
        st.from_regex(r"[0-9A-Za-z._-]{1,64}", fullmatch=True),
        st.dictionaries(st.text("#0123456789abcdef", max_size=17), _SERIALS, max_size=3),
    ),
)

JOURNALS = st.builds(
    lambda boot, serial, records, complete, lineage: Journal(boot, serial, records, complete, *lineage),
    _TEXTS,
    _SERIALS,
    st.lists(RECORDS, max_size=5, unique_by=lambda one: one.id).map(tuple),
    st.booleans(),
    _LINEAGES,
)
