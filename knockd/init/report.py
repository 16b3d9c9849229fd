"""What ``knockd --init`` says: what it found and chose, and the owner's next steps in their order.

Pure.
"""

from __future__ import annotations

import shlex
import textwrap
from collections.abc import Iterable, Iterator, Sequence

from knockd.doctor.findings import Finding
from knockd.init.commands import PATIENCE, Work
from knockd.init.content import CMD_TIMEOUT
from knockd.init.ways import Tool, Way
from knockd_conf.classes import NamedTuple
from knockd_conf.firewall_tools import Version
from knockd_conf.model import Service
from knockd_conf.protocol import Protocol
from knockd_conf.text import printable

WIDTH = 80
MOST_KEYS = 3
"""SSH keys that are proposed."""

_UNIT = "knockd-undo"
_NAMES = {
    Tool.NFT: "nft",
    Tool.GATE: "nft",
    Tool.IPTABLES: "iptables",
    Tool.UFW: "ufw",
    Tool.FIREWALLD: "firewalld",
}


class SignedSummary(NamedTuple):
    """What there is of signed knocks."""

    port: int
    kept: tuple[str, ...]
    """Paths of files that were there, and stay as they are."""
    known: tuple[str, ...]
    """Lines of SSH keys that log in to this host."""


class Summary(NamedTuple):
    """What was found, chosen and written."""

    written: tuple[str, ...]
    """Paths; empty: the file was printed."""
    interfaces: tuple[str, ...]
    addresses: tuple[str, ...]
    """At which others may knock, the likeliest first."""
    private: bool
    """Whether the first of them is not of the Internet (RFC 1918)."""
    door: str
    service: Service
    listening: bool
    """Whether somebody serves there."""
    keyed: bool
    knocks: tuple[str, ...]
    """What the client knocks: ports; of a door with a key nothing."""
    ways: tuple[Way, ...]
    versions: tuple[Version, ...]
    """By which others can reach this host."""
    work: Work
    systemd: bool
    start: str
    """The line that starts the daemon."""
    options: str
    """What commands need where the file is not the default one."""
    unlooked: tuple[str, ...]
    """What could not be looked at."""
    care: tuple[str, ...]
    """Sentences about what is not well."""
    signed: SignedSummary | None = None


def describe_finding(finding: Finding) -> str:
    """A finding of the doctor as one sentence."""
    return f"{finding.text}: {finding.cure}"


def format_report(summary: Summary) -> Iterator[str]:
    """Yields the lines."""
    if summary.written:
        yield f"Wrote {' and '.join(map(printable, summary.written))} (mode 600)."
        yield ""
    yield from _tell_found(summary)
    for text in (*summary.care, *_tell_kept(summary.signed)):
        yield from _wrap("! ", text)
    for number, (title, lines, after) in enumerate(_plan(summary), 1):
        yield ""
        yield from _wrap(f"{number}. ", title)
        for line in lines:
            yield from (f"     {part}" for part in line.split("\n"))
        for text in after:
            yield from _wrap("   ", text)


def _tell_found(summary: Summary) -> Iterator[str]:
    yield from _wrap("Interface: ", ", ".join(map(printable, summary.interfaces)))
    where = ", ".join(summary.addresses) or "no address yet"
    yield from _wrap("Addresses: ", where)
    yield from _wrap("Firewall:  ", "; ".join(_tell_firewall(summary)))
    serves = "" if summary.listening else " (nobody listens there yet)"
    how = "a key, a new sequence every 30 seconds" if summary.keyed else f"{len(summary.knocks)} random ports"
    if summary.signed is not None:
        how = f"one packet to {summary.signed.port}/udp, signed by an SSH key"
    what = f"{summary.door} opens {summary.service}{serves} for {CMD_TIMEOUT} seconds; {how}"
    yield from _wrap("Door:      ", what)


def _tell_kept(signed: SignedSummary | None) -> Iterator[str]:
    for path in () if signed is None else signed.kept:
        yield f"{printable(path)} is there already, and counts as it is"


def _tell_firewall(summary: Summary) -> Iterator[str]:
    if summary.unlooked:
        yield f"not known ({'; '.join(summary.unlooked)}): taken for one that lets everybody in"
        return
    said: dict[str, set[Version]] = {}
    for way in summary.ways:
        if way.version in summary.versions:
            said.setdefault(_tell_way(way), set()).add(way.version)
    for text, versions in said.items():
        yield text if versions == {*summary.versions} else f"{text} (IPv{min(versions)})"


def _tell_way(way: Way) -> str:
    if way.wide_open:
        return "nothing drops strangers" if way.tool is Tool.GATE else f"{_NAMES[way.tool]} lets everybody in"
    where = f", chain {way.place}," if way.tool in (Tool.NFT, Tool.IPTABLES) else ""
    return f"{_NAMES[way.tool]}{where} drops strangers"


