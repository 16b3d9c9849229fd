"""Open and Test of the control socket: a knock made by hand, and what it would run.

The opening itself is the lease manager's, as if somebody had knocked: so are all reasons to refuse it.

Pure.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from knockd.control.call import Call
from knockd.keeper.control_values import (
    RefusedError,
    bad_value,
    find_door,
    read_address,
    read_seconds,
    run_row,
)
from knockd.keeper.lease_rows import lease_row
from knockd.keeper.places import NOWHERE, Places, find_place
from knockd.leases.manager import LeaseManager
from knockd.leases.values import Knock
from knockd.log.logger import Log
from knockd_conf.model import Door
from knockd_conf.text import address_text, encoded

Shut = Callable[[Door], str | None]
"""Why no knock opens a door now; None: one does."""

_LONGEST_NAME = 15
"""Bytes of an interface's name (IFNAMSIZ of linux/if.h, without the NUL)."""


class OpeningCalls:
    """Answers Open when the start command has ended, and Test at once.

    ``doors`` are those of now, ``shut`` says why no knock opens one of them, ``places`` are what is listened
    on; ``own`` is our own user's number.
    """

    def __init__(
        self,
        log: Log,
        leases: LeaseManager,
        doors: Callable[[], Sequence[Door]],
        shut: Shut,
        places: Places,
        own: int,
    ) -> None:
        self._log = log
        self._leases = leases
        self._doors = doors
        self._shut = shut
        self._places = places
        self._user = _name_user(own)
        self._waiting: dict[int, tuple[Knock, Call]] = {}
        """By the identity of the knock: two may be equal."""

    def open(self, call: Call) -> None:
        """Opens a door. Raises RefusedError."""
        given = call.parameters
        door, source = find_door(self._doors(), given["door"]), read_address(given["address"])
        if door.start_for(source.version) is None and door.stop_for(source.version) is None:
            raise RefusedError("Refused", reason=f"the door has no command for IPv{source.version}")
        if (seconds := given.get("seconds")) is not None:
            door = replace(door, cmd_timeout=read_seconds(seconds))
            if door.stop_for(source.version) is None:
                reason = "nothing closes this door, so it cannot be opened for some seconds: leave them out"
                raise RefusedError("Refused", reason=reason)
        interface, destination = self._find_place(door, source.version, given)
        caller = call.caller
        by = f"by hand, {_name_user(caller.uid)}"
        knock = Knock(door, source.text, source.version, destination, interface, by)
        self._log("opened-by-hand", ip=source.text, door=door.name, uid=caller.uid, pid=caller.pid)
        self._waiting[id(knock)] = knock, call
        self._leases.open(knock, by_hand=True)

    def answer(self, knock: Knock, reason: str | None) -> None:
        """An opening has its answer: that of a call is passed on."""
        _, call = self._waiting.pop(id(knock), (knock, None))
        if call is None:
            return
        if reason is not None:
            call.fail("Refused", reason=reason)
            return
        lease = self._leases.ask.lease_of(knock)
        bar = self._leases.find_bar(knock)
        call.reply(
            {
                "lease": None if lease is None else lease_row(lease, self._leases.now),
                "note": None if bar is None else f"a knock would not have opened it: {bar}",
            }
        )

    def stop(self, life: str) -> None:
        """The daemon ends: no opening comes to its end any more."""
        waiting, self._waiting = self._waiting, {}
        for _, call in waiting.values():
            call.fail("NotNow", life=life)

    def test(self, call: Call) -> None:
        """Says what an opening would run. Raises RefusedError."""
        given = call.parameters
        door, source = find_door(self._doors(), given["door"]), read_address(given["address"])
        nowhere = None
        try:
            interface, destination = self._find_place(door, source.version, {})
        except RefusedError as error:
            nowhere = str(error.parameters["reason"])
            interface, destination = next(iter(self._places()), "none"), NOWHERE[source.version]
        found = self._leases.preview(Knock(door, source.text, source.version, destination, interface))
        call.reply(
            {
                "start": run_row(found.start, self._user),
                "stop": run_row(found.stop, self._user),
                "seconds": door.cmd_timeout,
                "obstacle": self._shut(door) or found.obstacle or nowhere,
            }
        )

    def _find_place(self, door: Door, version: int, given: Mapping[str, str]) -> tuple[str, str]:
        """The interface and the destination of an opening: those given, else Target or what we listen on."""
        places = self._places()
        interface = None if given.get("interface") is None else _read_interface(given["interface"])
        if given.get("destination") is not None:
            destination = _read_destination(given["destination"], version)
        else:
            destination = next(
                (address_text(one.packed) for one in door.target if one.version == version), ""
            )
        if destination:
            its = (name for name, own in places.items() if destination in map(address_text, own))
            found = interface or next(its, None) or next(iter(places), None)
            if found is None:
                raise RefusedError("Refused", reason="nothing is listened on now: name an interface, too")
            return found, destination
        if (place := find_place(places, version, interface)) is not None:
            return place
        where = "no interface that is listened on has an"
        if interface is not None:
            where = f"{interface} is not listened on, or has no"
        raise RefusedError("Refused", reason=f"{where} IPv{version} address: name a destination, too")


def _name_user(uid: int) -> str:
    """A user's number in words: the daemon looks no name up."""
    return "root" if uid == 0 else f"uid {uid}"


def _read_interface(name: str) -> str:
    """The name of an interface, there or not. Raises RefusedError."""
    is_name = name.isprintable() and 0 < len(encoded(name)) <= _LONGEST_NAME
    if not is_name or "/" in name or " " in name:
        raise bad_value("interface", f"the name of an interface, at most {_LONGEST_NAME} bytes", name)
    return name


def _read_destination(text: str, version: int) -> str:
    """An address of an IP version. Raises RefusedError."""
    found = read_address(text, "destination")
    if found.version != version:
        raise bad_value("destination", f"an IPv{version} address, as the other one is", text)
    return found.text
