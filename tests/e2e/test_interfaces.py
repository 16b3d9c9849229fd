"""Where knockd listens: several interfaces, all of them, the one of the default route, a router's."""

from __future__ import annotations

from ipaddress import ip_address

import pytest

from knockd.worker.capture import MANY
from tests.e2e.conftest import BOTH_READERS, Pair, Start
from tests.support.daemons.doors import FIREWALLS, SECRET, config, door, drop_with_nftables, firewall_door
from tests.support.lab.hosts import Host, Lab
from tests.support.lab.services import TcpService, can_connect, send_knock, wait_closed, wait_open
from tests.support.lab.tools import need

ONE, TWO = "10.1.0.1", "10.2.0.1"
DOOR = door("secret", "700,800,900")


def two_sided(lab: Lab) -> tuple[Host, Host, Host]:
    """A server with a client at its eth0 (10.1.0.0/24) and one at its eth1 (10.2.0.0/24)."""
    server, first, second = lab.host("server"), lab.host("first"), lab.host("second")
    lab.link(server, "eth0", first, "eth0", (f"{ONE}/24",), ("10.1.0.2/24",))
    lab.link(server, "eth1", second, "eth0", (f"{TWO}/24",), ("10.2.0.2/24",))
    return server, first, second


@pytest.mark.parametrize("interface", ["eth0, eth1", "any"])
def test_knocks_are_heard_on_several_interfaces(lab: Lab, start: Start, interface: str) -> None:
    """``Interface`` as a list, or ``any``, listens on each of them."""
    server, first, second = two_sided(lab)
    daemon = start(server, config(DOOR, interface=interface), interface=None)
    send_knock(first, ONE, "700", "800", "900")
    daemon.wait_for("10.1.0.2: secret: OPEN SESAME")
    send_knock(second, TWO, "700", "800", "900")
    daemon.wait_for("10.2.0.2: secret: OPEN SESAME")


def test_many_interfaces(lab: Lab, start: Start) -> None:
    """With ``any`` on more interfaces than libpcap reads, knocks at old and new ones open."""
    server, first, second = two_sided(lab)
    made = (f"link add a{at} type veth peer name b{at}\nlink set a{at} up\n" for at in range(MANY))
    server.run("ip", "-batch", "-", stdin="".join(made))
    daemon = start(server, config(DOOR, interface="any"), interface=None)
    send_knock(first, ONE, "700", "800", "900")
    daemon.wait_for("10.1.0.2: secret: OPEN SESAME")
    lab.link(server, "late0", second, "late0", ("10.3.0.1/24",), ("10.3.0.2/24",))
    daemon.wait_for("late0")
    send_knock(second, "10.3.0.1", "700", "800", "900")
    daemon.wait_for("10.3.0.2: secret: OPEN SESAME")
    assert daemon.count("not listened on") + daemon.count("capture ended") == 0


@BOTH_READERS
def test_a_knock_through_a_bridge_counts_once(lab: Lab, start: Start) -> None:
    """With ``any`` a packet that crosses a bridge port and the bridge is one packet, and opens once."""
    server, client = lab.host("server"), lab.host("client")
    lab.link(server, "eth0", client, "eth0", (), ("10.1.0.2/24",))
    lab.bridge(server, "br0", ["eth0"], (f"{ONE}/24",))
    daemon = start(server, config(DOOR, door("marker", "1700,1800"), interface="any"), interface=None)
    send_knock(client, ONE, "700", "800", "900")
    send_knock(client, ONE, "1700", "1800")
    daemon.wait_for("marker: OPEN SESAME")
    assert daemon.count("secret: OPEN SESAME") == 1
    assert daemon.count("secret: Stage 1") == 1


def test_auto_listens_where_the_default_route_is(lab: Lab, start: Start) -> None:
    """``Interface = auto`` hears a knock on the default route's interface and none on another."""
    server, first, second = two_sided(lab)
    server.route("default", "10.2.0.2")
    daemon = start(server, config(DOOR, interface="auto"), interface=None)
    send_knock(first, ONE, "700", "800", "900")
    send_knock(second, TWO, "700", "800", "900")
    daemon.wait_for("10.2.0.2: secret: OPEN SESAME")
    assert daemon.count("10.1.0.2") == 0


@pytest.mark.parametrize("version", [4, 6])
def test_a_router_opens_the_way_to_a_routed_host(
    lab: Lab, start: Start, either: tuple[str, ...], version: int
) -> None:
    """With ``Target`` the knock is aimed at a host behind the router, which then lets its packets through."""
    need("nft")
    inside = {4: ("10.2.0.2", "10.2.0.1"), 6: ("fd00:2::2", "fd00:2::1")}
    outside = {4: ("10.1.0.2", "10.1.0.1"), 6: ("fd00:1::2", "fd00:1::1")}
    size = {4: 24, 6: 64}
    router, client, server = lab.host("router"), lab.host("client"), lab.host("server")
    for host, interface, addresses in ((client, "eth0", outside), (server, "eth1", inside)):
        sides = [[f"{addresses[v][side]}/{size[v]}" for v in (4, 6)] for side in (1, 0)]
        lab.link(router, interface, host, "eth0", *sides)
        for v in (4, 6):
            host.route("default", addresses[v][1])
            assert ip_address(addresses[v][1]).version == v
    router.forward()
    drop_with_nftables(router, "forward")
    target = inside[version][0]
    text = firewall_door(FIREWALLS["nftables"], "700,800,900").rstrip() + f"\ntarget = {target}\n"
    with TcpService(server, SECRET):
        daemon = start(router, config(text), program=either)
        assert not can_connect(client, target, SECRET)
        send_knock(client, target, "700", "800", "900")
        wait_open(client, target, SECRET)
        wait_closed(client, target, SECRET)
    assert daemon.count(f"{outside[version][0]}: secret: OPEN SESAME") == 1


def test_a_knock_at_the_router_itself_does_not_open_a_target_door(lab: Lab, start: Start) -> None:
    """A door with ``Target`` watches that destination instead of the interface's own addresses."""
    server, first, _ = two_sided(lab)
    target = door("secret", "700,800,900", target="10.2.0.2")
    daemon = start(server, config(target, door("marker", "1700,1800")))
    send_knock(first, ONE, "700", "800", "900")
    send_knock(first, ONE, "1700", "1800")
    daemon.wait_for("marker: OPEN SESAME")
    assert daemon.count("secret:") == 0


def test_any_passes_over_what_is_down(pair: Pair, start: Start) -> None:
    """An interface that is down does not keep ``any`` from listening on the others."""
    pair.server.ip("link set lo down")
    daemon = start(pair.server, config(DOOR, interface="any"), interface=None)
    assert daemon.log_lines()[0] == "starting up, listening on eth0"
