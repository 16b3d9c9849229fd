"""Which packets count where: other interfaces' addresses, labels, duplicates, impossible sources."""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import ip_address

import pytest

from tests.e2e.conftest import Start
from tests.support.daemons.daemon import Daemon
from tests.support.daemons.doors import config, door
from tests.support.lab.hosts import Host, Lab
from tests.support.lab.services import send_knock
from tests.support.lab.waiting import wait_until
from tests.support.samples.frames import ethernet, packet

LAN, WAN, SECOND, CLIENT = "10.1.0.1", "192.0.2.1", "10.1.0.9", "10.1.0.2"
LAN_6, WAN_6, CLIENT_6 = "fd00:1::1", "2001:db8::1", "fd00:1::2"
BROADCAST = b"\xff" * 6
SECRET, MARKER = door("secret", "700,800,900"), door("marker", "1700,1800")


@pytest.fixture
def hosts(lab: Lab) -> tuple[Host, Host]:
    """A router with a LAN, at which there is a client, and a WAN."""
    router, client, outside = lab.host("router"), lab.host("client"), lab.host("outside")
    lab.link(router, "lan", client, "eth0", (f"{LAN}/24", f"{LAN_6}/64"), (f"{CLIENT}/24", f"{CLIENT_6}/64"))
    lab.link(router, "wan", outside, "eth0", (f"{WAN}/24", f"{WAN_6}/64"))
    return router, client


def send(client: Host, to: str, *ports: int, source: str | None = None, interface: str = "eth0") -> None:
    """Packets to ports, as frames made by hand."""
    source = source or (CLIENT if ip_address(to).version == 4 else CLIENT_6)
    frames = [ethernet(BROADCAST, BROADCAST, packet(source, to, port)) for port in ports]
    client.send_frames(interface, frames)


def opened(daemon: Daemon, client: Host, marker: str = LAN) -> int:
    """How often the secret door has opened, once all that was sent before has been judged."""
    before = daemon.count("marker: OPEN SESAME")
    send(client, marker, 1700, 1800)
    daemon.wait_for("marker: OPEN SESAME", times=before + 1)
    return daemon.count("secret: OPEN SESAME")


@pytest.mark.parametrize("interface", ["lan, wan", "any"])
@pytest.mark.parametrize("address", [WAN, WAN_6])
def test_the_public_address_from_inside(
    hosts: tuple[Host, Host], start: Start, interface: str, address: str
) -> None:
    """Whoever knocks the public address from inside opens: the kernel takes such packets too."""
    router, client = hosts
    daemon = start(router, config(SECRET, MARKER, interface=interface), interface=None)
    send(client, address, 700, 800, 900)
    assert opened(daemon, client) == 1


def test_an_address_of_an_interface_that_was_not_named(hosts: tuple[Host, Host], start: Start) -> None:
    """With one interface its own addresses count."""
    router, client = hosts
    daemon = start(router, config(SECRET, MARKER, interface="lan"), interface=None)
    send(client, WAN, 700, 800, 900)
    assert opened(daemon, client) == 0


def test_loopback_addresses_from_the_wire(hosts: tuple[Host, Host], start: Start) -> None:
    """An address that means something at the loopback alone does not count at another interface."""
    router, client = hosts
    daemon = start(router, config(SECRET, MARKER, interface="any"), interface=None)
    send(client, "127.0.0.1", 700, 800, 900)
    send(client, "::1", 700, 800, 900)
    assert opened(daemon, client) == 0


def test_the_public_address_from_the_host_itself(hosts: tuple[Host, Host], start: Start) -> None:
    """With any, a knock from the host at its own address opens: it comes by the loopback."""
    router, _ = hosts
    daemon = start(router, config(SECRET, interface="any"), interface=None)
    send_knock(router, WAN, "700", "800", "900")
    daemon.wait_for(f"{WAN}: secret: OPEN SESAME")


@pytest.mark.parametrize("option", [False, True], ids=["file", "-i"])
def test_a_label(hosts: tuple[Host, Host], start: Start, option: bool) -> None:
    """A label means its interface and its own addresses, as in 0.8; they may come and go."""
    router, client = hosts
    router.ip(f"addr add {SECOND}/24 dev lan label lan:0")
    text = config(SECRET, MARKER, interface="wan" if option else "lan:0")
    daemon = start(router, text, interface="lan:0" if option else None, ready="listening on lan")
    send(client, LAN, 700, 800, 900)
    assert opened(daemon, client, SECOND) == 0
    send(client, SECOND, 700, 800, 900)
    assert opened(daemon, client, SECOND) == 1
    router.ip(f"addr del {SECOND}/24 dev lan")
    daemon.wait_for("waiting for interface lan:0")
    router.ip(f"addr add {SECOND}/24 dev lan label lan:0")
    daemon.wait_for("listening on lan", times=2)
    send(client, SECOND, 700, 800, 900)
    daemon.wait_for("secret: OPEN SESAME", times=2)


