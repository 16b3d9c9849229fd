"""``make deb-systems``: the Debian packages on booted Debian 12 and 13, from knockd 0.8 and back.

``make deb-systems NAME=trixie`` tries one release.

Each release is booted twice in a network of its own, where a second host knocks. On the first boot 0.8 has a
door open when ours takes its place, ours when the next version and at last 0.8 take its place; then all is
purged. On the second ours is installed where nothing was. Prints what was seen, and the figures of
docs/platforms.md.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import NamedTuple

from tests.support.lab.debian import DebianSystem, make_root
from tests.support.lab.hosts import Lab
from tests.support.lab.services import send_knock
from tests.support.lab.waiting import wait_until
from tests.systems.debian_builder import build_packages
from tests.systems.debian_trial import APT, CLIENT, CONFIGURATION, SERVER, Trial, say


class Release(NamedTuple):
    """A release of Debian."""

    suite: str
    pcap: str


RELEASES = (Release("bookworm", "libpcap0.8"), Release("trixie", "libpcap0.8t64"))
SYSTEM = (
    "systemd-sysv",
    "dbus",
    "python3",
    "python3-structlog",
    "nftables",
    "iproute2",
    "logrotate",
    "procps",
)
LONG = 180
"""Seconds that a door stays open while apt works, on a busy machine, too."""

ELSEWHERE = "/var/log/knockd-notes"
"""A StateDir that the unit lets it write."""

FETCHED = "knockd fail2ban python3-systemd"
FETCH = f'mkdir "$1/srv/repo"; chroot "$1" sh -c "cd /srv/repo && apt-get download {FETCHED}"'
QUIET = 'chroot "$1" systemctl mask fail2ban'


def from_0_8_and_back(trial: Trial, ours: str, later: str) -> None:
    """0.8, ours, ours again, 0.8, nothing: with a door open each time."""
    system = trial.system
    old = system.run("apt-cache madison knockd | grep -o '0[.]8-[^ ]*' | head -1").strip()
    before, users = trial.files(), system.run("cut -d: -f1 /etc/passwd /etc/group").split()
    system.run(f"{APT} knockd={old}")
    configuration = CONFIGURATION.format(door="ssh", seconds=LONG)
    system.write("/etc/knockd.conf", configuration)
    begin_0_8(trial, "enable --now")
    pid = system.show("knockd", "MainPID")
    since = trial.open_door()
    say(f"  {old} has a door open")

    said = system.run(f"{APT} knockd={ours} python3-pcapy-ng")
    assert "knockd did not start" not in said, said
    assert system.run("systemctl is-enabled knockd").strip() == "enabled"
    assert system.show("knockd", "ActiveState") == "active", system.run("systemctl status knockd || true")
    assert system.show("knockd", "MainPID") != pid
    assert system.path("/etc/knockd.conf").read_text() == configuration
    assert "1 door on eth0" in trial.status(), trial.status()
    assert trial.failed_units() == set()
    say(f"  apt put {ours} in its place after {time.monotonic() - since:.0f} s; status: {trial.status()}")
    trial.closes(since, LONG, "0.8's own process")

    configuration = CONFIGURATION.format(door="ssh", seconds=30)
    system.write("/etc/knockd.conf", configuration, 0o600)
    system.run("systemctl reload knockd")
    trial.closes(trial.open_door(), 30, "ours")
    system.write("/etc/knockd.conf", "[ssh]\nsequence = 1\nnonsense = 2\n", 0o600)
    assert system.attempt("systemctl reload knockd").returncode != 0
    assert "config bad" in trial.status()
    system.write("/etc/knockd.conf", CONFIGURATION.format(door="ssh", seconds=LONG), 0o600)
    system.run("systemctl reload knockd")
    say(f"  reload: a bad file is refused, a good one in effect; status: {trial.status()}")
    see_options(trial)
    see_log_tools(trial)

    since = trial.open_door()
    pid = system.show("knockd", "MainPID")
    system.run(f"{APT} knockd={later}")
    assert system.show("knockd", "MainPID") != pid
    say(f"  apt put {later} in its place; status: {trial.status()}")
    trial.closes(since, LONG, "ours, across an upgrade")
    say(f"  memory: {trial.memory()}")
    say(f"  start: {trial.start_times()}")
    size = system.run("dpkg-query -W -f '${Installed-Size}' knockd")
    say(f"  installed: {size} KiB, and compiled {trial.compiled()} KiB")
    see_own_reader(trial)

    trial.open_door()
    system.run(f"{APT} knockd={old}")
    assert not trial.opened(), "ours left a door open for 0.8"
    assert system.run("systemctl is-enabled knockd").strip() == "enabled"
    assert system.path("/etc/knockd.conf").read_text() == CONFIGURATION.format(door="ssh", seconds=LONG)
    state = system.show("knockd", "ActiveState")
    begin_0_8(trial, "start")
    trial.open_door()
    say(f"  back to {old}: ours closed its door, the service was {state}; started, 0.8 opens again")
    system.run("systemctl stop knockd; nft flush set inet filter knocked")

    see_left_by_0_8(trial, old, ours)
    system.run(f"{APT} knockd={later}")
    system.write("/etc/knockd.conf", CONFIGURATION.format(door="ssh", seconds=LONG), 0o600)
    system.run("systemctl enable --now knockd")
    see_removal(trial, later)
    left = sorted(trial.files() - before)
    new = sorted(set(system.run("cut -d: -f1 /etc/passwd /etc/group").split()) - set(users))
    say(f"  purged; files left: {left or 'none'}; users left: {', '.join(new)}")
    notes = ("/etc/passwd-", "/etc/group-", "/etc/shadow-", "/etc/gshadow-", "/var/lib/logrotate/status")
    assert [one for one in left if one not in notes] == []


def see_left_by_0_8(trial: Trial, old: str, ours: str) -> None:
    """A purge of Debian's 0.8 leaves its daemon running; ours says so, or takes its place."""
    system = trial.system
    old_pid = leave_0_8(trial, old, "purge")
    said = system.run(f"{APT} knockd={ours}")
    if old_pid is None:
        assert "another knockd runs" not in said, said
        say(f"  {old} ends when it is removed")
        system.run("apt-get purge -y -q knockd")
        return
    named = f"another knockd runs: {old_pid} ('/usr/sbin/knockd')"
    assert named in said, said
    assert "put this one in its place: systemctl restart knockd" in said, said
    found = {
        one["name"]: one for one in json.loads(system.attempt("knockctl doctor --json").stdout)["findings"]
    }
    assert named in found["other-daemon"]["text"], found
    assert system.show("knockd", "MainPID") == old_pid, "what is not ours was ended"
    system.write("/etc/knockd.conf", CONFIGURATION.format(door="ssh", seconds=LONG), 0o600)
    system.run("systemctl restart knockd")
    assert "1 door on eth0" in trial.status(), trial.status()
    system.run("apt-get purge -y -q knockd")

    old_pid = leave_0_8(trial, old, "remove")
    since = trial.open_door()
    said = system.run(f"{APT} knockd={ours}")
    assert "knockd 0.8 ran on after its removal: this knockd takes its place" in said, said
    assert "another knockd runs" not in said, said
    assert system.show("knockd", "MainPID") != old_pid
    assert "1 door on eth0" in trial.status(), trial.status()
    assert "other-daemon" not in system.attempt("knockctl doctor --json").stdout
    trial.closes(since, LONG, "0.8's own process, after its removal")
    trial.open_door()
    system.run("apt-get purge -y -q knockd")
    say(f"  {old} runs on after its purge or removal: ours names it, or takes its place")


