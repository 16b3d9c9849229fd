"""Random firewalls in the kernel and in the doctor's model: what is certain there is what happens here."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from knockd.doctor.firewall import IN
from knockd.doctor.iptables_filter import read_iptables_rules
from knockd.doctor.nft_filter import read_nft_rules
from knockd.doctor.packets import Packet, Truth
from knockd.doctor.rulesets import Outcome, Ruleset, judge_packet
from tests.support.lab.hosts import Host, Lab
from tests.support.lab.services import TcpService, can_connect
from tests.support.lab.tools import need
from tests.support.samples.random_firewalls import TABLE, make_iptables, make_nft

SERVER = "10.7.0.1"
STRANGER = Packet(4, "tcp", 22, interfaces=("eth0",), own=frozenset({bytes((10, 7, 0, 1))}))
SEEDS = range(12)


@pytest.fixture
def hosts() -> Iterator[tuple[Host, Host]]:
    """A server with a service at port 22, and a client, with IPv4 alone."""
    with Lab() as lab:
        server, client = lab.host("server"), lab.host("client")
        lab.link(server, "eth0", client, "eth0", (f"{SERVER}/24",), ("10.7.0.2/24",))
        with TcpService(server, 22):
            yield server, client


def accepted(host: Host, commands: Iterator[str]) -> list[str]:
    """Runs commands, and returns those that the tool has taken."""
    return [command for command in commands if host.status("sh", "-c", command).returncode == 0]


def compare(ruleset: Ruleset, client: Host, rules: list[str]) -> None:
    """Whether the first packet and the following ones pass, and whether a connection can be made."""
    outcomes = (
        judge_packet(ruleset, IN, STRANGER),
        judge_packet(ruleset, IN, STRANGER._replace(state="established")),
    )
    passes = min(outcome.passes for outcome in outcomes)
    if passes is not Truth.MAYBE:
        timeout = 10 if passes is Truth.YES else 0.5
        connected = can_connect(client, SERVER, 22, timeout=timeout)
        assert connected is (passes is Truth.YES), explain(rules, outcomes)


def explain(rules: list[str], outcomes: tuple[Outcome, ...]) -> str:
    """The rules, and what was made of them."""
    return "\n".join((*rules, *map(str, outcomes)))


@pytest.mark.parametrize("seed", SEEDS)
def test_iptables(hosts: tuple[Host, Host], seed: int) -> None:
    """Rules of iptables, read from iptables-save."""
    need("iptables")
    server, client = hosts
    rules = accepted(server, make_iptables(seed))
    compare(read_iptables_rules(server.run("iptables-save"), "ip"), client, rules)


@pytest.mark.parametrize("seed", SEEDS)
def test_nft(hosts: tuple[Host, Host], seed: int) -> None:
    """Rules of nft, read from its JSON."""
    need("nft")
    server, client = hosts
    server.run("nft", "-f", "-", stdin=TABLE.replace("POLICY", ("accept", "drop")[seed % 2]))
    rules = accepted(server, make_nft(seed))
    compare(read_nft_rules(server.run("nft", "-j", "list", "ruleset"), {}), client, rules)
