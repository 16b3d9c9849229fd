"""``python -m knockd.ctl``: the same as the ``knockctl`` command. World: the process."""

from __future__ import annotations

import sys

from knockd.ctl.cli import main

if __name__ == "__main__":
    sys.exit(main())
