"""Which programs are asked for the rules of a firewall, and what becomes of their answers."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from knockd.doctor import firewall_reader as module
from knockd.doctor.firewall_reader import read_firewall, read_ufw_status
from knockd.net.programs import UnreadableError
from tests.support.samples.firewalls import load_text

EMPTY = '{"nftables": []}'
OF_IPTABLES = """{"nftables": [
  {"chain": {"family": "ip", "table": "filter", "name": "INPUT", "type": "filter",
    "hook": "input", "prio": 0}},
  {"rule": {"family": "ip", "table": "filter", "chain": "INPUT", "handle": 2, "expr": [{"xt": null}]}}]}"""
SAVED = load_text("legacy", "legacy.txt")

World = Callable[..., list[str]]


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    """Makes a world of programs: what each prints by its command line, or why it does not; root asks.

    Returns the list of command lines that are run.
    """

    def make(
        prints: dict[str, str | Exception], loaded: tuple[str, ...] = (), programs: tuple[str, ...] = ()
    ) -> list[str]:
        ran: list[str] = []
        known = {line.split()[0] for line in prints} | set(programs)

        def run(_patience: object, *words: str) -> str:
            ran.append(" ".join(words))
            said = prints[ran[-1]]
            if isinstance(said, Exception):
                raise said
            return said

        monkeypatch.setattr(module, "find_program", lambda name: name if name in known else None)
        monkeypatch.setattr(module, "run_program", run)
        monkeypatch.setattr(module, "find_loaded_tables", lambda path: loaded if "ip_tables" in path else ())
        monkeypatch.setattr("os.geteuid", lambda: 0)
        return ran

    return make


NFT = {"nft -j list ruleset": EMPTY, "nft -t -a list ruleset": ""}


def test_nft(world: World) -> None:
    """nft is asked alone where iptables has made none of its rules: else its tables would be loaded."""
    ran = world(NFT, programs=("iptables-save",))
    firewall = read_firewall()
    assert firewall.ruleset is not None
    assert () == firewall.unlooked
    assert firewall.ufw_active is None
    assert ["nft -j list ruleset", "nft -t -a list ruleset"] == ran


def test_rules_of_iptables(world: World) -> None:
    """Where iptables made rules that nft cannot print, it is asked, and what it says is taken."""
    world({**NFT, "nft -j list ruleset": OF_IPTABLES, "iptables-nft-save": SAVED})
    ruleset = read_firewall().ruleset
    assert ruleset is not None
    chain = ruleset.chains["ip filter INPUT"]
    assert chain.drops
    assert 2 == len(chain.rules)


def test_older_tables(world: World) -> None:
    """Older tables are read where they are loaded."""
    ran = world({**NFT, "iptables-legacy-save -t filter": SAVED}, ("filter",))
    ruleset = read_firewall().ruleset
    assert ruleset is not None
    assert "legacy ip filter INPUT" in ruleset.chains
    assert "iptables-legacy-save -t filter" in ran


def test_texts_are_missing(world: World) -> None:
    """A ruleset without its texts is a ruleset."""
    world({**NFT, "nft -t -a list ruleset": UnreadableError("x")})
    assert read_firewall().ruleset is not None


@pytest.mark.parametrize(
    "said", [UnreadableError("nft: no right"), OSError("nft: no right"), "nft: no right"]
)
def test_what_cannot_be_read(world: World, said: str | Exception) -> None:
    """There is no ruleset then, and why is said."""
    world({**NFT, "nft -j list ruleset": said})
    firewall = read_firewall()
    assert firewall.ruleset is None
    (reason,) = firewall.unlooked
    assert reason.startswith("its rules (")


def test_not_root(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only root is answered, so nobody is asked."""
    ran = world(NFT)
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    assert ("its rules: run it as root",) == read_firewall().unlooked
    assert [] == ran


def test_no_program(world: World) -> None:
    """Without any program nothing is known."""
    world({})
    assert ("its rules: there is neither nft nor iptables",) == read_firewall().unlooked


def test_ufw(world: World) -> None:
    """ufw says whether it is active; that it does not say is said."""
    world({**NFT, "ufw status": load_text("ufw", "ufw.txt")})
    assert read_firewall().ufw_active is True
    world({**NFT, "ufw status": UnreadableError("ufw: timed out")})
    firewall = read_firewall()
    assert firewall.ufw_active is None
    assert ("ufw (ufw: timed out)",) == firewall.unlooked
    assert firewall.ruleset is not None


def test_status_of_ufw() -> None:
    """What was really printed; of anything else nothing is known."""
    assert read_ufw_status(load_text("ufw", "ufw.txt")) is True
    assert read_ufw_status(load_text("ufw-off", "ufw.txt")) is False
    assert read_ufw_status("ERROR") is None
