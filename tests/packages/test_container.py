"""The Containerfile, and knockd with the rights that its page gives a container."""

from __future__ import annotations

import json
import os
import re
import signal
from collections.abc import Iterator
from fnmatch import fnmatchcase
from pathlib import Path

import pytest

from knockd_packages.file_list import ROOT, programs
from tests.support.daemons.daemon import OURS, Daemon
from tests.support.daemons.doors import (
    CLIENT_ADDRESSES,
    FIREWALLS,
    SERVER,
    SERVER_ADDRESSES,
    config,
    drop_with_nftables,
    firewall_door,
)
from tests.support.lab.hosts import Host, Lab
from tests.support.lab.processes import children, status
from tests.support.lab.services import TcpService, can_connect, send_knock, wait_closed, wait_open
from tests.support.lab.tools import need, need_lab

PAGE = (ROOT / "docs/containers.md").read_text()


def instructions() -> list[tuple[str, str]]:
    """The instructions of the Containerfile with what follows them, in order, without comments."""
    lines = (ROOT / "conf/container/Containerfile").read_text().splitlines()
    text = "\n".join(line for line in lines if not line.startswith("#")).replace("\\\n", " ")
    return [
        (word, rest.strip()) for word, _, rest in (line.partition(" ") for line in text.splitlines() if line)
    ]


def test_instructions() -> None:
    """Each line is an instruction; the last stage has the programs, and no shell is in between."""
    found = instructions()
    known = {"ARG", "FROM", "RUN", "COPY", "VOLUME", "ENTRYPOINT", "STOPSIGNAL", "HEALTHCHECK"}
    assert {word for word, _ in found} == known
    assert ("FROM", "${BASE} AS build") in found
    assert ("VOLUME", "/var/lib/knockd") in found
    assert json.loads(dict(found)["ENTRYPOINT"]) == ["/usr/local/bin/knockd"]
    check = json.loads(dict(found)["HEALTHCHECK"].partition("CMD ")[2])
    assert (check, Path(check[0]).name in programs()) == (["/usr/local/bin/knockctl", "status"], True)


def copied() -> set[str]:
    """What is copied out of the checkout."""
    found = [rest.split()[:-1] for word, rest in instructions() if word == "COPY" and "--from" not in rest]
    return {name for sources in found for name in sources}


def test_sources() -> None:
    """What is copied out of the checkout is there, and is all that the build of a wheel names."""
    names = copied()
    assert [name for name in names if not (ROOT / name).exists()] == []
    assert {"pyproject.toml", "setup.cfg", "LICENSE", "README.md", "knockd", "bpf", "conf", "docs"} <= names


def is_left_out(name: str) -> bool:
    """Whether .dockerignore keeps a file or folder at the top of the checkout from a build."""
    lines = (ROOT / ".dockerignore").read_text().splitlines()
    patterns = [line.removeprefix("**/") for line in lines if not line.startswith("#")]
    return any(fnmatchcase(name, pattern) for pattern in patterns)


def test_what_is_left_out() -> None:
    """A build is sent neither git's own files nor what git ignores, but all that is copied."""
    ignored = (ROOT / ".gitignore").read_text().replace("*", "knockd").replace("/", "").split()
    assert [name for name in (".git", *ignored) if not is_left_out(name)] == []
    assert [name for name in copied() if is_left_out(name)] == []


def test_rights_of_the_page() -> None:
    """The page's command and its service of compose give the two rights, and no others."""
    assert re.findall(r"--cap-add (\w+) ", PAGE.partition("- `-v` prints")[0]) == ["NET_RAW", "NET_ADMIN"]
    assert "cap_add: [NET_RAW, NET_ADMIN]" in PAGE


@pytest.fixture
def pair() -> Iterator[tuple[Host, Host]]:
    """A server that drops everything, and a client."""
    need_lab()
    need("setpriv")
    need("nft")
    with Lab() as lab:
        server, client = lab.host("server"), lab.host("client")
        lab.link(server, "eth0", client, "eth0", SERVER_ADDRESSES, CLIENT_ADDRESSES)
        drop_with_nftables(server)
        yield server, client


def confined(*rights: str) -> tuple[str, ...]:
    """knockd with these capabilities alone, as the first process of a pid namespace of its own."""
    names = ",".join(("-all", *(f"+{right}" for right in rights)))
    drop = ("setpriv", "--no-new-privs", f"--bounding-set={names}", f"--inh-caps={names}")
    return ("unshare", "--pid", "--fork", "--kill-child", *drop, *OURS)


DOOR = config(firewall_door(FIREWALLS["nftables"], "31954,20677", cmd_timeout=60))


def test_two_rights(pair: tuple[Host, Host], tmp_path: Path) -> None:
    """With NET_RAW and NET_ADMIN a knock opens; the packet process has none; TERM closes the door."""
    server, client = pair
    with (
        TcpService(server, 22),
        Daemon(server, DOOR, tmp_path, program=confined("net_raw", "net_admin")) as daemon,
    ):
        assert not can_connect(client, SERVER[4], 22)
        send_knock(client, SERVER[4], "31954", "20677")
        wait_open(client, SERVER[4], 22)
        (first,) = children(daemon.pid)
        (keeper,) = children(first)
        assert "0" * 16 in [status(pid)["CapEff"][0] for pid in children(keeper)], "the packet process"
        assert 0 == end(daemon)
        wait_closed(client, SERVER[4], 22)


def end(daemon: Daemon) -> int:
    """TERM to the first process of the container; the status that it ends with."""
    os.kill(children(daemon.pid)[0], signal.SIGTERM)
    return daemon.process.wait(30)


def test_without_net_admin(pair: tuple[Host, Host], tmp_path: Path) -> None:
    """Without NET_ADMIN the command fails, and the log has what nft says."""
    server, client = pair
    with Daemon(server, DOOR, tmp_path, program=confined("net_raw")) as daemon:
        send_knock(client, SERVER[4], "31954", "20677")
        daemon.wait_for("Operation not permitted")
        end(daemon)


def test_without_net_raw(pair: tuple[Host, Host], tmp_path: Path) -> None:
    """Without NET_RAW it ends, and says which right is missing."""
    server, _ = pair
    daemon = Daemon(server, DOOR, tmp_path, program=confined("net_admin"), ready=None)
    with daemon:
        assert daemon.process.wait(20) != 0
    assert "CAP_NET_RAW" in daemon.output()
