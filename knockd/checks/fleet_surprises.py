"""What of a configuration with a Fleet will surprise, whatever its files hold.

Pure.
"""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import ip_address
from typing import Final

from knockd_conf.errors import Note
from knockd_conf.model import Config, Door, FleetEndpoint, FleetKind

NO_STORE: Final = "the fleet has no store"
"""The end of a note about a file that keeps this host from its store."""


def find_fleet_surprises(config: Config) -> Iterator[Note]:
    """Yields a note for each."""
    options = config.options
    if not options.fleet:
        return
    yield from find_heard_password(config)
    if options.fleet_password is None and any(one.user for one in options.fleet):
        yield config.note("fleet", "a user without a password: name its file with Fleet_Password")
    if not any(map(_uses_store, config.doors)):
        text = "does nothing: no door's knocks count once, and none has Fleet_Share = yes"
        yield config.note("fleet", text)


def find_heard_password(config: Config) -> Iterator[Note]:
    """Yields a note where the password for the store goes over a network as it is."""
    options = config.options
    heard = dict.fromkeys(one.host for one in options.fleet if _is_heard(one))
    if heard and options.fleet_password is not None:
        text = f"the password goes to {', '.join(heard)} without TLS: who listens on the way has it"
        yield config.note("fleet", f"{text}; write valkeys://")


def _uses_store(door: Door) -> bool:
    burns = door.one_time_file is not None or door.sequence_key is not None or door.is_signed
    return burns or bool(door.fleet_required) or bool(door.fleet_share)


def _is_heard(endpoint: FleetEndpoint) -> bool:
    """Whether others may listen to what is sent to a server, or to those that it names."""
    if endpoint.tls:
        return False
    return endpoint.kind is not FleetKind.SINGLE or not _is_here(endpoint.host)


def _is_here(host: str) -> bool:
    """Whether what is sent to a host stays on this machine."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")
