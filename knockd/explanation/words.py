"""Accounts of packets as lines of text, and what the lines are made of: ports, flags, times.

World: the time zone.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from knockd.explanation.accounts import Account
from knockd.knocks.verdicts import Kind, Verdict
from knockd.knocks.watch import Watch
from knockd.log.stamps import local_time
from knockd.replay.text import wrap
from knockd_bpf.wire import TCP, flag_names
from knockd_conf.classes import NamedTuple
from knockd_conf.model import Step
from knockd_conf.protocol import FLAG_BITS, Protocol
from knockd_conf.text import address_text, is_link_local, printable

COLUMNS = 100
_UNOPENED = "its time is over or has not come, or it has been used"
MOST_ADDRESSES = 4
"""Addresses that a line names."""


class Doors(NamedTuple):
    """The names of all doors, what verdicts are about, and who is explained."""

    names: Sequence[str]
    watches: Sequence[Watch]
    source: bytes
    keyed: frozenset[int] = frozenset()
    """The places of the doors that have a Sequence_Key."""
    signed: frozenset[int] = frozenset()
    """The places of the doors that signed knocks open."""
    signed_ports: tuple[int, ...] = ()

    def name(self, verdict: Verdict) -> str:
        """The printable name of the door that a verdict is about."""
        return printable(self.names[verdict.door])


def format_account(account: Account, doors: Doors) -> Iterator[str]:
    """Yields the lines of one packet: one for each door."""
    head = f"{clock(account.sighting.stamp)} {account.since:>8.3f}  {format_packet(account):<18}  "
    at = f"{printable(account.place.name)}: " if account.place.name else ""
    texts = [at + account.why] if account.why else []
    texts += [f"{at}{doors.name(it)}: {describe(it, account, doors)}" for it in account.verdicts]
    if (signed := account.signed) is not None:
        texts.append(f"{at}{signed.door}: {signed.text}" if signed.door else f"{at}{signed.text}")
    for text in texts:
        yield from wrap(text, COLUMNS, head)
        head = " " * len(head)


def format_packet(account: Account) -> str:
    """Port and flags, as ``7000:tcp syn``."""
    protocol = Protocol(account.protocol)
    if account.port is None:
        return f"?:{protocol}"
    if account.protocol != TCP or (account.why and not account.flags):
        return str(Step(account.port, protocol))
    return f"{Step(account.port, protocol)} {format_flags(account.flags)}"


def format_flags(flags: int) -> str:
    """The flags that are set, as TCPFlags writes them."""
    return ",".join(name for name, bit in FLAG_BITS.items() if flags & bit) or "none"


def watched(watch: Watch, account: Account) -> str:
    """The addresses at which a packet would have counted: of its IP version, the first ones of many.

    Empty: there are none.
    """
    size = len(account.destination or b"")
    same = [one for one in watch.target or account.place.local if len(one) == size]
    wide = [one for one in same if not is_link_local(one)] or same
    texts = sorted(map(address_text, wide))
    left = len(texts) - MOST_ADDRESSES
    named = ", ".join(texts[:MOST_ADDRESSES])
    return f"{named} and {left} more" if left > 0 else named


def format_seconds(seconds: float) -> str:
    """Seconds as people write them; more than nothing is never 0."""
    return f"{seconds:.1f}" if seconds >= 0.1 else f"{max(seconds, 0.001):.3f}"


def clock(stamp: int) -> str:
    """The local time of day of a stamp, with milliseconds."""
    return local_time(stamp)[11:23]


def describe(verdict: Verdict, account: Account, doors: Doors) -> str:
    """What a packet is at a door."""
    text = _describe(verdict, account, doors)
    dropped = "" if account.sighting.passes else "; the kernel's filter drops it"
    return text + dropped


def _describe(verdict: Verdict, account: Account, doors: Doors) -> str:
    watch = doors.watches[verdict.watch]
    last = len(watch.steps)
    key, why = account.key_of(verdict)
    of_key = f" with key {key}" if key else ""
    unopened = f" of a sequence that opens nothing: {why or _UNOPENED}" if verdict.silent else ""
    until = f"ignored until {clock(until_stamp(verdict, account))}"
    left = format_seconds(verdict.until - account.sighting.now)
    ended = (
        f"too late by {format_seconds(verdict.late)} s: the attempt ended at step {verdict.expired} of {last}"
    )
    late = f"{ended}; " if verdict.expired else ""
    match verdict.kind:
        case Kind.ELSEWHERE:
            ours = watched(watch, account)
            elsewhere = f"not to {ours}" if ours else "which is not watched"
            return f"does not count: goes to {destination(account)}, {elsewhere}"
        case Kind.FLAGS:
            return f"does not count: flags {format_flags(account.flags)}, wanted {wanted_flags(watch)}"
        case Kind.NOT_ADMITTED:
            return "does not count: Allow and Deny of the door leave its address out"
        case Kind.USED_UP:
            return "does not count: the sequence can be used once, and has been"
        case Kind.GUARD | Kind.GUARD_AGAIN | Kind.IGNORED if watch.key:
            stage = f"ends the attempt at step {verdict.before} of {last}, " if verdict.before else ""
            touched = "it has touched a guard port" if verdict.kind is Kind.IGNORED else "guard port"
            return f"{late}{touched}: {stage}the sequences of now are closed to it"
        case Kind.GUARD:
            stage = f"ends the attempt at step {verdict.before} of {last}, " if verdict.before else ""
            return f"{late}guard port: {stage}{until}"
        case Kind.GUARD_AGAIN:
            return f"guard port again: {until}"
        case Kind.IGNORED:
            return f"{until} ({left} s more): it has touched a guard port"
        case Kind.COOLDOWN:
            return f"{until} ({left} s more): it has opened the door (Seq_Cooldown = {watch.seq_cooldown:g})"
        case Kind.BEGINS:
            return f"{late}step 1 of {last}{of_key}{unopened}"
        case Kind.NEXT:
            return f"step {verdict.stage} of {last}{of_key}{unopened}"
        case Kind.REPEAT:
            return f"a step that is done comes again{of_key}; {due(verdict, doors)} is due"
        case Kind.WRONG:
            stage = f"the attempt ends at step {verdict.before} of {last}"
            return f"wrong step: {due(verdict, doors)} was due; {stage}"
        case Kind.UNBEGUN:
            return (
                ended
                if verdict.expired
                else f"wrong step: there is no attempt, {name_step(watch, 0)} comes first"
            )
        case Kind.ENDS_ANOTHER:
            return "the first step, but the packet has ended a knock at another door: begins none"
        case Kind.OPENS:
            though = (
                ", though guard ports were touched in its name: the knock was quick" if verdict.quick else ""
            )
            return f"{late}step {last} of {last}{of_key}: the door would open{though}"
        case Kind.STALE | Kind.USED:
            nothing = why or (_UNOPENED if verdict.kind is Kind.STALE else "it has been used")
            return f"{late}step {last} of {last}{of_key}: the whole sequence, but it opens nothing: {nothing}"


def due(verdict: Verdict, doors: Doors) -> str:
    """The step that was due when a packet came, or after it where it has changed nothing."""
    return name_step(doors.watches[verdict.watch], verdict.before)


def name_step(watch: Watch, number: int) -> str:
    """A step by its place, from 0; no port that is made of a key: explanations are sent around."""
    return f"step {number + 1}" if watch.key else str(watch.steps[number])


def destination(account: Account) -> str:
    """Where a packet goes."""
    return "an unknown address" if account.destination is None else address_text(account.destination)


def wanted_flags(watch: Watch) -> str:
    """The flags that a watch asks for."""
    return flag_names(watch.flags) if watch.flags else "any"


def until_stamp(verdict: Verdict, account: Account) -> int:
    """When a source is heard again, in microseconds since the epoch."""
    return account.sighting.stamp + round((verdict.until - account.sighting.now) * 1e6)
