"""What the doors of a gateway take of the store that its fleet shares, and what a fleet needs.

Pure.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Final

from knockd_conf.errors import Place, Problem, seen
from knockd_conf.model import Door, FleetKind, Options, Reknock

_OF_OPTIONS: Final = (
    "fleet_name",
    "fleet_key",
    "fleet_password",
    "fleet_ca",
    "fleet_replicas",
    "fleet_required",
    "fleet_share",
)
_OF_DOORS: Final = ("fleet_required", "fleet_share")


def settle_fleet(door: Door, options: Options) -> Door:
    """The door, whose signed port is settled, with what [options] say of the fleet where it says nothing."""
    if not options.fleet:
        return replace(door, fleet_required=False, fleet_share=False)
    required = door.fleet_required if door.fleet_required is not None else options.fleet_required
    if required is None:
        required = door.one_time_file is not None or door.sequence_key is not None or door.is_signed
    share = door.fleet_share if door.fleet_share is not None else options.fleet_share
    return replace(door, fleet_required=required, fleet_share=share)


def find_fleet_problems(
    doors: Sequence[Door], options: Options, written: Mapping[str, Place], *, named: bool
) -> Iterator[Problem]:
    """Yields what is wrong with the fleet of ``doors`` that are settled.

    ``written``: where each key of ``options`` is, by its field; ``named``: whether there is a Fleet at all,
    which may be for other hosts, or bad.
    """
    if not options.fleet:
        if not named:
            yield from _find_without_fleet(doors, written)
        return
    if options.fleet_key is None:
        message = "expected Fleet_Key = FILE too, got none: knockctl keygen --fleet makes one"
        yield Problem(*written["fleet"], message)
    if options.fleet_ca is not None and not any(one.tls for one in options.fleet):
        message = "expected valkeys:// in Fleet, for certificates are of TLS alone; got no such URL"
        yield Problem(*written["fleet_ca"], message)
    if options.fleet_replicas and options.fleet[0].kind is FleetKind.CLUSTER:
        message = "expected 0 with cluster+ in Fleet: it waits for replicas of one server alone"
        yield Problem(*written["fleet_replicas"], f"{message}; got {options.fleet_replicas}")
    yield from _find_shared(doors)


def _find_without_fleet(doors: Sequence[Door], written: Mapping[str, Place]) -> Iterator[Problem]:
    places = [written[name] for name in _OF_OPTIONS if name in written]
    places += [place for door in doors for name, place in door.places if name in _OF_DOORS]
    for place in places:
        yield Problem(*place, "expected Fleet = URL in [options] too, got none")


def _find_shared(doors: Sequence[Door]) -> Iterator[Problem]:
    """Gateways tell each other the name of a door and an address, and nothing else of an opening."""
    first: dict[str, Door] = {}
    for door in doors:
        if not door.fleet_share:
            continue
        if door.reknock is Reknock.REPEAT:
            message = (
                "expected renew or extend where the fleet shares openings (Fleet_Share = yes), got repeat:"
                " several openings for one address are the same to it"
            )
            yield Problem(*door.place("reknock"), message)
        if (other := first.setdefault(door.name, door)) is not door:
            message = (
                "expected another name than that of a door with Fleet_Share = yes before it: gateways say no"
                f" more than the name; got {seen(door.name)}, as in line {other.line}"
            )
            yield Problem(*door.place("fleet_share"), message)
