"""Whether packets can be read as the configuration asks for.

World: the packages of this host.
"""

from __future__ import annotations

from knockd.worker.libpcap import find_import_error
from knockd_conf.errors import Problem
from knockd_conf.extras import explain_missing
from knockd_conf.model import Config, Reader


def find_missing_reader(config: Config) -> Problem | None:
    """What keeps this host from reading through libpcap where that is asked for; None: nothing does."""
    if config.options.capture is not Reader.PCAPY or (error := find_import_error()) is None:
        return None
    message = f"{explain_missing('pcapy', error)}, or leave Capture out"
    return Problem(*config.note("capture", message)[:4])
