"""What a packet process is started with under a configuration.

World: whether pcapy-ng can be imported.
"""

from __future__ import annotations

from knockd.keeper.settings import Loaded, Settings
from knockd.worker.capture import find_reader
from knockd.worker.libpcap import find_import_error
from knockd.worker.setup import Setup
from knockd_conf.model import Options, Reader


def setup_of(loaded: Loaded, settings: Settings) -> Setup:
    """What a packet process is started with and keeps."""
    options = loaded.config.options
    return Setup(
        latency=options.latency,
        buffer=options.buffer,
        max_attempts=options.max_attempts,
        user=loaded.user,
        user_required=options.user is not None,
        ipv6=settings.ipv6,
        debug=settings.debug,
        signed=any(door.is_signed for door in loaded.config.doors),
        reader=options.capture,
    )


def explain_own_reader(options: Options) -> str | None:
    """Why packets are never read through libpcap; None: they are, where there are not too many interfaces."""
    if find_reader(options.capture) is Reader.PCAPY:
        return None
    if options.capture is Reader.SOCKET:
        return "Capture = socket"
    return f"pcapy-ng cannot be imported ({find_import_error()})"
