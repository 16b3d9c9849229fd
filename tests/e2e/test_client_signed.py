"""knock and knockd with signed knocks: from knockctl over agents and key files to the open port."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from knockd.client.status import NO_PERMISSION, OK, TEMPORARY
from tests.e2e.conftest import Pair, Start
from tests.support.daemons.daemon import Daemon, environment
from tests.support.daemons.doors import CLIENT, FIREWALLS, SECRET, SERVER
from tests.support.daemons.signed import SignedHost
from tests.support.doubles.fake_agent import FakeAgent, SoftKey
from tests.support.lab.hosts import Host, Lab
from tests.support.lab.services import TcpService, can_connect, wait_closed
from tests.support.lab.ssh import CLIENT as SSH_OPTIONS
from tests.support.lab.ssh import SshServer, need_ssh
from tests.support.lab.ssh_agent import SshAgent, make_key, print_fingerprint
from tests.support.lab.tools import need

CTL = (sys.executable, "-m", "knockd.ctl")
KNOCK = (sys.executable, "-m", "knockd.client")


class Gateway:
    """A server whose door ``ssh`` signed knocks alone open, and a client that has imported what it exports.

    ``lines`` are those of its authorized_keys.
    """

    def __init__(
        self, server: Host, start: Start, folder: Path, *lines: str, host: str = SERVER[4], **keys: object
    ) -> None:
        FIREWALLS["nftables"].close(server)
        self.folder = folder
        self.signed = SignedHost(folder)
        self.signed.write_keys(*lines)
        commands = FIREWALLS["nftables"].commands("tcp")
        names = ("Start_Command", "Stop_Command", "Start_Command_6", "Stop_Command_6")
        fields = {**dict(zip(names, commands, strict=True)), "Cmd_Timeout": 60, **keys}
        section = self.signed.section("ssh", **fields)
        self.daemon: Daemon = start(server, self.signed.config(section))
        config = ("-c", self.daemon.config_path)
        uri = self.control("export", "ssh", "--host", host, "--verify", SECRET, *config)
        self.knock(None, "--import", "-", "home", stdin=uri)

    def control(self, *argv: object) -> str:
        """What a subcommand of knockctl prints."""
        done = subprocess.run(
            [*CTL, *map(str, argv)], env=environment(), capture_output=True, text=True, check=True, timeout=60
        )
        return done.stdout

    def knock(
        self, client: Host | None, *argv: object, agent: Path | None = None, stdin: str = ""
    ) -> subprocess.CompletedProcess[str]:
        """Run the client on a host (None: where the test runs), with its profile and an agent."""
        variables = [f"{name}={self.folder}" for name in ("XDG_CONFIG_HOME", "XDG_STATE_HOME", "HOME")]
        variables.append(f"PYTHONPATH={environment()['PYTHONPATH']}")
        unset = ("-u", "SSH_AUTH_SOCK", "-u", "DISPLAY")
        variables += [f"SSH_AUTH_SOCK={agent}"] if agent is not None else []
        prefix: Sequence[str] = client.exec_prefix if client is not None else ()
        command = [*prefix, "env", *unset, *variables, *KNOCK, *map(str, argv)]
        return subprocess.run(command, input=stdin, capture_output=True, text=True, timeout=120, check=False)


@pytest.fixture
def service(pair: Pair) -> Iterator[Pair]:
    """A service behind a firewall that drops everything, and both hosts."""
    need("nft")
    with TcpService(pair.server, SECRET):
        yield pair


@pytest.fixture
def laptop(tmp_path: Path) -> Path:
    """A key pair of ssh-keygen."""
    return make_key(tmp_path / "laptop", "me@laptop")


def line_of(key: Path) -> str:
    """The public line of a key pair."""
    return key.with_suffix(".pub").read_text().strip()


def test_a_new_laptop_logs_in(pair: Pair, start: Start, tmp_path: Path, laptop: Path) -> None:
    """A key is authorized; export, import and one command later ssh is in, by the same agent."""
    need_ssh()
    need("nft")
    server = SshServer(pair.server, tmp_path)
    gateway = Gateway(pair.server, start, tmp_path)
    control = ("-c", gateway.daemon.config_path, "--socket", gateway.daemon.control_path)
    gateway.control("authorize", laptop.with_suffix(".pub"), "--door", "ssh", "--yes", *control)
    (tmp_path / "user.pub").write_text(line_of(laptop))
    ssh = (need("ssh"), *SSH_OPTIONS, f"root@{SERVER[4]}", "echo in")
    with SshAgent(tmp_path) as agent:
        agent.add(laptop)
        done = gateway.knock(pair.client, "home", "--", *ssh, agent=agent.path)
    assert (OK, "in\n") == (done.returncode, done.stdout), done.stderr
    gateway.daemon.wait_for(f"ssh: opened by me@laptop ({print_fingerprint(laptop)})")
    assert 1 == gateway.daemon.count(f"{CLIENT[4]}: ssh: OPEN SESAME")
    assert server.key.exists()


def test_a_key_s_file(service: Pair, start: Start, tmp_path: Path, laptop: Path) -> None:
    """Without an agent ssh-keygen signs, with -k, or with the file that ssh would take."""
    gateway = Gateway(service.server, start, tmp_path, line_of(laptop))
    done = gateway.knock(service.client, "-k", laptop, "home")
    assert (OK, "", "") == (done.returncode, done.stdout, done.stderr)
    assert can_connect(service.client, SERVER[4], SECRET)
    assert OK == gateway.knock(service.client, "-k", laptop, "--close", "home").returncode
    (tmp_path / ".ssh").mkdir()
    laptop.rename(tmp_path / ".ssh" / "id_ed25519")
    assert OK == gateway.knock(service.client, "home").returncode
    gateway.daemon.wait_for("OPEN SESAME", times=2)


def test_renewing_and_closing(service: Pair, start: Start, tmp_path: Path, laptop: Path) -> None:
    """What a key has opened it gives more time and closes; closing waits until the port answers no more."""
    gateway = Gateway(service.server, start, tmp_path, line_of(laptop))

    def knock(*argv: object) -> subprocess.CompletedProcess[str]:
        return gateway.knock(service.client, "-k", laptop, *argv, "home")

    done = knock("--renew", "--tries", 1)
    assert TEMPORARY == done.returncode
    assert "--renew opens nothing, so knock without it" in done.stderr
    assert OK == knock().returncode
    done = knock("--renew")
    assert (OK, "") == (done.returncode, done.stderr)
    assert "no knock is needed" in knock("--if-needed").stderr
    done = knock("--close")
    assert (OK, "") == (done.returncode, done.stderr)
    assert not can_connect(service.client, SERVER[4], SECRET)
    done = knock("--close", "--if-needed")
    assert (OK, True) == (done.returncode, "nothing is to be closed" in done.stderr)
    assert 1 == gateway.daemon.count("OPEN SESAME")


def test_what_others_have_opened_stays_open(
    service: Pair, start: Start, tmp_path: Path, laptop: Path
) -> None:
    """A key closes what it has opened itself; that the port goes on answering is told, with status 75."""
    other = make_key(tmp_path / "other", "other")
    gateway = Gateway(service.server, start, tmp_path, line_of(laptop), line_of(other))
    assert OK == gateway.knock(service.client, "-k", laptop, "home").returncode
    done = gateway.knock(service.client, "-k", other, "--close", "--tries", 1, "home")
    assert TEMPORARY == done.returncode
    assert f"did not close after 1 knock ({SERVER[4]} still answers)" in done.stderr
    assert can_connect(service.client, SERVER[4], SECRET)
    gateway.daemon.wait_for("nothing is open that it may renew or close")


def test_what_may_be_wrong(service: Pair, start: Start, tmp_path: Path, laptop: Path) -> None:
    """A key that is not authorized is in the log with its reason; of another secret the log says nothing."""
    stranger = make_key(tmp_path / "stranger", "stranger")
    gateway = Gateway(service.server, start, tmp_path, line_of(laptop))
    done = gateway.knock(service.client, "-k", stranger, "--tries", 1, "home")
    assert TEMPORARY == done.returncode
    assert f"stranger ({print_fingerprint(stranger)}) may not be authorized there" in done.stderr
    gateway.daemon.wait_for("of no key that may knock here")
    lines = gateway.daemon.log_lines()
    (tmp_path / "knock" / "home.secret").write_text("A" * 43 + "=\n")
    done = gateway.knock(service.client, "-k", laptop, "--tries", 1, "home")
    assert TEMPORARY == done.returncode
    assert "home.secret may be the secret of another server" in done.stderr
    assert lines == gateway.daemon.log_lines()
    assert 0 == gateway.daemon.count("OPEN SESAME")


@pytest.mark.parametrize("lost", [4, 6])
def test_both_addresses(service: Pair, start: Start, tmp_path: Path, laptop: Path, lost: int) -> None:
    """With --both each IP version has a packet of its own, so the path that works opens."""
    gateway = Gateway(service.server, start, tmp_path, line_of(laptop), host="both")
    hosts = tmp_path / "hosts"
    hosts.write_text(f"127.0.0.1 localhost\n{SERVER[4]} both\n{SERVER[6]} both\n")
    family = {4: "ip", 6: "ip6"}[lost]
    rules = (
        f"table {family} t {{ chain out {{ type filter hook output priority 0; meta l4proto udp drop; }}; }}"
    )
    service.client.run("nft", "-f", "-", stdin=rules)
    inside = ("unshare", "-m", "sh", "-c", f'mount --bind {hosts} /etc/hosts && exec "$@"', "sh")
    variables = (f"PYTHONPATH={environment()['PYTHONPATH']}", f"XDG_CONFIG_HOME={tmp_path}")
    command = (*inside, "env", *variables, *KNOCK, "--both", "-k", str(laptop), "home")
    done = service.client.status(*command)
    assert OK == done.returncode, done.stderr
    works = {4: 6, 6: 4}[lost]
    gateway.daemon.wait_for(f"{CLIENT[works]}: ssh: OPEN SESAME")
    assert 1 == gateway.daemon.count("OPEN SESAME")


def test_a_key_in_hardware(service: Pair, start: Start, tmp_path: Path) -> None:
    """A key that signs as hardware does opens when it was touched; untouched it is not even sent."""
    token = SoftKey(7, "token", "ssh:")
    gateway = Gateway(service.server, start, tmp_path, token.line.strip())
    with FakeAgent(tmp_path / "a", token) as agent:
        done = gateway.knock(service.client, "home", agent=agent.path)
        assert OK == done.returncode, done.stderr
        assert f"touch your key token ({token.key.fingerprint})" in done.stderr
        gateway.daemon.wait_for(f"ssh: opened by token ({token.key.fingerprint})")
        token.flags = 0
        done = gateway.knock(service.client, "home", agent=agent.path)
    assert NO_PERMISSION == done.returncode
    assert "expected a touch, it signed without" in done.stderr
    assert 1 == gateway.daemon.count("OPEN SESAME")


def test_a_bound_packet(service: Pair, start: Start, tmp_path: Path, laptop: Path) -> None:
    """Where no router changes addresses, a packet that is bound opens for the address that is printed."""
    gateway = Gateway(service.server, start, tmp_path, line_of(laptop))
    done = gateway.knock(service.client, "-k", laptop, "--bind", "auto", "home")
    assert (OK, f"{SERVER[4]} sees it come from {CLIENT[4]}") == (
        done.returncode,
        done.stderr.partition("where ")[2].strip(),
    )
    gateway.daemon.wait_for(f"{CLIENT[4]}: ssh: OPEN SESAME")


OUTSIDE = "10.7.0.9"
"""The address of a router in front of a laptop, as the server sees it."""

MASQUERADE = """
table ip nat { chain post { type nat hook postrouting priority 100; oifname "eth0" masquerade; }; }
"""


def test_behind_a_router_with_nat(lab: Lab, start: Start, tmp_path: Path, laptop: Path) -> None:
    """A packet bound to the inner address is refused; unbound, or bound to the outer one, it opens."""
    need("nft")
    server, router, inside = lab.host("server"), lab.host("router"), lab.host("inside")
    lab.link(server, "eth0", router, "eth0", (f"{SERVER[4]}/24",), (f"{OUTSIDE}/24",))
    lab.link(router, "eth1", inside, "eth0", ("192.168.1.1/24",), ("192.168.1.5/24",))
    router.forward()
    router.run("nft", "-f", "-", stdin=MASQUERADE)
    inside.route("default", "192.168.1.1")
    gateway = Gateway(server, start, tmp_path, line_of(laptop), Cmd_Timeout=2)
    with TcpService(server, SECRET):
        done = gateway.knock(inside, "-k", laptop, "--bind", "auto", "--tries", 1, "home")
        assert TEMPORARY == done.returncode
        assert "come from 192.168.1.5" in done.stderr
        assert "the address is bound and a router on the way changes it" in done.stderr
        gateway.daemon.wait_for("bound to another address")
        assert 0 == gateway.daemon.count("OPEN SESAME")
        for times, bind in enumerate(("none", OUTSIDE), 1):
            done = gateway.knock(inside, "-k", laptop, "--bind", bind, "home")
            assert OK == done.returncode, done.stderr
            gateway.daemon.wait_for(f"{OUTSIDE}: ssh: OPEN SESAME", times=times)
            wait_closed(inside, SERVER[4], SECRET)
