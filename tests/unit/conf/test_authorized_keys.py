"""Keys of an authorized_keys file, as values."""

from __future__ import annotations

from knockd_conf.authorized_keys import AuthorizedKey


def test_defaults() -> None:
    """A key without options may be used from everywhere, for ever, at every door."""
    key = AuthorizedKey(bytes(32), "laptop", "SHA256:x")
    assert (key.allow, key.deny, key.expires, key.doors) == ((), (), None, None)
