"""How long a signed knock and its parts are, in bytes: for who only passes packets on.

Pure.
"""

from __future__ import annotations

from typing import Final

TAG, HINT, NONCE, REQUEST, ADDRESS, SIGNATURE = 4, 8, 16, 16, 16, 64
SIZE: Final = TAG + HINT + NONCE + REQUEST + ADDRESS + SIGNATURE
"""Bytes of a packet, without its UDP header."""
