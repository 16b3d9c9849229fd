"""knockctl doctor beside real firewalls: what it says of them is what the kernel does."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.conftest import Pair, Start
from tests.support.daemons.daemon import environment
from tests.support.daemons.doors import CLIENT, SERVER, config, door
from tests.support.lab.hosts import Host, Lab
from tests.support.lab.services import passes, session
from tests.support.lab.tools import lacking, need
from tests.support.samples.firewalls import PRIVATE_UFW
from tests.support.samples.printed import EXAMPLES, example, set_up

DOCTOR = ("env", f"PYTHONPATH={environment()['PYTHONPATH']}", sys.executable, "-m", "knockd.ctl", "doctor")

FOUR = "iptables -{} INPUT -s %IP% -p tcp --dport 22 -j ACCEPT"
ACCEPT = "tcp dport 22 ip saddr @knocked accept"
KEPT = "iptables -A INPUT -m conntrack --ctstate ESTABLISHED,RELATED -j ACCEPT"
NFT = """table inet filter {{
  set knocked {{ type ipv4_addr; }}
  chain input {{ type filter hook input priority filter; policy {policy}; {rules}; }}
}}"""
ELEMENT = "nft {} element inet filter knocked {{ %IP% }}"


def nft(*rules: str, policy: str = "drop") -> str:
    """A firewall of nftables with a set, and a chain of these rules."""
    return "nft -f - <<'.'\n" + NFT.format(policy=policy, rules="; ".join(rules)) + "\n."


LOCKED, OPEN = {"rule-too-late", "place-missing", "set-unused", "replies-dropped"}, "firewall-open"

FIREWALLS = {
    "nothing": ("true", (FOUR.format("I"), FOUR.format("D"))),
    "iptables, well": (f"{KEPT}; iptables -P INPUT DROP", (FOUR.format("I"), FOUR.format("D"))),
    "iptables, policy accept": (KEPT, (FOUR.format("I"), FOUR.format("D"))),
    "iptables, dropped before": (
        f"{KEPT}; iptables -A INPUT -p tcp --dport 22 -j DROP",
        (FOUR.format("A"), FOUR.format("D")),
    ),
    "iptables, dropped behind": (
        f"{KEPT}; iptables -A INPUT -p tcp --dport 22 -j DROP",
        (FOUR.format("I"), FOUR.format("D")),
    ),
    "iptables, none established": ("iptables -P INPUT DROP", (FOUR.format("I"), FOUR.format("D"))),
    "iptables, no way out": (
        f"{KEPT}; iptables -P INPUT DROP; iptables -P OUTPUT DROP",
        (FOUR.format("I"), FOUR.format("D")),
    ),
    "iptables, a chain of its own": (
        f"iptables -N doors; {KEPT}; iptables -A INPUT -p tcp -j doors; iptables -A INPUT -j REJECT",
        (FOUR.format("A").replace("INPUT", "doors"), FOUR.format("D").replace("INPUT", "doors")),
    ),
    "iptables-legacy": (
        f"{KEPT}; iptables -P INPUT DROP".replace("iptables ", "iptables-legacy "),
        (FOUR.format("I"), FOUR.format("D")),
    ),
    "nftables, well": (
        nft("ct state established accept", ACCEPT),
        (ELEMENT.format("add"), ELEMENT.format("delete")),
    ),
    "nftables, policy accept": (
        nft("ct state established accept", ACCEPT, policy="accept"),
        (ELEMENT.format("add"), ELEMENT.format("delete")),
    ),
    "nftables, dropped before": (
        nft("ct state established accept", "tcp dport { 20-25 } reject", ACCEPT),
        (ELEMENT.format("add"), ELEMENT.format("delete")),
    ),
    "nftables, none established": (nft(ACCEPT), (ELEMENT.format("add"), ELEMENT.format("delete"))),
    "nftables, a set that nobody asks for": (
        nft("ct state established accept"),
        (ELEMENT.format("add"), ELEMENT.format("delete")),
    ),
    "nftables, a map": (
        nft(
            "ct state vmap { established : accept, invalid : drop }", "tcp dport vmap { 22 : accept }", ACCEPT
        ),
        (ELEMENT.format("add"), ELEMENT.format("delete")),
    ),
    "both": (
        f"{nft('ct state established accept')}\n{KEPT}; iptables -P INPUT DROP",
        (FOUR.format("I"), FOUR.format("D")),
    ),
}
"""By its name: the commands that set it up, and the start and stop command of the door."""


@pytest.fixture
def four(lab: Lab) -> Pair:
    """A server and a client, with IPv4 alone."""
    server, client = lab.host("server"), lab.host("client")
    lab.link(server, "eth0", client, "eth0", (f"{SERVER[4]}/24",), (f"{CLIENT[4]}/24",))
    server.sysctl("net/ipv6/conf/all/disable_ipv6", 1)
    return Pair(lab, server, client)


def write(folder: Path, text: str) -> Path:
    """A configuration that nobody else can read."""
    path = folder / "knockd.conf"
    path.write_text(text)
    path.chmod(0o600)
    return path


def found(host: Host, path: Path, *options: str) -> dict[str, Any]:
    """What the doctor prints as JSON."""
    done = host.status(*DOCTOR, "-c", str(path), "--json", *options)
    assert done.returncode in (0, 1), done.stderr
    said: dict[str, Any] = json.loads(done.stdout)
    assert said["well"] is (done.returncode == 0)
    return said


def of_firewall(said: dict[str, Any]) -> set[str]:
    """The names of what was found at the firewall; it was looked at whole."""
    assert [] == [one for one in said["not_looked_at"] if one["subject"] == "firewall"]
    return {one["name"] for one in said["findings"] if one["subject"] == "firewall"}


@pytest.mark.parametrize("name", FIREWALLS)
def test_what_it_says_is_so(four: Pair, tmp_path: Path, name: str) -> None:
    """Whether strangers, knockers and their sessions pass is what the kernel does with them."""
    need("iptables")
    need("nft")
    rules, (start, stop) = FIREWALLS[name]
    four.server.run("sh", "-e", stdin=rules)
    path = write(tmp_path, config(door("ssh", "7001,7003,7002", start_command=start, stop_command=stop)))
    names = of_firewall(found(four.server, path))
    with session(four.server, four.client, SERVER[4], 22) as stranger:
        assert (OPEN in names) is (stranger is not None)
    four.server.run("sh", "-ec", start.replace("%IP%", CLIENT[4]))
    with session(four.server, four.client, SERVER[4], 22) as knocker:
        assert bool(LOCKED & names) is (knocker is None)
        if knocker is not None:
            assert passes(knocker, 10)
            four.server.run("sh", "-ec", stop.replace("%IP%", CLIENT[4]))
            kept = "sessions-cut" not in names
            assert kept is passes(knocker, 10 if kept else 1)


@pytest.mark.parametrize("name", ["iptables", "nftables", "router", "router-nat", "fleet"])
def test_examples(pair: Pair, tmp_path: Path, name: str) -> None:
    """The firewalls of the examples are well with their configurations."""
    need("iptables")
    need("nft")
    pair.lab.link(pair.server, "ppp0", pair.client, "ppp0", ("203.0.113.1/24",), ())
    set_up(pair.server, name)
    text = example(name).replace("= fleet.d/", f"= {EXAMPLES}/fleet.d/")
    assert set() == of_firewall(found(pair.server, write(tmp_path, text)))


UFW_TEXT = "ufw default deny incoming; ufw --force enable; ufw deny 22"


@pytest.mark.parametrize(
    ("rules", "start", "expected"),
    [
        (UFW_TEXT, "ufw prepend allow proto tcp from %IP% to any port 22", set()),
        (UFW_TEXT, "ufw allow from %IP% to any port 22", {"rule-too-late"}),
        (f"{UFW_TEXT}; ufw allow 80/tcp", "ufw allow from %IP% to any port 80 proto tcp", {OPEN}),
        ("true", "ufw prepend allow proto tcp from %IP% to any port 22", {"ufw-off", OPEN}),
    ],
)
def test_ufw(pair: Pair, tmp_path: Path, rules: str, start: str, expected: set[str]) -> None:
    """ufw, as it is installed: order, a rule for everybody, and ufw that is not active."""
    need("ufw")
    if not os.access("/etc/ufw/user.rules", os.R_OK):
        lacking("ufw's rules are root's, outside of a user namespace too")
    path = write(tmp_path, config(door("ssh", "7001,7003,7002", start_command=start)))
    script = f"{PRIVATE_UFW} ({rules}) > /dev/null; exec {' '.join(DOCTOR)} -c {path} --json"
    done = pair.server.status("unshare", "-m", "sh", "-ec", script)
    assert expected == of_firewall(json.loads(done.stdout))


MACHINE = {"service", "clock", "state directory"}
"""What is of the machine that the lab is on."""


def wrong(said: dict[str, Any]) -> set[str]:
    """The names of what is wrong but for what is the machine's."""
    return {
        one["name"] for one in said["findings"] if one["severity"] != "note" and one["subject"] not in MACHINE
    }


