"""Labs and daemons for the fault-injection suite: those of the end-to-end tests."""

from __future__ import annotations

from tests.e2e.conftest import either, lab, pair, start

__all__ = ["either", "lab", "pair", "start"]
