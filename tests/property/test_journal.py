"""The journal's format: what is written is read, and damage costs no more than it touches."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from knockd.leases.journal import VERSION, Journal, Record, encode_record, parse
from knockd.leases.journal_layout import encode, lay_out
from tests.support.samples.journals import JOURNALS, journal, record

THREE = journal(record(1), record(2, stop="close %IP% \u00fc \n\r\x00".replace("\0", "")), record(3))
TEXT = encode(THREE)


@settings(deadline=None)
@given(JOURNALS)
def test_what_is_written_is_read(written: Journal) -> None:
    """Reading gives the journal that was written, and nothing of it counts as damaged."""
    found = parse(encode(written))
    assert found.journal == written
    assert found.damaged == 0
    assert found.version == VERSION


@settings(deadline=None)
@given(st.binary(max_size=400))
def test_any_bytes(data: bytes) -> None:
    """Any bytes at all are read without an error, and hold no lease that nobody wrote."""
    assert parse(data).journal.records == ()


@settings(deadline=None)
@given(JOURNALS, st.binary(max_size=20), st.data())
def test_any_splice(written: Journal, junk: bytes, data: st.DataObject) -> None:
    """With any bytes in any place of it a journal gives nothing that was not in it."""
    text = encode(written)
    at = data.draw(st.integers(0, len(text)))
    to = data.draw(st.integers(at, len(text)))
    found = parse(text[:at] + junk + text[to:])
    assert set(found.journal.records) <= set(written.records)


@settings(deadline=None)
@given(st.lists(st.sampled_from(THREE.records), unique=True))
def test_order(records: list[Record]) -> None:
    """Records are read in the order they were written."""
    assert parse(encode(journal(*records))).journal.records == tuple(records)


_CHANGES = st.dictionaries(st.integers(0, 7), st.sampled_from([None, "short", "long" * 200]), max_size=5)


@settings(deadline=None)
@given(st.lists(st.tuples(_CHANGES, st.booleans()), max_size=12))
def test_changes(changes: list[tuple[dict[int, str | None], bool]]) -> None:
    """After any changes the file holds what was noted last of each lease, and nothing else.

    A change that could not be written is abandoned, whatever of it got to the file, and noted again later.
    """
    layout, data = lay_out(journal(serial=1), ())
    file, held, waiting = bytearray(data), dict[str, Record](), dict[str, Record | None]()
    for serial, (leases, works) in enumerate(changes, start=2):
        for number, stop in leases.items():
            one = record(number)
            waiting[one.id] = None if stop is None else one._replace(stop=stop)
        lines = {id_: one and encode_record(one, serial) for id_, one in waiting.items()}
        change = layout.plan_change(lines)
        size = len(file)
        for offset, piece in (piece for step in change.steps for piece in step):
            assert offset <= len(file)
            file[offset : offset + len(piece)] = piece
        if not works:
            layout.abandon(change)
            del file[size:]
            continue
        layout.confirm(change)
        for id_, noted in waiting.items():
            held.pop(id_, None)
            if noted is not None:
                held[id_] = noted
        waiting.clear()
        found = parse(bytes(file))
        assert {one.id: one for one in found.journal.records} == held
        assert found.damaged == 0
