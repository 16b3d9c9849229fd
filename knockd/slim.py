"""Keeps out of memory what the daemon never uses."""

from __future__ import annotations

import gc
import sys

import knockd

_COMMAND_LINE = ("knockd.arguments", "argparse", "gettext", "textwrap", "shutil")
"""What reads the command line: 0.6 MB."""


def forget_command_line() -> None:
    """Lets go of what read the command line, so that what is imported next takes its place in memory.

    Call it when nothing holds these modules any more; whoever needs one of them later imports it anew.
    """
    for name in _COMMAND_LINE:
        sys.modules.pop(name, None)
    vars(knockd).pop("arguments", None)
    gc.collect()


def without_tls() -> None:
    """Lets asyncio start as on a Python without ssl: about 3 MB less, and knockd speaks no TLS.

    Has no effect when something has imported ssl already. Call it before asyncio is imported.
    """
    # An entry of None makes "import ssl" an ImportError (importlib's documented behaviour), and
    # asyncio is written to live with that.
    sys.modules.setdefault("ssl", None)  # type: ignore[arg-type]
