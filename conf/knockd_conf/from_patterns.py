"""The patterns of ``from=`` in an authorized_keys file (sshd(8)) as networks.

Addresses, networks, and wildcards that stand for a network; no names of hosts. As in sshd, who matches a
pattern with ``!`` is refused, and who matches none is, too.

Pure.
"""

from __future__ import annotations

import re
from typing import Final

from knockd_conf.access import Network, Networks, network_of
from knockd_conf.errors import seen
from knockd_conf.networks import parse_deny

_FOUR: Final = re.compile(r"(?:(?:0|[1-9]\d{0,2})\.){1,3}\*(?:\.\*)*", re.ASCII)
_SIX: Final = re.compile(r"(?:[1-9a-f][0-9a-f]{0,3}:){1,7}\*", re.IGNORECASE)
_EVERYBODY: Final = "*"


def parse_from(text: str) -> tuple[Networks, Networks]:
    """Who is allowed (nothing: everybody who is not denied) and who is denied. Raises ValueError."""
    allow: list[Network] = []
    deny: list[Network] = []
    everybody = False
    for part in text.split(","):
        pattern = part.removeprefix("!")
        if part == _EVERYBODY:
            everybody = True
        else:
            (deny if part != pattern else allow).append(_parse_pattern(pattern))
    if not allow and not everybody:
        raise ValueError(f"expected from=\"PATTERN,...\" with a pattern without '!', or *, got {seen(text)}")
    return () if everybody else tuple(dict.fromkeys(allow)), tuple(dict.fromkeys(deny))


def _parse_pattern(text: str) -> Network:
    if not text or text != text.strip():
        raise ValueError(f"expected from= with addresses divided by commas without blanks, got {seen(text)}")
    if "*" in text or "?" in text:
        return _parse_wildcard(text)
    try:
        networks = parse_deny(text)
    except ValueError as error:
        raise ValueError(f"from=: {error}") from None
    if len(networks) != 1:
        raise ValueError(f"expected from= with addresses and networks, got {seen(text)}")
    return networks[0]


def _parse_wildcard(text: str) -> Network:
    """The network that a wildcard stands for; sshd compares it with the address as text."""
    if _FOUR.fullmatch(text) and text.count(".") <= 3:
        octets = [int(part) for part in text.split(".") if part != "*"]
        if max(octets) <= 255:
            return network_of(bytes(octets).ljust(4, b"\0"), 8 * len(octets))
    if _SIX.fullmatch(text):
        # With groups of zeros it would not do: they may be missing in the text of an address.
        groups = [int(part, 16) for part in text.removesuffix(":*").split(":")]
        packed = b"".join(group.to_bytes(2, "big") for group in groups)
        return network_of(packed.ljust(16, b"\0"), 16 * len(groups))
    raise ValueError(f"expected from= with addresses and networks, as in 192.0.2.0/24, got {seen(text)}")
