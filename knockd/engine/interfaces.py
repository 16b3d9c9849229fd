"""Which interfaces to listen on, from what is asked for and what there is, and what a change means."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field, replace
from enum import Enum

DEFAULT = "eth0"
"""knockd 0.8's default; when it does not exist, the interfaces of the default routes."""

_NOT_NAMES = {
    ("any",): "any (none is up)",
    ("auto",): "auto (there is no default route)",
    (): f"{DEFAULT} or a default route",
}


def choose(
    wanted: Sequence[str], passed_over: Mapping[str, bool], default_routes: Sequence[str]
) -> tuple[str, ...]:
    """Names of the interfaces to open, in order, each once; they need not all exist.

    ``passed_over`` has every interface there is and whether ``any`` leaves it out (it is down, or
    a bridge's port: its packets are seen on the bridge), ``default_routes`` the interfaces of
    default routes.
    """
    if tuple(wanted) == ("any",):
        return tuple(name for name, left_out in passed_over.items() if not left_out)
    if follows_routes(wanted) and (wanted or DEFAULT not in passed_over):
        return tuple(default_routes)
    return tuple(dict.fromkeys(wanted)) or (DEFAULT,)


def follows_routes(wanted: Sequence[str]) -> bool:
    """Whether default routes may decide."""
    return tuple(wanted) in {("auto",), ()}


def waiting_for(wanted: Sequence[str], chosen: Sequence[str], up: AbstractSet[str]) -> tuple[str, ...]:
    """What is asked for and not there or not up; ``chosen`` is the choice, ``up`` what can be listened on."""
    absent = tuple(name for name in chosen if name not in up)
    if tuple(wanted) not in _NOT_NAMES or absent == (DEFAULT,):
        return absent
    return () if len(absent) < len(chosen) else (_NOT_NAMES[tuple(wanted)],)


@dataclass(frozen=True, slots=True)
class Scene:
    """What there is to listen on at one moment.

    ``captures`` are the interfaces to open and what a capture is bound to (index, ARPHRD kind),
    ``addresses`` their packed addresses, ``up`` the indices of all interfaces that are up.
    """

    captures: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    addresses: Mapping[str, frozenset[bytes]] = field(default_factory=dict)
    up: frozenset[int] = frozenset()


def without(scene: Scene, name: str) -> Scene:
    """A scene in which one interface is not to be opened."""
    return replace(
        scene,
        captures={one: bound for one, bound in scene.captures.items() if one != name},
        addresses={one: addresses for one, addresses in scene.addresses.items() if one != name},
    )


class Change(Enum):
    """What has to be done about a new scene."""

    NOTHING = "nothing"
    ADDRESSES = "tell the packet process the addresses"
    FEWER = "some captures have ended by themselves, the others go on"
    OTHER = "captures have to be opened or closed"


def change(held: Scene, now: Scene, ended: AbstractSet[int]) -> Change:
    """What the step from the scene of the packet process to a new one means.

    ``ended`` are indices of interfaces that were deleted or down at some moment in between: their
    captures are dead even if they look as before.
    """
    alive = {name: bound for name, bound in held.captures.items() if bound[0] not in ended}
    if any(alive.get(name) != bound for name, bound in now.captures.items()):
        return Change.OTHER
    if any(alive[name][0] in now.up for name in alive.keys() - now.captures.keys()):
        return Change.OTHER  # a capture that nobody wants any more
    if held.captures.keys() != now.captures.keys():
        return Change.FEWER if now.captures else Change.OTHER
    return Change.NOTHING if held.addresses == now.addresses else Change.ADDRESSES