def _plan(summary: Summary) -> Iterator[tuple[str, Sequence[str], Sequence[str]]]:
    """Yields title, command lines and sentences behind them of each step."""
    work = summary.work
    if work.prepare:
        yield (
            "Tell the firewall of those who have knocked. This changes nothing for anybody yet.",
            work.prepare,
            work.advice if not work.close else (),
        )
    if summary.signed is not None:
        yield _plan_keys(summary, summary.signed)
    after = (
        ["At each boot a service does so: docs/service.md."] if summary.start.startswith("knockd ") else []
    )
    if summary.signed is not None:
        after.append("Signed knocks count two minutes after the first start: knockctl status says when.")
    yield "Start knockd.", [summary.start], after
    yield _plan_knock(summary)
    if not work.close:
        return
    tried = 2 + bool(work.prepare) + (summary.signed is not None)
    yield (
        f"{_tell_open(summary)} When step {tried} has worked, close it, and leave this session open:"
        f" in {PATIENCE} minutes it is undone.",
        [*_undo_later(work.undo, systemd=summary.systemd), *work.close],
        (),
    )
    yield (
        "From the other host connect without a knock: that has to fail. Then knock and connect. When that"
        " works, let it stay closed.",
        [_keep_undone(systemd=summary.systemd), *work.keep],
        work.advice,
    )


def _tell_open(summary: Summary) -> str:
    if summary.unlooked:
        return f"Where everybody reaches {summary.service}, THE DOOR PROTECTS NOTHING YET."
    return f"THE DOOR PROTECTS NOTHING YET: everybody reaches {summary.service}{_over(summary)}."


def _over(summary: Summary) -> str:
    """The only IP version over which everybody comes in, in words."""
    versions = {way.version for way in summary.ways if way.wide_open} & {*summary.versions}
    return f" over IPv{min(versions)}" if len(versions) < len(summary.versions) else ""


def _plan_keys(summary: Summary, signed: SignedSummary) -> tuple[str, Sequence[str], Sequence[str]]:
    command = f"knockctl authorize --door {summary.door}{summary.options}"
    if not signed.known:
        return (
            "Let an SSH key knock: one of ssh-ed25519, which 'ssh-keygen -t ed25519' makes on its owner's"
            " host. Copy the file that ends in .pub to here.",
            [f"{command} FILE.pub"],
            (),
        )
    lines = [f"{command} {shlex.quote(line)}" for line in signed.known[:MOST_KEYS]]
    left = len(signed.known) - len(lines)
    return (
        "Let SSH keys knock: these log in to this host already; FILE.pub lets in another one.",
        lines,
        [f"({left} more of them log in.)"] if left > 0 else (),
    )


def _plan_knock(summary: Summary) -> tuple[str, Sequence[str], Sequence[str]]:
    host = summary.addresses[0] if summary.addresses else "THIS-HOST"
    if summary.signed is not None:
        return _plan_signed_knock(summary, summary.signed, host)
    rehearse = f"knockctl doctor --knock {summary.door}{summary.options}"
    after = [f"Within {CMD_TIMEOUT} seconds connect to {host}, {summary.service}."]
    if summary.private:
        after.append(
            "From the Internet knock at the address of your router, which has to forward these ports too."
        )
    if summary.keyed:
        lines = [rehearse, _export(summary, host)]
        after.insert(
            0,
            "There 'knock --import -' takes what export prints here, which nobody else may see. To knock:"
            f" knock {host}",
        )
    else:
        lines = [rehearse, f"knock {host} {' '.join(summary.knocks)}"]
    return "Try it: first without a network, here; then knock from another host.", lines, after


def _plan_signed_knock(
    summary: Summary, signed: SignedSummary, host: str
) -> tuple[str, Sequence[str], Sequence[str]]:
    after = [
        f"There 'knock --import -' takes what export prints here. To knock, where that key is: knock {host}",
        f"Within {CMD_TIMEOUT} seconds connect to {host}, {summary.service}.",
    ]
    if summary.private:
        after.append(
            "From the Internet knock at the address of your router, which has to forward"
            f" {signed.port}/udp and {summary.service}."
        )
    return "Try it from another host.", [_export(summary, host)], after


def _export(summary: Summary, host: str) -> str:
    verify = f" --verify {summary.service.low}" if summary.service.protocol is Protocol.TCP else ""
    return f"knockctl export {summary.door} --host {host}{verify}{summary.options}"


def _undo_later(lines: Iterable[str], *, systemd: bool) -> list[str]:
    if systemd:
        return [
            f"systemd-run --on-active={PATIENCE}min --unit={_UNIT}-{number} {line}"
            for number, line in enumerate(lines, 1)
        ]
    return [f"(trap '' HUP; sleep {PATIENCE * 60}; {'; '.join(lines)}) > /dev/null 2>&1 &"]


def _keep_undone(*, systemd: bool) -> str:
    return f"systemctl stop '{_UNIT}-*.timer'" if systemd else "kill $!"


def _wrap(begin: str, text: str) -> list[str]:
    return textwrap.wrap(
        text,
        WIDTH,
        initial_indent=begin,
        subsequent_indent=" " * len(begin),
        break_long_words=False,
        break_on_hyphens=False,
    )
