"""One knock from end to end, with sockets that only note what is sent."""

from __future__ import annotations

import errno
import time
from base64 import b64encode
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from knockd.client import network, verify
from knockd.client.choices import Choices
from knockd.client.hits import Hit
from knockd.client.knocking import run_knock
from knockd.client.network import Destination, Unavailable, UnknownHost
from knockd.client.options import Options
from knockd.client.plan import CLOSE, Keyed, Plan, Signed
from knockd.client.status import NO_HOST, NO_PERMISSION, TEMPORARY, UNAVAILABLE, Refused
from knockd.client.verify import Answer
from knockd_conf.knock_secret import format_secret
from knockd_conf.timed import Rule
from tests.support.doubles.fake_agent import FakeAgent, SoftKey

FOUR = Destination(4, "192.0.2.1", 0, "192.0.2.1")
SIX = Destination(6, "2001:db8::1", 0, "2001:db8::1")
PLAIN = Plan("h", ("1", "2"))


class Net:
    """Notes packets and looks at ports. ``opens`` is the number of packets after which the port answers."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.sent: list[tuple[str, int]] = []
        self.looks: list[tuple[list[str], int, float]] = []
        self.opens = 10**6
        self.own = False
        self.fails = False
        monkeypatch.setattr(network, "send_hit", self._send)
        monkeypatch.setattr(network, "is_own", lambda _: self.own)
        monkeypatch.setattr(network, "resolve_host", lambda *_: FOUR)
        monkeypatch.setattr(network, "resolve_both", lambda *_: (SIX, FOUR))
        monkeypatch.setattr(verify, "try_once", self._try)
        monkeypatch.setattr(verify, "await_answer", lambda attempt, patience: attempt(patience))
        monkeypatch.setattr(time, "sleep", lambda _: None)

    def _send(self, where: Destination, hit: Hit) -> None:
        if self.fails:
            raise OSError(errno.ENETUNREACH, "Network is unreachable")
        self.sent.append((where.text, hit.port))

    def _try(self, where: list[Destination], port: int, span: float) -> Answer:
        self.looks.append(([one.text for one in where], port, span))
        return Answer(where[0]) if len(self.sent) >= self.opens else Answer(None, "no answer")


@pytest.fixture
def net(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Net:
    """A network where nothing leaves this process; what is noted is in a folder of the test."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    return Net(monkeypatch)


def test_a_plain_knock(net: Net, capfd: pytest.CaptureFixture[str]) -> None:
    """Every hit goes to the host's address, and nothing is said."""
    assert 0 == run_knock(Options(ports=PLAIN.ports), PLAIN)
    assert [("192.0.2.1", 1), ("192.0.2.1", 2)] == net.sent
    assert [] == net.looks
    assert ("", "") == tuple(capfd.readouterr())


def test_both_addresses(net: Net) -> None:
    """With --both each hit goes to both, and the port may answer at either."""
    net.opens = 4
    assert 0 == run_knock(Options(), PLAIN._replace(both=True, verify=22, tries=1))
    both = ["2001:db8::1", "192.0.2.1"]
    assert [(one, port) for port in (1, 2) for one in both] == net.sent
    assert [(both, 22, verify.GLANCE), (both, 22, verify.PATIENCE)] == net.looks


def test_a_port_that_stays_closed(net: Net, capfd: pytest.CaptureFixture[str]) -> None:
    """The status is 75 after the last try, and the reason is told."""
    assert TEMPORARY == run_knock(Options(), PLAIN._replace(verify=22, tries=2))
    assert 4 == len(net.sent)
    assert "port 22 of h did not open after 2 knocks (no answer)" in capfd.readouterr().err


def test_this_machine_s_own_address(net: Net, capfd: pytest.CaptureFixture[str]) -> None:
    """It is told that such packets go over the loopback, and they are sent."""
    net.own = True
    assert 0 == run_knock(Options(), PLAIN)
    expected = (
        "knock: 192.0.2.1 is an address of this machine: these packets go over its loopback interface, "
        "and a knockd here hears them only if it listens to lo too (Interface = any)\n"
    )
    assert expected == capfd.readouterr().err
    assert 2 == len(net.sent)


