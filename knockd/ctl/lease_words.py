"""A door that is open for an address, in a sentence.

Pure.
"""

from __future__ import annotations

from knockd.ctl.reply import Lease
from knockd.review.cells import count_of
from knockd_conf.text import show_span


def describe_lease(lease: Lease) -> str:
    """How it is with the door and the address now, and what to do where it is not well."""
    who = f"{lease.door} for {lease.whom}"
    left = None if lease.seconds_left is None else show_span(lease.seconds_left)
    failed = f"its stop command failed {count_of(lease.failures, 'time', 'times')}"
    if lease.state == "failed":
        return f"{who} could not be closed: {failed}; close it by hand, then: knockctl forget {lease.id}"
    if lease.state == "retrying":
        soon = f" in {left}" if left else ""
        return f"{who} is still open: {failed}, and is tried again{soon}; see: knockctl log --what command"
    if lease.state in {"stopping", "leftover"}:
        return f"{who} is being closed: its stop command has not ended yet; see: knockctl status"
    if lease.unopened:
        return f"{who} was not opened: its start command failed; see: knockctl log --what command"
    if lease.state in {"starting", "renewing"}:
        return f"{who} is being opened: its start command has not ended yet; see: knockctl status"
    return f"{who} is open, {left} left" if left else f"{who} is open"
