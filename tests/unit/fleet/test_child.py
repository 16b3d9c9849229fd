"""The fleet child: what it says when it cannot begin, and what it may not do."""

from __future__ import annotations

import os
import socket
from base64 import b64encode
from pathlib import Path

import pytest

from knockd.fleet.child import FleetChild, start_fleet_child
from knockd.fleet.verbs import MAX_MESSAGE, Report, StoreIs, read_report
from knockd_conf.model import Config, FleetEndpoint, FleetKind, Options
from tests.support.doubles.lease_manager import DOOR

CLOSED = FleetEndpoint(FleetKind.SINGLE, False, "127.0.0.1", 1, "", 0, "")
"""A port on which nobody listens."""

pytest.importorskip("valkey", reason="the package valkey is not installed")


def start(key: Path, *, insecure: bool = True) -> FleetChild:
    """A child of a configuration with this key."""
    options = Options(fleet=(CLOSED,), fleet_key=str(key), fleet_name="lab")
    return start_fleet_child(Config("/k", options, (DOOR,), "here", (), insecure), lambda: None, ())


def hear(child: FleetChild) -> Report:
    """Its first words."""
    child.link.setblocking(True)
    child.link.settimeout(20)
    return read_report(child.link.recv(MAX_MESSAGE))


def end(child: FleetChild) -> int:
    """Its exit status, once its link is closed."""
    child.link.close()
    return os.waitstatus_to_exitcode(os.waitpid(child.pid, 0)[1])


@pytest.fixture
def key(tmp_path: Path) -> Path:
    """A key of a fleet."""
    path = tmp_path / "fleet.key"
    path.write_bytes(b64encode(bytes(32)))
    path.chmod(0o600)
    return path


def test_no_key(tmp_path: Path) -> None:
    """It names the file, and ends."""
    child = start(tmp_path / "none")
    assert hear(child) == StoreIs("", f"{tmp_path}/none: No such file or directory")
    assert end(child) == os.EX_CONFIG


def test_no_store(key: Path) -> None:
    """It says that nobody answers, tries again, and ends with its link."""
    child = start(key)
    said = hear(child)
    assert isinstance(said, StoreIs)
    assert said.problem == "127.0.0.1:1: Connection refused"
    assert end(child) == os.EX_OK


def test_its_rights(key: Path) -> None:
    """It has no capability, gets none, starts no process and leaves no core; its name is its own."""
    child = start(key)
    try:
        hear(child)
        status = Path(f"/proc/{child.pid}/status").read_text()
        found = dict(line.split(":\t", 1) for line in status.splitlines() if ":\t" in line)
        assert found["Name"] == "knock-fleet"
        assert int(found["CapEff"], 16) == int(found["CapPrm"], 16) == 0
        assert found["NoNewPrivs"] == "1"
        limits = Path(f"/proc/{child.pid}/limits").read_text()
        for name in ("Max processes", "Max core file size", "Max file size"):
            assert f"{name:<26}0" in limits
    finally:
        end(child)


def test_its_descriptors(key: Path) -> None:
    """Of the keeper's descriptors it has its link and the standard streams alone."""
    with socket.socket() as other:
        child = start(key)
        try:
            hear(child)
            folder = f"/proc/{child.pid}/fd"
            links = [os.readlink(f"{folder}/{one}") for one in os.listdir(folder)]
            assert f"socket:[{os.fstat(other.fileno()).st_ino}]" not in links
        finally:
            end(child)