def leave_0_8(trial: Trial, version: str, verb: str) -> str | None:
    """Installs and starts 0.8, then removes it; the pid of its daemon where that runs on."""
    system = trial.system
    system.run(f"{APT} knockd={version}")
    system.write("/etc/knockd.conf", CONFIGURATION.format(door="ssh", seconds=LONG))
    begin_0_8(trial, "enable --now")
    pid = system.show("knockd", "MainPID")
    system.run(f"apt-get {verb} -y -q knockd")
    return pid if system.path(f"/proc/{pid}").exists() else None


def begin_0_8(trial: Trial, verb: str) -> None:
    """Starts 0.8 and waits until it listens: systemd does not know when it does."""
    system = trial.system
    system.run("rm -f /var/log/knockd.log")
    system.run(f"systemctl {verb} knockd")
    wait_until(lambda: "listening" in system.attempt("cat /var/log/knockd.log").stdout, 60, "0.8 listens")


def see_removal(trial: Trial, version: str) -> None:
    """Removal closes doors that a stop would keep, and a purge those that an ended daemon has left open."""
    system = trial.system
    text = CONFIGURATION.format(door="ssh", seconds=LONG)
    system.write("/etc/knockd.conf", text.replace("[options]\n", "[options]\n\tOn_Exit = keep\n"), 0o600)
    system.run("systemctl reload knockd")
    trial.open_door()
    said = system.run("apt-get remove -y -q knockd")
    assert not trial.opened(), f"removal left a door open: {said}"
    see_installed_again(trial, version)
    text = system.path("/etc/knockd.conf").read_text()
    system.write(
        "/etc/knockd.conf", text.replace("[options]\n", f"[options]\n\tStateDir = {ELSEWHERE}\n"), 0o600
    )
    system.run("systemctl restart knockd")
    trial.open_door()
    system.run("systemctl stop knockd")
    assert trial.opened(), "On_Exit = keep"
    assert system.path(f"{ELSEWHERE}/leases").exists()
    said = system.run("apt-get purge -y -q knockd python3-pcapy-ng; journalctl -u knockd -n 20 --no-pager")
    assert not trial.opened(), f"purge left a door open: {said}"
    system.run(f"rm -r {ELSEWHERE}")
    say("  removal and purge close doors, with On_Exit = keep and of a daemon that has ended, too")


