"""Where what comes with knockd is on this machine: examples, and the unit of the service.

World: files.
"""

from __future__ import annotations

import os
import sys

CHECKOUT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
"""The top of a checkout, where this is one."""

EXAMPLES, UNIT = "conf/examples", "conf/systemd/knockd.service"
"""Their places in the sources."""


def find_examples() -> str:
    """The folder of example configurations; where none is installed that of the sources."""
    folders = (
        f"{CHECKOUT}/{EXAMPLES}",
        *(f"{one}/share/doc/knockd/examples" for one in (sys.prefix, "/usr")),
    )
    return next(filter(os.path.isdir, folders), EXAMPLES)


def find_unit() -> str:
    """The unit of the service for systemd, likewise."""
    files = (f"{CHECKOUT}/{UNIT}", f"{sys.prefix}/lib/systemd/system/{os.path.basename(UNIT)}")
    return next(filter(os.path.isfile, files), UNIT)
