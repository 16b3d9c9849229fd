"""What an owner is told, and in which order."""

from __future__ import annotations

import pytest

from knockd.doctor.findings import Finding
from knockd.init.commands import Work
from knockd.init.report import SignedSummary, Summary, describe_finding, format_report
from knockd.init.ways import Tool, Way
from knockd_conf.model import Service
from knockd_conf.protocol import Protocol

NFT4 = Way(4, Tool.NFT, "/usr/sbin/nft", "inet filter input", False, "inet filter knocked4")
GATE4 = Way(4, Tool.GATE, "/usr/sbin/nft", "inet knockd input", True, "inet knockd knocked4")
CLOSED = Work(("echo 'add set\nadd rule' | nft -f -",), (), (), (), ())
OPEN = Work(
    ("nft -f gate",),
    ("nft add rule x drop",),
    ("nft flush chain x",),
    ("nft list >> file",),
    ("and so on",),
)
BOTH_OPEN = (GATE4, GATE4._replace(version=6))
SUMMARY = Summary(
    ("/etc/knockd.conf",),
    ("eth0",),
    ("8.8.8.8", "2600::1"),
    False,
    "ssh",
    Service(22, 22, Protocol.TCP),
    True,
    False,
    ("1001", "2002:udp", "3003", "4004"),
    (NFT4, NFT4._replace(version=6)),
    (4, 6),
    CLOSED,
    True,
    "systemctl enable --now knockd",
    "",
    (),
    (),
)


def told(**values: object) -> list[str]:
    """The lines of the report of a closed firewall, with some things changed."""
    return list(format_report(SUMMARY._replace(**values)))  # type: ignore[arg-type]


def test_a_firewall_that_drops() -> None:
    """The whole report: what was found, then what is to be done; nothing is to be closed."""
    assert """\
Wrote /etc/knockd.conf (mode 600).

Interface: eth0
Addresses: 8.8.8.8, 2600::1
Firewall:  nft, chain inet filter input, drops strangers
Door:      ssh opens 22/tcp for 30 seconds; 4 random ports

1. Tell the firewall of those who have knocked. This changes nothing for anybody
   yet.
     echo 'add set
     add rule' | nft -f -

2. Start knockd.
     systemctl enable --now knockd

3. Try it: first without a network, here; then knock from another host.
     knockctl doctor --knock ssh
     knock 8.8.8.8 1001 2002:udp 3003 4004
   Within 30 seconds connect to 8.8.8.8, 22/tcp.""" == "\n".join(told())


def test_a_firewall_that_lets_everybody_in() -> None:
    """The door protects nothing; what closes it comes last, behind what takes it back by itself."""
    lines = told(ways=BOTH_OPEN, work=OPEN)
    assert """\
4. THE DOOR PROTECTS NOTHING YET: everybody reaches 22/tcp. When step 3 has
   worked, close it, and leave this session open: in 5 minutes it is undone.
     systemd-run --on-active=5min --unit=knockd-undo-1 nft flush chain x
     nft add rule x drop

5. From the other host connect without a knock: that has to fail. Then knock and
   connect. When that works, let it stay closed.
     systemctl stop 'knockd-undo-*.timer'
     nft list >> file
   and so on""" == "\n".join(lines[-10:])
    assert "Firewall:  nothing drops strangers" in lines


def test_without_systemd() -> None:
    """Elsewhere a shell waits, which a hang-up does not end, and it is killed."""
    lines = told(ways=BOTH_OPEN, work=OPEN, systemd=False)
    assert "     (trap '' HUP; sleep 300; nft flush chain x) > /dev/null 2>&1 &" in lines
    assert "     kill $!" in lines


def test_nothing_for_the_firewall() -> None:
    """Where the firewall needs no rule the steps are counted from the start of the daemon."""
    lines = told(work=CLOSED._replace(prepare=()))
    assert "1. Start knockd." in lines
    lines = told(work=OPEN._replace(prepare=()), ways=BOTH_OPEN)
    assert "When step 2" in " ".join(lines)


def test_started_by_hand() -> None:
    """Without a service nothing starts it at a boot, and the page about services is named."""
    assert "   At each boot a service does so: docs/service.md." in told(start="knockd -d")
    assert "service.md" not in " ".join(told())


def test_one_version_is_open() -> None:
    """Of each IP version it is said what becomes of strangers; one is open."""
    lines = told(ways=(NFT4, GATE4._replace(version=6)), work=OPEN)
    text = " ".join(" ".join(lines).split())
    assert "nft, chain inet filter input, drops strangers (IPv4); nothing drops strangers (IPv6)" in text
    assert "everybody reaches 22/tcp over IPv6." in text


def test_a_version_by_which_nobody_comes() -> None:
    """Of a version by which nobody can reach the host nothing is said."""
    lines = told(ways=(NFT4, GATE4._replace(version=6)), versions=(4,))
    assert "Firewall:  nft, chain inet filter input, drops strangers" in lines


def test_a_door_with_a_key() -> None:
    """The key is exported, and no ports are told; both files are named."""
    lines = told(keyed=True, knocks=(), written=("/etc/knockd/ssh.key", "/etc/knockd.conf"))
    assert "Wrote /etc/knockd/ssh.key and /etc/knockd.conf (mode 600)." == lines[0]
    assert "     knockctl export ssh --host 8.8.8.8 --verify 22" in lines
    assert "To knock: knock 8.8.8.8 Within" in " ".join(" ".join(lines).split())
    assert not any("1001" in line for line in lines)


