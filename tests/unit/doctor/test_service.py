"""What systemd says of the service."""

from __future__ import annotations

import pytest

from knockd.doctor import service as module
from knockd.doctor.service import judge_service, look_at_service, read_properties
from knockd.net.programs import UnreadableError

GOOD = {
    "LoadState": "loaded",
    "UnitFileState": "enabled",
    "ActiveState": "active",
    "Result": "success",
    "NeedDaemonReload": "no",
}


def test_well() -> None:
    """A service that is enabled and runs."""
    assert () == judge_service(GOOD)


@pytest.mark.parametrize(
    ("changed", "name", "cure"),
    [
        ({"LoadState": "not-found"}, "service-off", "systemctl enable --now knockd"),
        ({"LoadState": "masked"}, "service-off", "systemctl unmask knockd"),
        ({"UnitFileState": "disabled"}, "service-off", "systemctl enable knockd"),
        ({"ActiveState": "failed", "Result": "exit-code"}, "service-failed", "systemctl status knockd"),
        ({"NeedDaemonReload": "yes"}, "unit-stale", "systemctl daemon-reload"),
    ],
)
def test_findings(changed: dict[str, str], name: str, cure: str) -> None:
    """Each state that keeps it from running, and what to do."""
    (finding,) = judge_service(GOOD | changed)
    assert name == finding.name
    assert cure in finding.cure


def test_systemd_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    """systemctl is asked where systemd runs; elsewhere it is said that nobody was."""

    def refuse(*_: object) -> str:
        raise UnreadableError("systemctl: timed out")

    monkeypatch.setattr(module, "find_program", lambda name: name)
    monkeypatch.setattr("os.path.isdir", lambda _: True)
    monkeypatch.setattr(module, "run_program", lambda *_: "LoadState=loaded\nUnitFileState=disabled\n")
    assert ["service-off"] == [one.name for one in look_at_service().findings]
    monkeypatch.setattr(module, "run_program", refuse)
    assert ("whether knockd starts at boot (systemctl: timed out)",) == look_at_service().unlooked
    monkeypatch.setattr("os.path.isdir", lambda _: False)
    assert ("whether knockd starts at boot: systemd does not run here",) == look_at_service().unlooked


def test_properties() -> None:
    """Names and values; a value may hold an equals sign."""
    assert {"A": "b", "C": "d=e", "F": ""} == read_properties("A=b\nC=d=e\nF=\n")
