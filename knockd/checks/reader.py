"""Whether packets can be read as the configuration asks for.

World: the packages of this host.
"""

from __future__ import annotations

from knockd.worker.libpcap import advise_install, explain_missing
from knockd_conf.errors import Problem
from knockd_conf.model import Config, Reader


def find_missing_reader(config: Config) -> Problem | None:
    """What keeps this host from reading through libpcap where that is asked for; None: nothing does."""
    if config.options.capture is not Reader.PCAPY or (missing := explain_missing()) is None:
        return None
    message = f"expected pcapy-ng, got none ({missing}): {advise_install()}, or leave Capture out"
    return Problem(*config.note("capture", message)[:4])
