"""What Close_When_Idle needs of a door: a stop command, and ports whose connections count.

Pure.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from knockd_conf.model import Service
from knockd_conf.opened_ports import find_opened_ports

CLOSE_WHEN_IDLE: Final = "close_when_idle"
"""The field of a door."""


def settle_services(door: Mapping[str, Any]) -> tuple[str | None, tuple[Service, ...]]:
    """What is wrong with a door's Close_When_Idle, or None, and the ports whose connections count.

    ``door`` holds the door's values by their fields. Without a Service these are the ports that the start
    commands open, where that is certain.
    """
    if not door.get("stop_command") and not door.get("stop_command_6"):
        return "expected a Stop_Command beside it, got none: nothing would close the door", ()
    given: tuple[Service, ...] = door.get("service", ())
    starts = [door.get(name) for name in ("start_command", "start_command_6")]
    services = given or find_opened_ports(text for text in starts if text)
    if not services:
        return (
            "expected a Service beside it, as Service = 22/tcp, got none:"
            " the start command does not say for certain which ports it opens",
            (),
        )
    return None, services
