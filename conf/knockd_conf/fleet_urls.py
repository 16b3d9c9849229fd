"""The value of Fleet: URLs of the servers of one store, to endpoints.

A message shows nothing of what stands before an ``@``: a password may be there.

Pure.
"""

from __future__ import annotations

import re
from contextlib import suppress
from ipaddress import AddressValueError, IPv4Address, IPv6Address
from typing import Final

from knockd_conf.errors import seen
from knockd_conf.fields import is_host_name
from knockd_conf.model import FleetEndpoint, FleetKind
from knockd_conf.protocol import MAX_PORT

STORE_PORT: Final = 6379
"""The port of Valkey and Redis, also of the nodes of a cluster."""

SENTINEL_PORT: Final = 26379
MAX_ENDPOINTS: Final = 16
MAX_DATABASE: Final = 2**31 - 1

FORMS: Final = "valkeys://host:6379/0, sentinel+valkeys://host:26379/SERVICE or cluster+valkeys://host:6379"
"""An example of each kind, for messages."""

_SCHEMES: Final = {"valkey": False, "valkeys": True, "redis": False, "rediss": True}
"""Whether TLS is spoken. Redis has other names for the same."""

_NEXT: Final = re.compile(r"\s*,\s*(?=[a-z0-9+.-]*://)", re.IGNORECASE | re.ASCII)
"""A comma in front of a URL; one inside of a password is none."""

_URL: Final = re.compile(
    r"(?:(?P<kind>sentinel|cluster)\+)?(?P<scheme>[a-z]+)://"
    r"(?:(?P<user>.*)@)?"
    r"(?P<host>\[[^\]/@]*\]|[^:/\[\]@]*)(?P<port>:[^/@]*)?(?P<path>/[^@]*)?",
    re.IGNORECASE | re.ASCII,
)
_USER: Final = re.compile(r"[^\s:/?#%@]{1,128}")
_SERVICE: Final = re.compile(r"[A-Za-z0-9._-]{1,128}")
"""What Sentinel takes as the name of a set it watches (sentinel.conf)."""

_NUMBER: Final = re.compile(r"[0-9]{1,10}")
_NAME: Final = re.compile(r"[A-Za-z0-9._-]{1,64}")


def parse_fleet(text: str) -> tuple[FleetEndpoint, ...]:
    """One or more URLs, divided by commas: servers of one set, sentinels of one set, or nodes of one cluster.

    Raises ValueError, whose message shows no password.
    """
    found = tuple(dict.fromkeys(_parse_url(part) for part in _NEXT.split(text)))
    if len(found) > MAX_ENDPOINTS:
        raise ValueError(f"expected at most {MAX_ENDPOINTS} URLs, got {len(found)}")
    first = found[0]
    for other in found[1:]:
        if other.kind is not first.kind:
            kinds = f"{first.kind.value} and {other.kind.value}"
            raise ValueError(f"expected URLs of one kind: single, sentinel or cluster, got {kinds}")
        if other.service != first.service:
            raise ValueError(
                f"expected sentinels of one service, got {seen(first.service)} and {seen(other.service)}"
            )
        if other.database != first.database:
            raise ValueError(f"expected one database, got {first.database} and {other.database}")
    return found


def parse_fleet_name(text: str) -> str:
    """1 to 64 letters, digits, dots, underscores and hyphens."""
    if not _NAME.fullmatch(text):
        raise ValueError(f"expected 1 to 64 letters, digits, '.', '_' or '-', got {seen(text)}")
    return text


def _parse_url(text: str) -> FleetEndpoint:
    _refuse_password(text)
    if "," in text:
        raise ValueError(f"expected a whole URL behind each comma, as {FORMS}")
    found = _URL.fullmatch(text)
    if found is None or (scheme := found["scheme"].lower()) not in _SCHEMES:
        raise ValueError(f"expected a URL as {FORMS}, got {_hidden(text)}")
    kind = FleetKind(found["kind"].lower()) if found["kind"] else FleetKind.SINGLE
    user = found["user"]
    if user is not None and not _USER.fullmatch(user):
        raise ValueError("expected a user's name before '@', without white space, '/', '?', '#' and '%'")
    host, path = found["host"], found["path"] or ""
    for sign in "?#":
        if sign in f"{host}{found['port'] or ''}{path}":
            raise ValueError(f"expected a URL without {sign!r}: what a store needs has keys of its own")
    port = _parse_port(kind, found["port"])
    service, database = _parse_path(kind, path.removeprefix("/"))
    return FleetEndpoint(
        kind=kind,
        tls=_SCHEMES[scheme],
        host=_parse_host(host),
        port=port,
        user=user or "",
        database=database,
        service=service,
    )


def _refuse_password(text: str) -> None:
    """Raises ValueError where something stands between a colon and the last ``@``."""
    before, at, _ = text.rpartition("@")
    if at and ":" in before.partition("://")[2]:
        raise ValueError(
            "expected no password in a URL: put it into a file that nobody else may read, and name that"
            " with Fleet_Password"
        )


def _parse_host(text: str) -> str:
    """The host; an IPv6 address without its brackets."""
    if text.startswith("["):
        with suppress(AddressValueError):
            address = IPv6Address(text[1:-1])
            if address.scope_id is None:
                return str(address)
        raise ValueError(f"expected an IPv6 address without a zone in brackets, got {seen(text)}")
    if text.rpartition(".")[2].isdigit():
        with suppress(AddressValueError):
            return str(IPv4Address(text))
    elif is_host_name(text):
        return text.lower()
    raise ValueError(f"expected a host's name, an IPv4 address or an [IPv6 address], got {seen(text)}")


def _parse_port(kind: FleetKind, text: str | None) -> int:
    if text is None:
        return SENTINEL_PORT if kind is FleetKind.SENTINEL else STORE_PORT
    if ":" in text[1:]:
        raise ValueError("expected an IPv6 address in brackets, got one without")
    if not _NUMBER.fullmatch(text[1:]) or not 1 <= int(text[1:]) <= MAX_PORT:
        # What is not a number is not shown: it may be a password without a host behind it.
        got = f", got {seen(text[1:])}" if _NUMBER.fullmatch(text[1:]) else ""
        raise ValueError(f"expected a port from 1 to {MAX_PORT} behind the host{got}")
    return int(text[1:])


def _parse_path(kind: FleetKind, path: str) -> tuple[str, int]:
    """The service and the database of what stands behind the first slash."""
    service = ""
    if kind is FleetKind.SENTINEL:
        service, _, path = path.partition("/")
        if not _SERVICE.fullmatch(service):
            raise ValueError(
                "expected the name that the sentinels have for the set behind the host, as"
                f" sentinel+valkeys://host:26379/SERVICE, got {seen(service)}"
            )
    if kind is FleetKind.CLUSTER and path not in {"", "0"}:
        raise ValueError(f"expected no database behind a node of a cluster, got {seen(path)}")
    if path and (not _NUMBER.fullmatch(path) or int(path) > MAX_DATABASE):
        raise ValueError(f"expected the number of a database behind the host, got {seen(path)}")
    return service, int(path or 0)


def _hidden(text: str) -> str:
    """A bad URL as a message shows it: without what stands before an ``@``."""
    _, at, rest = text.rpartition("@")
    return seen(f"...@{rest}" if at else text)
