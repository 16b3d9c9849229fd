"""``python -m knockd`` is the daemon."""

import sys

from knockd.cli import main

sys.exit(main())
