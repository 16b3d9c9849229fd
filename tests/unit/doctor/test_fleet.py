"""Whether a gateway can speak with its fleet, and what the daemon says of the others."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from knockd.checks.fleet_surprises import NO_STORE
from knockd.doctor.findings import Finding, Looked
from knockd.doctor.fleet import judge_fleet, look_at_fleet
from knockd_conf.errors import Note, Place, Problem
from knockd_conf.model import Config, FleetEndpoint, FleetKind, Options
from tests.support.doubles.played import door
from tests.support.samples.fleets import fleet, gateway, store

NO_DAEMON = "no daemon answers"
SERVER = FleetEndpoint(FleetKind.SINGLE, False, "store.example", 6379)


CONFIG = Config(
    "/etc/knockd.conf",
    Options(fleet=(SERVER,), fleet_key="/k"),
    (replace(door("1 2"), fleet_required=True),),
    "gw1",
    (),
    places=(("fleet", Place("/etc/knockd.conf", 3, "Fleet")),),
)


def judge(reply: dict[str, Any], *required: str) -> list[Finding]:
    """What is found in a reply."""
    return list(judge_fleet(reply, list(required)).findings)


def test_well() -> None:
    """Two gateways of which each is as it should be."""
    assert look_at_fleet(CONFIG, (), None, fleet()) == Looked("fleet")


def test_no_daemon() -> None:
    """What the daemon would say is not called well."""
    looked = look_at_fleet(CONFIG, (), None, NO_DAEMON)
    assert looked == Looked("fleet", (), (f"the other gateways and the store: {NO_DAEMON}",))


def test_without_valkey() -> None:
    """A daemon that runs goes on, and the next start fails."""
    missing = Problem("/etc/knockd.conf", 7, "Fleet", "expected valkey, got none: install it: pip install x")
    (finding,) = look_at_fleet(CONFIG, (), missing, NO_DAEMON).findings
    assert ("no-valkey", "expected valkey, got none", "install it: pip install x") == finding[:3]
    assert "/etc/knockd.conf:7" == finding.place


def test_a_file_that_cannot_be_used() -> None:
    """It locks people out, with the reason and what to do."""
    note = Note("/etc/knockd.conf", 8, "Fleet_Key", f"/k: is not a regular file: {NO_STORE}")
    (finding,) = look_at_fleet(CONFIG, [note], None, NO_DAEMON).findings
    assert ("fleet-unusable", note.message, "mend it, then run 'knockctl reload'") == finding[:3]
    assert "/etc/knockd.conf:8" == finding.place


def test_password_without_tls() -> None:
    """Who listens on the way has the password."""
    config = replace(CONFIG, options=replace(CONFIG.options, fleet_password="/p"))
    (heard,) = look_at_fleet(config, (), None, NO_DAEMON).findings
    assert heard.name == "fleet-heard"
    assert "the password goes to store.example without TLS" in heard.text
    tls = replace(config, options=replace(config.options, fleet=(SERVER._replace(tls=True),)))
    assert look_at_fleet(tls, (), None, NO_DAEMON).findings == ()


def test_closed_doors() -> None:
    """Without the store nobody opens doors that need it; where none does, each gateway is on its own."""
    down = fleet(store=store(problem="Connection refused"), gateways=[])
    (closed,) = look_at_fleet(CONFIG, (), None, down).findings
    assert closed.name == "fleet-closed"
    assert closed.text == "the store of the fleet is not reached: Connection refused: nobody can open door"
    assert closed.cure.endswith("valkeys://store.example:6379")
    assert [one.name for one in judge(down)] == ["fleet-unreached"]
    many = [f"d{number}" for number in range(7)]
    assert judge(down, *many)[0].text.endswith("nobody can open d0, d1, d2, d3, d4, ...")


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"refusal": "OOM command not allowed"}, "does not do what it is asked for: OOM command not allowed"),
        ({"run": None}, "the process that speaks with the fleet does not answer"),
    ],
)
def test_store_that_is_reached(fields: dict[str, Any], why: str) -> None:
    """It may refuse to note knocks, and the process between may hang."""
    (found,) = judge(fleet(**fields), "ssh")
    assert (found.name, why in found.text) == ("fleet-closed", True)


@pytest.mark.parametrize(
    ("gateways", "expected"),
    [
        ([], ["fleet-alone"]),
        ([gateway("gw1")], ["fleet-names"]),
        ([gateway("gw1", heard=12.0)], []),
        ([gateway("gw2"), gateway("gw2", run="ff")], ["fleet-names"]),
        ([gateway("gw2", skew=5.2, trip=0.1), gateway("gw3", skew=-41.0)], ["fleet-clock", "fleet-clock"]),
        ([gateway("gw2", skew=5.05, trip=0.1)], []),
    ],
)
def test_gateways(gateways: list[dict[str, Any]], expected: list[str]) -> None:
    """None, two of a name that are both there, and clocks that surely differ by more than 5 seconds."""
    found = judge(fleet(gateways=gateways))
    assert [one.name for one in found] == expected
    if expected == ["fleet-clock", "fleet-clock"]:
        assert [one.text for one in found] == [
            "the clock of gateway gw2 is 5 s ahead",
            "the clock of gateway gw3 is 41 s behind",
        ]


def test_forged() -> None:
    """Somebody else writes to the store."""
    (found,) = judge(fleet(forged=3))
    assert found.name == "fleet-forged"


def test_another_version() -> None:
    """A reply that is not of the interface was not looked at."""
    looked = judge_fleet({"store": 7}, [])
    assert looked.findings == ()
    assert "it is of another version" in looked.unlooked[0]
