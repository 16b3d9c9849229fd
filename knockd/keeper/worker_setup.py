"""What a packet process is started with under a configuration.

Pure.
"""

from __future__ import annotations

from knockd.keeper.settings import Loaded, Settings
from knockd.worker.setup import Setup


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
    )
