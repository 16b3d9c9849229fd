"""The examples and what README and guides print, on hosts like those they are written for."""

from __future__ import annotations

import re
import socket
from pathlib import Path

import pytest

from knockd_conf.key_file import NamedKey, format_key
from tests.e2e.conftest import Pair, Start
from tests.support.daemons.daemon import Daemon
from tests.support.daemons.doors import CLIENT, SERVER, drop_with_iptables
from tests.support.daemons.signed import SignedHost, wait_signed
from tests.support.lab.hosts import Host, Lab
from tests.support.lab.services import TcpService, can_connect, send_knock, wait_closed, wait_open
from tests.support.lab.tools import need
from tests.support.lab.waiting import wait_until
from tests.support.samples.printed import EXAMPLES, example, guide_netcat, readme_configuration, set_up

FIRST, SECOND = "203.0.113.2", "203.0.113.1"
"""The outside world, and the router's address there."""


def steps(text: str, section: str = "") -> list[str]:
    """The sequence that a configuration prints, of ``section`` or the first one."""
    found = re.search(r"^\s*Sequence +?= (\S+)$", text[text.index(f"[{section}") :], flags=re.MULTILINE)
    assert found is not None
    return found[1].split(",")


def opens_and_closes(daemon: Daemon, client: Host, address: str, sequence: list[str], port: int) -> None:
    """The port is closed, opens with a knock, and closes when the daemon ends."""
    assert not can_connect(client, address, port)
    send_knock(client, address, *sequence)
    wait_open(client, address, port)
    daemon.stop()
    wait_closed(client, address, port)


@pytest.mark.parametrize("version", [4, 6])
def test_readme(pair: Pair, start: Start, version: int) -> None:
    """The configuration that the README shows opens SSH, for both IP versions."""
    need("iptables")
    drop_with_iptables(pair.server)
    text = readme_configuration()
    with TcpService(pair.server, 22):
        daemon = start(pair.server, text, interface=None)
        opens_and_closes(daemon, pair.client, SERVER[version], steps(text), 22)


@pytest.mark.parametrize("version", [4, 6])
def test_netcat(pair: Pair, start: Start, version: int) -> None:
    """The line for netcat of the guide to the first door is a knock, for both IP versions."""
    need("iptables", "nc")
    drop_with_iptables(pair.server)
    start(pair.server, readme_configuration(), interface=None)
    with TcpService(pair.server, 22):
        assert not can_connect(pair.client, SERVER[version], 22)
        pair.client.status("sh", "-c", guide_netcat(SERVER[version]))
        wait_open(pair.client, SERVER[version], 22)


@pytest.mark.parametrize("version", [4, 6])
def test_iptables(pair: Pair, start: Start, version: int) -> None:
    """iptables.conf opens SSH, for both IP versions."""
    need("iptables")
    set_up(pair.server, "iptables")
    with TcpService(pair.server, 22):
        daemon = start(pair.server, example("iptables"), interface=None)
        opens_and_closes(daemon, pair.client, SERVER[version], steps(example("iptables")), 22)


def expires(host: Host, table: str, name: str) -> int:
    """Milliseconds until the only element of a set expires; 0: there is none."""
    shown = host.run("nft", "list", "set", *table.split(), name)
    found = re.search(r"expires (?:(\d+)m)?(?:(\d+)s)?(?:(\d+)ms)?", shown)
    if found is None:
        return 0
    minutes, seconds, milliseconds = (int(part or 0) for part in found.groups())
    return (minutes * 60 + seconds) * 1000 + milliseconds


def renewed(host: Host, client: Host, address: str, sequence: list[str], of: tuple[str, str]) -> None:
    """A second knock puts the time of the element back."""
    before = wait_until(lambda: expires(host, *of), 10, "an element that expires")
    wait_until(lambda: expires(host, *of) < before - 200, 10, "time goes by")
    send_knock(client, address, *sequence)
    wait_until(lambda: expires(host, *of) > before - 100, 3, "the second knock renews the element")


