"""What is not well with a daemon."""

from __future__ import annotations

from typing import Any

import pytest

from knockd.ctl.reply import read_status
from knockd.ctl.status_needs import Need, list_needs
from tests.support.samples.fleets import store
from tests.support.samples.statuses import BUSY, door, interface, lease, sharing, signing, status

OWNER = "203.0.113.7"
EVENTS = "knockctl log --what daemon --since today"
COMMANDS = "knockctl log --what command --since today"
PROBLEM = {"path": "/etc/knockd.conf", "line": 7, "text": "expected a port"}


def needs(**fields: Any) -> list[Need]:
    """What is not well with a daemon of which some fields are known."""
    return list_needs(read_status(status(**fields)))


def test_all_is_well() -> None:
    """Who is in, some drops among very many packets and doors that nothing closes are as they should be."""
    assert [] == list_needs(read_status(BUSY))


@pytest.mark.parametrize(
    ("fields", "text", "todo"),
    [
        (
            {"life": "starting", "interfaces": [], "worker": None},
            "It is starting: no knock is seen yet.",
            f"ask again in a moment, then: {EVENTS}",
        ),
        (
            {"life": "ending"},
            "It is ending: no knock opens a door any more.",
            "systemctl status knockd",
        ),
        (
            {"interfaces": [], "worker": None},
            "No interface is listened on: no knock is seen.",
            "ip link; see Interface in /etc/knockd.conf",
        ),
        (
            {"interfaces": [], "worker": None, "waiting": ["ppp0", "wg0"]},
            "Waiting for ppp0, wg0: not there, or not up. No other is listened on: no knock is seen.",
            "ip link; the names are those of Interface in /etc/knockd.conf",
        ),
        (
            {"waiting": ["ppp0"]},
            "Waiting for ppp0: not there, or not up.",
            "ip link; the names are those of Interface in /etc/knockd.conf",
        ),
        (
            {"deaf": ["eth1 has no address"]},
            "eth1 has no address",
            "ip address; see Interface in /etc/knockd.conf",
        ),
        (
            {"worker": None},
            "No packet process runs: no knock is seen until the next one has started.",
            EVENTS,
        ),
        (
            {"refused": [PROBLEM]},
            "The configuration is bad, and the one before it is in use: /etc/knockd.conf:7: expected a port",
            "mend it, then: knockctl reload",
        ),
        (
            {"leases": [lease("ssh", OWNER, state="failed", failures=5)], "failed_total": 1},
            "ssh could not be closed for 203.0.113.7: its stop command failed 5 times.",
            "close it by hand, then: knockctl forget 9f86d081884c7d65",
        ),
        (
            {"failed_total": 2},
            "2 other doors could not be closed.",
            "knockctl status --json",
        ),
        (
            {"leases": [lease("ssh", OWNER, state="retrying", failures=1, seconds_left=40.0)]},
            "ssh is still open for 203.0.113.7: its stop command failed 1 time, and is tried again in 40 s.",
            COMMANDS,
        ),
        (
            {"doors": [door("ssh"), door("spare", disabled=True)]},
            "No sequence can be used at spare: nobody can open it.",
            "see knockd -t; write new ones into its One_Time_Sequences file, then: knockctl reload",
        ),
        (
            {"doors": [door("ssh", disabled=True, waiting="the clock is early")]},
            "Nobody can open ssh: the clock is early.",
            f"it opens by itself when that is over; {EVENTS}",
        ),
        (
            {"doors": [door("ssh", disabled=True, waiting="no secret", signed=signing("no secret"))]},
            "Nobody can open ssh: no secret.",
            f"it opens by itself when that is over; {EVENTS}",
        ),
        (
            {"doors": [door("ssh", signed=signing("no secret"))]},
            "No signed knock opens ssh: no secret.",
            f"it opens by itself when that is over; {EVENTS}",
        ),
        (
            {"doors": [door("ssh", disabled=True, waiting="no key file", signed=signing())]},
            "No sequence opens ssh: no key file.",
            f"it opens by itself when that is over; {EVENTS}",
        ),
        (
            {"doors": [door("ssh", disabled=True, signed=signing())]},
            "No sequence can be used at ssh: only signed knocks open it.",
            "see knockd -t; write new ones into its One_Time_Sequences file, then: knockctl reload",
        ),
        (
            {"journal": {"place": "memory", "lasts": False, "reason": "/var/lib/knockd: Read-only"}},
            "Open doors are noted in memory alone (/var/lib/knockd: Read-only): should the daemon be killed,"
            " nobody closes them.",
            "give StateDir in /etc/knockd.conf a directory that lasts",
        ),
        (
            {"journal": {"place": "/run/knockd", "lasts": True, "reason": "/var/lib/knockd: Read-only"}},
            "Open doors are noted in /run/knockd, not in StateDir: /var/lib/knockd: Read-only",
            "give StateDir in /etc/knockd.conf a directory that can be written",
        ),
        (
            {"interfaces": [interface("eth0", received=1_000, dropped=2)]},
            "eth0: 2 of 1,000 packets dropped: knocks may be lost.",
            "more Buffer in /etc/knockd.conf, or a sequence that fewer others send",
        ),
        (
            {"worker_restarts": 2},
            "The packet process ended unasked, and was started anew 2 times.",
            f"{EVENTS}; systemctl restart knockd begins to count anew",
        ),
    ],
)
def test_one_need(fields: dict[str, Any], text: str, todo: str) -> None:
    """Each thing that is not well has its sentence, and says what to do."""
    assert [Need(text, todo)] == needs(**fields)


