"""What is looked at, and in which order."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

from knockd.doctor import examination as module
from knockd.doctor.examination import examine, examine_host
from knockd.doctor.findings import Looked
from knockd.doctor.firewall_reader import Firewall
from knockd.keeper.settings import Settings
from tests.support.samples.firewalls import load_ruleset

OPEN = "iptables -I INPUT -s %IP% -p tcp --dport 22 -j ACCEPT"
TEXT = f"[options]\nInterface = lo\n[ssh]\nSequence = 47001,47003,47002\nStart_Command = {OPEN}\n"


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """A configuration, on a host without a firewall."""
    path = tmp_path / "knockd.conf"
    path.write_text(TEXT)
    path.chmod(0o600)
    monkeypatch.setattr(
        module, "read_firewall", lambda: Firewall(load_ruleset("open"), False, None, ("ufw (x)",))
    )
    monkeypatch.setattr(module, "look_at_filter", lambda *_, **__: Looked("filter"))
    return Settings(str(path), state_dir=str(tmp_path / "state"))


def subjects(
    settings: Settings, asked: dict[str, Any] | str = "none runs", fleet: dict[str, Any] | str = "none runs"
) -> dict[str, Looked]:
    """What was looked at, by its subject."""
    return {one.subject: one for one in examine_host(settings, asked, fleet)}


ALWAYS = ["configuration", "daemons", "daemon", "service", "clock"]


def test_everything(settings: Settings) -> None:
    """Everything is looked at, the configuration first."""
    found = subjects(settings)
    assert [
        *ALWAYS[:1],
        *(
            "interfaces",
            "commands",
            "notes of the configuration",
            "keys",
            "filter",
            "guard ports",
            "firewall",
            "connections",
            "state directory",
        ),
        *ALWAYS[1:],
    ] == list(found)
    assert "firewall-open" in [one.name for one in found["firewall"].findings]
    assert ("ufw (x)",) == found["firewall"].unlooked
    assert ("none runs",) == found["daemon"].unlooked


def test_fleet(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where there is a fleet, what it needs is looked at too."""
    path = Path(settings.config_path)
    path.write_text(TEXT.replace("Interface", "Fleet = valkey://h\nFleet_Key = /k\nInterface"))
    monkeypatch.setitem(sys.modules, "valkey", None)
    found = subjects(settings)
    unusable, missing = found["fleet"].findings
    assert ("fleet-unusable", f"{path}:3") == (unusable.name, unusable.place)
    assert ("no-valkey", f"{path}:2") == (missing.name, missing.place)
    assert unusable.text not in [one.text for one in found["notes of the configuration"].findings]


def test_path(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file is named as from where the command is run."""
    path = Path(settings.config_path)
    monkeypatch.chdir(path.parent)
    assert () == next(examine(path.name, "none runs", "none runs")).findings


def test_a_fleet(settings: Settings, tmp_path: Path) -> None:
    """Where there is one it is looked at behind the keys; what is found is no note besides."""
    (tmp_path / "password").write_text("secret\n")
    lines = f"Fleet = valkey://192.0.2.9\nFleet_Key = {tmp_path}/key\nFleet_Password = {tmp_path}/password\n"
    Path(settings.config_path).write_text(TEXT.replace("[options]\n", f"[options]\n{lines}"))
    found = subjects(settings)
    names = list(found)
    assert names[names.index("keys") + 1] == "fleet"
    assert "fleet-heard" in [one.name for one in found["fleet"].findings]
    assert not [one for one in found["notes of the configuration"].findings if "without TLS" in one.text]


def test_a_bad_configuration(settings: Settings) -> None:
    """What needs none is looked at all the same."""
    Path(settings.config_path).write_text("[ssh]\n")
    assert ALWAYS == list(subjects(settings))


def test_no_ruleset(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """A firewall that cannot be read is not well, and not bad: it was not looked at."""
    monkeypatch.setattr(module, "read_firewall", lambda: Firewall(None, False, None, ("its rules: no",)))
    assert Looked("firewall", (), ("its rules: no",)) == subjects(settings)["firewall"]


def test_a_running_daemon(settings: Settings) -> None:
    """Its interfaces are those that are looked at, and what it says is judged."""
    found = subjects(settings, {"interfaces": [{"name": "knock-none"}], "waiting": ["knock-more"]})
    assert ["no-interface"] == [one.name for one in found["interfaces"].findings]
    assert "knock-none, knock-more" in found["interfaces"].findings[0].text
    assert ["daemon-waiting"] == [one.name for one in found["daemon"].findings]
