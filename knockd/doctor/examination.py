"""Looks at everything that may lock people out of this host, one subject after the other.

World: this host.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from knockd.checks.fleet_host import find_missing_store_package, find_unusable_files
from knockd.checks.notes import current_guards, current_keys, current_sequences, current_taken
from knockd.checks.signed_host import current_signed, find_missing_package
from knockd.doctor.clock import look_at_clock
from knockd.doctor.commands import look_at_commands, look_at_notes
from knockd.doctor.configuration import look_at_configuration
from knockd.doctor.connections import look_at_connections
from knockd.doctor.daemons import look_at_daemons
from knockd.doctor.findings import Looked
from knockd.doctor.firewall import judge_firewall
from knockd.doctor.firewall_reader import read_firewall
from knockd.doctor.fleet import look_at_fleet
from knockd.doctor.kernel_filter import look_at_filter
from knockd.doctor.keys import look_at_keys
from knockd.doctor.network import find_surroundings, look_at_interfaces, look_at_ports
from knockd.doctor.service import look_at_service
from knockd.doctor.state import look_at_state
from knockd.doctor.status import SUBJECT, judge_status
from knockd.keeper.settings import Settings, find_directory, wanted_interfaces
from knockd.net.ports_in_use import ports_in_use
from knockd.replay.keys import find_watches_now
from knockd.replay.rotating import make_base
from knockd_conf.model import Config

Asked = Mapping[str, Any] | str
"""The reply of Status, or why there is none."""


def examine(path: str, asked: Asked, fleet: Asked) -> Iterator[Looked]:
    """Yields what is found with the configuration ``path``, a subject after the other. Raises OSError.

    ``fleet`` is the reply of Fleet, or why there is none.
    """
    return examine_host(Settings(os.path.abspath(path), directory=find_directory()), asked, fleet)


def examine_host(settings: Settings, asked: Asked, fleet: Asked) -> Iterator[Looked]:
    """The same with other settings."""
    config, looked = look_at_configuration(settings)
    yield looked
    if config is not None:
        yield from _examine_configured(settings, config, _find_names(config, asked), looked, fleet)
    yield look_at_daemons()
    yield Looked(SUBJECT, (), (asked,)) if isinstance(asked, str) else judge_status(asked)
    yield look_at_service()
    yield look_at_clock(config)


def _find_names(config: Config, asked: Asked) -> tuple[str, ...]:
    """The interfaces of the daemon that runs; else those that the configuration asks for."""
    if isinstance(asked, str):
        return wanted_interfaces(config)
    running = [one["name"] for one in asked.get("interfaces") or ()]
    return tuple(dict.fromkeys((*running, *(asked.get("waiting") or ())))) or wanted_interfaces(config)


def _examine_configured(
    settings: Settings, config: Config, names: Sequence[str], files: Looked, fleet: Asked
) -> Iterator[Looked]:
    known = settings.find_circumstances(config)
    live, _ = current_sequences(config)
    taken, unsure = current_taken(config)
    yield look_at_interfaces(config, names)
    commands = look_at_commands(config, known)
    yield commands
    gateways = [*_find_fleet(config, fleet)]
    told = (*files.findings, *commands.findings, *(one for part in gateways for one in part.findings))
    guards = current_guards(config, live, taken)
    keys = current_keys(config)
    signed = current_signed(config)
    yield look_at_notes(config, live, guards, keys, signed, known, told)
    yield look_at_keys(config, keys, signed, find_missing_package(config), known.days.today)
    yield from gateways
    # Why a key cannot be used, the notes have said.
    now = find_watches_now(config, make_base(config, live, guards, taken), lambda _: None)
    yield look_at_filter(config, now.watches, ipv6=settings.ipv6)
    ports = look_at_ports(config, live, taken.with_sockets(ports_in_use()))
    yield ports._replace(unlooked=tuple(note.message for note in unsure))
    firewall = read_firewall()
    if firewall.ruleset is None:
        yield Looked("firewall", (), firewall.unlooked)
    else:
        here = find_surroundings(names, firewall, ipv6=settings.ipv6)
        judged = judge_firewall(config.doors, firewall.ruleset, here)
        yield judged._replace(unlooked=(*firewall.unlooked, *judged.unlooked))
    yield look_at_connections(config.doors)
    yield look_at_state(config.options.state_dir, required=config.options.state_required)


def _find_fleet(config: Config, fleet: Asked) -> Iterator[Looked]:
    if config.options.fleet:
        missing = find_missing_store_package(config)
        yield look_at_fleet(config, find_unusable_files(config), missing, fleet)
