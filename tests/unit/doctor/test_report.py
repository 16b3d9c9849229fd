"""What was found, for people and for programs."""

from __future__ import annotations

import json

from knockd.doctor.findings import Finding, Looked
from knockd.doctor.report import format_json, format_report

OUT = Finding("no-daemon", "no knockd runs here", "start it: systemctl start knockd")
NOTE = Finding("config-note", "odd\x1b" + " very" * 20, "", "/etc/knockd.conf:7")
WEAK = Finding("ufw-off", "ufw is not active", "run 'ufw enable'")


def test_all_well() -> None:
    """One line says how much was looked at."""
    assert ["2 things looked at, all well"] == list(format_report([Looked("a"), Looked("b")], 80))
    assert ["1 thing looked at, all well"] == list(format_report([Looked("a")], 80))


def test_report() -> None:
    """What matters most comes first; each has its place and what to do; then what was not looked at."""
    looked = [Looked("a", (NOTE, WEAK)), Looked("firewall", (OUT,), ("its rules: run it as root",))]
    assert [
        "locks out  no knockd runs here",
        "        -> start it: systemctl start knockd",
        "weak       ufw is not active",
        "        -> run 'ufw enable'",
        r"note       /etc/knockd.conf:7: odd\x1b very very very very very very very very",
        "           very very very very very very very very very very very very",
        "not looked at: firewall: its rules: run it as root",
        "",
        "2 things looked at: 1 that locks people out, 1 weak, 1 note",
    ] == list(format_report(looked, 80))


def test_only_notes() -> None:
    """Notes are nothing wrong."""
    assert (
        "1 thing looked at: 2 notes, nothing wrong"
        == list(format_report([Looked("a", (NOTE, NOTE))], 80))[-1]
    )


def test_width() -> None:
    """No line is wider than the terminal."""
    lines = format_report([Looked("a", (NOTE, OUT), ("x " * 60,))], 60)
    assert max(map(len, lines)) <= 60


def test_json() -> None:
    """One object with all that was found, and nothing that moves a cursor."""
    looked = [Looked("a", (NOTE,)), Looked("firewall", (OUT,), ("its rules",))]
    found = json.loads(format_json(looked))
    assert found["well"] is False
    assert ["a", "firewall"] == found["looked_at"]
    assert [{"subject": "firewall", "reason": "its rules"}] == found["not_looked_at"]
    assert {
        "subject": "firewall",
        "name": "no-daemon",
        "severity": "locks out",
        "text": OUT.text,
        "cure": OUT.cure,
        "place": None,
    } == found["findings"][1]
    assert found["findings"][0]["text"].startswith(r"odd\x1b")
