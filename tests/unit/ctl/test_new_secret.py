"""What a file holds when a secret has been made in it."""

from __future__ import annotations

import pytest

from knockd.ctl.new_secret import ThereError, add_secret
from knockd_conf.knock_secret import KNOCK, format_secret, parse_secret

SECRET = bytes(range(32))
LINE = format_secret(SECRET)


@pytest.mark.parametrize("old", [b"", b"# mine", b"\n# a\n\n"])
def test_what_a_file_holds_then(old: bytes) -> None:
    """Comments stay, and the secret is there."""
    new = add_secret(old, SECRET, KNOCK)
    assert new.startswith(old)
    assert SECRET == parse_secret(new)


def test_a_secret_is_never_replaced() -> None:
    """Where there is one there is no second."""
    with pytest.raises(ThereError):
        add_secret(f"{LINE}\n".encode(), bytes(32), KNOCK)
