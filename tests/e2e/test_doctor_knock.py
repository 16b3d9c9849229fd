"""``knockctl doctor --knock``: real namespaces, a real client, the daemon's filter; nothing is left."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path

import pytest

from knockd_conf.timed import Rule, derive_ports
from tests.support.daemons.daemon import environment
from tests.support.daemons.doors import config, door
from tests.support.daemons.signed import PORT, SignedHost
from tests.support.lab.hosts import Host, Lab
from tests.support.lab.processes import children
from tests.support.lab.ssh_agent import make_key
from tests.support.lab.tools import need
from tests.support.lab.waiting import wait_until

PASSED = "left, arrived, passed the filter:"
ASK = """
import sys
from knockd.ctl.cli import main
sys.exit(main(["doctor", "-c", sys.argv[1], "--knock", sys.argv[2], "--delay", sys.argv[3]]))
"""
WITHOUT_IMPACKET = "import sys; sys.modules['impacket'] = None" + ASK
SEE = """
import sys
from knockd.keeper.settings import Settings
from knockd.doctor.own_packet import see_own_packet
from knockd.replay.command import load_base
config, base = load_base(Settings(sys.argv[1]))
print(see_own_packet(config, base.watches, ipv6=True))
"""


class Bench:
    """A host with a configuration that asks for interfaces that it need not have."""

    def __init__(self, host: Host, folder: Path) -> None:
        self.host = host
        self.folder = folder
        self.path = folder / "knockd.conf"
        self.variables = {"KNOCKD_SOCKET": str(folder / "no-daemon"), "XDG_CONFIG_HOME": str(folder)}

    def write(self, *doors: str) -> None:
        """Writes the configuration."""
        self.path.write_text(config(*doors, Interface="eth0"))
        self.path.chmod(0o600)

    def command(
        self, name: str, *, delay: int = 0, program: str = ASK, before: tuple[str, ...] = ()
    ) -> tuple[str, ...]:
        """The command that knocks."""
        return (*before, sys.executable, "-c", program, str(self.path), name, str(delay))

    def knock(self, name: str, **how: object) -> tuple[int, str]:
        """Status and output, long lines joined, of a knock."""
        done = subprocess.run(
            [*self.host.exec_prefix, *self.command(name, **how)],  # type: ignore[arg-type]
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
            env={**environment(), **self.variables},
        )
        return done.returncode, " ".join((done.stdout + done.stderr).split())


@pytest.fixture
def bench(lab: Lab, tmp_path: Path) -> Iterator[Bench]:
    """A host without any interface but the loopback."""
    made = Bench(lab.host("server"), tmp_path)
    before = made.host.run("ip", "-o", "link")
    yield made
    assert before == made.host.run("ip", "-o", "link"), "the host has other interfaces than before"


def test_opens(bench: Bench) -> None:
    """A good knock is followed from the client to the door, by IPv4 and by IPv6; nothing is run."""
    opened = bench.folder / "opened"
    bench.write(door("ssh", "7000,8000:udp,9000", tcpflags="syn", start_command=f"touch {opened} %IP%"))
    status, said = bench.knock("ssh")
    assert status == 0, said
    for address in ("192.0.2", "2001:db8:"):
        assert f"knock {address}{':' if ':' in address else '.'}1 7000:tcp 8000:udp 9000:tcp" in said
    for number, packet in enumerate(("7000:tcp syn", "8000:udp", "9000:tcp syn"), 1):
        assert said.count(f"{number} {packet} {PASSED} step {number} of 3") == 2
    assert said.count("the door would open") == 2
    assert f"would run as root: touch {opened} 192.0.2.2" in said
    assert f"would run as root: touch {opened} 2001:db8::2" in said
    assert said.endswith("door ssh would open")
    assert not opened.exists()


def test_too_slow(bench: Bench) -> None:
    """A client that is slower than Seq_Timeout opens nothing, and hears by how much."""
    bench.write(door("ssh", "7000,8000,9000", start_command="true", seq_timeout=1))
    status, said = bench.knock("ssh", delay=700)
    assert status == 1, said
    assert said.count("too late by") == 2
    assert said.count("Knock within 1 seconds") == 2
    assert said.endswith("door ssh would not open")


def test_flags(bench: Bench) -> None:
    """Flags that no ordinary client sends are sent, where the package for that is there."""
    pytest.importorskip("impacket")
    bench.write(door("ssh", "7000,8000", start_command="true", tcpflags="fin,!ack"))
    status, said = bench.knock("ssh")
    assert status == 0, said
    assert f"1 7000:tcp fin {PASSED} step 1 of 2" in said


def test_flags_without_impacket(bench: Bench) -> None:
    """Without it that is said, and what to do."""
    bench.write(door("ssh", "7000,8000", start_command="true", tcpflags="fin,!ack"))
    status, said = bench.knock("ssh", program=WITHOUT_IMPACKET)
    assert status == 1, said
    assert (
        "'knock --flags fin 192.0.2.1 7000:tcp 8000:tcp' could, but --flags expected the Python package"
        in said
    )


def test_target(bench: Bench) -> None:
    """A door for another host's address is knocked at that address."""
    bench.write(door("ssh", "7000,8000", start_command="true", target="203.0.113.9"))
    status, said = bench.knock("ssh")
    assert status == 0, said
    assert "knock 203.0.113.9 7000:tcp 8000:tcp" in said


