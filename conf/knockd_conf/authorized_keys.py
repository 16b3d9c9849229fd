"""The text of an authorized_keys file (sshd(8)) to keys, and what is wrong with it, by line.

Pure.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from knockd_conf.access import Networks

MAX_SIZE: Final = 262_144
"""Largest file, in bytes; callers read at most one byte more and let ``parse_authorized_keys`` refuse it."""

MAX_KEYS: Final = 1_024
"""Over all files of a configuration."""


class AuthorizedKey(NamedTuple):
    """One key that may knock.

    ``public``: the 32 bytes of the Ed25519 key. ``application``: of a hardware key (``ssh:``), None for
    others. ``allow`` and ``deny`` are those of ``from=`` (empty allow: everybody), ``expires`` the time of
    ``expiry-time=`` in seconds since the epoch, None: never. ``doors`` are the names of ``knock-doors=``,
    None: all. ``fingerprint`` is OpenSSH's, ``SHA256:...``.
    """

    public: bytes
    comment: str
    fingerprint: str
    application: str | None = None
    allow: Networks = ()
    deny: Networks = ()
    expires: float | None = None
    doors: tuple[str, ...] | None = None
    line: int = 0
