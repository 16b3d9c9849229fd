"""Openings, leases and their records: each is made of the other."""

from __future__ import annotations

from dataclasses import replace

import pytest

from knockd.leases.journal import State
from knockd.leases.values import Lease, record_of
from tests.support.doubles.playbook import DOOR, knock
from tests.support.samples.journals import record

SECOND = replace(
    DOOR, name="ssh", occurrence=1, stop_command_6="close six", command_deadline=5.0, max_commands=3
)


def test_key() -> None:
    """A lease is of a door's name and occurrence, and of a source."""
    assert knock(SECOND).knock.key == ("ssh", 1, "192.0.2.1")


@pytest.mark.parametrize(
    ("source", "version", "stop"), [("192.0.2.1", 4, "close"), ("2001:db8::1", 6, "close six")]
)
def test_record_of(source: str, version: int, stop: str) -> None:
    """A record has what its lease's door says, with the stop command for the knocker's IP version."""
    lease = Lease("run.1", knock(SECOND, source, version).knock, 7.0, State.RETRYING, 2, unopened=True)
    made = record_of(lease)
    assert made == record(
        id="run.1",
        occurrence=1,
        source=source,
        state=State.RETRYING,
        deadline=7.0,
        failures=2,
        stop=stop,
        command_deadline=5.0,
        max_commands=3,
        unopened=True,
    )


WIDE = replace(DOOR, open_prefix=(24, 56))


@pytest.mark.parametrize(
    ("source", "version", "network", "inside", "outside"),
    [
        ("192.0.2.1", 4, "192.0.2.0/24", ("192.0.2.1", "192.0.2.255"), ("192.0.3.0", "2001:db8::1")),
        ("2001:db8::1", 6, "2001:db8::/56", ("2001:db8:0:ff::9",), ("2001:db8:0:100::", "192.0.2.1")),
    ],
)
def test_a_network(
    source: str, version: int, network: str, inside: tuple[str, ...], outside: tuple[str, ...]
) -> None:
    """With Open_Prefix a lease is of a network, and for each of its addresses."""
    made = knock(WIDE, source, version).knock
    assert made.key == ("door", 0, network)
    assert all(knock(WIDE, one, version).knock.key == made.key for one in inside)
    assert all(made.is_for(one) for one in inside)
    assert not any(made.is_for(one) for one in outside)


def test_an_address() -> None:
    """Without Open_Prefix a lease is for one address."""
    made = knock(DOOR).knock
    assert made.prefix is None
    assert made.network == "192.0.2.1"
    assert made.is_for("192.0.2.1")
    assert not made.is_for("192.0.2.2")
