"""Whose signed knocks open which doors, as rows: what the files say, joined with what the daemon knows.

Pure.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from knockd.ctl.fields import Fields
from knockd.ctl.key_lines import NAMELESS
from knockd.ctl.signers import SignerFile, list_holdings
from knockd.review.cells import GAP, lay_out, width_of
from knockd.review.clock import Clock
from knockd_conf.classes import NamedTuple

TITLES = ("WHO", "KEY", "OPENS", "UNTIL", "FROM", "LAST KNOCK")
_KEY, _LEAST_KEY = 1, 17
"""The column of fingerprints is cut first; 9 characters name a key."""


class KnownKey(NamedTuple):
    """A key as the daemon knows it."""

    path: str
    line: int
    fingerprint: str
    comment: str
    hardware: bool
    doors: tuple[str, ...]
    doors_total: int
    expires: float | None
    knocked: float | None
    address: str | None


class KeyRow(NamedTuple):
    """A key. ``every_door``: also those that come. ``allow`` and ``deny`` are networks.

    These are None where the files were not read. ``loaded``: whether the daemon has it, None: it was not
    asked. ``expires`` and ``knocked`` are in seconds since the epoch.
    """

    path: str
    line: int
    fingerprint: str
    comment: str
    hardware: bool
    doors: tuple[str, ...]
    doors_total: int
    every_door: bool | None
    expires: float | None
    allow: tuple[str, ...] | None
    deny: tuple[str, ...] | None
    loaded: bool | None
    knocked: float | None = None
    address: str | None = None


def read_known(found: Any) -> KnownKey:
    """A key of the answer to Keys. Raises UnknownReply."""
    fields = Fields(found)
    return KnownKey(
        fields.text("path"),
        fields.count("line"),
        fields.text("fingerprint"),
        fields.text("comment"),
        fields.flag("hardware"),
        fields.texts("doors"),
        fields.count("doors_total"),
        fields.maybe_number("expires"),
        fields.maybe_number("knocked"),
        fields.maybe_text("address"),
    )


def join_keys(files: Sequence[SignerFile] | None, known: Sequence[KnownKey] | None) -> list[KeyRow]:
    """A row a key: those of the files, then those that only the daemon has (``loaded`` in no file)."""
    by_name = {(one.path, one.fingerprint): one for one in known or ()}
    rows = [] if files is None else list(_rows_of_files(files, None if known is None else by_name))
    there = {(row.path, row.fingerprint) for row in rows}
    for name, one in by_name.items():
        if name not in there:
            rows.append(
                KeyRow(
                    *one[:7], None, one.expires, None, None, True, one.knocked, one.address
                )  # no files say
            )
    return rows


def _rows_of_files(
    files: Sequence[SignerFile], known: Mapping[tuple[str, str], KnownKey] | None
) -> Iterator[KeyRow]:
    for file, key in list_holdings(files):
        one = None if known is None else known.get((file.path, key.fingerprint))
        doors = file.find_doors(key)
        yield KeyRow(
            file.path,
            key.line,
            key.fingerprint,
            key.comment,
            key.application is not None,
            doors,
            len(doors),
            key.doors is None,
            key.expires,
            tuple(map(str, key.allow)),
            tuple(map(str, key.deny)),
            None if known is None else one is not None,
            one.knocked if one else None,
            one.address if one else None,
        )


def format_keys(rows: Sequence[KeyRow], now: float, columns: int, mark: str, clock: Clock) -> list[str]:
    """The rows as lines of at most ``columns``; ``now`` is in seconds since the epoch.

    The address of the last knock is left out where there is no room for it.
    """
    if not rows:
        return []
    for shown in (rows, [row._replace(address=None) for row in rows]):
        cells = [TITLES, *(_cells(row, now, clock) for row in shown)]
        widths = [max(map(width_of, column)) for column in zip(*cells, strict=True)]
        widths[_KEY] = min(widths[_KEY], _LEAST_KEY)
        if sum(widths) + len(GAP) * (len(widths) - 1) <= columns:
            break
    return lay_out(cells, columns, mark, least=widths)


def _cells(row: KeyRow, now: float, clock: Clock) -> tuple[str, ...]:
    return (
        row.comment or NAMELESS,
        row.fingerprint,
        _show_doors(row),
        _show_end(row, now, clock),
        _show_origin(row),
        _show_knock(row, clock),
    )


def _show_doors(row: KeyRow) -> str:
    more = row.doors_total - len(row.doors)
    return (", ".join(row.doors) + (f" and {more} more" if more else "")) or "nothing"


def _show_end(row: KeyRow, now: float, clock: Clock) -> str:
    if row.expires is None:
        return "for ever"
    return f"{'over: ' if row.expires < now else ''}{clock.show_time(row.expires)[:10]}"


def _show_origin(row: KeyRow) -> str:
    if row.allow is None or row.deny is None:
        return "?"
    return ", ".join([*row.allow, *(f"not {one}" for one in row.deny)]) or "anywhere"


def _show_knock(row: KeyRow, clock: Clock) -> str:
    if row.loaded is None:
        return "?"
    if not row.loaded:
        return "not loaded"
    if row.knocked is None:
        return "never"
    return f"{clock.show_short(row.knocked)} {row.address or ''}".rstrip()


def row_as_json(row: KeyRow, now: float) -> Mapping[str, Any]:
    """A row for programs."""
    return {**row._asdict(), "expired": row.expires is not None and row.expires < now}
