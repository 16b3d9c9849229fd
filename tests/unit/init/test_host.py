"""What of a host matters to a first door besides its firewall."""

from __future__ import annotations

from collections.abc import Callable
from ipaddress import ip_address
from pathlib import Path

import pytest

from knockd.init import host as module
from knockd.init.host import (
    choose_service,
    find_addresses,
    find_known_ports,
    find_log_file,
    find_start,
    is_private,
    read_ports,
    starts_this_knockd,
)
from knockd.init.ports import CLIENT_PORTS
from knockd.net.forwarded_ports import Forwarded
from knockd.net.interface import LOOPBACK, Interface
from knockd.net.rtnetlink import Link
from knockd_conf.model import Service, Step
from knockd_conf.protocol import Protocol

TCP, UDP = Protocol.TCP, Protocol.UDP


@pytest.mark.parametrize(
    ("found", "asked", "port", "others"),
    [
        ((), (), 22, ()),
        ((2222,), (22,), 2222, ()),
        ((22, 2222), (), 22, (2222,)),
        ((222, 2222), (), 222, (2222,)),
        ((), (2022,), 2022, ()),
    ],
)
def test_service(
    monkeypatch: pytest.MonkeyPatch,
    found: tuple[int, ...],
    asked: tuple[int, ...],
    port: int,
    others: tuple[int, ...],
) -> None:
    """The door is for where SSH servers listen, else for what sshd says, else for port 22."""
    monkeypatch.setattr(module, "find_ssh_ports", lambda: found)
    monkeypatch.setattr(module, "ask_sshd", lambda _: asked)
    assert (Service(port, port, TCP), others) == choose_service(frozenset())


def test_ports_in_use_are_told_to_who_asks_sshd(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only TCP ports at which somebody listens can be sshd's."""
    monkeypatch.setattr(module, "find_ssh_ports", lambda: ())
    monkeypatch.setattr(module, "ask_sshd", tuple)
    service, _ = choose_service(frozenset({Step(2022, TCP), Step(53, UDP)}))
    assert Service(2022, 2022, TCP) == service


@pytest.fixture
def files(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[[str, str], None]:
    """Gives the files of services and of clients' ports a text; there is neither before."""
    for name in ("_SERVICES", "_RANGE", "_SCRIPT"):
        monkeypatch.setattr(module, name, str(tmp_path / name))

    def write(name: str, text: str) -> None:
        (tmp_path / name).write_text(text)

    return write


def test_ports(files: Callable[[str, str], None], monkeypatch: pytest.MonkeyPatch) -> None:
    """Ports in use, known ones, and those that are forwarded are taken; clients have the kernel's range."""
    forwarded = ((TCP << 16 | 8000, TCP << 16 | 8002), (UDP << 16 | 9000, UDP << 16 | 9000))
    monkeypatch.setattr(module, "read_forwarded_ports", lambda: Forwarded(forwarded))
    files("_SERVICES", "ssh 22/tcp\nimap2\t143/tcp imap # mail\n")
    files("_RANGE", "20000\t30000\n")
    ports = read_ports(frozenset({Step(5_353, UDP)}))
    assert {22, 143, 5_353, 8000, 8001, 8002, 9000} == ports.taken
    assert range(20_000, 30_001) == ports.clients


def test_ports_of_a_host_that_says_nothing(
    files: Callable[[str, str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without the files, or with one that cannot be read, the usual range of clients holds."""
    monkeypatch.setattr(module, "read_forwarded_ports", Forwarded)
    assert (frozenset(), CLIENT_PORTS) == read_ports(frozenset())
    files("_RANGE", "what?")
    assert CLIENT_PORTS == read_ports(frozenset()).clients


def test_known_ports() -> None:
    """Comments are no services."""
    assert [22, 53] == list(find_known_ports("# x 1/tcp\nssh\t22/tcp\n\ndomain 53/udp dns\n#y 2/tcp\n"))


def interface(name: str, *addresses: str, kind: int = 1) -> Interface:
    """An interface that is up."""
    packed = frozenset(ip_address(one).packed for one in addresses)
    return Interface(Link(1, name, kind, up=True), packed)


def test_addresses() -> None:
    """Those of all interfaces that are asked for: IPv4 first, then public first, none of the link alone."""
    there = {
        "eth0": interface("eth0", "2600::1", "fe80::1", "10.0.0.1", "fd00::1"),
        "ppp0": interface("ppp0", "8.8.8.8"),
        "eth1": interface("eth1", "9.9.9.9"),
        "lo": interface("lo", "127.0.0.1", kind=LOOPBACK),
    }
    assert ("8.8.8.8", "10.0.0.1", "2600::1", "fd00::1") == find_addresses(
        ["eth0", "ppp0", "lo", "gone"], there
    )


@pytest.mark.parametrize(
    ("address", "expected"), [("192.168.1.1", True), ("fd00::1", True), ("8.8.8.8", False)]
)
def test_private(address: str, expected: bool) -> None:
    """Private addresses cannot be knocked at from the Internet."""
    assert expected == is_private(address)


@pytest.mark.parametrize(
    ("systemd", "unit", "script", "expected"),
    [
        (True, "{ours}", "", "systemctl enable --now knockd"),
        (True, "{other}", "", "knockd -d"),
        (True, "", "{ours}", "{script} start"),
        (False, "{ours}", "", "knockd -d"),
        (False, "", "{ours}", "{script} start"),
        (False, "", "{other}", "knockd -d"),
    ],
)
def test_start(
    files: Callable[[str, str], None],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    systemd: bool,
    unit: str,
    script: str,
    expected: str,
) -> None:
    """systemd starts it, or a script, where these are for this knockd and not for that of 0.8."""
    names = {"ours": tmp_path / "ours" / "knockd", "other": tmp_path / "other" / "knockd"}
    for name, begins in (("ours", "#!/usr/bin/python3\n"), ("other", "\x7fELF")):
        names[name].parent.mkdir()
        names[name].write_text(begins)
    monkeypatch.setattr("os.path.isdir", lambda path: systemd and path == "/run/systemd/system")
    monkeypatch.setattr(module, "find_program", lambda name: name)
    said = f"ExecStart={{ path={unit.format(**names)} ; argv[]=x }}" if unit else "ExecStart="
    monkeypatch.setattr(module, "run_program", lambda *_: said)
    if script:
        files("_SCRIPT", f"DAEMON={script.format(**names)}\n")
    assert expected.format(script=tmp_path / "_SCRIPT") == find_start(None)


def test_start_with_another_file() -> None:
    """A file elsewhere is read by who is told so."""
    assert "knockd -d -c '/srv/my door.conf'" == find_start("/srv/my door.conf")


def test_whose_program() -> None:
    """A program that is not there is not ours."""
    assert not starts_this_knockd("DAEMON=/nowhere/knockd")


def test_log_file(tmp_path: Path) -> None:
    """The log is a file where there is a folder for it."""
    assert f"{tmp_path}/knockd.log" == find_log_file(str(tmp_path))
    assert "" == find_log_file(str(tmp_path / "none"))
