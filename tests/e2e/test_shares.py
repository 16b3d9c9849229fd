"""Shares of Max_Leases: who opens one door for many addresses leaves room for others at other doors."""

from __future__ import annotations

from tests.e2e.conftest import Pair, Start
from tests.support.daemons.doors import CLIENT, SERVER, config, door, drop_with_nftables
from tests.support.daemons.scans import Strangers
from tests.support.lab.services import send_knock

COMMANDS = {"start_command": "/bin/true", "stop_command": "/bin/true", "cmd_timeout": 600}


def test_one_door_leaves_room_for_another(pair: Pair, start: Start) -> None:
    """Of four leases one door and one network take three; who comes from elsewhere opens the other one."""
    drop_with_nftables(pair.server)
    strangers = Strangers(pair.server, pair.client, SERVER[4], CLIENT[4])
    known, other = (
        door(name, ports, **COMMANDS) for name, ports in (("known", "7000,8000"), ("other", "7300,9300"))
    )
    daemon = start(pair.server, config(known, other, Max_Leases=4))
    for _ in range(3):
        daemon.wait_for(f"{strangers.knock('7000', '8000')}: known: OPEN SESAME")
    daemon.wait_for("known: running command: /bin/true", times=3)
    late, neighbour = strangers.knock("7000", "8000"), strangers.knock("7300", "9300")
    daemon.wait_for(f"{late}: known: not opened: 3 leases of its door are open")
    daemon.wait_for(f"{neighbour}: other: not opened: 3 leases of its network are open")
    send_knock(pair.client, SERVER[4], "7300", "9300")
    daemon.wait_for("other: running command: /bin/true")
