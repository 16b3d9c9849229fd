"""What a message of the packet process becomes: an opening to commands, or a line of the log.

Of an opening nothing goes on as it came: addresses are printed here, all else is our own configuration's.
"""

from __future__ import annotations

import ipaddress
from typing import Any

from knockd.edge.link import Kind, Message
from knockd.engine.leases import Knock
from knockd.keeper.reporter import Reporter
from knockd.worker.process import WorkerProcess

_EVENTS = {Kind.STAGE: "stage", Kind.SPOILED: "spoiled", Kind.EXPIRED: "expired", Kind.GUARDED: "guarded"}
_FAILURES = frozenset({Kind.SPOILED, Kind.GUARDED})
_FIGURES = {
    Kind.DROPPED: ("dropped", "count", 1),
    Kind.WIDENED: ("widened", "share", 1e-6),
    Kind.SMALL_RING: ("small-ring", "kib", 1),
}


def opening(worker: WorkerProcess, message: Message) -> Knock:
    """What the commands of an opened door are run with."""
    source = ipaddress.ip_address(message.source)
    return Knock(
        door=worker.config.doors[message.door],
        source=str(source),
        version=source.version,
        destination=str(ipaddress.ip_address(message.destination)),
        interface=worker.interfaces[message.interface],
    )


def log_message(reporter: Reporter, worker: WorkerProcess, message: Message, *, failures: bool) -> None:
    """Logs one message; ``failures``: lines that say why a knock failed are wanted (Log_Failures)."""
    kind = message.kind
    if kind is Kind.HELD_BACK:
        reporter.say("held-back", level="warning", count=message.count)
    elif kind in _FIGURES:
        event, field, unit = _FIGURES[kind]
        name = worker.interfaces[message.interface]
        reporter.say(event, level="warning", interface=name, **{field: message.count * unit})
        if kind is Kind.WIDENED and message.stage:
            reporter.say("addresses-widened", level="warning", interface=name)
    elif kind in _EVENTS and (failures or kind not in _FAILURES):
        door, ip = worker.config.doors[message.door], str(ipaddress.ip_address(message.source))
        fields: dict[str, Any] = {"ip": ip, "door": door.name, "stage": message.stage}
        if kind is Kind.GUARDED:
            fields["seconds"] = door.seq_timeout
        reporter.say(_EVENTS[kind], **fields)
