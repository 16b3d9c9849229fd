"""Where an opening is that nobody has knocked for here: an interface that is listened on, and its address.

Pure.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping

from knockd_conf.text import address_text, is_link_local

Places = Callable[[], Mapping[str, Collection[bytes]]]
"""The packed addresses of the interfaces that are listened on, in their order."""

NOWHERE = {4: "0.0.0.0", 6: "::"}
"""In place of an own address where there is none."""


def find_place(
    places: Mapping[str, Collection[bytes]], version: int, interface: str | None = None
) -> tuple[str, str] | None:
    """The first interface with an address of an IP version, and the address; None: there is none.

    ``interface``: of this one alone.
    """
    for name in [interface] if interface is not None else places:
        own = [one for one in places.get(name, ()) if (len(one) == 4) is (version == 4)]
        if own:
            return name, address_text(min(own, key=lambda one: (is_link_local(one), one)))
    return None
