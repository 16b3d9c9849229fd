"""What the shell and the firewall answer when they are asked."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from knockd.checks import asked_tools
from knockd.checks.asked_tools import ask_networks, ask_version, find_syntax_errors
from knockd.checks.version_advice import AddressSet

GOOD = [
    "iptables -I INPUT -s %IP% -j ACCEPT",
    "nft 'add element ip f k { %IP% }' && logger \"it's open\"",
    "if x; then y; else z; fi",
    "(a; b) &",
    "f() { a; }; f",
    "a \\",
]


def later(seconds: float = 60.0) -> float:
    """When questions are over."""
    return time.monotonic() + seconds


def test_what_the_shell_can_read() -> None:
    """Good commands cause no answer."""
    assert [] == list(find_syntax_errors(GOOD, later()))
    assert [] == list(find_syntax_errors([], later()))


@pytest.mark.parametrize(
    "text",
    ["echo 'a", 'echo "a', "if x; then y", "(a", "a)", "a ;; b", "a; fi", "a &&", "a |", "f() {", "a > ;"],
)
def test_what_the_shell_cannot_read(text: str) -> None:
    """It is found among good ones, and twice where the second would end what the first has begun."""
    other = f"{text} #2"
    found = dict(find_syntax_errors([*GOOD, text, *GOOD, other], later()))
    assert {text, other} == set(found)
    assert all(said and "\n" not in said and "/bin/sh" not in said for said in found.values())


def test_nothing_is_run(tmp_path: Path) -> None:
    """The shell reads commands and runs none."""
    list(
        find_syntax_errors(
            [f"touch {tmp_path}/a", f"touch {tmp_path}/b; fi", f"echo $(touch {tmp_path}/c)"], later()
        )
    )
    assert [] == list(tmp_path.iterdir())


def test_no_shell(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a shell nothing is known."""
    monkeypatch.setattr(asked_tools, "SHELL", "/nowhere/sh")
    assert [] == list(find_syntax_errors(["echo 'a"], later()))


def test_tools_that_hang(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """One that hangs is killed when the time is over, none is asked after that, and nothing is known."""
    for name in ("sh", "nft"):
        hanging = tmp_path / name
        hanging.write_text(f"#!/bin/sh\necho $0 >> {tmp_path}/ran\nexec sleep 60\n")
        hanging.chmod(0o755)
    monkeypatch.setattr(asked_tools, "SHELL", str(tmp_path / "sh"))
    monkeypatch.setattr(asked_tools, "SERVICE_PATH", f"{tmp_path}:/usr/bin:/bin")
    until = later(0.3)
    assert [] == list(find_syntax_errors(["echo 'a", "echo 'b"], until))
    assert ask_version(NFT, until) is None
    assert [f"{tmp_path}/sh"] == (tmp_path / "ran").read_text().splitlines()


def a_tool(folder: Path, name: str, answer: str) -> None:
    """A program that answers whatever it is asked, and shows what it was."""
    path = folder / name
    path.write_text(f"#!/bin/sh\necho \"$*\" > {folder}/asked\ncat <<'END'\n{answer}\nEND\n")
    path.chmod(0o755)


NFT, IPSET = AddressSet("nft", "inet", "filter k"), AddressSet("ipset", "", "k")


@pytest.mark.parametrize(
    ("named", "answer", "expected"),
    [
        (NFT, "table inet filter {\n\tset k {\n\t\ttype ipv4_addr\n\t}\n}", 4),
        (NFT, "type ipv6_addr\n", 6),
        (NFT, "type ipv4_addr . inet_service\n", None),
        (NFT, "", None),
        (IPSET, "Name: k\nHeader: family inet hashsize 1024", 4),
        (IPSET, "Name: k\nHeader: family inet6 hashsize 1024", 6),
        (IPSET, "Type: list:set", None),
    ],
)
def test_which_addresses_a_set_holds(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, named: AddressSet, answer: str, expected: int | None
) -> None:
    """The tool's own words are read; what holds more than an address is not known."""
    monkeypatch.setattr(asked_tools, "SERVICE_PATH", f"{tmp_path}:/usr/bin:/bin")
    a_tool(tmp_path, named.tool, answer)
    assert expected == ask_version(named, later())
    question = "-t list set inet filter k" if named == NFT else "list -t k"
    assert question == (tmp_path / "asked").read_text().strip()


def test_no_tool(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Without the tool nothing is known."""
    monkeypatch.setattr(asked_tools, "SERVICE_PATH", str(tmp_path))
    assert ask_version(IPSET, later()) is None


@pytest.mark.parametrize(
    ("named", "answer", "expected"),
    [
        (NFT, "table inet filter {\n\tset k {\n\t\ttype ipv4_addr\n\t}\n}", False),
        (NFT, "type ipv4_addr\n\t\tflags interval\n", True),
        (NFT, "type ipv6_addr\n\t\tflags dynamic,interval,timeout\n", True),
        (NFT, "type ipv4_addr\n\t\tflags timeout\n", False),
        (NFT, "type ipv4_addr . inet_service\n", None),
        (NFT, "", None),
        (IPSET, "Name: k\nType: hash:ip\n", False),
        (IPSET, "Name: k\nType: hash:net\n", True),
        (IPSET, "Name: k\nType: hash:ip,port\n", None),
    ],
)
def test_whether_a_set_holds_networks(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, named: AddressSet, answer: str, expected: bool | None
) -> None:
    """The tool's own words are read; what holds more than an address is not known."""
    monkeypatch.setattr(asked_tools, "SERVICE_PATH", f"{tmp_path}:/usr/bin:/bin")
    a_tool(tmp_path, named.tool, answer)
    assert expected is ask_networks(named, later())


def test_no_tool_says_whether_a_set_holds_networks(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Without the tools nothing is known."""
    monkeypatch.setattr(asked_tools, "SERVICE_PATH", str(tmp_path))
    assert ask_networks(IPSET, later()) is None
    assert ask_networks(NFT, later()) is None
