"""What of a text may be a secret, for tests of messages about knock:// addresses."""

from __future__ import annotations

import re

SHORTEST = 16
"""Characters of base64url that are taken for a key: twelve bytes, which nobody guesses."""


def find_secrets(message: str, text: str) -> list[str]:
    """Parts of a message that stand in ``text`` and may be of a key: long runs of base64url that hold no word
    of the message's own."""
    return [run for run in re.findall(rf"[A-Za-z0-9_-]{{{SHORTEST},}}", message) if run in text]
