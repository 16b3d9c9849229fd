"""Which programs are asked for forwarded ports, and what becomes of their answers."""

from __future__ import annotations

from pathlib import Path

import pytest

from knockd.net import forwarded_ports as module
from knockd.net.forwarded_ports import ANY_PORT, Forwarded, has_programs, read_forwarded_ports
from tests.support.lab.waiting import PATIENCE

NFT = """{"nftables": [
  {"chain": {"family": "ip", "table": "fw", "name": "pre", "type": "nat", "hook": "prerouting"}},
  {"rule": {"family": "ip", "table": "fw", "chain": "pre", "expr": [
    {"match": {"op": "==", "left": {"payload": {"protocol": "tcp", "field": "dport"}}, "right": 80}},
    {"redirect": {"port": 8080}}]}}]}"""
TERSE, FULL = "nft -t -j list ruleset", "nft -j list ruleset"
OF_IPTABLES = NFT.replace('"redirect": {"port": 8080}', '"xt": {"type": "target", "name": "REDIRECT"}')
IPTABLES = "-A PREROUTING -p udp -m udp --dport 53 -j REDIRECT --to-ports 5353"
WEB, DNS = (6 << 16 | 80, 6 << 16 | 80), (17 << 16 | 53, 17 << 16 | 53)


class Programs:
    """A folder with programs that print what a test says, and the older tables that are loaded."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._ran = folder / "ran"
        self.loaded = folder / "tables"

    def make(
        self, name: str, prints: str = "", status: int = 0, complaint: str = "", *, first: str = ":"
    ) -> None:
        """A program; ``first`` is what it does before it prints."""
        text = self._folder / f"{name}.text"
        text.write_text(prints)
        program = self._folder / name
        program.write_text(
            f"#!/bin/sh\necho {name} $* >> {self._ran}\n{first}\n"
            f"cat {text}\necho '{complaint}' >&2\nexit {status}\n"
        )
        program.chmod(0o755)

    @property
    def ran(self) -> list[str]:
        """The command lines that were run."""
        return self._ran.read_text().splitlines() if self._ran.exists() else []


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Programs:
    """No program is here, and no table."""
    made = Programs(tmp_path)
    folders = (str(tmp_path / "missing"), str(tmp_path), "/usr/bin", "/bin")
    monkeypatch.setattr("knockd.net.programs.FOLDERS", folders)
    monkeypatch.setattr(
        module, "find_program", lambda name: str(tmp_path / name) if (tmp_path / name).exists() else None
    )
    monkeypatch.setattr(module, "_FAMILIES", (("iptables", str(made.loaded)),))
    return made


def test_no_program(programs: Programs) -> None:
    """Where nothing could forward nothing is forwarded, and there is nothing to say about it."""
    assert not has_programs()
    assert Forwarded() == read_forwarded_ports()
    assert [] == programs.ran


def test_nft(programs: Programs) -> None:
    """nft prints what is forwarded; iptables is not asked, for that would load its tables."""
    programs.make("nft", NFT)
    programs.make("iptables-save", IPTABLES)
    assert has_programs()
    assert Forwarded((WEB,)) == read_forwarded_ports()
    assert [TERSE, FULL] == programs.ran


def test_nft_without_translation(programs: Programs) -> None:
    """Where no rule changes destinations the elements of sets, perhaps very many, are not printed."""
    programs.make("nft", NFT.replace("redirect", "log"))
    assert Forwarded() == read_forwarded_ports()
    assert [TERSE] == programs.ran


def test_rules_of_iptables_in_nft(programs: Programs) -> None:
    """Where rules in nft's tables are iptables' it is asked for them."""
    programs.make("nft", OF_IPTABLES)
    programs.make("iptables-save", IPTABLES)
    assert Forwarded((DNS,)) == read_forwarded_ports()
    assert [TERSE, "iptables-save -t nat"] == programs.ran


def test_older_tables(programs: Programs) -> None:
    """The older iptables is asked where its nat table is loaded."""
    programs.make("nft", NFT)
    programs.make("iptables-save", "-A PREROUTING -p tcp --dport 1 -j REDIRECT")
    programs.make("iptables-legacy-save", IPTABLES)
    programs.loaded.write_text("filter\nnat\n")
    assert Forwarded((WEB, DNS)) == read_forwarded_ports()
    assert [TERSE, FULL, "iptables-legacy-save -t nat"] == programs.ran


@pytest.mark.parametrize("tables", ["", "filter\n"])
def test_older_tables_that_are_not_loaded(programs: Programs, tables: str) -> None:
    """An iptables of the older kind is not run where it would load its nat table."""
    programs.make("iptables-legacy-save", IPTABLES)
    programs.make("iptables-save", IPTABLES)
    programs.loaded.write_text(tables)
    assert Forwarded() == read_forwarded_ports()
    assert [] == programs.ran


def test_iptables_without_nft(programs: Programs) -> None:
    """Where nft is missing the newer iptables says what is forwarded."""
    programs.make("iptables-nft-save", IPTABLES)
    assert Forwarded((DNS,)) == read_forwarded_ports()


def test_program_that_fails(programs: Programs) -> None:
    """What a program complains of is said, in its first line."""
    reason = "Operation not permitted (you must be root)"
    programs.make("nft", "", 1, reason)
    expected = f"forwarded ports cannot be read (nft: {reason}), so guards may be in use"
    assert Forwarded(notes=(expected,)) == read_forwarded_ports()


def test_program_that_says_nothing(programs: Programs) -> None:
    """Of a program that fails silently the status is said."""
    programs.make("nft", "", 3)
    assert (
        "forwarded ports cannot be read (nft: status 3), so guards may be in use",
    ) == read_forwarded_ports().notes


def test_program_that_prints_something_else(programs: Programs) -> None:
    """What cannot be read is no reason to guess."""
    programs.make("nft", "nftables v0.8")
    (note,) = read_forwarded_ports().notes
    assert note.startswith("forwarded ports cannot be read (")


def test_program_that_hangs(programs: Programs, monkeypatch: pytest.MonkeyPatch) -> None:
    """A program has its time, and no more; that it timed out is said."""
    monkeypatch.setattr(module, "TIMEOUT", 0.2)
    programs.make("nft", first="exec sleep 60")
    (note,) = read_forwarded_ports().notes
    reason = "nft: timed out, all programs together have 0.2 seconds"
    assert f"forwarded ports cannot be read ({reason}), so guards may be in use" == note


def test_programs_that_are_slow(programs: Programs, monkeypatch: pytest.MonkeyPatch) -> None:
    """All programs have one time together: what each of them has alone would keep a start waiting."""
    monkeypatch.setattr(module, "TIMEOUT", 0.8 * PATIENCE)
    programs.make("nft", NFT, first=f"sleep {0.5 * PATIENCE}")
    (note,) = read_forwarded_ports().notes
    assert "timed out" in note
    assert [TERSE, FULL] == programs.ran


def test_a_program_whose_time_is_over(programs: Programs, monkeypatch: pytest.MonkeyPatch) -> None:
    """It counts as one that timed out."""
    monkeypatch.setattr(module, "TIMEOUT", -1.0)
    programs.make("nft", NFT)
    (note,) = read_forwarded_ports().notes
    assert "timed out" in note


def test_any_port(programs: Programs) -> None:
    """That every port is led elsewhere is said: which of them are in use nobody knows."""
    programs.make("iptables-nft-save", f"{IPTABLES}\n-A PREROUTING -j DNAT --to-destination 10.0.0.2")
    assert Forwarded((DNS,), (ANY_PORT,)) == read_forwarded_ports()