def test_a_key_for_a_udp_service() -> None:
    """That a UDP port has opened no client can see."""
    lines = told(keyed=True, knocks=(), service=Service(51_820, 51_820, Protocol.UDP))
    assert "     knockctl export ssh --host 8.8.8.8" in lines


SIGNED = SignedSummary(47811, (), ())


def told_signed(signed: SignedSummary = SIGNED, **values: object) -> list[str]:
    """The report of a door of signed knocks."""
    return told(knocks=(), signed=signed, **values)


def test_signed_knocks() -> None:
    """A key is let in before the daemon starts; what clients need is exported, and it says how to knock."""
    assert """\
Door:      ssh opens 22/tcp for 30 seconds; one packet to 47811/udp, signed by
           an SSH key

1. Tell the firewall of those who have knocked. This changes nothing for anybody
   yet.
     echo 'add set
     add rule' | nft -f -

2. Let an SSH key knock: one of ssh-ed25519, which 'ssh-keygen -t ed25519' makes
   on its owner's host. Copy the file that ends in .pub to here.
     knockctl authorize --door ssh FILE.pub

3. Start knockd.
     systemctl enable --now knockd
   Signed knocks count two minutes after the first start: knockctl status says
   when.

4. Try it from another host.
     knockctl export ssh --host 8.8.8.8 --verify 22
   There 'knock --import -' takes what export prints here. To knock, where that
   key is: knock 8.8.8.8
   Within 30 seconds connect to 8.8.8.8, 22/tcp.""" == "\n".join(told_signed()[5:])


def test_keys_that_are_known() -> None:
    """Three at most are proposed, each as one word of the shell; more are counted."""
    lines = told_signed(SIGNED._replace(known=tuple(f"ssh-ed25519 A{n} o'x" for n in range(5))))
    first = """     knockctl authorize --door ssh 'ssh-ed25519 A0 o'"'"'x'"""
    at = lines.index(first)
    assert "A2" in lines[at + 2]
    assert "   (2 more of them log in.)" == lines[at + 3]
    lines = told_signed(SIGNED._replace(known=("ssh-ed25519 A me",)))
    assert "     knockctl authorize --door ssh 'ssh-ed25519 A me'" in lines
    assert "more of them" not in " ".join(lines)


def test_signed_knocks_to_an_open_host() -> None:
    """What closes the port names the step that has to work before."""
    assert "When step 4 has worked" in " ".join(" ".join(told_signed(ways=BOTH_OPEN, work=OPEN)).split())


def test_signed_knocks_behind_a_router() -> None:
    """It has to forward two ports."""
    said = " ".join(" ".join(told_signed(private=True)).split())
    assert "your router, which has to forward 47811/udp and 22/tcp." in said


def test_files_that_were_there() -> None:
    """They are named in front of the steps."""
    lines = told_signed(SIGNED._replace(kept=("/etc/knockd/authorized_keys",)))
    assert "! /etc/knockd/authorized_keys is there already, and counts as it is" in lines


def test_printed() -> None:
    """When the file was printed nothing was written."""
    assert "Interface: eth0" == told(written=())[0]


def test_a_file_elsewhere() -> None:
    """Commands are told where the file is."""
    assert "     knockctl doctor --knock ssh -c /srv/a" in told(options=" -c /srv/a")


def test_behind_a_router() -> None:
    """From a private address the Internet is far: the router has to forward ports."""
    assert "router" in " ".join(told(private=True))
    assert "router" not in " ".join(told())


def test_no_address() -> None:
    """Without an address there is a place for one."""
    lines = told(addresses=())
    assert "Addresses: no address yet" in lines
    assert "     knock THIS-HOST 1001 2002:udp 3003 4004" in lines


def test_nobody_serves() -> None:
    """That nobody listens at the port is said."""
    assert "(nobody listens there yet)" in " ".join(told(listening=False))


def test_a_firewall_that_is_not_known() -> None:
    """Who may not read the rules is told what was taken for granted."""
    lines = told(ways=BOTH_OPEN, work=OPEN, unlooked=("its rules: run it as root",))
    text = " ".join(" ".join(lines).split())
    assert "not known (its rules: run it as root): taken for one that lets everybody in" in text
    assert "4. Where everybody reaches 22/tcp, THE DOOR PROTECTS NOTHING YET." in text


def test_care() -> None:
    """What is not well stands in front of the steps."""
    lines = told(care=("interface eth0 is down",))
    assert lines.index("! interface eth0 is down") < lines.index("2. Start knockd.")


@pytest.mark.parametrize(
    ("tool", "text"),
    [
        (Tool.IPTABLES, "iptables, chain inet filter input, drops strangers"),
        (Tool.UFW, "ufw drops strangers"),
        (Tool.FIREWALLD, "firewalld drops strangers"),
    ],
)
def test_tools(tool: Tool, text: str) -> None:
    """Each firewall is named."""
    assert f"Firewall:  {text}" in told(ways=(NFT4._replace(tool=tool),), versions=(4,))


def test_size() -> None:
    """The longest report fits on a screen; prose has 80 columns."""
    lines = told(ways=BOTH_OPEN, work=OPEN, private=True, care=("x",))
    assert len(lines) <= 40
    known = tuple("x" * 80 for _ in range(9))
    assert len(told_signed(SIGNED._replace(known=known), ways=BOTH_OPEN, work=OPEN, care=("x",))) <= 45
    assert max(map(len, (line for line in lines if not line.startswith("     ")))) <= 80


def test_finding() -> None:
    """A finding of the doctor is told with its cure."""
    assert "it is bad: mend it" == describe_finding(Finding("sessions-cut", "it is bad", "mend it"))
