"""``python -m knockd.client``: the same as the ``knock`` command. World: the process."""

from __future__ import annotations

import sys

from knockd.client.cli import main

if __name__ == "__main__":
    sys.exit(main())
