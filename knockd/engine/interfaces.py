"""Which interfaces to listen on, from what the configuration asks for and what there is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

DEFAULT = "eth0"
"""knockd 0.8's default; when it does not exist, the interfaces of the default routes."""


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
    if tuple(wanted) == ("auto",) or (not wanted and DEFAULT not in passed_over):
        return tuple(default_routes)
    return tuple(dict.fromkeys(wanted)) or (DEFAULT,)
