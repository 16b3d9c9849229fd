"""The daemon read from its sides."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any, cast

from knockd.keeper.figures import Figures
from knockd.keeper.fleet_setup import FleetSetup, FleetState
from knockd.keeper.life import Life, Lifecycle
from knockd.keeper.snapshot import SnapshotReader
from knockd.keeper.status import Journal, Signing
from knockd.signed.values import KnownKey
from knockd_conf.model import Config
from tests.support.doubles.fleet import ToldFleet
from tests.support.doubles.linked_workers import CONFIG, LinkedWorkers, captured
from tests.support.doubles.signed import LAPTOP, PATH, PORT, ToldDoors, signed_door
from tests.support.samples.snapshots import NOW, lease


def reader_of(
    workers: LinkedWorkers, config: Config = CONFIG, fleet: FleetSetup | None = None
) -> SnapshotReader:
    """A reader of a daemon that is up, with one lease."""
    life = Lifecycle(lambda _before, _life: None)
    life.enter(Life.UP)
    leases = SimpleNamespace(
        ask=SimpleNamespace(
            count_at_doors=dict, all=lambda: (lease(),), count_failed=lambda: 0, count_retrying=lambda: 2
        ),
        counts=(1, 0),
        noted_in=("/run/knockd", "full"),
        lasts=True,
        now=NOW,
    )
    loop, supervisor = workers.loop.loop, workers.supervisor
    return SnapshotReader(
        loop,
        life,
        cast(Any, leases),
        supervisor,
        fleet or ToldFleet(),
        lambda: config,
        tuple,
        pid=17,
        python="3.11.7",
        began=loop.time(),
        read_at=lambda: loop.time() - 5.0,
    )


def test_signed_doors() -> None:
    """Port, number of keys and what they wait for are read of each door that signed knocks open."""
    told = ToldDoors()
    told.known = (KnownKey(LAPTOP, PATH), KnownKey(LAPTOP._replace(doors=("web",)), PATH))
    told.waiting = "no secret"
    config = replace(CONFIG, doors=(signed_door("ssh"), signed_door("web", signed_port=7), *CONFIG.doors))
    workers = LinkedWorkers(config, signed=told)
    workers.supervisor.begin()
    workers.supervisor.signed.refused["repeated"] = 3
    read = reader_of(workers, config).read(Figures())
    assert read.signed == {("ssh", 0): Signing(PORT, 1, "no secret"), ("web", 0): Signing(7, 2, "no secret")}
    assert read.signed_refusals == {"repeated": 3}
    assert read.disabled == {("ssh", 0), ("web", 0)}
    workers.close()


def test_read() -> None:
    """Everything is read when it is asked for."""
    with captured() as workers:
        reader = reader_of(workers)
        workers.loop.now += 65.0
        told = reader.read(Figures())
        assert told.life == "up"
        assert told.up == 65.0
        assert told.config_age == 5.0
        assert told.listening == ("eth0",)
        assert told.addresses == {"eth0": frozenset({b"\x0a\0\0\1"})}
        assert told.starts == 1
        assert told.worker == workers.pid
        assert told.journal == Journal("/run/knockd", lasts=True, reason="full")
        assert told.leases == (lease(),)
        assert told.retrying == 2
        assert told.rotating == {}
        assert told.signed == {}
        assert told.doors == CONFIG.doors


def test_fleet() -> None:
    """How the store is, where there is a fleet."""
    fleet = ToldFleet()
    with captured() as workers:
        assert reader_of(workers, fleet=fleet).read(Figures()).fleet is None
        fleet.told = FleetState("store.example:6379", "", 5.0, 2, {})
        assert reader_of(workers, fleet=fleet).read(Figures()).fleet == fleet.told
