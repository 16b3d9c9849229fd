"""Where hits come from."""

from __future__ import annotations

import time
from base64 import b64encode
from pathlib import Path

import pytest

from knockd.client.hits import Hit
from knockd.client.keyed import keyed_hits
from knockd.client.options import Options
from knockd.client.plan import Keyed, Plan, Signed
from knockd.client.sources import open_source
from knockd.client.status import BAD_DATA, CONFIG, NO_INPUT, Refused
from knockd_conf.knock_secret import format_secret
from knockd_conf.protocol import Protocol
from knockd_conf.timed import Rule
from tests.support.doubles.fake_agent import FakeAgent, SoftKey

KEY = bytes(range(32))
TEXT = f"alice {b64encode(KEY).decode()}\n"
RULE = Rule()


@pytest.fixture(autouse=True)
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of what is noted: the test's own."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    return tmp_path / "state"


def secret(tmp_path: Path, text: str) -> str:
    """A file that only its owner may read."""
    path = tmp_path / "secret"
    path.write_text(text)
    path.chmod(0o600)
    return str(path)


class Clock:
    """Seconds since the epoch, which pass where somebody sleeps."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, now: float) -> None:
        self.now = now
        self.slept: list[float] = []
        monkeypatch.setattr(time, "time", lambda: self.now)
        monkeypatch.setattr(time, "sleep", self._sleep)

    def _sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


def test_ports_of_the_command_line() -> None:
    """Each try has the same hits."""
    source = open_source(Options(), Plan("h", ("1", "2:udp")))
    hits = (Hit("1", 1, Protocol.TCP), Hit("2", 2, Protocol.UDP))
    assert (hits, hits, False, None) == (
        source.hits(1, False),
        source.hits(2, False),
        source.udp,
        source.line,
    )


def test_all_udp() -> None:
    """With -u every hit is UDP, and where all are, no TCP packet will be sent."""
    assert open_source(Options(), Plan("h", ("1:udp", "2:udp"))).udp
    source = open_source(Options(udp=True), Plan("h", ("1", "2:tcp")))
    assert source.udp
    assert {Protocol.UDP} == {hit.protocol for hit in source.hits(1, False)}


def test_every_bad_port_is_told() -> None:
    """All come at once, with status 65."""
    with pytest.raises(Refused) as caught:
        open_source(Options(), Plan("h", ("7000", "70000", "80:sctp")))
    assert BAD_DATA == caught.value.status
    assert (
        "port '70000': expected a number from 0 to 65535, got '70000'",
        "port '80:sctp': expected tcp or udp after the colon, got 'sctp'",
    ) == caught.value.messages


def test_a_one_time_file(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """The hits are those of its first line, at each try, and what is wrong with other lines is told."""
    path = secret(tmp_path, "wrong\n1000,2000\n")
    source = open_source(Options(), Plan("h", sequence_file=path))
    hits = (Hit("1000", 1000, Protocol.TCP), Hit("2000", 2000, Protocol.TCP))
    assert (hits, hits, False) == (source.hits(1, False), source.hits(2, False), source.udp)
    assert source.line is not None
    assert 2 == source.line.number
    assert capfd.readouterr().err.startswith(f"knock: {path}: line 1: expected")
    assert open_source(Options(udp=True), Plan("h", sequence_file=path)).udp


def keyed(path: str, name: str | None = None, rule: Rule = RULE) -> Plan:
    """A plan with a key."""
    return Plan("h", keyed=Keyed(path, name, "ssh", rule))


def test_a_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
    """Each period is knocked twice at most, and a later one a second after it begins."""
    clock = Clock(monkeypatch, 3013.5)
    source = open_source(Options(), keyed(secret(tmp_path, TEXT)))
    assert keyed_hits(KEY, "ssh", 100, RULE) == source.hits(1, False) == source.hits(2, False)
    assert ([], "") == (clock.slept, capfd.readouterr().err)
    assert keyed_hits(KEY, "ssh", 101, RULE) == source.hits(3, False)
    assert ([17.5], "knock: next sequence in 18 s\n") == (clock.slept, capfd.readouterr().err)
    assert keyed_hits(KEY, "ssh", 101, RULE) == source.hits(4, False)
    assert keyed_hits(KEY, "ssh", 102, RULE) == source.hits(5, True)


def test_waiting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
    """With --wait the first knock waits for the next period and says how long."""
    clock = Clock(monkeypatch, 3013.0)
    source = open_source(Options(wait=True), keyed(secret(tmp_path, TEXT)))
    assert keyed_hits(KEY, "ssh", 101, RULE) == source.hits(1, False)
    assert ([18.0], "knock: next sequence in 18 s\n") == (clock.slept, capfd.readouterr().err)


def test_a_key_and_udp(tmp_path: Path) -> None:
    """A sequence that can only be of UDP packets is known as such before it is derived."""
    path = secret(tmp_path, TEXT)
    assert open_source(Options(), keyed(path, rule=Rule(protocol="udp"))).udp
    assert not open_source(Options(), keyed(path, rule=Rule(protocol="mixed"))).udp
    source = open_source(Options(udp=True), keyed(path))
    assert source.udp
    assert {Protocol.UDP} == {hit.protocol for hit in source.hits(1, False)}


@pytest.mark.parametrize(
    ("text", "name", "message"),
    [
        ("alice\n", None, "line 1: expected NAME KEY, got one word"),
        ("alice c2hvcnQ=\n", None, "line 1: expected a key of 32 bytes, got 5"),
        (TEXT, "bob", "expected the name of a key in it, got 'bob'; it has alice"),
        ("", None, "line 1: expected NAME KEY, got an empty line"),
    ],
)
def test_a_bad_key_file(tmp_path: Path, text: str, name: str | None, message: str) -> None:
    """The message names the file and shows no key."""
    path = secret(tmp_path, text)
    with pytest.raises(Refused) as caught:
        open_source(Options(), keyed(path, name))
    assert (CONFIG, f"key file {path}: {message}") == (caught.value.status, str(caught.value))


def test_no_key_file(tmp_path: Path) -> None:
    """Status 66 tells it from a bad one."""
    with pytest.raises(Refused, match="No such file") as caught:
        open_source(Options(), keyed(str(tmp_path / "absent")))
    assert NO_INPUT == caught.value.status


def test_a_sequence_that_has_opened_the_door(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """The next knock in the same period waits for the next one, since the sequence opens nothing more."""
    clock = Clock(monkeypatch, 3013.0)
    plan = keyed(secret(tmp_path, TEXT))
    source = open_source(Options(), plan)
    assert not source.is_used()
    source.hits(1, False)
    source.note()
    clock.now = 3020.0
    again = open_source(Options(), plan)
    assert again.is_used()
    assert keyed_hits(KEY, "ssh", 101, RULE) == again.hits(1, False)
    assert "knock: next sequence in 11 s\n" == capfd.readouterr().err
    assert keyed_hits(KEY, "ssh", 101, RULE) == again.hits(2, False)
    later = open_source(Options(), plan)
    assert not later.is_used()
    assert keyed_hits(KEY, "ssh", 101, RULE) == later.hits(1, False)


def test_a_note_that_cannot_be_written(
    tmp_path: Path, state: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """That the sequence is used is lost, which is told; the knock has worked."""
    Clock(monkeypatch, 3013.0)
    state.write_text("a file")
    source = open_source(Options(), keyed(secret(tmp_path, TEXT)))
    source.hits(1, False)
    source.note()
    assert "Not a directory; so the next knock may use this sequence again, in vain" in capfd.readouterr().err


def test_a_signed_knock(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """Each try has one UDP packet, which is made by a sender of its own."""
    path = secret(tmp_path, f"{format_secret(KEY)}\n")
    laptop = SoftKey(1)
    monkeypatch.setenv("SSH_AUTH_SOCK", str(tmp_path / "a"))
    with FakeAgent(tmp_path / "a", laptop):
        source = open_source(Options(verbose=True), Plan("h", signed=Signed(47811, path, "ssh")))
    hits = (Hit("47811", 47811, Protocol.UDP),)
    assert (hits, hits, True, None) == (source.hits(1, False), source.hits(2, False), source.udp, source.line)
    assert source.sender is not None
    assert 2 == len(source.advice)
    assert not source.is_used()
    assert f"signing with laptop ({laptop.key.fingerprint})\n" == capfd.readouterr().out


def test_other_sources_note_nothing(tmp_path: Path, state: Path) -> None:
    """A sequence that opens again and again, or is struck out, needs no note."""
    for plan in (Plan("h", ("1",)), Plan("h", sequence_file=secret(tmp_path, "1,2\n"))):
        source = open_source(Options(), plan)
        source.note()
        assert not source.is_used()
    assert not state.exists()


@pytest.mark.parametrize(("expires", "told"), [("2026-11-28", True), ("2026-11-29", False), ("", False)])
def test_a_key_whose_last_day_is_over(
    tmp_path: Path,
    expires: str,
    told: bool,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    """That is told, and it is knocked all the same: the daemon's calendar decides."""
    monkeypatch.setattr(time, "strftime", lambda _: "2026-11-29")
    path = secret(tmp_path, TEXT.strip() + (f" expires={expires}" if expires else "") + "\n")
    source = open_source(Options(), keyed(path))
    expected = f"knock: key file {path}: key alice opens nothing any more: its last day was {expires}\n"
    assert (expected if told else "") == capfd.readouterr().err
    assert 4 == len(source.hits(1, False))
