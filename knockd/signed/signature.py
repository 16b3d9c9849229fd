"""Whether a signature is right, by PyNaCl (libsodium): imported when a configuration has signed knocks.

World: PyNaCl.
"""

from __future__ import annotations

from knockd_conf import extras


def explain_missing() -> str | None:
    """Why PyNaCl cannot be used on this host, and what to do; None: it can."""
    try:
        from nacl import bindings  # noqa: F401
    except ImportError as error:
        return extras.explain_missing("nacl", error)
    return None


def is_right(public: bytes, signed: bytes, signature: bytes) -> bool:
    """Whether ``signature`` (64 bytes) is the Ed25519 signature of ``public`` (32 bytes) over ``signed``.

    libsodium takes no signature whose number is too high, and none of a key, or with a point, of small order:
    one signature could be right for many messages then.
    """
    from nacl import bindings
    from nacl.exceptions import CryptoError

    try:
        bindings.crypto_sign_open(signature + signed, public)
    except CryptoError:
        return False
    return True
