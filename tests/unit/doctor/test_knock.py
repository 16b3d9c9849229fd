"""``knockctl doctor --knock``: what is tried, printed and returned, with a double of the lab."""

from __future__ import annotations

import os
import time
from base64 import b64encode
from collections.abc import Callable
from ipaddress import ip_address
from pathlib import Path

import pytest

from knockd.client.plan import Signed
from knockd.doctor import knock
from knockd.doctor.knock import run_knock
from knockd.doctor.knock_plan import Way
from knockd.doctor.knock_story import Tell
from knockd.doctor.knock_walk import Knocked, Outcome
from knockd.doctor.lab import LabError, Peer
from knockd.knocks.events import Opened
from knockd.worker.capture import CaptureError
from knockd_conf.timed import Rule, derive_ports
from tests.support.doubles.lab_ends import LabEnds

TEXT = """\
[options]
Interface = eth7
Guard_Ports = none
[ssh]
Sequence = 7000,8000:udp
Start_Command = true %IP% %DST% %IFACE%
Stop_Command = true
Cmd_Timeout = 20
[used]
One_Time_Sequences = {folder}/codes
Start_Command = true
[fin]
Sequence = 1,2
TCPFlags = fin
Start_Command = true
[lo]
Sequence = 3,4
Target = 127.0.0.1
Start_Command = true
[silent]
Sequence = 5,6
Start_Command = true
Stop_Command = /nowhere/close
[home]
Sequence_Key = {folder}/home.key
Start_Command = true %IP%
[keyless]
Sequence_Key = {folder}/none
Start_Command = true
"""
KEY = bytes(range(32))


