"""Whether the kernel can say who is connected, for doors that close when they are idle.

World: conntrack.
"""

from __future__ import annotations

from collections.abc import Sequence

from knockd.doctor.findings import Finding, Looked
from knockd.net.conntrack import find_obstacle
from knockd_conf.model import Door

SUBJECT = "connections"


def look_at_connections(doors: Sequence[Door]) -> Looked:
    """What keeps ``Close_When_Idle`` from working; nobody is asked where no door has it."""
    waiting = [door for door in doors if door.close_when_idle]
    obstacle = find_obstacle() if waiting else None
    if obstacle is None:
        return Looked(SUBJECT)
    path, line, _ = waiting[0].place("close_when_idle")
    named = ", ".join(door.name for door in waiting)
    text = f"Close_When_Idle of {named} does nothing, Cmd_Timeout counts: {obstacle}"
    cure = "run it as root; load nf_conntrack and nf_conntrack_netlink, and have a rule with 'ct state'"
    return Looked(SUBJECT, (Finding("no-conntrack", text, cure, f"{path}:{line}"),))
