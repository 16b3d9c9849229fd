"""The daemon at one moment, for tests of what is told of it."""

from __future__ import annotations

from typing import Any

from knockd.keeper.figures import Attempt, Figures
from knockd.keeper.status import Journal, Snapshot
from knockd.leases.journal import State
from knockd.leases.values import Knock, Lease
from knockd.process.figures import Counted
from knockd_conf.errors import Problem
from knockd_conf.model import Door
from tests.support.doubles.played import OURS, door

SSH, WEB = door("1 2 3", name="ssh", stop_command="/bin/true"), door("4 5", name="web")
NOW = 1_000.0


def lease(number: int = 1, at: Door = SSH, source: str = "203.0.113.7", **values: Any) -> Lease:
    """A lease that is open for 7 more seconds."""
    knock = Knock(at, source, 4, "10.0.0.1", "eth0")
    times = {"deadline": NOW + 7.0, "due": NOW + 7.0, "opened": NOW - 3.0}
    return Lease(f"run.{number}", knock, **{"state": State.OPEN, **times, **values})


def daemon(**values: Any) -> Snapshot:
    """A daemon with two doors and one lease."""
    made = Snapshot(
        version="0.9.0",
        python="3.11.7",
        pid=17,
        life="up",
        up=3_600.04,
        config="/etc/knockd.conf",
        config_age=60.0,
        listening=("eth0",),
        addresses={"eth0": frozenset({OURS})},
        waiting=("ppp0",),
        deaf=("eth1 has no address",),
        doors=(SSH, WEB),
        disabled=frozenset({("web", 0)}),
        rotating={},
        open_at={("ssh", 0): 1},
        leases=(lease(),),
        failed=0,
        retrying=0,
        now=NOW,
        figures=Figures({"eth0": Counted(0, 1, 90, 2, 40, 12)}, (Attempt("192.0.2.1", "web", 1, 2, 9),), 1),
        worker=18,
        starts=3,
        losses=2,
        journal=Journal("/run/knockd", True, "Read-only file system"),
        refused=(Problem("/etc/knockd.conf", 7, "Sequence", "expected ports, got 'x'"),),
        notes=("a note",),
    )
    return made._replace(**values)