class Bench:
    """A configuration, and what comes of each knock, by IP version."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.path = folder / "knockd.conf"
        self.path.write_text(TEXT.format(folder=folder))
        self.path.chmod(0o600)
        (folder / "codes").touch(0o600)
        (folder / "home.key").touch(0o600)
        (folder / "home.key").write_text(f"ann {b64encode(KEY).decode()}\n")
        self.outcomes: dict[int, Outcome | Exception] = {}
        self.ways: list[tuple[Way, int]] = []
        monkeypatch.setattr(os, "geteuid", lambda: 0)
        monkeypatch.setenv("XDG_CONFIG_HOME", str(folder))
        monkeypatch.setattr(knock, "wanted_interfaces", lambda config: config.options.interface)
        monkeypatch.setattr(knock, "run_in_lab", self._run)
        monkeypatch.setattr(knock, "walk", self._walk)
        monkeypatch.setattr("knockd_conf.trust.TrustPolicy.current", _trust_everybody)

    def _run(self, work: Callable[[Peer], int], *_: object) -> int:
        ends = LabEnds()
        try:
            return work(ends.peer)
        finally:
            ends.close()

    def _walk(self, _peer: Peer, way: Way, at: Knocked, delay: int, tell: Tell) -> Outcome:
        self.ways.append((way, delay))
        found = self.outcomes.get(way.link.version)
        if isinstance(found, Exception):
            raise found
        if found is not None:
            return found
        tell("   1  ", "left")
        server, client = (ip_address(one).packed for one in way.link[1:])
        return Outcome(Opened(at.door, client, server, 2))

    def write_profile(self, text: str) -> None:
        """Writes the file of profiles."""
        (self.path.parent / "knock").mkdir()
        (self.path.parent / "knock/config").write_text(text)

    def knock(self, name: str, asked: dict[str, object] | str = "nobody answers", *, delay: int = 0) -> int:
        """The status of a knock."""
        return run_knock(str(self.path), name, asked, delay=delay)


def _trust_everybody(**_: object) -> object:
    from knockd_conf.trust import TrustPolicy

    return TrustPolicy(enforce=False, owners=frozenset({os.getuid(), 0}))


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bench:
    """All knocks open."""
    return Bench(tmp_path, monkeypatch)


def test_opens(bench: Bench, capsys: pytest.CaptureFixture[str]) -> None:
    """The door, its way by both IP versions, what would be run, the daemon, and the sum."""
    assert bench.knock("ssh", delay=70) == 0
    assert [delay for _, delay in bench.ways] == [70, 70]
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("door ssh (")
    text = "\n".join(lines[2:]).replace("\n    ", " ")
    assert text == (
        "\nIPv4: knock 192.0.2.1 7000:tcp 8000:udp\n"
        "   1  left\n"
        "would run as root: true 192.0.2.2 192.0.2.1 eth7\n"
        "would run 20 s later as root: true\n"
        "\nIPv6: knock 2001:db8::1 7000:tcp 8000:udp\n"
        "   1  left\n"
        "would run as root: true 2001:db8::2 2001:db8::1 eth7\n"
        "would run 20 s later as root: true\n"
        "\nthe running daemon: not known, nobody answers\n"
        "\ndoor ssh would open"
    )


def test_opens_but_not_at_the_daemon(bench: Bench, capsys: pytest.CaptureFixture[str]) -> None:
    """The last line does not promise what the daemon that runs cannot do now."""
    waits = {"name": "ssh", "disabled": True, "waiting": "the clock is not synchronised"}
    assert bench.knock("ssh", {"pid": 7, "doors": [waits]}) == 0
    out = capsys.readouterr().out
    assert "\nbut door ssh waits there: the clock is not synchronised\n" in out
    assert out.endswith("\ndoor ssh would open, but the running daemon differs, as said above\n")


def test_opens_by_one_version_only(bench: Bench, capsys: pytest.CaptureFixture[str]) -> None:
    """A door that stays shut for one IP version that it serves does not open; the advice is printed."""
    bench.outcomes[6] = Outcome(None, "Knock within 3 seconds.")
    assert bench.knock("ssh") == 1
    out = capsys.readouterr().out
    assert "\nKnock within 3 seconds.\n" in out
    assert out.endswith("\ndoor ssh would not open\n")


def test_obstacle(bench: Bench, capsys: pytest.CaptureFixture[str]) -> None:
    """A knock whose opening the daemon would refuse opens nothing."""
    assert bench.knock("silent") == 1
    assert "but it would be refused: its stop command needs /nowhere/close" in capsys.readouterr().out


def test_flags(bench: Bench, capsys: pytest.CaptureFixture[str]) -> None:
    """A knock that needs what is not there is explained."""
    bench.outcomes = dict.fromkeys((4, 6), Outcome(None, "impacket is missing", tried=False))
    assert bench.knock("fin") == 1
    assert "but impacket is missing" in " ".join(capsys.readouterr().out.split())


def test_no_ipv6_here(bench: Bench, capsys: pytest.CaptureFixture[str]) -> None:
    """An IP version that the lab cannot have is not counted; with none of them nothing is known."""
    bench.outcomes[6] = LabError("'ip -6 address add' failed")
    assert bench.knock("ssh") == 0
    assert "not tried: 'ip -6 address add' failed" in capsys.readouterr().out
    bench.outcomes[4] = LabError("the other process of the lab has ended")
    assert bench.knock("ssh") == os.EX_UNAVAILABLE
    assert capsys.readouterr().out.endswith("nothing is known, the knock could not be tried\n")


def test_no_filter(bench: Bench, capsys: pytest.CaptureFixture[str]) -> None:
    """A filter that cannot be attached is the daemon's trouble too."""
    bench.outcomes = dict.fromkeys((4, 6), CaptureError("knock0: no room"))
    assert bench.knock("ssh") == 1
    assert "No filter could be attached, which the daemon cannot do either: knock0: no room" in (
        " ".join(capsys.readouterr().out.split())
    )


def test_nothing_to_try(bench: Bench, capsys: pytest.CaptureFixture[str]) -> None:
    """A door without a live sequence, or without an address to knock at, does not open."""
    assert bench.knock("used") == 1
    assert "door used has no sequence that can be used: it is disabled\n" in capsys.readouterr().out
    assert bench.knock("lo") == 1
    assert "IPv4: not tried, its Target has no IPv4 address" in capsys.readouterr().out
    assert bench.ways == []


SIGNED = """\
[options]
Interface = eth7
Signed_Port = 4711
Knock_Secret = /s
Authorized_Keys = /k
[remote]
Start_Command = true
[both]
Sequence = 7000,8000:udp
Start_Command = true
"""


def test_no_signed_knock_here(bench: Bench, capsys: pytest.CaptureFixture[str]) -> None:
    """Without a profile for the door none is tried, and nothing is known."""
    bench.path.write_text(SIGNED)
    assert bench.knock("remote") == os.EX_UNAVAILABLE
    said = " ".join(capsys.readouterr().out.split())
    assert said.startswith(
        f"door remote ({bench.path}:6): signed knocks at 4711:udp, keys in /k signed knocks:"
    )
    assert "signed knocks: not tried, no profile in" in said
    assert said.endswith("door remote: nothing is known, the knock could not be tried")
    assert bench.ways == []
    assert bench.knock("both") == 0
    assert "signed knocks: not tried, no profile in" in " ".join(capsys.readouterr().out.split())
    assert [way.signed for way, _ in bench.ways] == [None, None]