def test_an_alternative_name(hosts: tuple[Host, Host], start: Start) -> None:
    """An interface may be named by any of its names, also by one that comes later and is long."""
    router, client = hosts
    text = config(SECRET, MARKER, interface="the-interface-of-our-lan")
    daemon = start(router, text, interface=None, ready="waiting for interface the-interface-of-our-lan")
    router.ip("link property add dev lan altname the-interface-of-our-lan")
    daemon.wait_for("listening on lan")
    send(client, LAN, 700, 800, 900)
    assert opened(daemon, client) == 1


def test_a_port_of_a_bridge(hosts: tuple[Host, Host], start: Start, lab: Lab) -> None:
    """Whoever names a bridge's port is told that knocks come by the bridge, which is named."""
    router, _ = hosts
    lab.link(router, "eth5", lab.host("other"), "eth0")
    lab.bridge(router, "br0", ["eth5"], ("10.5.0.1/24",))
    daemon = start(router, config(SECRET, interface="eth5"), interface=None)
    daemon.wait_for(
        "eth5 has no address, so only doors with a Target can be knocked at there:"
        " it is a part of bridge br0; write Interface = br0"
    )


# One packet at two interfaces.


def macvlan(router: Host) -> Sequence[str]:
    """A macvlan on the LAN's interface with an address of its own; both see its packets."""
    router.ip(
        "link add link lan name mv0 type macvlan mode bridge",
        "addr add 10.1.0.7/24 dev mv0",
        "link set mv0 up",
    )
    return "lan", "mv0"


def bridge(router: Host) -> Sequence[str]:
    """A bridge whose port the LAN's interface is; both are named."""
    router.ip(
        "link add br0 type bridge forward_delay 0",
        "link set lan master br0",
        "addr flush dev lan",
        "addr add 10.1.0.7/24 dev br0",
        "link set br0 up",
    )
    return "lan", "br0"


@pytest.mark.parametrize("build", [macvlan, bridge])
def test_a_packet_that_two_interfaces_see(hosts: tuple[Host, Host], start: Start, build: object) -> None:
    """It is one packet: a door of one port opens once, and a repeated port has to be knocked twice."""
    router, client = hosts
    assert callable(build)
    names = build(router)
    doors = (door("one", "700"), door("two", "800,800"), door("three", "1000,1100,1200"), MARKER)
    daemon = start(router, config(*doors, interface=", ".join(names)), interface=None)
    mac = router.mac(names[1])

    def knock(*ports: int) -> None:
        client.send_frames(
            "eth0", [ethernet(mac, BROADCAST, packet(CLIENT, "10.1.0.7", port)) for port in ports]
        )

    knock(700, 800)
    knock(1000, 1100, 1200)
    knock(1700, 1800)
    daemon.wait_for("marker: OPEN SESAME")
    assert [daemon.count(f"{name}: OPEN SESAME") for name in ("one", "two", "three")] == [1, 0, 1]
    knock(800)
    daemon.wait_for("two: OPEN SESAME")
    knock(700)
    daemon.wait_for("one: OPEN SESAME", times=2)


# Sources that cannot be.


@pytest.mark.parametrize("source", ["127.0.0.1", LAN, WAN, "::1", LAN_6, WAN_6, "::ffff:10.1.0.2"])
def test_a_source_that_cannot_be(hosts: tuple[Host, Host], start: Start, source: str) -> None:
    """From the wire it opens nothing, and -D says why; an address of any interface is one."""
    router, client = hosts
    daemon = start(router, config(SECRET, MARKER, interface="lan"), "-D", interface=None)
    send(client, LAN if ip_address(source).version == 4 else LAN_6, 700, 800, 900, source=source)
    assert opened(daemon, client) == 0
    assert daemon.output().count("(ignored: no packet off the wire can have this source)") == 3


def test_an_address_that_becomes_our_own(hosts: tuple[Host, Host], start: Start) -> None:
    """An address that comes to any interface is no source from then on."""
    router, client = hosts
    daemon = start(router, config(SECRET, MARKER, interface="lan"), interface=None)
    send(client, LAN, 700, 800, 900, source="10.1.0.5")
    assert opened(daemon, client) == 1
    router.ip("addr add 10.1.0.5/32 dev wan")

    def ignored() -> bool:
        before = daemon.count("secret: OPEN SESAME")
        send(client, LAN, 700, 800, 900, source="10.1.0.5")
        return opened(daemon, client) == before

    wait_until(ignored, 5, "it is ignored")
