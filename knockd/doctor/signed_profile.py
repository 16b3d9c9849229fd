"""Which signed knock there is for a door: that of a profile of knock, of whoever asks.

World: files.
"""

from __future__ import annotations

from knockd.client.network import service_port
from knockd.client.options import Options, UsageError
from knockd.client.plan import Signed, make_plan
from knockd.client.profiles import profile_path, read_profiles
from knockd.client.status import Refused
from knockd_conf.model import Door
from knockd_conf.text import printable


def find_signed(door: Door) -> Signed | str:
    """What the first profile with the door's name and port asks for, or why there is none."""
    path = profile_path()
    try:
        found = read_profiles(path, service_port)
        for profile in found.profiles.values() if found is not None else ():
            choices = profile.choices
            if (choices.signed, choices.door) == (door.signed_port, door.name) and not profile.problems:
                return make_plan(Options(host=profile.name), profile, "").signed or "it signs nothing"
    except (Refused, UsageError) as error:
        return str(error)
    wanted = f"signed = {door.signed_port} and door = {printable(door.name)}"
    return f"no profile in {printable(path)} has {wanted} ('knock --import' makes one)"