def test_beside_a_daemon(pair: Pair, start: Start) -> None:
    """With a daemon that runs and a firewall that is well nothing is wrong; daemon and filter were tried."""
    need("nft")
    set_up(pair.server, "nftables")
    daemon = start(pair.server, example("nftables"), interface="eth0")
    said = found(pair.server, daemon.config_path, "--socket", str(daemon.control_path))
    assert set() == wrong(said)
    assert [] == [one for one in said["not_looked_at"] if one["subject"] in {"daemon", "filter"}]


def test_a_daemon_that_waits(pair: Pair, start: Start) -> None:
    """What the daemon waits for is found, and a second daemon that hears the same knocks."""
    need("nft")
    set_up(pair.server, "nftables")
    text = example("nftables").replace("[options]", "[options]\nInterface = eth0, ppp7")
    daemon = start(pair.server, text, interface=None)
    start(pair.server, text, interface=None)
    said = found(pair.server, daemon.config_path, "--socket", str(daemon.control_path))
    assert {"no-interface", "daemon-waiting", "second-daemon"} == wrong(said)


def test_text(four: Pair, tmp_path: Path) -> None:
    """For people: findings first, 80 columns, and the sum at the end."""
    path = write(tmp_path, config(door("ssh", "7001,7003,7002", start_command=FOUR.format("I"))))
    done = four.server.status(*DOCTOR, "-c", str(path))
    lines = done.stdout.splitlines()
    assert done.returncode == 1
    assert "locks out  no knockd runs here" in lines
    assert max(map(len, lines)) <= 80
    assert "things looked at: " in lines[-1]
