"""How long a signed knock is."""

from __future__ import annotations

import subprocess
import sys

from knockd_conf.signed_sizes import ADDRESS, HINT, NONCE, REQUEST, SIGNATURE, SIZE, TAG


def test_specification() -> None:
    """A packet has 124 bytes: the parts in the table of docs/spec/signed-knock.md."""
    assert SIZE == 124
    assert (TAG, HINT, NONCE) == (4, 8, 16)
    assert (REQUEST, ADDRESS, SIGNATURE) == (16, 16, 64)


def test_no_hashes() -> None:
    """Who only passes packets on has no hash function in memory: a daemon without signed knocks."""
    script = (
        "import sys, knockd.process.verbs, knockd.process.view; print('knockd_conf.hashes' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
