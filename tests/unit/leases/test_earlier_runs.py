"""Records of earlier runs: the lease and the opening that are made of one, and what the log hears."""

from __future__ import annotations

import pytest

from knockd.leases.earlier_runs import (
    MOST_NAMED,
    deadline_of,
    find_trial,
    knock_of,
    lease_of,
    log_all_recovered,
    log_recovered,
)
from knockd.leases.journal import State
from knockd.leases.values import Lease, Log, record_of
from knockd_conf.services import parse_services
from tests.support.samples.journals import record

WHO = {"ip": "192.0.2.1", "door": "ssh"}


@pytest.mark.parametrize(("source", "version"), [("192.0.2.1", 4), ("2001:db8::1", 6)])
def test_there_and_back(source: str, version: int) -> None:
    """The opening that is made of a record has the same key and makes the same record."""
    one = record(source=source, occurrence=2, command_deadline=5.0, max_commands=3)
    made = knock_of(one)
    assert made.version == version
    assert made.key == ("ssh", 2, source)
    assert record_of(Lease(one.id, made, one.deadline, one.state)) == one


def test_there_and_back_of_a_door_that_closes_when_idle() -> None:
    """What keeps a lease open is kept with it, whatever the configuration says by then."""
    one = record(idle=60.0, service="22/tcp,60000-61000/udp", open_max=3_600.0)
    made = knock_of(one)
    assert parse_services("22/tcp,60000-61000/udp") == made.door.service
    assert one == record_of(Lease(one.id, made, one.deadline, one.state))


IDLE = record(idle=60.0, service="22/tcp", open_max=3_600.0, opened=900.0, deadline=910.0)


def found(**values: object) -> Lease:
    """A lease that is open, of an earlier run."""
    made = lease_of(IDLE._replace(**values), 910.0, same_boot=True)  # type: ignore[arg-type]
    made.state = State.OPEN
    return made


@pytest.mark.parametrize(("now", "due"), [(1_000.0, 1_060.0), (4_490.0, 4_500.0)])
def test_trial(now: float, due: float) -> None:
    """A lease whose time is over stays for Close_When_Idle, until Open_Max at most, and is asked at once."""
    after = find_trial(found(), now)
    assert after is not None
    assert due == after["due"]
    assert now == after["look_at"]
    assert after["asked"]


def test_no_trial() -> None:
    """A lease that has time left, is at its limit or at another door gets none."""
    assert find_trial(found(), 909.0) is None
    assert find_trial(found(), 4_500.0) is None
    assert find_trial(found(idle=0.0), 1_000.0) is None


@pytest.mark.parametrize(
    ("values", "seconds"), [({}, 60.0), ({"opened": 1_001.0}, 0.0), ({"deadline": 1_004.0}, 4.0)]
)
def test_log_of_a_trial(values: dict[str, object], seconds: float) -> None:
    """The log hears how long a lease stays that may be in use."""
    one = IDLE._replace(**values)  # type: ignore[arg-type]
    told = log_recovered(one, 1_000.0, same_boot=True, running=None)
    assert Log("recovered", {**WHO, "seconds": seconds}) == told


def test_deadline_of() -> None:
    """A lease ends when its record says; nobody knows when it opened: its Cmd_Timeout from now at most."""
    assert deadline_of(record(deadline=1_004.0, cmd_timeout=10.0), 1_000.0) == 1_004.0
    assert deadline_of(record(deadline=9_000.0, cmd_timeout=10.0), 1_000.0) == 1_010.0


def test_deadline_of_what_was_given_more_time() -> None:
    """A lease that opened before now ends when its record says, however much time it was given."""
    one = record(deadline=9_000.0, cmd_timeout=10.0, opened=990.0)
    assert deadline_of(one, 1_000.0) == 9_000.0
    assert deadline_of(one, 989.0) == 999.0


def test_lease_of() -> None:
    """The lease of a record has its id, its failures, and whether it was opened at all."""
    one = record(failures=2, unopened=True)
    expected = Lease(one.id, knock_of(one), 7.0, failures=2, unopened=True)
    assert lease_of(one, 7.0, same_boot=True) == expected


def test_since_when_and_how() -> None:
    """It keeps how and when it was opened; the clock of another boot says nothing here."""
    one = record(by="by hand, root", opened=900.0)
    same = lease_of(one, 7.0, same_boot=True)
    assert same.knock.by == "by hand, root"
    assert same.opened == 900.0
    other = lease_of(one, 7.0, same_boot=False)
    assert other.knock.by == "by hand, root"
    assert other.opened == 0.0


def test_log_recovered() -> None:
    """The log hears how long a lease stays open, of another boot that it is closed at once."""
    one = record(deadline=1_004.0)
    here = log_recovered(one, 1_000.0, same_boot=True, running=None)
    assert here == Log("recovered", {**WHO, "seconds": 4.0})
    elsewhere = log_recovered(one, 1_000.0, same_boot=False, running=None)
    assert elsewhere == Log("recovered", {**WHO, "seconds": 0.0})


def test_log_recovered_of_what_did_not_go_well() -> None:
    """The log hears of a start command that runs or has failed, and of a stop command that has failed."""
    one = record(deadline=1_004.0)
    assert log_recovered(one, 1_000.0, same_boot=True, running="start").event == "recovered-starting"
    unopened = one._replace(unopened=True)
    assert log_recovered(unopened, 1_000.0, same_boot=True, running=None).event == "recovered-unopened"
    failed = one._replace(state=State.FAILED)
    assert log_recovered(failed, 1_000.0, same_boot=True, running=None) == Log("recovered-failed", WHO)


def test_log_of_many() -> None:
    """Of very many leases the last are counted."""
    many = [record(number) for number in range(MOST_NAMED + 2)]
    logs = log_all_recovered(many, 1_000.0, same_boot=True, running={})
    assert len(logs) == MOST_NAMED + 1
    assert logs[-1] == Log("recovered-more", {"count": 2})
    assert len(log_all_recovered(many[:2], 1_000.0, same_boot=True, running={})) == 2


@pytest.mark.parametrize(
    ("source", "prefix", "network"),
    [
        ("192.0.2.7", 24, "192.0.2.0/24"),
        ("2001:db8:1:2ff::7", 56, "2001:db8:1:200::/56"),
        ("192.0.2.7", 0, "192.0.2.7"),
    ],
)
def test_there_and_back_of_a_network(source: str, prefix: int, network: str) -> None:
    """The network for which it is open is kept with it, whatever the configuration says by then."""
    one = record(source=source, prefix=prefix)
    made = knock_of(one)
    assert network == made.network
    assert one == record_of(Lease(one.id, made, one.deadline, one.state))


def test_a_prefix_that_no_address_has() -> None:
    """Of a damaged record the stop command is run all the same, for the address."""
    assert "192.0.2.7" == knock_of(record(source="192.0.2.7", prefix=100)).network