def test_store_of_the_fleet() -> None:
    """While it is not reached that is told, and which doors nobody can open; else nothing."""
    doors = [door("web", fleet=sharing()), door("ssh", fleet=sharing("no store", required=True))]
    (need,) = needs(fleet=store(problem="Connection refused", seconds=180.0), doors=doors)
    expected = "The store of the fleet has not been reached for 3 min: Connection refused."
    assert need == Need(f"{expected} Nobody can open ssh.", "knockctl status --fleet")
    (need,) = needs(fleet=store(problem="Connection refused", seconds=180.0), doors=doors[:1])
    assert need.text == expected
    assert needs(fleet=store(), doors=[door("ssh", fleet=sharing(required=True))]) == []


def test_both_ways_wait() -> None:
    """Both reasons are told where sequence and signed knocks wait for different things."""
    both = door("ssh", disabled=True, waiting="no key file", signed=signing("no secret"))
    assert [need.text for need in needs(doors=[both])] == [
        "Nobody can open ssh: no key file.",
        "Nobody can open ssh: no secret.",
    ]


def test_many_of_a_kind() -> None:
    """Of one kind three are told of, and the others counted."""
    stuck = [lease("ssh", f"203.0.113.{number}", state="failed", failures=5) for number in range(5)]
    retried = [lease("ssh", f"203.0.113.{number}", state="retrying", failures=5) for number in range(4)]
    texts = [need.text for need in needs(leases=[*stuck, *retried], failed_total=9, refused=[PROBLEM] * 4)]
    assert texts[0].count("/etc/knockd.conf:7: expected a port") == 3
    assert texts[0].endswith("; and 1 more")
    assert texts[4] == "6 other doors could not be closed."
    assert texts[8] == "1 more like it."
    assert len(texts) == 9
    doors = [door(f"d{number}", disabled=True) for number in range(5)]
    assert "No sequence can be used at d0, d1, d2 and 2 more" in needs(doors=doors)[0].text
    doors = [door(f"d{number}", disabled=True, waiting="a") for number in range(5)]
    doors += [door(f"e{number}", disabled=True, waiting=f"because {number}") for number in range(4)]
    assert [
        "Nobody can open d0, d1, d2 and 2 more: a.",
        "Nobody can open e0: because 0.",
        "Nobody can open e1: because 1.",
        "2 more like it.",
    ] == [need.text for need in needs(doors=doors)]


def test_the_worst_first() -> None:
    """That nothing is seen comes before a bad file, and that before a door that stays open."""
    leases = [lease("ssh", OWNER, state="failed")]
    first, second, third = needs(waiting=["ppp0"], refused=[PROBLEM], leases=leases, failed_total=1)
    assert first.text.startswith("Waiting for ppp0")
    assert second.text.startswith("The configuration is bad")
    assert third.text.startswith("ssh could not be closed")
