"""What a door runs and its owner types, in the words of each tool."""

from __future__ import annotations

import pytest

from knockd.doctor.firewall_reader import Firewall
from knockd.init.commands import Command, make_command, plan_work
from knockd.init.walls import Walls
from knockd.init.ways import Tool, Way
from knockd_conf.firewall_tools import Version
from knockd_conf.model import Service
from knockd_conf.protocol import Protocol

SSH = Service(22, 22, Protocol.TCP)
WIREGUARD = Service(51_820, 51_820, Protocol.UDP)
BOTH: tuple[Version, ...] = (4, 6)
NONE = Walls(Firewall(None, False, None, ()), {})
NFT_FILE = NONE._replace(nft_file=True)


def ways(tool: Tool, program: str, four: str, six: str = "", *, wide_open: bool = False) -> tuple[Way, ...]:
    """A way for each version; of nft with a set."""
    places: list[tuple[Version, str]] = [(4, four), (6, six or four)]
    return tuple(
        Way(
            version,
            tool,
            f"/usr/sbin/{program}",
            place,
            wide_open,
            f"{place.rpartition(' ')[0]} knocked{version}" if program == "nft" else "",
        )
        for version, place in places
    )


NFT = ways(Tool.NFT, "nft", "inet filter input")
GATE = ways(Tool.GATE, "nft", "inet knockd input", wide_open=True)
IPTABLES = ways(Tool.IPTABLES, "iptables", "ip filter INPUT")
IPTABLES_OPEN = ways(Tool.IPTABLES, "iptables", "ip filter INPUT", wide_open=True)
UFW = ways(Tool.UFW, "ufw", "ip filter ufw-user-input", wide_open=True)
FIREWALLD = ways(Tool.FIREWALLD, "firewall-cmd", "public", wide_open=True)


@pytest.mark.parametrize(
    ("made", "start", "stop"),
    [
        (
            NFT,
            "/usr/sbin/nft add element inet filter knocked4 { %IP% }",
            "/usr/sbin/nft 'add element inet filter knocked4 { %IP% };"
            " delete element inet filter knocked4 { %IP% }'",
        ),
        (
            IPTABLES,
            "/usr/sbin/iptables -w -I INPUT -s %IP% -p tcp --dport 22 -j ACCEPT",
            "/usr/sbin/iptables -w -D INPUT -s %IP% -p tcp --dport 22 -j ACCEPT",
        ),
        (
            UFW,
            "/usr/sbin/ufw prepend allow proto tcp from %IP% to any port 22",
            "/usr/sbin/ufw delete allow proto tcp from %IP% to any port 22",
        ),
        (
            FIREWALLD,
            '/usr/sbin/firewall-cmd --zone=public --add-rich-rule=\'rule priority="-100" family="ipv4"'
            ' source address="%IP%" port port="22" protocol="tcp" accept\'',
            '/usr/sbin/firewall-cmd --zone=public --remove-rich-rule=\'rule priority="-100" family="ipv4"'
            ' source address="%IP%" port port="22" protocol="tcp" accept\'',
        ),
    ],
)
def test_commands(made: tuple[Way, ...], start: str, stop: str) -> None:
    """Each tool has its own words; what starts is what stops."""
    assert Command(start, stop) == make_command(made, SSH, 4)


def test_another_table_of_iptables() -> None:
    """A chain that is not in the usual table has its table named."""
    made = ways(Tool.IPTABLES, "iptables", "ip raw PREROUTING")
    assert "/usr/sbin/iptables -w -I PREROUTING -t raw -s %IP% -p udp --dport 51820 -j ACCEPT" == (
        make_command(made, WIREGUARD, 4).start
    )


def test_two_chains() -> None:
    """Where two chains drop, both are opened, and both are closed whatever the first one says."""
    early = ways(Tool.IPTABLES, "iptables", "ip raw PREROUTING")
    made = make_command((*IPTABLES, *early), SSH, 4)
    assert 2 == len(made.start.split(" && "))
    assert 2 == len(made.stop.split("; "))


def test_two_chains_of_one_set() -> None:
    """A set that two chains ask for is filled once."""
    early = ways(Tool.NFT, "nft", "inet filter early")
    assert make_command(NFT, SSH, 4) == make_command((*NFT, *early), SSH, 4)


def test_rules_in_a_chain_of_nft() -> None:
    """Rules come first in the chain; nothing is closed, and the owner keeps them for the next boot."""
    work = plan_work(NFT, SSH, NFT_FILE, BOTH)
    assert (
        "echo 'add set inet filter knocked4 { type ipv4_addr; flags timeout; timeout 1d; }\n"
        "add set inet filter knocked6 { type ipv6_addr; flags timeout; timeout 1d; }\n"
        "insert rule inet filter input tcp dport 22 ip saddr @knocked4 accept\n"
        "insert rule inet filter input tcp dport 22 ip6 saddr @knocked6 accept' | nft -f -",
    ) == work.prepare
    assert () == work.close + work.undo + work.keep
    assert ("table inet filter lacks them after a boot: put them where it is set up, too",) == work.advice


def test_a_table_that_the_file_sets_up() -> None:
    """Where nftables.conf sets the table up, the lines are put there, too."""
    kept = NFT_FILE._replace(kept_tables=frozenset({"inet filter"}))
    work = plan_work(NFT, SSH, kept, BOTH)
    assert work.prepare[0].endswith("accept' | tee -a /etc/nftables.conf | nft -f -")
    assert () == work.advice


