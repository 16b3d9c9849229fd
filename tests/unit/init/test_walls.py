"""What is asked of the programs of firewalls."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from knockd.doctor.firewall_reader import Firewall
from knockd.init import walls as module
from knockd.init.walls import NFT_FILE, UFW_FILE, Walls, find_tables, read_ufw_enabled, read_walls
from knockd.net.programs import UnreadableError
from tests.support.samples.firewalls import load_ruleset

World = Callable[..., list[str]]


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    """Makes a world: programs with what each prints by its command line (others fail), rules and files."""

    def make(
        prints: dict[str, str], firewall: Firewall, files: dict[str, str] | None = None, programs: str = ""
    ) -> list[str]:
        ran: list[str] = []
        known = {line.split()[0] for line in prints} | set(programs.split())

        def run(_patience: object, *words: str) -> str:
            ran.append(" ".join(words))
            if ran[-1] not in prints:
                raise UnreadableError(f"{words[0]}: status 1")
            return prints[ran[-1]]

        monkeypatch.setattr(module, "find_program", lambda name: name if name in known else None)
        monkeypatch.setattr(module, "run_program", run)
        monkeypatch.setattr(module, "read_firewall", lambda: firewall)
        monkeypatch.setattr(module, "_read_file", (files or {}).get)
        return ran

    return make


def firewall(name: str, *, ufw: bool | None = None) -> Firewall:
    """A recorded firewall."""
    return Firewall(load_ruleset(name), False, ufw, ())


def test_tables_of_nft(world: World) -> None:
    """A table of nft is not iptables', and the file that sets it up is known."""
    world({}, firewall("example-nftables"), {NFT_FILE: "flush ruleset\ntable inet filter {\n}\n"}, "nft")
    walls = read_walls(["eth0"])
    assert {"nft": "nft"} == walls.programs
    assert frozenset() == walls.iptables_places
    assert frozenset({"inet filter"}) == walls.kept_tables
    assert walls.nft_file


def test_chains_of_iptables(world: World) -> None:
    """iptables is asked whether it looks after a chain with the name of one of its own."""
    world({"iptables -t filter -S INPUT": "-P INPUT DROP"}, firewall("iptables-rich"))
    assert "ip filter INPUT" in read_walls([]).iptables_places
    world({}, firewall("iptables-rich"), programs="iptables")
    assert frozenset() == read_walls([]).iptables_places


def test_older_chains(world: World) -> None:
    """Chains of the older kind are iptables' for sure."""
    ran = world({}, firewall("legacy"))
    assert "legacy ip filter INPUT" in read_walls([]).iptables_places
    assert [] == ran


@pytest.mark.parametrize(
    ("said", "file", "expected"),
    [(True, "", True), (False, "ENABLED=yes", False), (None, "ENABLED=yes", True), (None, "", False)],
)
def test_ufw(world: World, said: bool | None, file: str, expected: bool) -> None:
    """What ufw says counts; who may not ask reads its file."""
    world({}, firewall("open", ufw=said), {UFW_FILE: file})
    assert expected == read_walls([]).ufw


def test_rules_of_ufw(world: World) -> None:
    """The rules of an active ufw are asked for; where it does not say there are none."""
    said = "Added user rules (see 'ufw status' for running firewall):\nufw allow 22/tcp\nufw limit 80\n"
    world({"ufw show added": said}, firewall("open", ufw=True))
    assert ("ufw allow 22/tcp", "ufw limit 80") == read_walls([]).ufw_rules
    world({}, firewall("open", ufw=True), programs="ufw")
    assert () == read_walls([]).ufw_rules
    ran = world({"ufw show added": said}, firewall("open", ufw=False))
    assert () == read_walls([]).ufw_rules
    assert [] == ran


FIREWALLD = {
    "firewall-cmd --state": "running\n",
    "firewall-cmd --get-zone-of-interface=ppp0": "external\n",
    "firewall-cmd --get-default-zone": "public\n",
}


@pytest.mark.parametrize(
    ("without", "interfaces", "zone"),
    [("", ["eth0", "ppp0"], "external"), ("", ["eth0"], "public"), ("--state", ["ppp0"], "")],
)
def test_firewalld(world: World, without: str, interfaces: list[str], zone: str) -> None:
    """The zone is that of the first interface in one, else the default; none while firewalld does not run."""
    prints = {line: said for line, said in FIREWALLD.items() if not without or without not in line}
    world(prints, firewall("open"))
    assert zone == read_walls(interfaces).zone


def test_nobody_to_ask(world: World) -> None:
    """Without programs and rules there is nothing, and the rules are not known."""
    world({}, Firewall(None, False, None, ("its rules: run it as root",)))
    walls = read_walls(["eth0"])
    assert Walls(walls.firewall, {}, systemd=walls.systemd) == walls
    assert walls.ruleset is None


def test_tables_of_a_file() -> None:
    """Tables of every way to write them are found, those in comments are not; ip is the default family."""
    text = "#table inet old {\ntable inet filter {\n  chain x { }\n}\nadd table ip6 six\ntable plain {\n"
    assert ["inet filter", "ip6 six", "ip plain"] == list(find_tables(text))


@pytest.mark.parametrize(
    ("text", "expected"), [("ENABLED=yes\n", True), ('x\nENABLED="yes"', True), ("ENABLED=no", False)]
)
def test_file_of_ufw(text: str, expected: bool) -> None:
    """ufw's file says whether it is enabled."""
    assert expected == read_ufw_enabled(text)