@pytest.mark.parametrize("version", [4, 6])
def test_nftables(pair: Pair, start: Start, version: int) -> None:
    """nftables.conf opens SSH, for both IP versions, and a second knock renews the time."""
    need("nft")
    set_up(pair.server, "nftables")
    sequence = steps(example("nftables"))
    with TcpService(pair.server, 22):
        start(pair.server, example("nftables"), interface=None)
        assert not can_connect(pair.client, SERVER[version], 22)
        send_knock(pair.client, SERVER[version], *sequence)
        wait_open(pair.client, SERVER[version], 22)
        renewed(pair.server, pair.client, SERVER[version], sequence, ("inet filter", f"knocked{version}"))


@pytest.mark.parametrize("version", [4, 6])
def test_openwrt(pair: Pair, start: Start, version: int) -> None:
    """openwrt.conf opens SSH in fw4's rules, for both IP versions; a reload of fw4 keeps who is in."""
    need("nft")
    set_up(pair.server, "openwrt")
    pair.server.route("default", CLIENT[4])  # Interface = auto
    sequence = steps(example("openwrt"))
    with TcpService(pair.server, 22):
        start(pair.server, example("openwrt"), interface=None)
        assert not can_connect(pair.client, SERVER[version], 22)
        send_knock(pair.client, SERVER[version], *sequence)
        wait_open(pair.client, SERVER[version], 22)
        set_up(pair.server, "openwrt")
        assert can_connect(pair.client, SERVER[version], 22)
        renewed(pair.server, pair.client, SERVER[version], sequence, ("inet fw4", f"knocked{version}"))


@pytest.mark.parametrize("version", [4, 6])
def test_idle(pair: Pair, start: Start, version: int) -> None:
    """idle.conf opens SSH, for both IP versions, and nothing is in the way of its Close_When_Idle."""
    need("nft")
    set_up(pair.server, "idle")
    with TcpService(pair.server, 22):
        daemon = start(pair.server, example("idle"), interface=None)
        opens_and_closes(daemon, pair.client, SERVER[version], steps(example("idle")), 22)
        assert daemon.count("Close_When_Idle does nothing") == 0


@pytest.mark.parametrize("version", [4, 6])
def test_mobile(pair: Pair, start: Start, version: int) -> None:
    """mobile.conf opens SSH for the knocker's network, for both IP versions, and its Allow is used."""
    need("nft")
    set_up(pair.server, "mobile")
    with TcpService(pair.server, 22):
        daemon = start(pair.server, example("mobile"), interface=None)
        opens_and_closes(daemon, pair.client, SERVER[version], steps(example("mobile")), 22)
    network = {4: "10.7.0.0/24", 6: "fd00:7::/56"}[version]
    assert daemon.count(f"knocked{version} {{ {network} }}") == 2


@pytest.mark.parametrize("version", [4, 6])
def test_rotating(pair: Pair, start: Start, tmp_path: Path, version: int) -> None:
    """rotating.conf opens SSH for who has a key, for both IP versions, by ports of the shell script."""
    need("nft")
    need("openssl")
    set_up(pair.server, "rotating")
    keys = tmp_path / "keys"
    keys.touch(0o600)
    keys.write_text(f"{format_key(NamedKey('alice', bytes(range(32))))}\n")
    text = example("rotating").replace("/etc/knockd/ssh.keys", str(keys))
    start(pair.server, text.replace("[options]", "[options]\n\tClock = trust"), interface=None)
    script = str(EXAMPLES.parents[1] / "docs/spec/rotating-sequence.sh")
    with TcpService(pair.server, 22):
        assert not can_connect(pair.client, SERVER[version], 22)
        ports = pair.client.run("sh", script, "-k", str(keys), "-d", "ssh").split()
        assert 4 == len(ports)
        send_knock(pair.client, SERVER[version], *ports)
        wait_open(pair.client, SERVER[version], 22)


@pytest.mark.parametrize("version", [4, 6])
def test_signed(pair: Pair, start: Start, tmp_path: Path, version: int) -> None:
    """signed.conf opens SSH for who has a key, for both IP versions."""
    need("nft")
    set_up(pair.server, "signed")
    signed = SignedHost(tmp_path)
    text = example("signed").replace("/etc/knockd/knock_secret", str(signed.secret_path))
    text = text.replace("/etc/knockd/authorized_keys", str(signed.keys_path))
    text = text.replace("[options]", "[options]\n\tClock = trust")
    wait_signed(start(pair.server, text, interface=None))
    with TcpService(pair.server, 22):
        assert not can_connect(pair.client, SERVER[version], 22)
        signed.knock(pair.client, to=SERVER[version])
        wait_open(pair.client, SERVER[version], 22)


