"""``python -m knockd`` is the daemon. World: the process."""

import sys

from knockd.cli import main

sys.exit(main())
