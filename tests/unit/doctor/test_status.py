"""What a running daemon says of itself, judged."""

from __future__ import annotations

from typing import Any

import pytest

from knockd.doctor.status import judge_status
from tests.support.samples.statuses import BUSY, UNWELL, signing

WELL: dict[str, Any] = {
    "interfaces": [{"name": "eth0", "received": 9, "dropped": 0}],
    "waiting": [],
    "deaf": [],
    "doors": [{"name": "ssh", "disabled": False}],
    "leases": [{"door": "ssh", "address": "203.0.113.7", "state": "open"}],
    "failed_total": 0,
    "journal": {"place": "/var/lib/knockd", "lasts": True, "reason": None},
    "refused": [],
    "life": "up",
    "worker": 4711,
    "worker_restarts": 0,
}


SIGNED = signing("no secret")


def test_well() -> None:
    """A daemon that is up and was never in trouble."""
    assert () == judge_status(WELL).findings


def test_nothing_known() -> None:
    """A reply in which everything is missing says nothing bad."""
    assert () == judge_status({}).findings


@pytest.mark.parametrize(
    ("changed", "name", "text"),
    [
        ({"waiting": ["ppp0"]}, "daemon-waiting", "the daemon waits for interface ppp0"),
        ({"deaf": ["eth1\n has no address: write br0"]}, "daemon-deaf", r"eth1\n has no address"),
        ({"interfaces": []}, "daemon-waiting", "the daemon listens on no interface"),
        (
            {"doors": [{"name": "once", "disabled": True}]},
            "door-disabled",
            "door once has no sequence that can be used",
        ),
        (
            {"doors": [{"name": "ssh", "disabled": True, "waiting": "the clock is\n early"}]},
            "door-disabled",
            r"door ssh waits: the clock is\n early",
        ),
        (
            {"doors": [{"name": "ssh", "disabled": True, "waiting": "no secret", "signed": SIGNED}]},
            "door-disabled",
            "door ssh waits: no secret",
        ),
        (
            {"doors": [{"name": "ssh", "disabled": False, "waiting": None, "signed": SIGNED}]},
            "door-disabled",
            "signed knocks at door ssh wait: no secret",
        ),
        (
            {"refused": [{"path": "/etc/knockd.conf", "line": 7, "text": "bad\x1b"}]},
            "reload-refused",
            r"the last reload was refused: bad\x1b",
        ),
        (
            {"failed_total": 2, "leases": [{"door": "ssh", "address": "2001:db8::1", "state": "failed"}]},
            "stop-failed",
            "doors that cannot be closed: 2 (ssh for 2001:db8::1)",
        ),
        (
            {"journal": {"place": "/run/knockd", "lasts": False, "reason": "disk full"}},
            "journal-in-memory",
            "open doors are noted in /run/knockd only: disk full",
        ),
        (
            {"interfaces": [{"name": "eth0", "received": 1000, "dropped": 10}]},
            "packets-dropped",
            "10 of 1,000 packets at eth0 had no room in the ring",
        ),
        (
            {"life": "up", "worker": None},
            "no-packet-process",
            "the daemon has no process that reads packets: it is being replaced, or cannot start",
        ),
        ({"worker_restarts": 3}, "worker-restarted", "the process that reads packets was replaced 3 times"),
    ],
)
def test_findings(changed: dict[str, Any], name: str, text: str) -> None:
    """Each trouble is one finding, with what to do."""
    (finding,) = judge_status({**WELL, **changed}).findings
    assert name == finding.name
    assert text == finding.text
    assert finding.cure


@pytest.mark.parametrize("changed", [{"doors": [7]}, {"leases": [{"state": "failed"}]}, {"journal": "x"}])
def test_another_version(changed: dict[str, Any]) -> None:
    """What is not of the interface is not judged, and that is said."""
    looked = judge_status({**WELL, **changed})
    assert () == looked.findings
    assert "another version" in looked.unlooked[0]


def test_few_drops() -> None:
    """A burst long ago is no reason to look."""
    assert () == judge_status({"interfaces": [{"name": "eth0", "received": 10_000, "dropped": 10}]}).findings


@pytest.mark.parametrize("life", ["starting", "ending"])
def test_not_up(life: str) -> None:
    """A daemon that starts, or ends, is to be asked again."""
    assert (f"it is {life}: ask again when it is up",) == judge_status({"life": life}).unlooked


def test_samples() -> None:
    """Replies as the daemon gives them: one that is well, and one that is not."""
    assert () == judge_status(BUSY).findings
    assert judge_status(UNWELL).findings


def test_place_of_a_refused_reload() -> None:
    """File and line of the problem."""
    (finding,) = judge_status({"refused": [{"path": "/etc/knockd.conf", "line": 7, "text": "bad"}]}).findings
    assert "/etc/knockd.conf:7" == finding.place