@pytest.mark.parametrize(("name", "before"), [("remote", 0), ("both", 2)])
def test_signed_knocks(bench: Bench, capsys: pytest.CaptureFixture[str], name: str, before: int) -> None:
    """With a profile it is knocked by it, beside the sequence where the door has one."""
    bench.path.write_text(SIGNED)
    bench.write_profile(f"[it]\nhost = h\nsigned = 4711\nsecret = /other\ndoor = {name}\n")
    assert bench.knock(name) == 0
    signed = Signed(4711, "/other", name)
    assert [way.signed for way, _ in bench.ways] == [*[None] * before, signed, signed]
    said = capsys.readouterr()
    assert f"IPv4: knock --signed 4711 --secret /other --door {name} 192.0.2.1" in said.out.splitlines()
    assert "signed knocks are left out: " in said.err
    bench.outcomes[4] = Outcome(None, "no key", tried=False)
    assert bench.knock(name) == 1
    assert "could not be sent: no key" in " ".join(capsys.readouterr().out.split())


def test_door_with_a_key(bench: Bench, capsys: pytest.CaptureFixture[str]) -> None:
    """It is knocked at with the sequence of now, and no port of that is shown."""
    rule = Rule()
    before = rule.period_at(time.time())
    assert bench.knock("home") == 0
    ports = [[port.port for port in derive_ports(KEY, "home", before + n, rule).steps] for n in (0, 1)]
    assert [[step.port for step in way.steps] for way, _ in bench.ways] in ([one, one] for one in ports)
    said = capsys.readouterr()
    lines = said.out.splitlines()
    assert " ".join(said.out.split()).startswith("door home (")
    assert "4 steps made of a key in" in " ".join(said.out.split())
    assert "IPv4: knock --key FILE --door home 192.0.2.1" in lines
    assert not any(str(port) in said.out + said.err for port in (*ports[0], *ports[1]))
    assert "door keyless is left out" in said.err


def test_door_without_its_key(bench: Bench, capsys: pytest.CaptureFixture[str]) -> None:
    """A door whose key cannot be had would not open, and that is said."""
    assert bench.knock("keyless") == 1
    assert "door keyless has no sequence that can be used: it waits for a key\n" in capsys.readouterr().out
    assert bench.ways == []


def test_unknown_door(bench: Bench, capsys: pytest.CaptureFixture[str]) -> None:
    """The doors that there are, are named."""
    assert bench.knock("nix\x1b") == os.EX_USAGE
    said = capsys.readouterr().err.splitlines()[-1]
    named = "ssh, used, fin, lo, silent, home, keyless"
    assert said == rf"knockctl doctor: there is no door nix\x1b in {bench.path}; expected one of {named}"


def test_bad_configuration(bench: Bench, capsys: pytest.CaptureFixture[str]) -> None:
    """Problems of the configuration are printed, with their status."""
    bench.path.write_text("[ssh]\nSequenc = 1\n")
    assert bench.knock("ssh") == os.EX_CONFIG
    assert f"{bench.path}:2: Sequenc" in capsys.readouterr().err


def test_not_root(bench: Bench, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Who is not root is told what to do."""
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert bench.knock("ssh") == os.EX_NOPERM
    assert "needs root: sudo knockctl doctor --knock ssh" in capsys.readouterr().err


def test_daemon(bench: Bench, capsys: pytest.CaptureFixture[str]) -> None:
    """What a daemon would do otherwise is said, also that it has not read the file as it is now."""
    asked = {
        "pid": 7,
        "config": str(bench.path),
        "config_age": 100.0,
        "interfaces": [{"name": "eth7"}],
        "doors": [{"name": "ssh", "disabled": False}],
    }
    old = time.time() - 1_000
    os.utime(bench.path, (old, old))
    bench.knock("ssh", asked)
    assert "the running daemon (pid 7): listens on eth7\n\n" in capsys.readouterr().out
    bench.knock("ssh", {**asked, "config_age": "old"})
    assert "listens on eth7\n\n" in capsys.readouterr().out
    os.utime(bench.path)
    bench.knock("ssh", asked)
    assert "but it has read its configuration before" in capsys.readouterr().out
