"""Whether the service manager starts knockd at the next boot.

World: systemd.
"""

from __future__ import annotations

import os
from collections.abc import Mapping

from knockd.doctor.findings import Finding, Looked
from knockd.doctor.installed import find_unit
from knockd.net.programs import Patience, UnreadableError, find_program, run_program
from knockd_conf.text import printable

SUBJECT = "service"
TIMEOUT = 5.0
_ASKED = "LoadState,UnitFileState,ActiveState,Result,NeedDaemonReload"
_ENABLED = frozenset({"enabled", "enabled-runtime", "static", "alias", "generated", "indirect"})


def look_at_service() -> Looked:
    """What systemd says of knockd.service; elsewhere nobody is asked."""
    systemctl = find_program("systemctl")
    if systemctl is None or not os.path.isdir("/run/systemd/system"):
        return Looked(SUBJECT, (), ("whether knockd starts at boot: systemd does not run here",))
    try:
        said = run_program(Patience(TIMEOUT), systemctl, "show", "knockd.service", "--property", _ASKED)
    except (OSError, UnreadableError) as error:
        return Looked(SUBJECT, (), (f"whether knockd starts at boot ({error})",))
    return Looked(SUBJECT, judge_service(read_properties(said)))


def read_properties(text: str) -> dict[str, str]:
    """What ``systemctl show`` prints."""
    return {name: value for line in text.splitlines() for name, _, value in [line.partition("=")]}


def judge_service(properties: Mapping[str, str]) -> tuple[Finding, ...]:
    """What is wrong with the service."""
    if properties.get("LoadState") == "not-found":
        unit = printable(find_unit())
        cure = (
            f"copy {unit} to /etc/systemd/system, and see that its ExecStart is this knockd;"
            " then: systemctl enable --now knockd"
        )
        return (Finding("service-off", "there is no service knockd: nothing starts it at boot", cure),)
    found: list[Finding] = []
    state = properties.get("UnitFileState", "")
    if properties.get("LoadState") == "masked" or state.startswith("masked"):
        found.append(
            Finding("service-off", "the service is masked", "run 'systemctl unmask knockd', then enable it")
        )
    elif state and state not in _ENABLED:
        text = f"the service is {state}: it does not start at boot"
        found.append(Finding("service-off", text, "run 'systemctl enable knockd'"))
    if properties.get("ActiveState") == "failed":
        text = f"the service has failed ({properties.get('Result', 'no result')})"
        found.append(Finding("service-failed", text, "see why with 'systemctl status knockd'"))
    if properties.get("NeedDaemonReload") == "yes":
        text = "the unit file was changed since systemd read it"
        cure = "run 'systemctl daemon-reload', then 'systemctl restart knockd'"
        found.append(Finding("unit-stale", text, cure))
    return tuple(found)
