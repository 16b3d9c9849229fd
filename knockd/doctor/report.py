"""What was found, as text of 80 columns for people and as JSON for programs.

Pure.
"""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterable, Iterator, Sequence

from knockd.doctor.findings import Finding, Looked, Severity, is_well
from knockd_conf.text import printable

_INDENT = 11


def format_report(looked: Sequence[Looked], columns: int) -> Iterator[str]:
    """Yields the lines for people: findings, what matters most first, what was not looked at, the sum."""
    findings = _sort(looked)
    for finding in findings:
        yield from _format_finding(finding, columns)
    for part in looked:
        for reason in part.unlooked:
            yield from _wrap(f"not looked at: {part.subject}: {printable(reason)}", columns, 4)
    if findings or any(part.unlooked for part in looked):
        yield ""
    yield _sum_up(looked)


def format_json(looked: Sequence[Looked]) -> str:
    """One object."""
    return json.dumps(
        {
            "well": is_well(looked),
            "looked_at": [part.subject for part in looked],
            "findings": [
                {
                    "subject": part.subject,
                    "name": one.name,
                    "severity": one.severity.value,
                    "text": printable(one.text),
                    "cure": printable(one.cure),
                    "place": printable(one.place) or None,
                }
                for part in looked
                for one in part.findings
            ],
            "not_looked_at": [
                {"subject": part.subject, "reason": printable(reason)}
                for part in looked
                for reason in part.unlooked
            ],
        },
        indent=2,
    )


def _sort(looked: Iterable[Looked]) -> list[Finding]:
    order = list(Severity)
    found = [one for part in looked for one in part.findings]
    return sorted(found, key=lambda one: order.index(one.severity))


def _format_finding(finding: Finding, columns: int) -> Iterator[str]:
    place = f"{printable(finding.place)}: " if finding.place else ""
    lines = _wrap(f"{finding.severity.value:<{_INDENT}}{place}{printable(finding.text)}", columns, _INDENT)
    yield from lines
    if finding.cure:
        yield from _wrap(f"{'':<{_INDENT - 3}}-> {printable(finding.cure)}", columns, _INDENT)


def _wrap(text: str, columns: int, indent: int) -> list[str]:
    return textwrap.wrap(
        text,
        columns,
        subsequent_indent=" " * indent,
        break_on_hyphens=False,
        drop_whitespace=True,
        replace_whitespace=True,
    )


def _sum_up(looked: Sequence[Looked]) -> str:
    findings = _sort(looked)
    things = f"{len(looked)} thing{'s' if len(looked) != 1 else ''} looked at"
    if not findings:
        return f"{things}, all well"
    told = []
    for kind, one, several in _COUNTED:
        count = sum(finding.severity is kind for finding in findings)
        if count:
            told.append(f"{count} {one if count == 1 else several}")
    return f"{things}: {', '.join(told)}{', nothing wrong' if is_well(looked) else ''}"


_COUNTED = (
    (Severity.LOCKS_OUT, "that locks people out", "that lock people out"),
    (Severity.WEAK, "weak", "weak"),
    (Severity.NOTE, "note", "notes"),
)
