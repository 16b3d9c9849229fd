"""A URI as text (RFC 3986): its parts, and escapes of characters. Stricter than the RFC where that is safe.

No message shows a part: it may be a secret. The client imports this file.

Pure.
"""

from __future__ import annotations

import re
from collections.abc import Container
from typing import Final

from knockd_conf.classes import NamedTuple
from knockd_conf.text import MAX_DOOR_NAME, garbles

MAX_SIZE: Final = 2_048
"""Longest URI, in characters."""

_PARTS: Final = re.compile(r"([^/?]*)/([^?]*)(?:\?(.*))?")
_PORT: Final = re.compile(r":[0-9]{0,5}")
_LABEL: Final = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?")
_OCTET: Final = re.compile(r"25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9]")
_NAME: Final = re.compile(r"[a-z]{1,10}")
_ESCAPE: Final = re.compile(rb"%([0-9A-Fa-f]{2})")
_NO_HOST: Final = "host: expected a name, an IPv4 address, or an IPv6 address in brackets"
_UNRESERVED: Final = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")


class Parts(NamedTuple):
    """Host without brackets, path without its first slash, parameters in their order; decoded."""

    host: str
    path: str
    parameters: dict[str, str]


def split_uri(text: str, scheme: str, known: Container[str], hint: str) -> Parts:
    """The parts of a URI of one scheme whose parameters are ``known``.

    Raises ValueError; ``hint`` says what a parameter may be that is not known.
    """
    if len(text) > MAX_SIZE:
        raise ValueError(f"expected at most {MAX_SIZE} characters, got {len(text)}")
    if not text.isascii() or not text.isprintable() or " " in text:
        raise ValueError("expected a URI of ASCII characters without spaces: others are written as %XX")
    found, separator, rest = text.partition("://")
    if not separator or found.lower() != scheme:
        raise ValueError(f"expected a URI that begins with {scheme}://")
    if "#" in rest:
        raise ValueError("expected nothing behind the parameters, got a #")
    parts = _PARTS.fullmatch(rest)
    if parts is None:
        raise ValueError("expected a / behind the host, got none")
    return Parts(_parse_host(parts[1]), _parse_path(parts[2]), _split_parameters(parts[3] or "", known, hint))


def encode_part(text: str) -> str:
    """Text with all but unreserved characters as %XX of their UTF-8 (RFC 3986, section 2.1)."""
    return "".join(
        chr(byte) if byte in _UNRESERVED else f"%{byte:02X}" for byte in text.encode("utf-8", "surrogatepass")
    )


def encode_host(host: str) -> str:
    """A host as it stands in a URI: an IPv6 address in brackets. Raises ValueError for what is no host."""
    text = f"[{host}]" if ":" in host else host
    if not text.isascii() or _parse_host(text) != host:
        raise ValueError(_NO_HOST)
    return text


def _decode(text: str, what: str) -> str:
    data = text.encode()
    if data.count(b"%") != len(_ESCAPE.findall(data)):
        raise ValueError(f"{what}: expected two hexadecimal digits behind each %")
    try:
        return _ESCAPE.sub(lambda found: bytes((int(found[1], 16),)), data).decode()
    except UnicodeDecodeError:
        raise ValueError(f"{what}: expected UTF-8 behind the %") from None


def _parse_host(text: str) -> str:
    if "@" in text:
        raise ValueError("host: expected a name or an address, got a user in front of it")
    if text.startswith("["):
        host, closed, port = text[1:].partition("]")
        good = closed == "]" and _is_ipv6(host)
    else:
        host, colon, port = text.partition(":")
        port = colon + port
        good = _is_host(host)
    if not good:
        raise ValueError(_NO_HOST)
    if port and not _PORT.fullmatch(port):
        raise ValueError("host: expected a number behind its colon")
    return host


def _is_host(text: str) -> bool:
    labels = text.split(".")
    if labels[-1].isdigit():
        return len(labels) == 4 and all(map(_OCTET.fullmatch, labels))
    return len(text) <= 253 and all(map(_LABEL.fullmatch, labels))


def _is_ipv6(text: str) -> bool:
    from ipaddress import IPv6Address  # 5 ms, which only who has such a host needs

    try:
        return IPv6Address(text).scope_id is None
    except ValueError:
        return False


def _parse_path(text: str) -> str:
    if "/" in text:
        raise ValueError("door: expected one name behind the host; a slash in it is written as %2F")
    door = _decode(text, "door")
    if not door.strip() or len(door.encode()) > MAX_DOOR_NAME:
        raise ValueError(f"door: expected a name of 1 to {MAX_DOOR_NAME} bytes")
    if any(map(garbles, door)):
        raise ValueError("door: expected a name without control characters")
    return door


def _split_parameters(query: str, known: Container[str], hint: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for number, part in enumerate(query.split("&") if query else [], 1):
        name, equals, value = part.partition("=")
        if not equals or not _NAME.fullmatch(name):
            raise ValueError(f"parameter {number}: expected NAME=VALUE with a name in lower case")
        if name not in known:
            raise ValueError(f"parameter {number}: '{name}' is not known{hint}")
        if name in found:
            raise ValueError(f"{name}: expected once, got twice")
        found[name] = _decode(value, name)
    return found
