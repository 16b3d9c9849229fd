"""The way of a knock through the lab, as lines of text.

Pure.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from knockd.doctor.knock_plan import Way
from knockd.explanation.accounts import Account
from knockd.explanation.words import Doors, describe, format_packet
from knockd.knocks.watch import Watch
from knockd.replay.openings import Action
from knockd_bpf.wire import flag_names
from knockd_conf.model import Door
from knockd_conf.text import printable

MOST_NAMED = 5


def describe_door(door: Door, watch: Watch) -> str:
    """What is asked for at a door: steps, time, flags, guard ports."""
    text = f"door {printable(door.name)} ({printable(door.path)}:{door.line}): "
    if door.sequence_key is None:
        text += ", ".join(map(str, watch.steps))
    else:
        text += f"{len(watch.steps)} steps made of a key in {printable(door.sequence_key)}"
    text += f" within {watch.seq_timeout:g} s"
    if watch.flags is not None:
        text += f", TCPFlags {flag_names(watch.flags)}"
    if watch.guards:
        text += f", {len(watch.guards)} guard ports"
    if door.one_time_file is not None:
        text += f"; the live line of {printable(door.one_time_file)}, which is not struck out"
    return text


def describe_signed(door: Door) -> str:
    """What is asked for at a door that signed knocks open."""
    text = f"door {printable(door.name)} ({printable(door.path)}:{door.line}): "
    return f"{text}signed knocks at {door.signed_port}:udp, keys in {printable(door.authorized_keys or '')}"


def describe_packet(
    number: int, account: Account, doors: Doors, door: int, *, secret: bool = False
) -> Iterator[tuple[str, str]]:
    """Yields head and text of the lines of a packet that has arrived: first what it is at our door.

    ``secret``: without its port.
    """
    packet = format_packet(account)
    head = f"  {number:>2}  {packet.partition(':')[2] if secret else packet:<14} "
    if account.why:
        yield head, f"left, arrived: {account.why}"
        return
    if account.signed is not None:
        yield head, f"left, arrived, passed the filter: {account.signed.text}"
        return
    ours = [one for one in account.verdicts if one.door == door]
    for verdict in ours:
        yield head, f"left, arrived, passed the filter: {describe(verdict, account, doors)}"
        head = " " * len(head)
    for verdict in account.verdicts:
        if verdict.door != door:
            yield head, f"at door {doors.name(verdict)}: {describe(verdict, account, doors)}"
            head = " " * len(head)


def describe_actions(actions: Iterable[Action], obstacle: str | None, user: str) -> Iterator[str]:
    """Yields what an opening would lead to."""
    if obstacle is not None:
        yield f"but it would be refused: {obstacle}"
        return
    for place, action in enumerate(actions):
        match action.kind:
            case "start" | "stop":
                seconds = "" if not place else f" {action.steady / 1e6:g} s later"
                yield f"would run{seconds} as {user}: {printable(action.text)}"
            case _:
                yield f"but nothing would be run: {printable(action.text)}"


def explain_flags(way: Way, reason: str) -> str:
    """Why a knock with other flags could not be sent."""
    return (
        f"could not be sent: ordinary clients send SYNs alone, and TCPFlags asks for others;"
        f" '{way.command}' could, but {reason}"
    )


OTHERWISE: Final = "but "
"""How each line begins about what the daemon that runs does otherwise."""


def compare_with_daemon(
    asked: Mapping[str, Any] | str, config_path: str, door: Door, changed: Sequence[str]
) -> Iterator[str]:
    """Yields what is otherwise with the daemon that runs, whose Status is ``asked``, or why it is not known.

    ``changed``: files of the configuration that have changed since it was read.
    """
    if isinstance(asked, str):
        yield f"the running daemon: not known, {printable(asked)}"
        return
    try:
        yield from [*_compare(asked, config_path, door, changed)]
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        yield f"the running daemon: not known, what it says is of another version ({printable(repr(error))})"


def _compare(asked: Mapping[str, Any], config_path: str, door: Door, changed: Sequence[str]) -> Iterator[str]:
    names = [printable(one["name"]) for one in asked.get("interfaces") or ()]
    where = f"listens on {', '.join(names)}" if names else "listens on no interface"
    yield f"the running daemon (pid {int(asked['pid'])}): {where}"
    for name in asked.get("waiting") or ():
        yield f"but it waits for {printable(name)}: no knock is heard there"
    for name in asked.get("deaf") or ():
        yield f"but {printable(name)} has no address to knock at"
    other = str(asked.get("config") or config_path)
    if other != config_path:
        yield f"but it runs by {printable(other)}, which may have other doors"
    elif changed:
        named = ", ".join(map(printable, changed[:MOST_NAMED]))
        yield f"but it has read its configuration before {named} changed: knockctl reload"
    if asked.get("refused"):
        yield "but its last reload was refused: the old configuration goes on ('knockctl doctor' says why)"
    same = [one for one in asked.get("doors") or () if one.get("name") == door.name]
    if not same:
        yield f"but it has no door {printable(door.name)}: knockctl reload"
    for one in same:
        signed = one.get("signed")
        if one.get("disabled") and (signed is None or signed["waiting"] is not None):
            why = one.get("waiting")
            state = f"waits there: {why}" if why else "is disabled there: it has no sequence that can be used"
            yield f"but door {printable(door.name)} {printable(state)}"
