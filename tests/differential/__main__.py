"""``python -m tests.differential [TRACES [guarded]]``: plays traces to 0.8 and ours and prints the figures.

Ours has no guard ports, or with ``guarded`` those that it chooses itself.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from tests.differential.compare import Tally, compare, wire, worlds
from tests.support.lab import enter


def main(argv: list[str]) -> int:
    """Plays so many traces (1,000 by default). Returns 1 when anything differed."""
    total = Tally()
    with wire() as hosts:
        for world in worlds(int(argv[0]) if argv else 1_000, guarded=argv[1:] == ["guarded"]):
            with tempfile.TemporaryDirectory() as directory:
                tally = compare(hosts, world, Path(directory))
            total.add(tally)
            print(f"world {world.seed}: {tally}", flush=True)
    for finding in (*total.exceptions, *total.mismatches, *total.unseen):
        print(finding)
    print(total)
    return 1 if total.exceptions or total.mismatches or total.unseen else 0


if __name__ == "__main__":
    if not enter.may_build():
        enter.run([sys.executable, "-m", "tests.differential", *sys.argv[1:]])
    sys.exit(main(sys.argv[1:]))
