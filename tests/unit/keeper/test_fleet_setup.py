"""Without a fleet nobody is asked, and none of its code is there."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace

from knockd.keeper.fleet_setup import Burnt, FleetSetup
from tests.support.doubles.lease_manager import DOOR, PlayedManager, configuration


def test_no_fleet() -> None:
    """Every knock opens at once."""
    played, answers = PlayedManager(), list[str | None]()
    setup = FleetSetup(played.loop.loop, lambda *_, **__: None, played.manager, dict, lambda: None)
    setup.adopt(configuration())
    setup.admit(DOOR, None, answers.append)
    setup.admit(replace(DOOR, fleet_required=False), Burnt("signed a b", 60), answers.append)
    assert answers == [None, None]
    setup.look()
    setup.reap()
    setup.stop()
    assert setup.made is None


def test_no_code() -> None:
    """The keeper imports neither the fleet nor a network library for it."""
    code = (
        "import sys, knockd.keeper.keeper\n"
        "print([name for name in sys.modules if name.startswith(('knockd.fleet', 'valkey', 'asyncio', 'ssl'))"
        " or name == 'knockd.keeper.fleet'])"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"


def test_a_door_that_does_not_depend_on_it() -> None:
    """A plain knock asks nobody, where the fleet is not required: it waits for no other process."""
    played, answers = PlayedManager(), list[str | None]()
    setup = FleetSetup(played.loop.loop, lambda *_, **__: None, played.manager, dict, lambda: None)
    setup.made = object()  # type: ignore[assignment]  # whoever asks it fails
    setup.admit(replace(DOOR, fleet_required=False), None, answers.append)
    assert answers == [None]
