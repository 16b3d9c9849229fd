"""This host's time zone: what a time of an authorized_keys file without ``Z`` is.

World: the time zone.
"""

from __future__ import annotations

import time

from knockd_conf.expiry_time import Moment, utc_seconds


def local_seconds(moment: Moment) -> float:
    """The seconds since the epoch at which clocks on the wall of this host show a time.

    Of a time that comes twice, as summer ends, libc chooses; one that never comes is moved on.
    """
    try:
        return time.mktime((*moment, 0, 0, -1))
    except OverflowError:  # beyond what this libc counts: in a far future a time zone matters no more
        return utc_seconds(moment)
