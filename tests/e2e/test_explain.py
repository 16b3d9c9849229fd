"""knockd --explain with real packets: live, and the same of what tcpdump has recorded meanwhile."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import time
from base64 import b64encode
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from knockd_conf.timed import Rule, derive_ports
from tests.e2e.conftest import Pair, Start
from tests.support.daemons.daemon import OURS, environment
from tests.support.daemons.doors import CLIENT, SERVER, config, door
from tests.support.daemons.explained import Explained
from tests.support.lab.services import send_knock
from tests.support.lab.tools import need
from tests.support.lab.waiting import wait_until
from tests.support.samples.frames import ethernet, packet

DOOR = door("ssh", "7000,8000,9000", command="touch OPENED", seq_timeout=2, tcpflags="syn,!ack")
LOCAL = ("--local", f"{SERVER[4]},{SERVER[6]}")
STAMPS = re.compile(r"\d\d:\d\d:\d\d\.\d{3} +(\d+\.\d{3})")
"""The time of day of a packet, and the seconds since the first one."""
Explain = Callable[..., Explained]


@pytest.fixture
def explain(pair: Pair, tmp_path: Path) -> Iterator[Explain]:
    """Explains the client, or another source, at the server."""
    with ExitStack() as running:

        def begin(
            *options: str, source: str = CLIENT[4], text: str = DOOR, interface: str = "eth0"
        ) -> Explained:
            folder = tmp_path / "explained"
            folder.mkdir()
            made = Explained(
                pair.server, config(text, guard_ports="auto"), source, folder, *options, interface=interface
            )
            return running.enter_context(made)

        yield begin


def send(pair: Pair, *packets: bytes, vlan: int | None = None) -> None:
    """Sends IP packets as they are from the client to the server."""
    to, own = pair.server.mac("eth0"), pair.client.mac("eth0")
    pair.client.send_frames("eth0", [ethernet(to, own, one, vlan=vlan) for one in packets])


def knock(port: int, *, destination: str = SERVER[4], flags: int = 0x02) -> bytes:
    """One packet of the client."""
    return packet(CLIENT[4], destination, port, flags=flags)


def check(explained: Explained, last: str, *expected: str, sentence: str) -> list[str]:
    """Live each line holds what is expected, the sentence is said, and of the recording all is the same."""
    explained.wait_for(last)
    joined = explained.joined()
    for text in expected:
        assert [text] == [text for line in joined if text in line][:1], joined
    status, said = explained.end()
    assert os.EX_OK == status
    assert sentence in said
    check_replay(explained)
    return joined


def check_replay(explained: Explained) -> None:
    """The recording is explained in the same words; each of two captures has stamps of its own."""
    live, replayed = explained.lines(), explained.replay(*LOCAL)
    assert [STAMPS.sub("", line) for line in live] == [STAMPS.sub("", line) for line in replayed]
    for one, other in zip(live, replayed, strict=True):
        if (found := STAMPS.match(one)) is not None:
            again = STAMPS.match(other)
            assert again is not None
            assert abs(seconds_of(found) - seconds_of(again)) < 0.05


def seconds_of(stamps: re.Match[str]) -> float:
    """The seconds since the first packet."""
    return float(stamps[1])


def test_it_opens(pair: Pair, explain: Explain) -> None:
    """A good knock is followed step by step; nothing is run."""
    explained = explain()
    send_knock(pair.client, SERVER[4], "7000", "8000", "9000")
    check(
        explained,
        "would open",
        "ssh: step 1 of 3",
        "ssh: step 2 of 3",
        "ssh: step 3 of 3: the door would open",
        sentence="The knock opens ssh at ",
    )
    assert not Path("OPENED").exists()


def test_door_with_a_key(pair: Pair, explain: Explain, tmp_path: Path) -> None:
    """Knocks with a key are followed: what opens is used up then, and of an old one its age is told."""
    key = tmp_path / "home.key"
    key.write_text(f"ann {b64encode(bytes(32)).decode()}\n")
    key.chmod(0o600)
    rule = Rule(period=10)
    text = f"[home]\nSequence_Key = {key}\nSequence_Period = 10\nSeq_Timeout = 5\nStart_Command = true\n"
    explained = explain(text=text)
    wait_until(lambda: 0.5 < time.time() % 10 < 7, 10, "a period has begun and goes on for a while")
    now = rule.period_at(time.time())
    for period in (now, now, now - 3):
        steps = (f"{port}:tcp" for port, _ in derive_ports(bytes(32), "home", period, rule).steps)
        send_knock(pair.client, SERVER[4], *steps)
    lines = check(
        explained,
        "it opens nothing: clock of the knocker is",
        *(f"home: step {number} of 4 with key ann" for number in (1, 2, 3)),
        "home: step 4 of 4 with key ann: the door would open",
        "the whole sequence, but it opens nothing: sequence used already, the next sequence in",
        sentence="The knock opens home at ",
    )
    assert len(lines) == 12
    assert "step 4 of 4 with key ann: the whole sequence, but it opens nothing: clock of" in lines[-1]


def test_wrong_flags(pair: Pair, explain: Explain) -> None:
    """Flags that hping3 sets are named, and those that the door wants."""
    need("hping3")
    explained = explain()
    pair.client.run("hping3", "-q", "-S", "-A", "-c", "1", "-p", "7000", SERVER[4], check=False)
    check(
        explained,
        "wanted",
        "7000:tcp syn,ack",
        "ssh: does not count: flags syn,ack, wanted syn,!ack; the kernel's filter drops it",
        sentence="The packet to 7000:tcp had the flags syn,ack, and ssh asks for syn,!ack",
    )


def test_too_slow(pair: Pair, explain: Explain) -> None:
    """It is said by how much the last packet came too late."""
    explained = explain()
    send_knock(pair.client, SERVER[4], "7000", "8000")
    time.sleep(2.6)
    send_knock(pair.client, SERVER[4], "9000")
    lines = check(explained, "too late", sentence="Knock within 2 seconds: the third packet came 0.")
    assert "s: the attempt ended at step 2 of 3" in lines[-1]


def test_wrong_order(pair: Pair, explain: Explain) -> None:
    """Packets that overtake each other are told from those that do not come."""
    explained = explain()
    send(pair, knock(7000), knock(9000), knock(8000))
    check(
        explained,
        "there is no attempt",
        "wrong step: 8000:tcp was due; the attempt ends at step 1 of 3",
        sentence="The client's packets to 9000:tcp came before 8000:tcp, and ssh asks for 7000:tcp, 8000:tcp",
    )


def test_guard(pair: Pair, explain: Explain) -> None:
    """A guard port that was touched is named, and until when the source is ignored."""
    explained = explain()
    send(pair, knock(7000), knock(7001), knock(8000))
    check(
        explained,
        "it has touched",
        "guard port: ends the attempt at step 1 of 3, ignored until ",
        "s more): it has touched a guard port",
        sentence="The client touched 7001:tcp, a guard port beside a step",
    )


def test_wrong_address(pair: Pair, explain: Explain) -> None:
    """A packet to another address, which the filter keeps from the daemon, is seen and said to be dropped."""
    explained = explain()
    send(pair, knock(7000, destination="10.7.0.77"))
    check(
        explained,
        "does not count",
        f"goes to 10.7.0.77, not to {SERVER[4]};",
        sentence="The packet to 7000:tcp went to 10.7.0.77: knock at ",
    )


def test_fragment_and_vlan(pair: Pair, explain: Explain) -> None:
    """Later fragments and tagged packets are seen, and why they cannot count."""
    explained = explain()
    later = bytearray(knock(7000))
    later[6:8] = b"\x00\x03"
    send(pair, bytes(later))
    send(pair, knock(7000), vlan=100)
    check(
        explained,
        "VLAN tag",
        "a later fragment (at byte 24): it names no port",
        "VLAN tag 100: it counts at the interface of that VLAN only",
        sentence="A packet cannot count (a later fragment (at byte 24): it names no port)",
    )


def test_nothing_arrives(explain: Explain) -> None:
    """So it is said when a signal ends it, whichever."""
    explained = explain(source="198.51.100.7")
    status, said = explained.end(signal.SIGTERM)
    assert os.EX_OK == status
    assert "Nothing of 198.51.100.7 arrived: look at the path" in said
    check_replay(explained)


def test_ipv6(pair: Pair, explain: Explain) -> None:
    """Knocks by IPv6 are explained too; -4 is the reason where knockd does not listen to it."""
    explained = explain("-4", source=CLIENT[6])
    send_knock(pair.client, SERVER[6], "7000")
    check(explained, "-4", "knockd does not listen to IPv6 here (-4)", sentence="start knockd without -4")


def test_two_interfaces(pair: Pair, explain: Explain) -> None:
    """A packet that a macvlan and its parent see counts once, and that is said."""
    pair.server.ip("link add link eth0 name mac0 type macvlan mode passthru", "link set mac0 up")
    explained = explain(interface="mac0,eth0")
    send(pair, knock(7000))
    explained.wait_for("it counts once")
    joined = explained.joined()
    assert 1 == sum("ssh: step 1 of 3" in line for line in joined)
    assert 1 == sum("the same packet as at " in line for line in joined)


def test_beside_a_daemon(pair: Pair, start: Start, explain: Explain) -> None:
    """It leaves the daemon, its files and its door alone."""
    daemon = start(pair.server, config(door("ssh", "7000,8000,9000", command="true")))
    explained = explain()
    before = sorted(path.name for path in daemon.directory.iterdir())
    send_knock(pair.client, SERVER[4], "7000", "8000", "9000")
    daemon.wait_for("OPEN SESAME")
    explained.wait_for("would open")
    explained.end()
    assert before == sorted(path.name for path in daemon.directory.iterdir())


def test_rights(explain: Explain) -> None:
    """While it listens it is another user, without capabilities or a way to get one."""
    explained = explain()
    parent = explained.process.pid
    (child,) = Path(f"/proc/{parent}/task/{parent}/children").read_text().split()
    lines = (line.split() for line in Path(f"/proc/{child}/status").read_text().splitlines())
    status = {key.rstrip(":"): values for key, *values in lines}
    assert "0" not in status["Uid"]
    assert {"0" * 16} == {*status["CapEff"], *status["CapPrm"], *status["CapAmb"]}
    assert ["1"] == status["NoNewPrivs"]


def test_parent_is_killed(explain: Explain) -> None:
    """What listens ends with the process that waits for it."""
    explained = explain()
    parent = explained.process.pid
    (child,) = Path(f"/proc/{parent}/task/{parent}/children").read_text().split()
    explained.process.kill()
    explained.process.wait(10)
    wait_until(lambda: not Path(f"/proc/{child}").exists(), 10, "the child ends")


def test_without_the_right(pair: Pair, tmp_path: Path) -> None:
    """Who may not capture is told so, with what to do instead."""
    path = tmp_path / "knockd.conf"
    path.write_text(config(DOOR))
    path.chmod(0o644)
    need("setpriv")
    command = ["setpriv", "--bounding-set", "-all", "--inh-caps", "-all", *OURS]
    done = subprocess.run(
        [*pair.server.exec_prefix, *command, "-c", str(path), "-i", "eth0", "--explain", CLIENT[4]],
        capture_output=True,
        text=True,
        env=environment(),
        check=False,
        timeout=60,
    )
    assert os.EX_NOPERM == done.returncode
    assert "--explain without --replay listens by itself: eth0: no right to capture" in done.stderr
