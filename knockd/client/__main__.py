"""``python -m knockd.client``: the same as the ``knock`` command."""

from __future__ import annotations

import sys

from knockd.client.cli import main

if __name__ == "__main__":
    sys.exit(main())
