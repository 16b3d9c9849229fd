"""Whether libpcap can be used, that is whether pcapy-ng, which binds it, can be imported.

World: libpcap.
"""

from __future__ import annotations


def find_import_error() -> ImportError | None:
    """Why pcapy-ng cannot be imported; None: it can, and has been."""
    try:
        # The older pcapy has the same name, but neither this nor the calls that knockd needs.
        from pcapy import PACKET_FANOUT_HASH  # noqa: F401 - whether it can be
    except ImportError as error:
        return error
    return None
