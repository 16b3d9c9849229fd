"""Commands that failed, doors that could not be closed."""

from __future__ import annotations

import pytest

from knockd.review import faults as module
from knockd.review.faults import Faults, explain_command_failure
from tests.support.samples.entries import entry


def test_alike_failures_are_one() -> None:
    """Those of one door with one status are counted together; the last command and its output stay."""
    faults = Faults()
    for time, ip in enumerate(("192.0.2.7", "192.0.2.8")):
        faults.run_command(entry(time, "command", ip))
        faults.print_line(entry(time, "command-output", ip, line=f"no {ip}"))
        faults.fail(entry(time, "command-failed", ip, status=1), ip, f"open {ip}")
    faults.fail(entry(9, "command-failed", status=2), "", "")
    other, same = faults.failures()
    assert (same.count, same.command, same.output) == (2, "open 192.0.2.8", "no 192.0.2.8")
    assert (other.why, other.count, other.output) == ("exit status 2", 1, "")
    assert faults.failed == 3


def test_ways_to_fail() -> None:
    """Statuses, commands that take too long, and those that are too long."""
    assert explain_command_failure("command-failed", {"status": 3}) == "exit status 3"
    assert explain_command_failure("command-late", {"seconds": 30.0}) == "killed after 30 seconds"
    fields = {"bytes": 5000, "most": 4096}
    assert explain_command_failure("command-too-long", fields) == "not run, its 5000 bytes are more than 4096"
    assert explain_command_failure("command-late", {}) == "killed after ? seconds"


def test_stuck_until_tried_again() -> None:
    """A door is stuck until another try."""
    faults = Faults()
    faults.stick(1.0, "ssh", "192.0.2.7", "why")
    assert [one.ip for one in faults.stuck()] == ["192.0.2.7"]
    faults.free("ssh", "192.0.2.7")
    assert faults.stuck() == []


def test_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    """The oldest go, and are counted."""
    for name in ("MOST_FAULTS", "MOST_STUCK", "MOST_OUTPUTS"):
        monkeypatch.setattr(module, name, 3)
    faults = Faults()
    for number in range(9):
        faults.print_line(entry(number, "command-output", str(number), line="x"))
        faults.fail(entry(number, "command-failed", status=number), "", "")
        faults.stick(float(number), "ssh", str(number), "why")
    assert len(faults.failures()) == len(faults.stuck()) == 3
    assert faults.cut == 6
    assert len(faults._outputs) <= 3
