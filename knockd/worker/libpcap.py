"""Whether there is libpcap, that is pcapy-ng, the package that binds it, and how to get it.

World: libpcap.
"""

from __future__ import annotations

import shlex
import sys


def explain_missing() -> str | None:
    """Why pcapy-ng cannot be imported; None: it can, and has been."""
    try:
        import pcapy  # noqa: F401 - whether it can be
    except ImportError as error:
        return str(error)
    return None


def advise_install() -> str:
    """How pcapy-ng gets onto this host, as the end of a sentence."""
    return (
        "install the package python3-pcapy-ng (Debian, Ubuntu: it comes beside that of knockd), or run"
        f" {shlex.quote(sys.executable)} -m pip install pcapy-ng"
    )
