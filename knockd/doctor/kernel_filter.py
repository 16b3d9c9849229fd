"""Whether the kernel's filter lets a packet through that we send ourselves.

World: the lab.
"""

from __future__ import annotations

import os
from collections.abc import Sequence

from knockd.doctor.findings import Finding, Looked
from knockd.doctor.own_packet import Seen, see_own_packet
from knockd.knocks.watch import Watch
from knockd_conf.model import Config

SUBJECT = "filter"


def look_at_filter(config: Config, watches: Sequence[Watch], *, ipv6: bool) -> Looked:
    """What becomes of the first packet of a door, in a network of its own; only root can make one."""
    if os.geteuid() != 0:
        return Looked(SUBJECT, (), ("whether it sees a packet of our own: run it as root",))
    return judge_seen(see_own_packet(config, watches, ipv6=ipv6))


def judge_seen(seen: Seen) -> Looked:
    """What the outcome means."""
    if seen.seen is None:
        return Looked(SUBJECT, (), (f"whether it sees a packet of our own: {seen.reason}",))
    if seen.seen:
        return Looked(SUBJECT)
    text = f"a packet of our own for a door was not seen: {seen.reason}"
    return Looked(
        SUBJECT, (Finding("filter-broken", text, "see 'knockd --dry-run' and 'knockd --explain IP'"),)
    )