def test_one_time(bench: Bench) -> None:
    """The live line of a one-time file opens, and is there for the next knock."""
    codes = bench.folder / "codes"
    codes.write_text("1001,2002\n1003,2004\n")
    codes.chmod(0o600)
    bench.write(f"[once]\none_time_sequences = {codes}\nstart_command = true\n")
    for _ in range(2):
        status, said = bench.knock("once")
        assert status == 0, said
        assert "knock 192.0.2.1 1001:tcp 2002:tcp" in said
    assert codes.read_text() == "1001,2002\n1003,2004\n"


def test_door_with_a_key(bench: Bench) -> None:
    """A door with a key is knocked at with the sequence of now, as often as one likes; no port is shown."""
    key = bench.folder / "home.key"
    key.write_text(f"ann {b64encode(bytes(32)).decode()}\n")
    key.chmod(0o600)
    bench.write(f"[home]\nSequence_Key = {key}\nSequence_Protocol = mixed\nStart_Command = true %IP%\n")
    rule = Rule(protocol="mixed")
    first = rule.period_at(time.time())
    for _ in range(2):
        status, said = bench.knock("home")
        assert status == 0, said
        assert said.count("knock --key FILE --door home ") == 2
        assert said.count("step 4 of 4: the door would open") == 2
        assert said.endswith("door home would open")
        periods = range(first - 3, rule.period_at(time.time()) + 4)
        made = [derive_ports(bytes(32), "home", period, rule) for period in periods]
        assert not [port for one in made for port in (*one.steps, *one.guards) if str(port.port) in said]


def test_signed(bench: Bench) -> None:
    """A signed knock is made of a profile, sent and judged; one of nobody's key does not open."""
    signed = SignedHost(bench.folder)
    key = make_key(bench.folder / "laptop", "me@laptop")
    signed.write_keys(key.with_suffix(".pub").read_text().strip())
    bench.path.write_text(signed.config(signed.section("ssh"), Interface="eth0"))
    bench.path.chmod(0o600)
    lines = f"host = h\nsigned = {PORT}\nsecret = {signed.secret_path}\ndoor = ssh\nidentity = {key}\n"
    (bench.folder / "knock").mkdir()
    (bench.folder / "knock/config").write_text(f"[home]\n{lines}")
    for _ in range(2):
        status, said = bench.knock("ssh")
        assert status == 0, said
        assert said.count("passed the filter: signed by me@laptop") == 2
        assert "would run as root: true 192.0.2.2" in said
        assert said.endswith("door ssh would open")
    signed.write_keys()
    status, said = bench.knock("ssh")
    assert status == 1, said
    assert said.count("let the key in (knockctl authorize FILE.pub)") == 2


def test_killed(bench: Bench) -> None:
    """kill -9 in the middle of a knock leaves no process and no interface."""
    bench.write(door("ssh", "7000,8000,9000", start_command="true"))
    output = bench.folder / "output"
    with output.open("wb") as opened:
        process = bench.host.popen(
            *bench.command("ssh", delay=60_000), stdout=opened, stderr=subprocess.STDOUT, env=environment()
        )
    try:
        wait_until(lambda: "step 1 of 3" in output.read_text(), 30, "the first packet has arrived")
        (server,) = children(process.pid)
        (client,) = children(server)
    finally:
        os.kill(process.pid, signal.SIGKILL)
        process.wait(10)
    wait_until(lambda: not any(map(is_running, (server, client))), 10, "both of the lab have ended")


def is_running(pid: int) -> bool:
    """Whether there is such a process, which nobody may have collected yet."""
    try:
        return Path("/proc", str(pid), "stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def test_no_right(bench: Bench) -> None:
    """Where the kernel gives no namespace, that is said, and the status is not that of a bad door."""
    need("setpriv")
    bench.write(door("ssh", "7000,8000", start_command="true"))
    status, said = bench.knock(
        "ssh", before=("setpriv", "--bounding-set=-sys_admin", "--inh-caps=-sys_admin")
    )
    assert status == 69, said
    assert "the kernel gives us no network namespace (Operation not permitted)" in said


def test_own_packet(bench: Bench) -> None:
    """One packet of our own is seen by the filter."""
    bench.write(door("ssh", "7000,8000", start_command="true"))
    status, said = bench.knock("ssh", program=SEE)
    assert (status, said) == (0, "Seen(seen=True, reason='')")
