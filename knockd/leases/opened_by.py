"""By which key a door was opened, in words that lease, journal and status hold; and the key of such words.

Pure.
"""

from __future__ import annotations

import re
from typing import Final

from knockd_conf.text import encoded, printable

MOST_COMMENT: Final = 60
"""Characters of a comment, and bytes of it: with its fingerprint it fits into a record of the journal."""

NAMELESS: Final = "unnamed"
"""In place of a comment that is empty."""

_KEY: Final = "key "
_FLEET: Final = "gateway "
_SIGNED: Final = r"key .* ?\((SHA256:[A-Za-z0-9+/]{43})\)"
_NAMED: Final = r"key ([A-Za-z0-9_@][A-Za-z0-9_@.-]{0,63})"
"""A name of a key file (knockd_conf/key_file.py), which never looks like the other ones."""


def by_key(name: str) -> str:
    """Opened by a rotating sequence of the key with this name."""
    return f"{_KEY}{name}"


def by_signature(comment: str, fingerprint: str) -> str:
    """Opened by a signed knock of an SSH key."""
    return f"{_KEY}{show_comment(comment)} ({fingerprint})"


def by_fleet(gateway: str) -> str:
    """Opened at another gateway of the fleet."""
    return f"{_FLEET}{show_comment(gateway)}"


def is_by_fleet(by: str) -> bool:
    """Whether another gateway has opened it."""
    return by.startswith(_FLEET)


def show_comment(comment: str) -> str:
    """The comment of an SSH key as one short word or some, printable."""
    text = printable(comment)[:MOST_COMMENT]
    return encoded(text)[:MOST_COMMENT].decode("utf-8", "ignore").strip() or NAMELESS


def is_by_key(by: str) -> bool:
    """Whether a key has opened it."""
    return by.startswith(_KEY)


def find_key(by: str) -> str | None:
    """The fingerprint of the SSH key, or the name of the key, by which it was opened; None: by none."""
    if not is_by_key(by):  # most are not, and who has no keys needs neither pattern
        return None
    found = re.fullmatch(_SIGNED, by) or re.fullmatch(_NAMED, by)
    return None if found is None else found[1]
