"""The example that knockd configurations have been copied from for twenty years opens a real firewall."""

from __future__ import annotations

from tests.e2e.conftest import Pair, Start
from tests.support.daemons.doors import SERVER, drop_with_iptables
from tests.support.lab.services import TcpService, send_knock, wait_closed, wait_open
from tests.support.lab.tools import need

SEED = """\
[options]
\tUseSyslog

[opencloseSSH]
\tsequence      = 2222:udp,3333:tcp,4444:udp
\tseq_timeout   = 15
\ttcpflags      = syn
\tstart_command = iptables -A INPUT -s %IP% -p tcp --dport ssh -j ACCEPT
\tcmd_timeout   = 2
\tstop_command  = iptables -D INPUT -s %IP% -p tcp --dport ssh -j ACCEPT

[openSMTP]
    sequence    = 700,800,900
    seq_timeout = 5
    command     = iptables -A INPUT -s %IP% -p tcp --dport 25 -j ACCEPT
    tcpflags    = syn

[closeSMTP]
    sequence    = 900,800,700
    seq_timeout = 5
    command     = iptables -D INPUT -s %IP% -p tcp --dport 25 -j ACCEPT
    tcpflags    = syn
"""


def test_one_knock_opens_and_another_closes(pair: Pair, start: Start, either: tuple[str, ...]) -> None:
    """700,800,900 opens the port until 900,800,700 closes it."""
    need("iptables")
    drop_with_iptables(pair.server)
    with TcpService(pair.server, 25):
        start(pair.server, SEED, program=either)
        send_knock(pair.client, SERVER[4], "700", "800", "900")
        wait_open(pair.client, SERVER[4], 25)
        send_knock(pair.client, SERVER[4], "900", "800", "700")
        wait_closed(pair.client, SERVER[4], 25)


def test_a_knock_opens_and_time_closes(pair: Pair, start: Start, either: tuple[str, ...]) -> None:
    """2222:udp,3333:tcp,4444:udp opens the port for cmd_timeout seconds."""
    need("iptables")
    drop_with_iptables(pair.server)
    with TcpService(pair.server, 22):
        start(pair.server, SEED, program=either)
        send_knock(pair.client, SERVER[4], "2222:udp", "3333", "4444:udp")
        wait_open(pair.client, SERVER[4], 22)
        wait_closed(pair.client, SERVER[4], 22)
        rules = pair.server.run("iptables", "-S", "INPUT")
    assert rules.count("--dport") == 0
