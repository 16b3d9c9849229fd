"""The lab of the benchmarks: a server that drops everything, and a host that is client and strangers."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from tests.support.daemons.doors import CLIENT, CLIENT_ADDRESSES, SERVER, SERVER_ADDRESSES, config, door
from tests.support.lab.hosts import Host, Lab

KNOCKERS = 200
DROP = """
table netdev bench {
    chain early {
        type filter hook ingress device "eth0" priority 0;
        meta l4proto { tcp, udp } drop;
    }
}
"""
"""Right behind the capture: the strangers' packets cost the server as little as can be."""

TCP_STEPS = ("7000", "8000", "9000")
UDP_STEPS = ("7002:udp", "8002:udp", "9002:udp")


@dataclass(frozen=True)
class Stage:
    """Two hosts on a cable; the client has many addresses to knock from."""

    server: Host
    client: Host

    def macs(self) -> tuple[bytes, bytes]:
        """Hardware addresses of a frame to the server: its own and the client's."""
        return self.server.mac("eth0"), self.client.mac("eth0")

    def knocker(self, number: int, version: int = 4) -> str:
        """An address of the client, another for each of KNOCKERS numbers."""
        return f"10.7.1.{number + 1}" if version == 4 else f"fd00:7::1:{number + 1:x}"


@contextmanager
def stage(*, drop: bool = True) -> Iterator[Stage]:
    """A lab without anything in it yet; ``drop`` False: the server's kernel answers."""
    with Lab() as lab:
        server, client = lab.host("server"), lab.host("client")
        lab.link(server, "eth0", client, "eth0", SERVER_ADDRESSES, CLIENT_ADDRESSES)
        made = Stage(server, client)
        to_server, to_client = made.macs()
        client.ip(
            *(f"addr add {made.knocker(n)}/32 dev eth0" for n in range(KNOCKERS)),
            *(f"addr add {made.knocker(n, 6)}/128 dev eth0 nodad" for n in range(KNOCKERS)),
            *(f"neigh replace {SERVER[v]} lladdr {to_server.hex(':')} dev eth0" for v in (4, 6)),
        )
        server.ip(
            *(f"neigh replace {CLIENT[v]} lladdr {to_client.hex(':')} dev eth0" for v in (4, 6)),
            "route add 10.7.1.0/24 dev eth0",
        )
        if drop:
            server.run("nft", "-f", "-", stdin=DROP)
        yield made


def doors(command: str, **options: object) -> str:
    """A TCP door and a UDP door, both with ``command``: a configuration that both daemons read."""
    keys = {"seq_timeout": 5, "start_command": command}
    return config(
        door("tcp", ",".join(TCP_STEPS), tcpflags="syn", **keys),
        door("udp", ",".join(UDP_STEPS), **keys),
        **options,
    )
