"""Commands that failed, and doors that could not be closed. Bounded.

Pure.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping

from knockd.log.classic import Value
from knockd.review.entries import Entry
from knockd.review.summary import CommandFailure, Stuck

MOST_FAULTS = 256
MOST_STUCK = 1_024
MOST_OUTPUTS = 1_024


class Faults:
    """What went wrong with commands."""

    def __init__(self) -> None:
        self._failures: OrderedDict[tuple[str, str], CommandFailure] = OrderedDict()
        self._stuck: OrderedDict[tuple[str, str], Stuck] = OrderedDict()
        self._outputs: dict[tuple[str, str], str] = {}
        self.failed = self.cut = 0

    def print_line(self, entry: Entry) -> None:
        """A command printed a line."""
        if len(self._outputs) >= MOST_OUTPUTS:
            self._outputs.clear()
        self._outputs[entry.door, entry.ip] = str(entry.fields.get("line", ""))

    def run_command(self, entry: Entry) -> None:
        """A command starts: what an earlier one printed is not its output."""
        self._outputs.pop((entry.door, entry.ip), None)

    def fail(self, entry: Entry, ip: str, command: str) -> None:
        """A command failed; ``ip`` and ``command`` are empty where that is not known."""
        self.failed += 1
        why = explain_command_failure(entry.event, entry.fields)
        key = (entry.door, why)
        before = self._failures.get(key)
        output = self._outputs.get((entry.door, entry.ip), "")
        self._failures[key] = CommandFailure(
            entry.door, ip, command, why, output, before.count + 1 if before else 1, entry.time
        )
        self._failures.move_to_end(key)
        if len(self._failures) > MOST_FAULTS:
            self.cut += self._failures.popitem(last=False)[1].count

    def stick(self, time: float, door: str, ip: str, why: str) -> None:
        """A door could not be closed for an address."""
        self._stuck[door, ip] = Stuck(time, door, ip, why)
        self._stuck.move_to_end((door, ip))
        if len(self._stuck) > MOST_STUCK:
            self._stuck.popitem(last=False)

    def free(self, door: str, ip: str) -> None:
        """It is tried again to close a door."""
        self._stuck.pop((door, ip), None)

    def failures(self) -> list[CommandFailure]:
        """One for each door and way to fail, the last first."""
        return list(reversed(self._failures.values()))

    def stuck(self) -> list[Stuck]:
        """Doors that could not be closed at the last try, the last first."""
        return list(reversed(self._stuck.values()))


def explain_command_failure(event: str, fields: Mapping[str, Value]) -> str:
    """How a command failed: a few words without a stop."""
    if event == "command-late":
        return f"killed after {_number(fields.get('seconds'))} seconds"
    if event == "command-too-long":
        return f"not run, its {fields.get('bytes', '?')} bytes are more than {fields.get('most', '?')}"
    return f"exit status {fields.get('status', '?')}"


def _number(value: object) -> str:
    return f"{value:g}" if isinstance(value, int | float) else "?"