def test_an_unknown_host(net: Net, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is sent, with status 68."""

    def fail(*_: object) -> Destination:
        raise UnknownHost("host 'h': no such")

    monkeypatch.setattr(network, "resolve_host", fail)
    with pytest.raises(Refused, match="no such") as caught:
        run_knock(Options(), PLAIN)
    assert (NO_HOST, []) == (caught.value.status, net.sent)


@pytest.mark.parametrize(("permission", "status"), [(True, NO_PERMISSION), (False, UNAVAILABLE)])
def test_no_raw_socket(net: Net, permission: bool, status: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """A missing right is told from a missing package; not even UDP hits are sent."""

    def refuse(*_: object) -> None:
        raise Unavailable("no", permission=permission)

    monkeypatch.setattr("knockd.client.raw_socket.raw_sender", refuse)
    with pytest.raises(Refused) as caught:
        run_knock(Options(flags=2), Plan("h", ("1:udp", "2")))
    assert (status, []) == (caught.value.status, net.sent)


def secret(tmp_path: Path, text: str) -> Path:
    """A file that only its owner may read."""
    path = tmp_path / "secret"
    path.write_text(text)
    path.chmod(0o600)
    return path


@pytest.mark.parametrize(("verbose", "shown"), [(False, False), (True, True)])
def test_a_failure_shows_no_port_of_a_secret_sequence(
    tmp_path: Path, net: Net, verbose: bool, shown: bool, capfd: pytest.CaptureFixture[str]
) -> None:
    """Where ports are made of a key, only -v prints them."""
    net.fails = True
    path = secret(tmp_path, f"alice {b64encode(bytes(32)).decode()}\n")
    plan = Plan("h", keyed=Keyed(str(path), None, "ssh", Rule()))
    run_knock(Options(verbose=verbose), plan)
    err = capfd.readouterr().err
    assert shown == ("hitting tcp 192.0.2.1:" in err)
    assert shown != ("knock: hit 4 of 4 at 192.0.2.1: not sent: " in err)


ONCE = "1000,2000\n3000,4000\n"


@pytest.mark.parametrize(
    ("opens", "verify_port", "mark", "struck"),
    [
        (2, 22, False, True),  # the port opened by the knock
        (10**6, 22, False, False),  # it stays closed
        (10**6, 22, True, False),  # it stays closed, so the daemon has not used the line
        (0, 22, False, False),  # it was open before, which proves nothing
        (0, 22, True, True),  # but whoever knocked says so
        (0, None, False, False),
        (0, None, True, True),
    ],
)
def test_when_a_line_is_struck_out(
    tmp_path: Path,
    net: Net,
    opens: int,
    verify_port: int | None,
    mark: bool,
    struck: bool,
    capfd: pytest.CaptureFixture[str],
) -> None:
    """A line is struck out where the port has opened by the knock, or with --mark; else it is said how."""
    path = secret(tmp_path, ONCE)
    net.opens = opens
    options = Options(mark=mark, choices=Choices(sequence_file=str(path)))
    run_knock(options, Plan("h", sequence_file=str(path), verify=verify_port))
    assert [1000, 2000] == [port for _, port in net.sent]
    assert (ONCE.replace("1000", "#000") if struck else ONCE) == path.read_text()
    assert struck != (f"run knock --mark --sequence-file {path}" in capfd.readouterr().err)


def test_a_line_that_was_not_knocked(tmp_path: Path, net: Net) -> None:
    """Where no knock is needed, or none could be sent, nothing is struck out, not even with --mark."""
    path = secret(tmp_path, ONCE)
    plan = Plan("h", sequence_file=str(path), verify=22)
    net.opens = 0
    assert 0 == run_knock(Options(mark=True, if_needed=True), plan)
    net.fails = True
    assert 74 == run_knock(Options(mark=True), plan._replace(verify=None))
    assert ([], ONCE) == (net.sent, path.read_text())


def test_an_interrupt(
    tmp_path: Path, net: Net, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """Who interrupts the wait for a port is told how to strike out what may have been used."""
    path = secret(tmp_path, ONCE)

    def interrupt(*_: object) -> Answer:
        if net.sent:
            raise KeyboardInterrupt
        return Answer(None, "no answer")

    monkeypatch.setattr(verify, "await_answer", interrupt)
    with pytest.raises(KeyboardInterrupt):
        run_knock(Options(), Plan("h", sequence_file=str(path), verify=22))
    assert f"run knock --mark --sequence-file {path}" in capfd.readouterr().err
    assert ONCE == path.read_text()


def keyed_plan(tmp_path: Path) -> Plan:
    """A plan with a key."""
    path = secret(tmp_path, f"alice {b64encode(bytes(32)).decode()}\n")
    return Plan("h", keyed=Keyed(str(path), None, "ssh", Rule()))


@pytest.mark.parametrize(("opens", "noted"), [(4, True), (0, False), (10**6, False)])
def test_what_is_noted(tmp_path: Path, net: Net, opens: int, noted: bool) -> None:
    """The sequence is noted as used where the port was seen to open by it, and not else."""
    net.opens = opens
    run_knock(Options(), keyed_plan(tmp_path)._replace(verify=22))
    assert noted == bool(list(tmp_path.glob("state/knock/*")))


def test_both_addresses_with_a_key(tmp_path: Path, net: Net) -> None:
    """Without --verify one address after the other gets a sequence of its own."""
    assert 0 == run_knock(Options(), keyed_plan(tmp_path)._replace(both=True))
    assert ["2001:db8::1"] * 4 + ["192.0.2.1"] * 4 == [where for where, _ in net.sent]
    assert net.sent[0][1] != net.sent[4][1]


@pytest.fixture
def signed_plan(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, net: Net) -> Iterator[Plan]:
    """A plan with a signed knock, and an agent that signs; each packet is noted as sent, none leaves."""

    def send(where: Destination, port: int, make: Callable[[str], bytes], _source: str | None) -> None:
        assert 124 == len(make("192.0.2.7"))
        net.sent.append((where.text, port))

    monkeypatch.setattr(network, "send_made", send)
    monkeypatch.setenv("SSH_AUTH_SOCK", str(tmp_path / "a"))
    with FakeAgent(tmp_path / "a", SoftKey(1)):
        yield Plan("h", signed=Signed(47811, str(secret(tmp_path, format_secret(bytes(32)))), "ssh"))


def test_a_signed_knock(signed_plan: Plan, net: Net, capfd: pytest.CaptureFixture[str]) -> None:
    """One packet goes out, and -v has a line for it as for other packets."""
    assert 0 == run_knock(Options(verbose=True), signed_plan)
    assert [("192.0.2.1", 47811)] == net.sent
    out, err = capfd.readouterr()
    assert ("hitting udp 192.0.2.1:47811", "") == (out.splitlines()[1], err)


def test_a_signed_knock_by_both_addresses(signed_plan: Plan, net: Net) -> None:
    """Each address gets a packet at each try, with --verify until the port answers."""
    net.opens = 4
    assert 0 == run_knock(Options(), signed_plan._replace(both=True, verify=22, tries=3))
    assert [("2001:db8::1", 47811), ("192.0.2.1", 47811)] * 2 == net.sent


def test_a_signed_knock_that_does_not_help(signed_plan: Plan, capfd: pytest.CaptureFixture[str]) -> None:
    """What may be wrong is told after the last try; no other knock gets this advice."""
    assert TEMPORARY == run_knock(Options(), signed_plan._replace(verify=22, tries=2))
    told = capfd.readouterr().err.splitlines()
    starts = ("port 22 of h did not open after 2 knocks", "if it says why it refused", "if it says nothing")
    assert [f"knock: {start}" for start in starts] == [
        text[: len(f"knock: {start}")] for text, start in zip(told, starts, strict=True)
    ]
    run_knock(Options(), PLAIN._replace(verify=22, tries=1))
    assert 1 == len(capfd.readouterr().err.splitlines())


@pytest.mark.parametrize(("closes", "status"), [(True, 0), (False, TEMPORARY)])
def test_closing(
    signed_plan: Plan,
    net: Net,
    closes: bool,
    status: int,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    """The port that answered is looked at until it does no more; one that goes on is named."""
    assert signed_plan.signed is not None
    plan = signed_plan._replace(signed=signed_plan.signed._replace(verb=CLOSE), verify=22, tries=2)
    monkeypatch.setattr(verify, "await_silence", lambda attempt, patience: attempt(patience))

    def attempt(where: list[Destination], _port: int, _span: float) -> Answer:
        return Answer(None, "no answer") if closes and net.sent else Answer(where[0])

    monkeypatch.setattr(verify, "try_once", attempt)
    assert status == run_knock(Options(), plan)
    assert (1 if closes else 2) == len(net.sent)
    assert closes != ("did not close after 2 knocks (192.0.2.1 still answers)" in capfd.readouterr().err)


def test_a_key_that_does_not_sign(signed_plan: Plan, net: Net, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is sent, with the status of what keeps it from signing."""
    monkeypatch.delenv("SSH_AUTH_SOCK")
    monkeypatch.setenv("HOME", "/nonexistent")
    with pytest.raises(Refused, match="SSH_AUTH_SOCK is not set") as caught:
        run_knock(Options(), signed_plan)
    assert (UNAVAILABLE, []) == (caught.value.status, net.sent)
