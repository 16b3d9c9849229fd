"""The Debian package's own lines of its maintainer scripts, with stand-ins for systemd and our programs."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from knockd_packages.file_list import ROOT
from tests.support.lab.tools import need

STAND_IN = '#!/bin/sh\necho "${0##*/} $*" >> "$CALLS"\n'
ACTIVE, ENABLED = "--quiet is-active", "--quiet is-enabled"
LEASE = b'0a1b2c3d {"id": "one"}\n'


class Host:
    """A host on which scripts run. ``calls``: what they have called."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._programs = folder / "programs"
        self._programs.mkdir()
        self.calls: list[str] = []
        self.path("/run/systemd/system").mkdir(parents=True)
        for name in ("deb-systemd-helper", "deb-systemd-invoke", "knockctl", "dpkg"):
            self.program(name, "")
        self.program("knockd", "exit 78")
        self.program("python3", "")
        self.unit()

    def path(self, path: str) -> Path:
        """A file of the host, seen from here."""
        return self._folder / path[1:]

    def program(self, name: str, does: str) -> None:
        """Sets what a program does beside being noted."""
        path = self._programs / name
        path.write_text(f"{STAND_IN}{does}\n")
        path.chmod(0o755)

    def unit(self, *states: str) -> None:
        """Sets which questions about the service systemctl answers with yes."""
        yes = "".join(f"*'{one}'*) ;;\n" for one in states)
        self.program("systemctl", f'case "$*" in\n{yes}*--quiet*) exit 1 ;;\nesac')

    def write(self, path: str, data: bytes) -> None:
        """Makes a file."""
        self.path(path).parent.mkdir(parents=True, exist_ok=True)
        self.path(path).write_bytes(data)

    def run(self, script: str, *words: str) -> str:
        """What a maintainer script prints that ends well; notes what it calls."""
        text = (ROOT / "conf/debian" / f"knockd.{script}").read_text().replace("#DEBHELPER#", "")
        for folder in ("/run/", "/var/lib/", "/etc/"):
            text = text.replace(folder, f"{self._folder}{folder}")
        noted = self._folder / "calls"
        noted.write_bytes(b"")
        environment = {"PATH": f"{self._programs}:{os.environ['PATH']}", "CALLS": str(noted)}
        done = subprocess.run(
            [need("dash"), "-c", text, script, *words],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=True,
        )
        self.calls = noted.read_text().splitlines()
        return done.stdout

    def invoked(self) -> list[str]:
        """What was asked of the service."""
        return [one.split()[1] for one in self.calls if one.startswith("deb-systemd-invoke")]


@pytest.fixture
def host(tmp_path: Path) -> Host:
    """A host with systemd, where no service runs and nothing is configured."""
    return Host(tmp_path)


def test_installed_again_it_starts(host: Host) -> None:
    """A service that is enabled runs at once after a removal that kept the configuration."""
    host.unit(ENABLED)
    host.run("preinst", "install", "1.0.0", "1.0.1")
    host.run("postinst", "configure", "1.0.0")
    assert host.invoked() == ["start"]
    host.run("postinst", "configure", "1.0.1")
    assert host.invoked() == ["try-restart"]


@pytest.mark.parametrize("first", ["enabled", "configured"])
def test_the_daemon_of_0_8_ran_on(host: Host, first: str) -> None:
    """A start would start nothing: it gives way, and this is said. Its open doors stay."""
    host.unit(ENABLED, ACTIVE)
    host.program("deb-systemd-invoke", f"cat {host.path('/run/systemd/system')}/*/*.conf >> $CALLS")
    if first == "configured":
        host.program("knockd", "")
        said = host.run("postinst", "configure", "")
    else:
        host.run("preinst", "install", "0.8-2", "1.0.0")
        said = host.run("postinst", "configure", "0.8-2")
    assert "knockd 0.8 ran on after its removal: this knockd takes its place" in said
    assert host.invoked() == ["try-restart"]
    assert "KillMode=process" in host.calls


def test_another_daemon_is_named(host: Host) -> None:
    """The check of knockctl doctor names what is not the package's to end; no failure of it matters."""
    host.program("python3", "echo another knockd runs: 7 >&2; exit 1")
    said = host.run("postinst", "configure", "")
    assert said == "another knockd runs: 7\nwhether another knockd runs was not seen: knockctl doctor\n"
    assert host.invoked() == []
    host.path("/run/systemd/system").rmdir()
    assert host.run("postinst", "configure", "") == ""


def test_installed_again_it_stays_disabled(host: Host) -> None:
    """A service that its owner has disabled, or never enabled, is not started."""
    host.run("preinst", "install", "1.0.0", "1.0.1")
    host.run("postinst", "configure", "1.0.0")
    assert "start" not in host.invoked()


@pytest.mark.parametrize("first", [("install",), ("upgrade", "1.0.0", "1.0.1")], ids=" ".join)
def test_a_stopped_service_stays_stopped(host: Host, first: tuple[str, ...]) -> None:
    """Nothing but an installation after a removal starts what is enabled and does not run."""
    host.unit(ENABLED)
    host.run("preinst", *first)
    host.run("postinst", "configure", *first[1:2])
    assert "start" not in host.invoked()


@pytest.mark.parametrize("end", ["abort-install", "remove"])
def test_an_installation_that_is_given_up(host: Host, end: str) -> None:
    """The next upgrade does not take itself for it."""
    host.unit(ENABLED)
    host.run("preinst", "install", "1.0.0", "1.0.1")
    host.run("postrm", end)
    host.run("postinst", "configure", "1.0.0")
    assert host.invoked() == ["try-restart"]


@pytest.mark.parametrize("place", ["/var/lib/knockd", "/run/knockd", "/var/lib/else where"])
def test_removal_closes_what_an_ended_daemon_left_open(host: Host, place: str) -> None:
    """Wherever it is noted: in StateDir, as options and configuration have it, its default, or /run."""
    host.write("/etc/default/knockd", b'KNOCKD_OPTS="-c other.conf"\n')
    answer = f'{{"good": false, "state_directory": "{host.path("/var/lib/else where")}", "doors": []}}'
    host.program("knockd", f"echo '{answer}'; exit 69")
    host.write(f"{place}/leases", LEASE)
    host.run("prerm", "remove")
    assert "knockd -c other.conf -t --format json" in host.calls
    assert host.invoked() == ["reload-or-restart", "stop"]


def test_removal_says_where_open_doors_are_noted(host: Host) -> None:
    """When the daemon does not start to close them."""
    host.program("deb-systemd-invoke", '[ "$1" = stop ]')
    host.write("/var/lib/knockd/leases", LEASE)
    assert f"{host.path('/var/lib/knockd/leases')} names those that are open" in host.run("prerm", "remove")


def test_removal_starts_nothing_where_nothing_is_open(host: Host) -> None:
    """An ended daemon with no lease in its notes is left alone."""
    host.write("/etc/default/knockd", b"false\n")
    host.write("/var/lib/knockd/leases", b"0a1b2c3d {}\n")
    host.run("prerm", "remove")
    assert host.invoked() == ["stop"]


def test_removal_closes_what_a_running_daemon_has_open(host: Host) -> None:
    """It is asked, also with On_Exit = keep, and then stopped."""
    host.unit(ACTIVE)
    host.run("prerm", "remove")
    assert "knockctl close all" in host.calls
    assert host.invoked() == ["stop"]