def test_a_gate() -> None:
    """A table of its own lets everybody through until it is closed, and again when that is undone."""
    work = plan_work(GATE, WIREGUARD, NFT_FILE._replace(systemd=True), BOTH)
    assert (
        "echo 'table inet knockd {\n"
        "  set knocked4 { type ipv4_addr; flags timeout; timeout 1d; }\n"
        "  set knocked6 { type ipv6_addr; flags timeout; timeout 1d; }\n"
        "  chain strangers { }\n"
        "  chain input {\n"
        "    type filter hook input priority -5; ct state established,related accept; iif lo accept\n"
        "    udp dport 51820 ip saddr @knocked4 accept\n"
        "    udp dport 51820 ip6 saddr @knocked6 accept\n"
        "    jump strangers\n"
        "  }\n"
        "}' | nft -f -",
    ) == work.prepare
    assert ("nft 'add rule inet knockd strangers udp dport 51820 drop'",) == work.close
    assert ("nft flush chain inet knockd strangers",) == work.undo
    assert ("nft -t list table inet knockd >> /etc/nftables.conf && systemctl enable nftables",) == work.keep


def test_a_gate_for_one_version() -> None:
    """A gate for one IP version drops nothing of the other."""
    work = plan_work((NFT[0], GATE[1]), SSH, NONE, BOTH)
    assert (
        "nft 'add rule inet knockd strangers meta nfproto ipv6 tcp dport 22"
        " tcp flags & (fin|syn|rst|ack) == syn drop'",
    ) == work.close
    assert 2 == len(work.prepare)
    assert 2 == len(work.advice)


def test_a_version_by_which_nobody_comes() -> None:
    """What nobody can reach is not closed, for it is not open."""
    assert () == plan_work((NFT[0], GATE[1]), SSH, NONE, (4,)).close


def test_iptables_that_drops() -> None:
    """Where iptables drops strangers nothing is left to do."""
    assert ((), (), (), (), ()) == plan_work(IPTABLES, SSH, NONE, BOTH)


def test_iptables_that_accepts() -> None:
    """A rule in front of all others drops new connections, and the same rule is taken away."""
    made = (IPTABLES_OPEN[0], IPTABLES_OPEN[1]._replace(program="/sbin/ip6tables", place="ip6 filter INPUT"))
    work = plan_work(made, SSH, NONE._replace(programs={"netfilter-persistent": "x"}), BOTH)
    rule = "INPUT ! -i lo -p tcp --dport 22 --syn -j DROP"
    assert (f"iptables -w -I {rule}", f"ip6tables -w -I {rule}") == work.close
    assert (f"ip6tables -w -D {rule}", f"iptables -w -D {rule}") == work.undo
    assert ("netfilter-persistent save",) == work.keep
    assert () == work.prepare + work.advice


def test_a_udp_service_behind_iptables() -> None:
    """UDP has no first packet but for who tracks connections."""
    work = plan_work(IPTABLES_OPEN, WIREGUARD, NONE, (4,))
    rule = "INPUT ! -i lo -p udp --dport 51820 -m conntrack --ctstate NEW -j DROP"
    assert (f"iptables -w -I {rule}",) == work.close


def test_what_nothing_keeps() -> None:
    """Where no line keeps it over a boot, that is said."""
    (text,) = plan_work(IPTABLES_OPEN, SSH, NONE, BOTH).advice
    assert "after a boot it is open again" in text


def test_ufw_that_accepts() -> None:
    """ufw has its rules for both versions in one, and keeps them itself."""
    work = plan_work(UFW, SSH, NONE, BOTH)
    assert ("ufw prepend deny in proto tcp to any port 22",) == work.close
    assert ("ufw delete deny in proto tcp to any port 22",) == work.undo
    assert () == work.prepare + work.keep + work.advice


@pytest.mark.parametrize(
    ("rule", "back"),
    [
        ("ufw limit 22/tcp", ["ufw limit 22/tcp"]),
        ("ufw allow 22/tcp comment 'my way in'", ["ufw allow 22/tcp"]),
        ("ufw allow 22/udp", []),
        ("ufw allow 2222/tcp", []),
        ("ufw allow in on eth0 to any port 22 proto tcp", []),
    ],
)
def test_ufw_with_a_rule_for_the_same_packets(rule: str, back: list[str]) -> None:
    """ufw would leave out our rule beside one for the same packets: that goes first, and comes back last."""
    work = plan_work(UFW, SSH, NONE._replace(ufw_rules=("ufw allow 80", rule)), BOTH)
    deny = "deny in proto tcp to any port 22"
    assert (*(line.replace("ufw ", "ufw delete ") for line in back), f"ufw prepend {deny}") == work.close
    assert (f"ufw delete {deny}", *back) == work.undo


def test_firewalld_that_accepts() -> None:
    """firewalld's rule for both versions comes behind the door's, and is kept by a second one."""
    work = plan_work(FIREWALLD, SSH, NONE, BOTH)
    rule = 'rich-rule=\'rule priority="-50" port port="22" protocol="tcp" drop\''
    assert (f"firewall-cmd --zone=public --add-{rule}",) == work.close
    assert (f"firewall-cmd --zone=public --remove-{rule}",) == work.undo
    assert (f"{work.close[0]} --permanent",) == work.keep