def see_installed_again(trial: Trial, version: str) -> None:
    """After a removal that kept the configuration the service runs as before."""
    said = trial.system.run(f"{APT} knockd={version}")
    assert trial.system.show("knockd", "ActiveState") == "active", said
    trial.open_door()
    trial.system.run("knockctl close all")
    say("  installed again after a removal: the service is enabled and runs")


def see_options(trial: Trial) -> None:
    """/etc/default/knockd is honoured by the unit, and stays across upgrades."""
    system = trial.system
    default = system.path("/etc/default/knockd").read_text()
    system.write("/etc/other.conf", CONFIGURATION.format(door="other", seconds=5), 0o600)
    system.write("/etc/default/knockd", default + 'KNOCKD_OPTS="-c /etc/other.conf"\n')
    system.run("systemctl restart knockd")
    assert "Door other" in system.run("knockctl status")
    system.write("/etc/default/knockd", default)
    system.run("rm /etc/other.conf; systemctl restart knockd")
    say("  KNOCKD_OPTS of /etc/default/knockd is honoured")


def see_log_tools(trial: Trial) -> None:
    """logrotate rotates, and fail2ban's filter finds a guard hit, in log and journal, classic and JSON."""
    system = trial.system
    system.run("logrotate -f /etc/logrotate.d/knockd")
    assert system.path("/var/log/knockd.log.1").exists()
    assert system.run("stat -c %a:%U:%G /var/log/knockd.log").strip() == "640:root:adm"
    system.run(
        "dpkg --unpack --force-depends /srv/repo/fail2ban_*.deb /srv/repo/python3-systemd_*.deb >/dev/null"
    )
    found = []
    for log_format in ("classic", "json"):
        text = CONFIGURATION.format(door="ssh", seconds=LONG)
        text = text.replace("[options]\n", f"[options]\n\tLogFormat = {log_format}\n")
        system.write("/etc/knockd.conf", text, 0o600)
        system.run("systemctl restart knockd")
        for _ in range(2):
            send_knock(trial.client, SERVER, "31953")
            time.sleep(0.5)
        wait_until(lambda: "guard" in system.run("tail -3 /var/log/knockd.log"), 10, "a guard hit is logged")
        for source in ("/var/log/knockd.log", "systemd-journal"):
            command = f"fail2ban-regex -o ip {source} /etc/fail2ban/filter.d/knockd.conf"
            done = system.attempt(command)
            found.append(
                f"{log_format} {source}: {done.stdout.split() if done.returncode == 0 else done.stdout}"
            )
    assert all(CLIENT in one for one in found), "\n".join(found)
    system.run("fail2ban-client -t || fail2ban-client --test")
    system.run("dpkg --purge --force-depends fail2ban python3-systemd >/dev/null 2>&1")
    system.write("/etc/knockd.conf", CONFIGURATION.format(door="ssh", seconds=LONG), 0o600)
    system.run("systemctl restart knockd")
    say("  logrotate rotates; fail2ban finds guard hits in log and journal, classic and JSON; its jail loads")


def see_own_reader(trial: Trial) -> None:
    """Without python3-pcapy-ng knockd captures by itself."""
    system = trial.system
    system.run("apt-get remove -y -q python3-pcapy-ng; systemctl restart knockd")
    trial.open_door()
    say(f"  without python3-pcapy-ng a knock opens, too; memory: {trial.memory()}")
    system.run("knockctl close all")
    system.run(f"{APT} python3-pcapy-ng; systemctl restart knockd")


