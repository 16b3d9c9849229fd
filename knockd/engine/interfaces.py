"""Which interfaces to listen on, from what the configuration asks for and what there is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

DEFAULT = "eth0"
"""knockd 0.8's default; when it does not exist, the interfaces of the default routes."""


def choose(
    wanted: Sequence[str], bridge_ports: Mapping[str, bool], default_routes: Sequence[str]
) -> tuple[str, ...]:
    """Names of the interfaces to open, in order, each once; they need not all exist.

    ``bridge_ports`` has every interface there is and whether it is a bridge's port (its
    packets are seen on the bridge), ``default_routes`` the interfaces of default routes.
    """
    if tuple(wanted) == ("any",):
        return tuple(name for name, port in bridge_ports.items() if not port)
    if tuple(wanted) == ("auto",) or (not wanted and DEFAULT not in bridge_ports):
        return tuple(default_routes)
    return tuple(dict.fromkeys(wanted)) or (DEFAULT,)