def routed(lab: Lab, inner: str, network: str) -> tuple[Host, Host, Host]:
    """The outside world, a router with ppp0 and br-lan, and a host behind it."""
    outside, router, host = lab.host("outside"), lab.host("router"), lab.host("inner")
    lab.link(router, "ppp0", outside, "eth0", (f"{SECOND}/24",), (f"{FIRST}/24",))
    lab.link(router, "br-lan", host, "eth0", (f"{network}.1/24",), (f"{inner}/24",))
    router.forward()
    host.route("default", f"{network}.1")
    return outside, router, host


def test_router(lab: Lab, start: Start) -> None:
    """router.conf lets the knocker through to the inner host, and leaves the inner network its way out."""
    need("nft")
    outside, router, inner = routed(lab, "192.0.2.10", "192.0.2")
    outside.route("192.0.2.0/24", SECOND)
    set_up(router, "router")
    sequence = steps(example("router"))
    with TcpService(inner, 22), TcpService(outside, 80):
        start(router, example("router"), interface=None)
        assert can_connect(inner, FIRST, 80, timeout=2)
        assert not can_connect(outside, "192.0.2.10", 22)
        send_knock(outside, "192.0.2.10", *sequence)
        wait_open(outside, "192.0.2.10", 22)
        renewed(router, outside, "192.0.2.10", sequence, ("inet filter", "knocked"))


def test_router_nat(lab: Lab, start: Start) -> None:
    """router-nat.conf forwards the knocker to the inner host, and leaves the inner network its way out."""
    need("nft")
    outside, router, inner = routed(lab, "192.168.1.10", "192.168.1")
    set_up(router, "router-nat")
    sequence = steps(example("router-nat"))
    with TcpService(inner, 22), TcpService(outside, 80):
        start(router, example("router-nat"), interface=None)
        assert can_connect(inner, FIRST, 80, timeout=2)
        assert not can_connect(outside, SECOND, 2222)
        send_knock(outside, SECOND, *sequence)
        wait_open(outside, SECOND, 2222)
        renewed(router, outside, SECOND, sequence, ("ip nat", "knocked"))


@pytest.mark.parametrize("version", [4, 6])
@pytest.mark.parametrize("name", ["ssh", "admin"])
def test_fleet(pair: Pair, start: Start, name: str, version: int) -> None:
    """fleet.conf opens the sets of its doors on the host ``edge``, for both IP versions."""
    need("nft")
    pair.lab.link(pair.server, "ppp0", pair.client, "ppp0", (), ())
    set_up(pair.server, "fleet")
    text = example("fleet").replace("= fleet.d/", f"= {EXAMPLES}/fleet.d/").replace("ppp0, ppp1", "eth0")
    doors = (EXAMPLES / "fleet.d/doors.conf").read_text()
    found = re.search(rf"\[{name} .*?Sequence\[edge\] = (\S+)", doors, flags=re.DOTALL)
    assert found is not None
    port = {"ssh": 22, "admin": 8443}[name]
    with TcpService(pair.server, port):
        options = ("--host", "edge", "--allow-insecure-config")
        daemon = start(pair.server, text, *options, interface=None, ready='"starting"')
        opens_and_closes(daemon, pair.client, SERVER[version], found[1].split(","), port)


def test_wake_on_lan(lab: Lab, start: Start) -> None:
    """wake-on-lan.conf sends the magic packet into the inner network."""
    need("etherwake")
    outside, router, inner = routed(lab, "192.168.1.10", "192.168.1")
    router.route("default", FIRST)  # Interface = auto
    start(router, example("wake-on-lan"), interface=None)
    with inner.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(0x0842)) as heard:
        heard.bind(("eth0", 0x0842))
        heard.settimeout(10)
        send_knock(outside, SECOND, *steps(example("wake-on-lan")))
        magic = bytes.fromhex("ff" * 6 + "00005e005301" * 16)
        assert magic in heard.recv(2048)
