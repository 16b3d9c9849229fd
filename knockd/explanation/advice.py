"""The sentence at the end: what to change, so that the knock opens. It looks at the latest knock only.

World: the time zone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from itertools import pairwise

from knockd.explanation import accounts as causes
from knockd.explanation.accounts import Account
from knockd.explanation.words import (
    Doors,
    clock,
    destination,
    format_flags,
    format_seconds,
    name_step,
    until_stamp,
    wanted_flags,
    watched,
)
from knockd.knocks.refusals import Cause
from knockd.knocks.verdicts import Kind, Verdict
from knockd.knocks.watch import Watch
from knockd_conf.classes import NamedTuple
from knockd_conf.model import Step
from knockd_conf.protocol import Protocol
from knockd_conf.text import address_text, printable

ORDINALS = ("first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth")
MOST_PORTS = 5
"""Ports that the sentence names."""

_REMEDIES = {
    Cause.VLAN.value: "let knockd listen at the interface of that VLAN (Interface = eth0.NUMBER)",
    Cause.FRAGMENT.value: "send packets that need not be cut into fragments",
    Cause.CUT.value: "capture whole packets (tcpdump -s 0), or look at who cuts them on the way",
    Cause.EXTENSIONS.value: "send packets without so many IPv6 extension headers",
    Cause.SOURCE.value: "knock from another host",
    Cause.LENGTH.value: "look at the client, and whether it sends signed knocks to this port",
    Cause.MALFORMED.value: "look at the client and at who rewrites packets on the way",
    causes.NO_IPV6: "start knockd without -4, or knock by IPv4",
    causes.NOT_HERE: "leave --vlan out, or let the client send in that VLAN",
    causes.FILTERED: "look at the filter with knockd --dry-run",
}


class Heard(NamedTuple):
    """What came of a source: how many packets, those to ports of no door, and accounts of the others."""

    packets: int
    other_ports: Mapping[str, int]
    accounts: Sequence[Account]


class _Knock(NamedTuple):
    """The latest knock at one watch: what each packet was there."""

    verdicts: Sequence[tuple[Account, Verdict]]
    watch: Watch
    name: str
    other_ports: Mapping[str, int]

    def of(self, *kinds: Kind) -> list[tuple[Account, Verdict]]:
        """Verdicts of some kinds."""
        return [one for one in self.verdicts if one[1].kind in kinds]

    def steps(self, *kinds: Kind) -> list[tuple[Account, Verdict]]:
        """Of these, those at steps of the watch that did not count another time."""
        counted = {_step(account) for account, verdict in self.verdicts if verdict.stage}
        found = [one for one in self.of(*kinds) if _step(one[0]) in self.watch.steps]
        return [one for one in found if _step(one[0]) not in counted]


def advise(heard: Heard, doors: Doors) -> str:
    """Returns the sentence."""
    who = address_text(doors.source)
    burst = _latest_burst([one for one in heard.accounts if one.cause != causes.DUPLICATE], doors)
    if not burst:
        return _advise_silence(heard, doors, who)
    opened = [(one, verdict) for one in burst for verdict in one.verdicts if verdict.kind is Kind.OPENS]
    if opened:
        account, verdict = opened[-1]
        return (
            f"The knock opens {doors.name(verdict)} at {clock(account.sighting.stamp)}: if it is shut all the"
            " same, look in the log for what became of its start command, and at the firewall."
        )
    signed = [one for one in burst if one.signed is not None]
    if signed:
        return _advise_signed(signed[-1])
    refused = _advise_refused(burst)
    if refused:
        return refused
    knock = _choose_knock(burst, doors, heard.other_ports)
    rules = (
        _advise_flags,
        _advise_address,
        partial(_advise_access, who=who),
        _advise_guard,
        _advise_cooldown,
        _advise_used_up,
        _advise_stale,
        _advise_late,
        _advise_order,
    )
    return next((text for rule in rules if (text := rule(knock))), None) or _advise_rest(knock)


def _advise_signed(account: Account) -> str:
    """Of a signed knock: what it does, or why nothing."""
    signed = account.signed
    assert signed is not None
    at = f" at {signed.door}" if signed.door else ""
    when = clock(account.sighting.stamp)
    if signed.counts:
        return (
            f"The signed knock{at} counts at {when} ({signed.text}): if nothing has changed all the same,"
            " look in the log for what became of it, and at the firewall."
        )
    return f"The signed knock{at} at {when} does nothing: {signed.cure}."


def _advise_silence(heard: Heard, doors: Doors, who: str) -> str:
    if not heard.packets:
        return (
            f"Nothing of {who} arrived: look at the path (does the client send to the right address, does a"
            " NAT give it another source, does a firewall of the provider drop it)."
        )
    ports = [port for port, _ in sorted(heard.other_ports.items(), key=lambda one: -one[1])]
    named = ", ".join(ports[:MOST_PORTS]) + (" and others" if len(ports) > MOST_PORTS else "")
    asked = dict.fromkeys(step for watch in doors.watches if not watch.key for step in watch.steps)
    asked |= dict.fromkeys(Step(port, Protocol.UDP) for port in doors.signed_ports)
    wanted = ", ".join(map(str, list(asked)[:MOST_PORTS])) + (" ..." if len(asked) > MOST_PORTS else "")
    count = f"{heard.packets} packet{'s' if heard.packets != 1 else ''} of {who} arrived"
    idle = [
        printable(doors.names[watch.door])
        for watch in doors.watches
        if not watch.steps and watch.door not in doors.keyed | doors.signed
    ]
    if doors.keyed:
        keyed = ", ".join(printable(doors.names[door]) for door in sorted(doors.keyed))
        told = f" compare what the client sends with Sequence ({wanted}), and" if asked else ""
        return (
            f"{count}, none at a port of a door now ({named}):{told} look whether the client has the key and"
            f" the name of {keyed}, and whether its clock and this one are right."
        )
    if idle and not asked:
        return f"{count}, but no sequence is left in the file of {', '.join(idle)}: write new ones into it."
    spent = f"; no sequence is left in the file of {', '.join(idle)}" if idle else ""
    return (
        f"{count}, none at a port of a door ({named}): compare what the client sends with"
        f" {'the ports of the doors' if doors.signed_ports else 'Sequence'} ({wanted}){spent}."
    )


def _latest_burst(accounts: Sequence[Account], doors: Doors) -> list[Account]:
    """The accounts after the last pause longer than any door waits, but for pauses within a knock."""
    pause = max((watch.seq_timeout for watch in doors.watches), default=0.0)
    burst: list[Account] = []
    for account in reversed(accounts):
        long = burst and burst[-1].sighting.now - account.sighting.now > pause
        if long and not _goes_on(account, burst[-1], doors):
            break
        burst.append(account)
    return burst[::-1]


def _goes_on(before: Account, after: Account, doors: Doors) -> bool:
    """Whether a packet is the step behind that of the one before it, which has opened nothing."""
    opened = any(verdict.kind is Kind.OPENS for verdict in before.verdicts)
    pairs = [pair for its in doors.watches for pair in pairwise(its.steps)]
    return not opened and any(pair == (_step(before), _step(after)) for pair in pairs)


def _advise_refused(burst: Sequence[Account]) -> str:
    """Why packets of the knock can count at no door, unless others to the same ports do."""
    counted = {_step(one) for one in burst for verdict in one.verdicts if verdict.stage}
    for account in burst:
        nameless = account.port is None and counted  # a later fragment of whatever else the source sends
        if account.cause and not nameless and _step(account) not in counted:
            remedy = _REMEDIES.get(account.cause, "look at the client")
            port = "" if account.port is None else f" to {_step(account)}"
            return f"A packet{port} cannot count ({account.why}): {remedy}."
    return ""


def _choose_knock(burst: Sequence[Account], doors: Doors, other_ports: Mapping[str, int]) -> _Knock:
    """The knock at the watch that it fits best: by the steps that came, then by the first one, then by stage.

    Sequences that open and close are often each other backwards.
    """

    def fits(number: int) -> tuple[int, bool, int, int]:
        its = [(one, verdict) for one in burst for verdict in one.verdicts if verdict.watch == number]
        wanted = doors.watches[number].steps
        stage = max((max(verdict.stage, verdict.before, verdict.expired) for _, verdict in its), default=0)
        steps = {_step(one) for one, _ in its} & {*wanted}
        return max(stage, len(steps)), _step(burst[0]) in wanted[:1], stage, -number

    number = max(range(len(doors.watches)), key=fits)
    its = [(one, verdict) for one in burst for verdict in one.verdicts if verdict.watch == number]
    watch = doors.watches[number]
    return _Knock(its, watch, doors.name(its[0][1]) if its else "", other_ports)


def _advise_flags(knock: _Knock) -> str:
    found = knock.steps(Kind.FLAGS)
    if not found:
        return ""
    account = found[0][0]
    return (
        f"The packet to {_step(account)} had the flags {format_flags(account.flags)}, and {knock.name} asks"
        f" for {wanted_flags(knock.watch)}: send such packets (knock sends syn), or change TCPFlags."
    )


def _advise_address(knock: _Knock) -> str:
    found = knock.steps(Kind.ELSEWHERE)
    if not found:
        return ""
    account = found[0][0]
    there, ours = destination(account), watched(knock.watch, account)
    start = f"The packet to {_step(account)} went to {there}"
    if not ours:
        return (
            f"{start}, which is not watched: let {knock.name} watch it (Target = {there}), or where it is an"
            " address of the host that was captured at, name it with --local."
        )
    return f"{start}: knock at {ours}, or let {knock.name} watch that address (Target = {there})."


def _advise_access(knock: _Knock, who: str) -> str:
    if not knock.steps(Kind.NOT_ADMITTED):
        return ""
    return (
        f"Allow and Deny keep {who} out of {knock.name}: knock from an address that they admit, or change"
        " them."
    )


def _advise_guard(knock: _Knock) -> str:
    hits = knock.of(Kind.GUARD, Kind.GUARD_AGAIN)
    if not hits and not knock.of(Kind.IGNORED):
        return ""
    account, verdict = (hits or knock.of(Kind.IGNORED))[-1]
    again = f"knock again after {clock(until_stamp(verdict, account))}"
    if not hits and knock.watch.key:
        return "The source has touched a guard port of the key: knock with the next sequence."
    if not hits:
        return f"The source has touched a guard port and is ignored for a while: {again}."
    if knock.watch.key:
        return (
            f"The client touched {_step(account)}, a guard port: send nothing but {_sequence(knock.watch)},"
            " and knock with the next one."
        )
    return (
        f"The client touched {_step(account)}, a guard port beside a step: send nothing but the sequence"
        f" ({_sequence(knock.watch)}), and {again}."
    )


def _advise_cooldown(knock: _Knock) -> str:
    found = knock.of(Kind.COOLDOWN)
    if not found:
        return ""
    account, verdict = found[-1]
    return (
        f"{knock.name} has opened for this source and ignores it until"
        f" {clock(until_stamp(verdict, account))}: knock again then (Seq_Cooldown ="
        f" {knock.watch.seq_cooldown:g})."
    )


def _advise_used_up(knock: _Knock) -> str:
    if not knock.of(Kind.USED_UP):
        return ""
    return (
        f"The sequence of {knock.name} can be used once, and has been: knock with the next one of its file."
    )


def _advise_stale(knock: _Knock) -> str:
    """Of a sequence that is made of a key and opens nothing."""
    found = knock.of(Kind.STALE, Kind.USED) or [one for one in knock.verdicts if one[1].silent]
    if not found:
        return ""
    account, verdict = found[-1]
    key, why = account.key_of(verdict)
    cure = "set that clock, and let NTP keep it" if "clock" in why else "knock with the next sequence"
    named = f" of key {key}" if key else ""
    return f"The sequence{named} opens nothing at {knock.name} ({why or 'it is not live'}): {cure}."


def _advise_late(knock: _Knock) -> str:
    for account, verdict in knock.verdicts:
        if verdict.expired and knock.watch.steps[verdict.expired] == _step(account):
            return (
                f"Knock within {knock.watch.seq_timeout:g} seconds: the {_ordinal(verdict.expired)} packet"
                f" came {format_seconds(verdict.late)} s too late (Seq_Timeout ="
                f" {knock.watch.seq_timeout:g})."
            )
    return ""


def _advise_order(knock: _Knock) -> str:
    """Says of a step that came too early whether the one that was due came after it."""
    for place, (account, verdict) in enumerate(knock.verdicts):
        if verdict.kind not in (Kind.WRONG, Kind.UNBEGUN) or verdict.expired:
            continue
        due, named = knock.watch.steps[verdict.before], name_step(knock.watch, verdict.before)
        if any(_step(later) == due for later, _ in knock.verdicts[place + 1 :]):
            return (
                f"The client's packets to {_step(account)} came before {named}, and {knock.name} asks for"
                f" {_sequence(knock.watch)}: send them in this order, with a delay (knock -d 200), for"
                " packets may overtake each other."
            )
        return (
            f"{_step(account)} came, and {named} was due, which did not come{_instead(due, knock)}: send"
            f" {_sequence(knock.watch)} in this order, or look who drops that packet on the way."
        )
    return ""


def _advise_rest(knock: _Knock) -> str:
    """The knock has broken off, or it came to no step at all."""
    stage = max((verdict.stage for _, verdict in knock.verdicts), default=0)
    if not stage:
        return f"No packet came to a step: send {_sequence(knock.watch)} in this order."
    number = min(stage, len(knock.watch.steps) - 1)
    due = knock.watch.steps[number]
    return (
        f"After step {stage} of {len(knock.watch.steps)} of {knock.name} nothing came to"
        f" {name_step(knock.watch, number)}{_instead(due, knock)}:"
        " look whether the client sends it, and who drops it on the way."
    )


def _instead(due: Step, knock: _Knock) -> str:
    """Says that a packet to the port of a step came by the other protocol, where one did."""
    other = Step(due.port, Protocol.UDP if due.protocol is Protocol.TCP else Protocol.TCP)
    return f" ({other} came instead)" if str(other) in knock.other_ports else ""


def _step(account: Account) -> Step | None:
    """The port that a packet went to, if it is known."""
    return None if account.port is None else Step(account.port, Protocol(account.protocol))


def _sequence(watch: Watch) -> str:
    if watch.key:
        return "the sequence that the client makes of the key now"
    return ", ".join(map(str, watch.steps))


def _ordinal(place: int) -> str:
    """The name of the packet after so many."""
    return ORDINALS[place] if place < len(ORDINALS) else f"{place + 1}th"
