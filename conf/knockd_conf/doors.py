"""Sections to doors for one host: inheritance, the one sequence of a door, targets resolved. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import field
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Any

from knockd_conf import fields, keys, values
from knockd_conf.classes import dataclass
from knockd_conf.errors import Note, Problem, seen
from knockd_conf.idle import CLOSE_WHEN_IDLE, settle_services
from knockd_conf.ini import RawSection
from knockd_conf.model import SEQ_TIMEOUT, Door, FlagRule
from knockd_conf.open_prefix import find_prefix_problems
from knockd_conf.protocol import FLAG_BITS
from knockd_conf.templates import Lineage
from knockd_conf.text import printable
from knockd_conf.timed import Rule
from knockd_conf.values import Entry

Resolve = Callable[[str], Sequence[str]]
"""Host name to its addresses in text; OSError or ValueError say why there are none."""

_CONNECTION_ATTEMPT = FlagRule(FLAG_BITS["syn"], FLAG_BITS["ack"])
"""TCPFlags of a rotating door by default: its ports lie where answers to our own connections come."""

_KINDS = (keys.SEQUENCE.field, keys.ONE_TIME.field, keys.SEQUENCE_KEY.field)


@dataclass(slots=True)
class Builder:
    """Makes doors and gathers what is wrong or worth saying on the way."""

    host: str
    entries: Mapping[tuple[str, int], Sequence[Entry]]
    """The judged entries of each section, by its path and line."""
    resolve: Resolve
    signed: bool = False
    """Whether [options] name a port of signed knocks."""
    problems: list[Problem] = field(default_factory=list)
    notes: list[Note] = field(default_factory=list)
    _resolved: dict[str, tuple[fields.Address, ...] | str] = field(default_factory=dict)

    def make_door(self, lineage: Lineage) -> Door | None:
        """The door, or None when it is not for this host or cannot be made (then a problem says why)."""
        named = lineage.door
        section = named.section
        merged: dict[str, Entry] = {}
        origin: dict[str, str] = {}
        for template in reversed(lineage.templates):
            chosen = self._chosen(template.section)
            merged |= chosen
            origin |= dict.fromkeys(chosen, template.name)
        own = self._chosen(section)
        if keys.SEQUENCE_KEY.field in own or (_holds_sequence(own) and keys.SEQUENCE_KEY.field in merged):
            merged = {name: entry for name, entry in merged.items() if name not in _KINDS}
        merged |= own
        inherited = tuple((merged[name].key.name, origin[name]) for name in origin if name not in own)
        if not self._one_sequence(merged, section, named.name):
            return None
        ready: dict[str, Any] = {name: entry.value for name, entry in merged.items()}
        if keys.TARGET.field in merged:
            ready[keys.TARGET.field] = self._addresses(merged[keys.TARGET.field])
        ready.setdefault(keys.SEQUENCE.field, ())
        if keys.SEQUENCE_KEY.field in merged:
            ready.setdefault("flags", _CONNECTION_ATTEMPT)
            self._check_period(merged)
        if ready.get(CLOSE_WHEN_IDLE):
            problem, ready["service"] = settle_services(ready)
            if problem is not None:
                self.problems.append(Problem(*merged[CLOSE_WHEN_IDLE].place, problem))
        for name, problem in find_prefix_problems(ready):
            self.problems.append(Problem(*merged[name].place, problem))
        places = tuple((name, entry.place) for name, entry in merged.items())
        return Door(
            name=named.name,
            path=section.path,
            line=section.line,
            inherited=tuple(inherited),
            places=places,
            **ready,
        )

    def _chosen(self, section: RawSection) -> Mapping[str, Entry]:
        return values.choose_entries(self.entries[section.path, section.line], self.host)

    def _one_sequence(self, merged: dict[str, Entry], section: RawSection, name: str) -> bool:
        """Leave one kind of sequence in ``merged``; False when there is none."""
        here = [merged[kind] for kind in _KINDS if kind in merged]
        if len(here) > 1 and keys.SEQUENCE_KEY.field in merged:
            self._choose_nearest(merged, here)
        elif len(here) > 1:
            self._choose(merged)
        signed = merged.get(keys.SIGNED_PORT.field)
        if here or (self.signed if signed is None else signed.value):
            return True
        hosts = [key.host for key in section.keys if key.host is not None and _is_sequence(key.name)]
        others = f"its sequence is for {', '.join(dict.fromkeys(hosts))}"
        if not hosts:
            others = f"{keys.SIGNED_PORT.name} is for others"
        message = f"not a door on this host ({self.host}): {others}"
        self.notes.append(Note(section.path, section.line, f"[{name}]", message))
        return False

    def _choose(self, merged: dict[str, Entry]) -> None:
        fixed, one_time = merged[keys.SEQUENCE.field], merged[keys.ONE_TIME.field]
        ranks = [values.closeness(entry.raw.host, self.host) or 0 for entry in (fixed, one_time)]
        if ranks[0] == ranks[1] and fixed.raw.line > one_time.raw.line:
            # 0.8 would knock the fixed sequence once and then go on with the file.
            message = "expected one of Sequence and One_Time_Sequences, got both"
            self.problems.append(Problem(fixed.path, fixed.raw.line, fixed.raw.written, message))
        dropped, kept = (one_time, fixed) if ranks[0] > ranks[1] else (fixed, one_time)
        self._drop(merged, dropped, kept)

    def _choose_nearest(self, merged: dict[str, Entry], here: Sequence[Entry]) -> None:
        """Leaves the kind that is meant for this host most; several of them are a mistake."""
        nearest = max(values.closeness(entry.raw.host, self.host) or 0 for entry in here)
        kept, *more = (e for e in here if (values.closeness(e.raw.host, self.host) or 0) == nearest)
        for entry in more:
            message = (
                f"expected one of {keys.SEQUENCE_KINDS}, got {kept.key.name} in line {kept.raw.line} too"
            )
            self.problems.append(Problem(entry.path, entry.raw.line, entry.raw.written, message))
        for entry in here:
            if entry is not kept:
                self._drop(merged, entry, kept)

    def _drop(self, merged: dict[str, Entry], dropped: Entry, kept: Entry) -> None:
        del merged[dropped.key.field]
        message = f"replaced by {kept.raw.written} in line {kept.raw.line}"
        self.notes.append(Note(*dropped.place, message))

    def _check_period(self, merged: Mapping[str, Entry]) -> None:
        """A sequence that takes longer than a period could not be finished in time."""
        timeout = merged.get("seq_timeout")
        entry = merged.get("sequence_period", timeout)
        period = merged["sequence_period"].value if "sequence_period" in merged else Rule().period
        seconds = SEQ_TIMEOUT if timeout is None else timeout.value
        if entry is not None and period < seconds:
            message = f"expected at least Seq_Timeout ({seconds:.0f} s), got a period of {period} s"
            self.problems.append(Problem(*entry.place, message))

    def _addresses(self, entry: Entry) -> tuple[IPv4Address | IPv6Address, ...]:
        found: list[IPv4Address | IPv6Address] = []
        for part in entry.value:
            if not isinstance(part, str):
                found.append(part)
                continue
            if part not in self._resolved:
                self._resolved[part] = self._look_up(part)
            answer = self._resolved[part]
            if isinstance(answer, str):
                message = f"expected a host name with an address, got {seen(part)}: {answer}"
                self.problems.append(
                    Problem(entry.path, entry.raw.line, entry.raw.written, message, passing=True)
                )
            else:
                found += answer
        return tuple(dict.fromkeys(found))

    def _look_up(self, name: str) -> tuple[fields.Address, ...] | str:
        """The addresses of ``name``, or the reason why there are none."""
        try:
            # A link-local answer comes with its zone; packets carry no zone.
            found = tuple(ip_address(text.partition("%")[0]) for text in self.resolve(name))
        except OSError as error:
            return printable(error.strerror or str(error) or "no reason given")
        except ValueError as error:
            return printable(str(error))
        return found or "it has no address"


def _is_sequence(name: str) -> bool:
    kinds = (keys.SEQUENCE, keys.ONE_TIME, keys.SEQUENCE_KEY)
    return name.lower() in (kind.name.lower() for kind in kinds)


def _holds_sequence(entries: Mapping[str, Entry]) -> bool:
    return any(kind in entries for kind in _KINDS)
