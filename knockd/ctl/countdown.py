"""A status as it is some seconds after it was given, as long as nothing has happened.

Pure.
"""

from __future__ import annotations

from knockd.ctl.reply import Rotation, Status


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
    doors = tuple(
        door if door.rotation is None else door._replace(rotation=_move_on(door.rotation, seconds))
        for door in status.doors
    )
    return status._replace(
        seconds_up=status.seconds_up + seconds,
        config_age=status.config_age + seconds,
        doors=doors,
        leases=leases,
        attempts=attempts,
        fleet=None if status.fleet is None else status.fleet._replace(seconds=status.fleet.seconds + seconds),
    )


def _move_on(rotation: Rotation, seconds: float) -> Rotation:
    """One sequence follows the other."""
    if rotation.seconds_left is None or rotation.period <= 0:
        return rotation
    return rotation._replace(
        seconds_left=rotation.period - (seconds - rotation.seconds_left) % rotation.period
    )
