"""A status as it is some seconds after it was given, as long as nothing has happened.

Pure.
"""

from __future__ import annotations

from knockd.ctl.reply import Status


def pass_time(status: Status, seconds: float) -> Status:
    """The same with less time left, and more passed."""
    leases = tuple(
        lease._replace(
            seconds_open=None if lease.seconds_open is None else lease.seconds_open + seconds,
            seconds_left=None if lease.seconds_left is None else max(0.0, lease.seconds_left - seconds),
        )
        for lease in status.leases
    )
    attempts = tuple(
        one._replace(seconds_left=max(0.0, one.seconds_left - seconds)) for one in status.attempts
    )
    return status._replace(
        seconds_up=status.seconds_up + seconds,
        config_age=status.config_age + seconds,
        leases=leases,
        attempts=attempts,
    )
