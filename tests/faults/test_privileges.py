"""The packet process from inside and as the kernel shows it: what it may not do; knocks open all the same."""

from __future__ import annotations

import importlib.util
import os
import pwd
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from knockd.process.privileges import User, packet_user
from knockd.process.seccomp import find_own_machine
from knockd.worker.capture import open_capture
from knockd_bpf.instruction import RET_K, Instruction, pack
from tests.e2e.conftest import BOTH_READERS, Pair, Start
from tests.support.daemons.daemon import OURS, ROOT, Daemon, environment
from tests.support.daemons.doors import CLIENT, SECRET, SERVER, config, door, drop_with_nftables
from tests.support.daemons.insider import read_report
from tests.support.daemons.signed import SignedHost, wait_signed
from tests.support.lab.processes import descriptors, limits, only_child, status
from tests.support.lab.services import TcpService, send_knock, wait_open
from tests.support.lab.tools import lacking
from tests.support.lab.waiting import wait_until
from tests.support.samples.headers import (
    AUTHENTICATION,
    DESTINATION,
    FRAGMENT,
    HOP_BY_HOP,
    ROUTING,
    extension,
    framed,
    ipv4,
    ipv6,
    tcp,
    udp,
)
from tests.support.samples.signed_vectors import KEYS

OPENED = f"{CLIENT[4]}: plain: OPEN SESAME"
STEPS = ("700", "800", "900")
NOBODY = ["65534"] * 4
DLT_EN10MB = 1
NO_CAPABILITIES = {name: ["0" * 16] for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")}

Insider = Callable[..., tuple[Daemon, Path]]


@pytest.fixture(autouse=True)
def _really_root() -> None:
    """A daemon that has only a user namespace has no other user to become."""
    if Path("/proc/self/uid_map").read_text().split() != ["0", "0", "4294967295"]:
        lacking("becoming another user needs root outside of a user namespace")


@pytest.fixture
def insider(pair: Pair, start: Start, tmp_path: Path) -> Insider:
    """Starts a daemon with an insider: ``insider(task, config, *options)``; it and the insider's report."""

    def begin(task: str, text: str, *options: str, interface: str = "eth0") -> tuple[Daemon, Path]:
        report = tmp_path / "report"
        program = (sys.executable, "-m", "tests.support.daemons.insider", str(report), task)
        state = ("--state-dir", str(tmp_path / "state"))
        return start(pair.server, text, *options, *state, program=program, interface=interface), report

    return begin


def find_other() -> User:
    """Whom root's packet process becomes on this machine: its user knockd, else nobody."""
    user = packet_user(None)
    assert user is not None
    return user


def captures(interfaces: int, reader: str | None) -> dict[int, str]:
    """The descriptors of captures: one an interface, and before Python 3.13 one for each ring's memory."""
    own_socket = reader == "socket" or importlib.util.find_spec("pcapy") is None
    each = 2 if own_socket and sys.version_info < (3, 13) else 1
    return dict.fromkeys(range(5, 5 + each * interfaces), "packet")


def need_seccomp() -> None:
    """Leave the test on machines whose calls we have no numbers of."""
    if find_own_machine() is None:
        lacking(f"no seccomp program for {os.uname().machine}")


@BOTH_READERS
def test_whatever_a_taken_over_packet_process_tries_fails(pair: Pair, insider: Insider) -> None:
    """No file, no process, no right, no packet, no other filter: and then the door opens as ever."""
    need_seccomp()
    daemon, report = insider("attack", config(door("plain", ",".join(STEPS))))
    pid = only_child(daemon.pid)
    send_knock(pair.client, SERVER[4], *STEPS)
    daemon.wait_for(OPENED)
    outcomes = read_report(report)["attacks"]
    assert len(outcomes) > 40
    if outcomes["code in new memory"] == "ENOMEM":  # musl's mmap(2) says so of EPERM
        del outcomes["code in new memory"]
    assert {} == {name: outcome for name, outcome in outcomes.items() if outcome != "EPERM"}
    send_knock(pair.client, SERVER[4], *STEPS)
    daemon.wait_for(OPENED, times=2)
    assert (2, pid) == (read_report(report)["openings"], only_child(daemon.pid))


def test_what_is_not_prevented_without_seccomp(pair: Pair, insider: Insider) -> None:
    """On other machines it can send on its capture and take the filter off, as the manual says; no more."""
    daemon, report = insider("attack-without-seccomp", config(door("plain", ",".join(STEPS))))
    send_knock(pair.client, SERVER[4], *STEPS)
    daemon.wait_for(OPENED)
    outcomes = read_report(report)["attacks"]
    assert {name for name in outcomes if "send a packet" in name} | {"take the filter off"} == {
        name for name, outcome in outcomes.items() if outcome == "done"
    }
    send_knock(pair.client, SERVER[4], *STEPS)
    daemon.wait_for(OPENED, times=2)


@BOTH_READERS
def test_as_the_kernel_shows_it(pair: Pair, start: Start, reader: str | None) -> None:
    """Another user, in no group, without capabilities; the link, the hand-over, a capture an interface."""
    pair.lab.link(pair.server, "eth1", pair.client, "eth1", ("10.9.0.1/24",), ("10.9.0.2/24",))
    daemon = start(pair.server, config(door("plain", ",".join(STEPS))), interface="eth0,eth1")
    pid = only_child(daemon.pid)
    shown = status(pid)
    other = find_other()
    ids = {"Uid": [str(other.uid)] * 4, "Gid": [str(other.gid)] * 4}
    assert {**ids, "Groups": [], **NO_CAPABILITIES, "NoNewPrivs": ["1"]} == {
        name: shown[name] for name in ("Uid", "Gid", "Groups", *NO_CAPABILITIES, "NoNewPrivs")
    }
    if find_own_machine() is not None:
        assert ["2"] == shown["Seccomp"]
    output = str(daemon.output_path)
    expected = {0: "/dev/null", 1: output, 2: output, 3: "unix", 4: "unix", **captures(2, reader)}
    most = str(max(7, len(expected) - 1))
    assert expected == descriptors(pid)
    bounds = limits(pid)
    assert {"Max processes": ("0", "0"), "Max file size": ("0", "0"), "Max core file size": ("0", "0")} == {
        name: bounds[name] for name in ("Max processes", "Max file size", "Max core file size")
    }
    assert (most, most) == bounds["Max open files"]
    assert 0 == daemon.count("more rights than it should")


def test_no_filter_shows_what_the_host_sends(pair: Pair) -> None:
    """Not even one that accepts everything: the kernel gives a capture only what comes in."""
    with pair.server.entered():
        capture = open_capture("eth0", latency=1, buffer=1 << 20)
    try:
        capture.attach(pack([Instruction(RET_K, 0, 0, 0xFFFF)]), lambda: "")
        pair.server.send_frames("eth0", [framed(DLT_EN10MB, ipv4(udp(700)))] * 100)
        pair.client.send_frames("eth0", [framed(DLT_EN10MB, ipv4(udp(700)))] * 3)
        wait_until(lambda: len(capture.read(10)[1]) > 0, 5, "what comes in is seen")
        seen, _ = capture.counts()
        assert 3 <= seen < 100
    finally:
        capture.close()


@BOTH_READERS
def test_a_daemon_keeps_no_descriptor_of_its_starter(
    pair: Pair, start: Start, tmp_path: Path, reader: str | None
) -> None:
    """Started without the standard three it has the null device there, and so has the packet process."""
    closed = ("sh", "-c", 'exec "$@" <&- >&- 2>&-', "sh")
    state = ("--state-dir", str(tmp_path / "state"))
    daemon = start(pair.server, config(door("plain", ",".join(STEPS))), *state, program=(*closed, *OURS))
    null = dict.fromkeys(range(3), "/dev/null")
    assert {**null, 3: "unix", 4: "unix", **captures(1, reader)} == descriptors(only_child(daemon.pid))
    assert null == {number: what for number, what in descriptors(daemon.pid).items() if number <= 2}


def strange_frames() -> Iterator[bytes]:
    """Frames of every kind that may get past the filter, to the first port of a door."""
    destinations = (SERVER[4], SERVER[6])
    for transport, number in ((tcp(700), 6), (udp(700), 17), (tcp(700, 0x12), 6), (tcp(700)[:9], 6)):
        yield ipv4(transport, number, destination=destinations[0])
        yield ipv4(transport, number, destination=destinations[0], options=b"\1" * 40)
        yield ipv4(transport, number, destination=destinations[0], fragment=0x2000)
        yield ipv4(transport, number, destination=destinations[0], header_words=15)
        yield ipv6(transport, number, destination=destinations[1])
        for kind in (HOP_BY_HOP, ROUTING, FRAGMENT, AUTHENTICATION, DESTINATION):
            yield ipv6(transport, number, destination=destinations[1], extensions=(extension(kind),))
            yield ipv6(transport, number, destination=destinations[1], extensions=(extension(kind),) * 9)[:90]


def test_nothing_is_imported_for_signed_knocks(pair: Pair, insider: Insider, tmp_path: Path) -> None:
    """Whatever comes to their port, and with whichever view, the packet process has imported it before."""
    signed = SignedHost(tmp_path)
    doors = (signed.section(), door("plain", ",".join(STEPS)))
    daemon, report = insider("look", signed.config(*doors), "-D")
    wait_signed(daemon)
    packet = signed.knock(pair.client)
    daemon.wait_for("ssh: OPEN SESAME")
    signed.send(pair.client, packet, packet[:4] + bytes(120), bytes(124))
    daemon.wait_for("signed knock refused: came before")
    signed.write_keys(KEYS["bob"].line)
    daemon.write_config(signed.config(*doors, signed.section("other")))
    daemon.signal(signal.SIGHUP)
    daemon.wait_for("listening on eth0", times=2)
    wait_signed(daemon)
    signed.knock(pair.client, "bob", "other")
    daemon.wait_for("other: OPEN SESAME")
    send_knock(pair.client, SERVER[4], *STEPS)
    daemon.wait_for(OPENED)
    assert (1, []) == (read_report(report)["openings"], read_report(report)["modules"])


@pytest.mark.parametrize("options", [(), ("-D",)], ids=["plain", "debug"])
def test_nothing_is_imported_later(
    pair: Pair, insider: Insider, tmp_path: Path, options: tuple[str, ...]
) -> None:
    """Whatever comes, the packet process has imported it before it locked itself in."""
    pair.lab.link(pair.server, "eth1", pair.client, "eth1", ("10.9.0.1/24",), ("10.9.0.2/24",))
    codes = tmp_path / "codes"
    codes.write_text("1700,1800:udp\n2700,2800\n")
    codes.chmod(0o600)
    doors = (door("plain", ",".join(STEPS)), door("one", "4700"), door("slow", "3700,3800", seq_timeout=1))
    once = f"[once]\none_time_sequences = {codes}\n"
    daemon, report = insider("look", config(*doors, once), *options, interface="eth0,eth1")
    for version in (4, 6):
        send_knock(pair.client, SERVER[version], "3700")
        send_knock(pair.client, SERVER[version], *STEPS)
    for number, steps in enumerate((("1700", "1800:udp"), ("2700", "2800")), 1):  # rotation: a view each
        pair.knock_until(daemon, steps, f"{CLIENT[4]}: once: OPEN SESAME", times=number)
    macs = pair.server.mac("eth0") + pair.client.mac("eth0")
    pair.client.send_frames("eth0", [macs + framed(DLT_EN10MB, packet)[12:] for packet in strange_frames()])
    flood = [ipv4(tcp(700), source=f"10.7.1.{n}", destination=SERVER[4]) for n in range(250)]
    pair.client.send_frames("eth0", [macs + framed(DLT_EN10MB, packet)[12:] for packet in flood])
    daemon.wait_for("lines about knocks that opened nothing were held back")
    send_knock(pair.client, SERVER[4], "701")
    daemon.wait_for(f"{CLIENT[4]}: plain: guard port")
    for version in (4, 6):
        daemon.wait_for(f"{CLIENT[version]}: slow: sequence timeout")
    assert (4, []) == (read_report(report)["openings"], read_report(report)["modules"])
    pair.server.ip("link set eth1 down")
    daemon.wait_for("waiting for interface eth1")
    pair.knock_until(daemon, ("4700",), f"{CLIENT[4]}: one: OPEN SESAME")
    assert [] == read_report(report)["modules"]
    if options:
        assert f"-> {SERVER[4]}:700 " in daemon.output()


def test_a_packet_process_that_lies_is_replaced_and_ends(pair: Pair, insider: Insider) -> None:
    """It can be killed by a signal, and ends by itself when its link is closed. No command runs."""
    text = config(door("plain", ",".join(STEPS)), door("other", "1700,1800"))
    daemon, _ = insider("lie", text)
    pid = only_child(daemon.pid)
    send_knock(pair.client, SERVER[4], *STEPS)
    daemon.wait_for("packet process sent a malformed message (verb 110 with IP version 111), stopping it")
    daemon.wait_for("listening on eth0", times=2)
    assert pid != only_child(daemon.pid)
    send_knock(pair.client, SERVER[4], "1700", "1800")
    lines = daemon.wait_for("malformed", times=2)
    assert [] == [line for line in lines if "OPEN SESAME" in line]


# Where not everything can be given up, or the keeper has little itself.

DEBIAN = ("setpriv", "--bounding-set=-all,+net_raw,+net_admin,+sys_module", "--inh-caps=-all")
"""What Debian's own unit for 0.8 leaves root."""

CANNOT = (
    "it cannot become {} (setgroups: Operation not permitted, setresgid: Operation not permitted,"
    " setresuid: Operation not permitted)"
)
NFT = "nft add element inet filter knocked4 { %IP% }"


def limited(
    start: Start, pair: Pair, prefix: tuple[str, ...], text: str, directory: Path, **more: object
) -> Daemon:
    """A daemon with less than root has, its state beside its log."""
    state = ("--state-dir", str(directory / "state"))
    return start(pair.server, text, *state, program=(*prefix, *OURS), **more)


def test_under_debians_own_unit(pair: Pair, start: Start, tmp_path: Path) -> None:
    """It cannot become another user there: one warning, no capability all the same, and knocks open."""
    drop_with_nftables(pair.server)
    text = config(door("plain", ",".join(STEPS), start_command=NFT))
    daemon = limited(start, pair, DEBIAN, text, tmp_path)
    shown = status(only_child(daemon.pid))
    bounding = status(daemon.pid)["CapBnd"]
    assert {**NO_CAPABILITIES, "CapBnd": bounding, "Uid": ["0"] * 4, "NoNewPrivs": ["1"]} == {
        name: shown[name] for name in (*NO_CAPABILITIES, "Uid", "NoNewPrivs")
    }
    with TcpService(pair.server, SECRET):
        send_knock(pair.client, SERVER[4], *STEPS)
        wait_open(pair.client, SERVER[4], SECRET)
    daemon.signal(signal.SIGHUP)
    lines = daemon.wait_for("listening on eth0", times=2)
    kept = f"packet process keeps more rights than it should: {CANNOT.format(find_other().name)}"
    assert [kept] == [line for line in lines if "rights" in line or "needs" in line]


def test_a_user_that_it_cannot_become_is_an_error(pair: Pair, start: Start, tmp_path: Path) -> None:
    """With User it does not start where the change is impossible: 77, and why."""
    text = config(door("plain", ",".join(STEPS)), User="nobody")
    daemon = limited(start, pair, DEBIAN, text, tmp_path, ready=None)
    assert 77 == daemon.process.wait(10)
    assert CANNOT.format("nobody") in daemon.output()
    assert "leave User out" in daemon.output()


def test_a_keeper_without_the_right_to_signal(pair: Pair, start: Start, tmp_path: Path) -> None:
    """The packet process is another user then and cannot be killed; it ends because its link closes."""
    caps = "+net_raw,+net_admin,+setuid,+setgid"
    prefix = ("setpriv", f"--bounding-set=-all,{caps}", "--inh-caps=-all")
    daemon = limited(start, pair, prefix, config(door("plain", ",".join(STEPS))), tmp_path)
    pid = only_child(daemon.pid)
    assert [str(find_other().uid)] * 4 == status(pid)["Uid"]
    daemon.write_config(config(door("plain", ",".join(STEPS)), Latency=7))
    daemon.signal(signal.SIGHUP)
    daemon.wait_for("listening on eth0", times=2)
    second = only_child(daemon.pid)
    assert pid != second
    daemon.process.kill()
    wait_until(lambda: not Path(f"/proc/{second}").exists(), 5, "the packet process ends with its keeper")


def test_a_keeper_with_no_more_than_it_needs(pair: Pair, start: Start) -> None:
    """Not root, and CAP_NET_RAW and CAP_NET_ADMIN alone: the door opens, and ufw is said to need root."""
    drop_with_nftables(pair.server)
    ports = ",".join(STEPS)
    text = config(door("plain", ports, start_command=NFT), door("ufw", "1,2", start_command="ufw allow 1"))
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:
        home = Path(folder)
        (home / "knockd.conf").touch()
        for path in (home, home / "knockd.conf"):
            os.chown(path, 65_534, 65_534)
        daemon = as_nobody(start, pair, text, home)
        pid = only_child(daemon.pid)
        assert (NOBODY, NOBODY) == (status(daemon.pid)["Uid"], status(pid)["Uid"])
        assert ["0" * 16] == status(pid)["CapPrm"]
        with TcpService(pair.server, SECRET):
            send_knock(pair.client, SERVER[4], *STEPS)
            wait_open(pair.client, SERVER[4], SECRET)
        needs = [line for line in daemon.log_lines() if "rights" in line or "needs" in line]
        assert ["ufw: ufw needs the user root, which knockd does not have here"] == needs
        daemon.stop()


def as_nobody(start: Start, pair: Pair, text: str, home: Path) -> Daemon:
    """A daemon that nobody has started, with two capabilities."""
    caps = "-all,+net_raw,+net_admin"
    become = ("--reuid=65534", "--regid=65534", "--clear-groups", f"--inh-caps={caps}")
    prefix = ("setpriv", *become, f"--ambient-caps={caps}", f"--bounding-set={caps}")
    paths = os.pathsep.join([str(ROOT), str(ROOT / "bpf"), str(ROOT / "conf"), *sys.path[1:]])
    for python in (sys.executable, "/usr/bin/python3"):
        program = (*prefix, "env", f"PYTHONPATH={paths}", "PYTHONDONTWRITEBYTECODE=1", python)
        if pair.server.status(*program, "-c", "import pcapy, structlog, knockd").returncode == 0:
            break
    else:
        lacking("no Python that others than root can run")
    return start(
        pair.server,
        text,
        "--state-dir",
        str(home / "state"),
        program=(*program, "-m", "knockd"),
        directory=home,
    )


def test_a_command_that_fails_for_lack_of_a_right(pair: Pair, start: Start, tmp_path: Path) -> None:
    """Root with CAP_NET_RAW alone: said at start for each door and tool, and again when it has failed."""
    text = config(
        door("plain", ",".join(STEPS), start_command=NFT), door("other", "1,2", start_command="true")
    )
    prefix = ("setpriv", "--bounding-set=-all,+net_raw", "--inh-caps=-all")
    daemon = limited(start, pair, prefix, text, tmp_path)
    needs = "plain: nft needs CAP_NET_ADMIN, which knockd does not have here"
    assert [needs] == [line for line in daemon.log_lines() if "needs" in line]
    send_knock(pair.client, SERVER[4], *STEPS)
    lines = daemon.wait_for(needs, times=2)
    first, second = (place for place, line in enumerate(lines) if line == needs)
    assert first < second
    assert "plain: command returned non-zero status code (1)" == lines[second - 1]


def test_in_a_user_namespace(pair: Pair, start: Start, tmp_path: Path) -> None:
    """Root there is nobody else's root, and there is nobody else: one warning, and knocks open."""
    unshare = ("unshare", "-Urn", "sh", "-c", 'ip link set lo up && exec "$@"', "sh")
    daemon = limited(start, pair, unshare, config(door("plain", ",".join(STEPS))), tmp_path, interface="lo")
    wait_until(lambda: daemon.count("more rights than it should"), 5, "the warning")
    enter = ("nsenter", "-t", str(daemon.pid), "-U", "-n", "--preserve-credentials", sys.executable)
    knock = (*enter, "-m", "knockd.client", "127.0.0.1", *STEPS)
    assert 0 == subprocess.run(knock, env=environment(), check=False).returncode
    lines = daemon.wait_for("127.0.0.1: plain: OPEN SESAME")
    (said,) = [line for line in lines if "rights" in line]
    assert f"it cannot become {find_other().name} (setgroups: Operation not permitted, " in said
    assert "setresuid: Invalid argument" in said
    shown = status(only_child(daemon.pid))
    assert NO_CAPABILITIES == {name: shown[name] for name in NO_CAPABILITIES}


def test_a_user_that_is_not_there(pair: Pair, start: Start) -> None:
    """At start 78 with its line; at a reload the old configuration stays; a good one takes effect."""
    plain = door("plain", ",".join(STEPS))
    daemon = start(pair.server, config(plain, User="nosuch"), ready=None)
    problem = f"{daemon.config_path}:2: User: expected a user of this system other than root, got 'nosuch'"
    assert (78, f"{problem}\n") == (daemon.process.wait(10), daemon.output())
    daemon = start(pair.server, config(plain))
    pid = only_child(daemon.pid)
    daemon.write_config(config(plain, User="nosuch"))
    daemon.signal(signal.SIGHUP)
    daemon.wait_for("keeping the old configuration")
    assert 1 == daemon.count(
        f"{daemon.config_path}:2: User: expected a user of this system other than root, got 'nosuch'"
    )
    assert pid == only_child(daemon.pid)
    daemon.write_config(config(plain, User="daemon"))
    daemon.signal(signal.SIGHUP)
    daemon.wait_for("listening on eth0", times=2)
    assert [str(pwd.getpwnam("daemon").pw_uid)] * 4 == status(only_child(daemon.pid))["Uid"]