def from_nothing(trial: Trial, ours: str) -> None:
    """A fresh install: nothing is enabled and nothing has failed; with a configuration it is at once."""
    system = trial.system
    said = system.run(f"{APT} knockd={ours} python3-pcapy-ng")
    assert system.attempt("systemctl is-enabled knockd").stdout.strip() == "disabled", said
    assert system.show("knockd", "ActiveState") == "inactive"
    assert trial.failed_units() == set()
    assert system.attempt("systemctl is-enabled knockd-metrics.timer").stdout.strip() == "disabled"
    said = system.run("knockd --init -i eth0")
    assert "systemctl enable --now knockd" in said, said
    assert system.run("stat -c %a /etc/knockd.conf").strip() == "600"
    say("  installed where nothing was: not enabled, nothing failed; knockd --init writes the first file")
    system.run("apt-get purge -y -q knockd")
    assert not system.path("/etc/knockd.conf").exists()
    system.write("/etc/knockd.conf", CONFIGURATION.format(door="ssh", seconds=5), 0o600)
    system.run(f"{APT} knockd={ours}")
    assert system.run("systemctl is-enabled knockd").strip() == "enabled"
    trial.closes(trial.open_door(), 5, "installed where a configuration was")
    system.run("apt-get remove -y -q knockd")
    assert system.path("/etc/knockd.conf").exists()
    assert system.attempt("pgrep knock").returncode != 0
    say("  removed: the configuration stays, no process does")
    see_installed_again(trial, ours)
    system.run("systemctl disable --now knockd; apt-get remove -y -q knockd")
    said = system.run(f"{APT} knockd={ours}")
    assert system.show("knockd", "ActiveState") == "inactive", said
    assert system.attempt("systemctl is-enabled knockd").stdout.strip() == "disabled", said
    say("  installed again where it was disabled: it stays so")


def on_release(release: Release, act: Callable[[Trial], None], debs: list[Path]) -> None:
    """Boots a release beside a client and does ``act``."""
    root = make_root(release.suite, "minbase", (*SYSTEM, release.pcap), (FETCH, QUIET))
    with Lab() as lab:
        server, client = lab.host("server"), lab.host("client")
        lab.link(server, "eth0", client, "eth0", (f"{SERVER}/24",), (f"{CLIENT}/24",))
        with DebianSystem(server, root) as system:
            trial = Trial(system, client)
            trial.prepare(debs)
            act(trial)


def find_version(debs: list[Path]) -> str:
    """The version of knockd among packages."""
    (found,) = (one[1] for one in (re.fullmatch(r"knockd_(.+)_all.deb", deb.name) for deb in debs) if one)
    return found


def on_both_boots(release: Release) -> None:
    """Builds the packages for a release, and tries them on two boots of it."""
    say("building its packages")
    debs, later = build_packages(release.suite)
    for one in debs:
        say(f"  {one.name}: {one.stat().st_size / 1024:.0f} KiB")
    ours, following = (find_version(one) for one in (debs, later))
    say("from 0.8 and back")
    on_release(release, partial(from_0_8_and_back, ours=ours, later=following), [*debs, *later])
    say("from nothing")
    on_release(release, partial(from_nothing, ours=ours), debs)
    say("all is well")


def in_process(release: Release) -> int:
    """Tries a release in a process of its own, whose lines are printed behind its name; the exit status."""
    command = [sys.executable, "-m", "tests.systems.deb_systems", release.suite]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        assert process.stdout is not None
        for line in process.stdout:
            print(f"{release.suite}: {line}", end="", flush=True)
    return process.returncode


def main() -> int:
    """Tries every release, side by side, since most of the time doors wait; 0 when all went as it should."""
    parser = argparse.ArgumentParser(prog="python -m tests.systems.deb_systems", description=main.__doc__)
    parser.add_argument("suites", nargs="*", default=[one.suite for one in RELEASES])
    wanted = parser.parse_args().suites
    releases = [one for one in RELEASES if one.suite in wanted]
    if not releases:
        parser.error(f"expected a release among {', '.join(one.suite for one in RELEASES)}, got {wanted}")
    if len(releases) == 1:
        on_both_boots(releases[0])
        return 0
    with ThreadPoolExecutor() as pool:
        return int(any(list(pool.map(in_process, releases))))


if __name__ == "__main__":
    raise SystemExit(main())
