"""Signed knocks on their way."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from knockd.client import network, signed_sender
from knockd.client.hits import Hit
from knockd.client.network import Destination
from knockd.client.plan import CLOSE, Signed
from knockd.client.signature import Signature
from knockd.client.signed_sender import open_signed
from knockd.client.signers import Signer
from knockd.client.status import CONFIG, NO_INPUT, TEMPORARY, USAGE, Refused
from knockd.signed.signature import is_right
from knockd_conf.knock_secret import format_secret
from knockd_conf.protocol import Protocol
from knockd_conf.signed_packet import (
    UNBOUND,
    MinuteKeys,
    Request,
    Verb,
    blob_of,
    derive_host,
    derive_minute,
    message_of,
    nonce_of,
    pack_bound,
    select_door,
)
from knockd_conf.signed_sizes import SIZE
from tests.support.doubles.fake_agent import SoftKey

SECRET = bytes(range(32))
LAPTOP = SoftKey(1)
FOUR = Destination(4, "203.0.113.1", 0, "203.0.113.1")
SIX = Destination(6, "2001:db8::1", 0, "2001:db8::1")
HIT = Hit("47811", 47811, Protocol.UDP)
MINUTE = 29_934_720
NOW = MINUTE * 60 + 30.0
NAME = f"laptop ({LAPTOP.key.fingerprint})"


class Net:
    """What is sent: where, port, asked source and packet; this machine's own address is what it says."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.sent: list[tuple[str, int, str | None]] = []
        self.packets: list[bytes] = []
        self.own = "10.1.2.3"
        self.now = NOW
        self.took = 0.0
        self.identities: list[str | None] = []
        monkeypatch.setattr(network, "send_made", self._send)
        monkeypatch.setattr(signed_sender, "open_signer", self._open)
        monkeypatch.setattr(time, "time", lambda: self.now)

    def _send(self, where: Destination, port: int, make: Callable[[str], bytes], source: str | None) -> None:
        self.packets.append(make(self.own))
        self.sent.append((where.text, port, source))

    def _open(self, identity: str | None) -> Signer:
        self.identities.append(identity)
        return Signer(LAPTOP.key, "laptop", self._sign)

    def _sign(self, message: bytes) -> Signature:
        self.now += self.took
        return Signature(LAPTOP.sign(blob_of(message))[-64:])

    def read(self, packet: bytes, minute: int = MINUTE, door: str = "ssh") -> Request:
        """What a server reads in a packet; its key and its signature are right."""
        keys = MinuteKeys(minute, derive_minute(SECRET, minute))
        assert (SIZE, keys.tag) == (len(packet), packet[:4])
        assert keys.hint_of(LAPTOP.key.public) == keys.unmask_hint(packet)
        found = keys.unmask(packet)
        assert found.is_regular
        message = message_of(derive_host(SECRET), minute, nonce_of(packet), found, door)
        assert is_right(LAPTOP.key.public, blob_of(message), found.signature)
        return found


@pytest.fixture
def net(monkeypatch: pytest.MonkeyPatch) -> Net:
    """A network where nothing leaves this process."""
    return Net(monkeypatch)


@pytest.fixture
def path(tmp_path: Path) -> str:
    """A file with the knock secret."""
    found = tmp_path / "secret"
    found.write_text(f"# home\n{format_secret(SECRET)}\n")
    found.chmod(0o600)
    return str(found)


def open_it(
    signed: Signed,
) -> tuple[Callable[[Destination], Callable[[Hit], None]], list[str], tuple[str, ...]]:
    """What sends, what was announced, and the advice."""
    announced: list[str] = []
    found = open_signed("home.example", signed, announced.append)
    return found.sender, announced, found.advice


def test_a_packet(net: Net, path: str, capfd: pytest.CaptureFixture[str]) -> None:
    """It is made of the present minute when it is sent, and nothing is said; -v says whose key signs."""
    sender, announced, _ = open_it(Signed(47811, path, "ssh", "id"))
    assert (["id"], [f"signing with {NAME}"]) == (net.identities, announced)
    send = sender(FOUR)
    assert [] == net.packets
    net.now += 60
    send(HIT)
    found = net.read(net.packets[0], MINUTE + 1)
    assert (Verb.OPEN, 0, select_door("ssh"), UNBOUND) == (found.verb, *found[1:3], found.address)
    assert [("203.0.113.1", 47811, None)] == net.sent
    assert ("", "") == tuple(capfd.readouterr())


def test_each_packet_has_its_own_nonce(net: Net, path: str) -> None:
    """Another try, and another address, get packets of their own."""
    sender, _, _ = open_it(Signed(47811, path, "ssh"))
    for where in (FOUR, FOUR, SIX):
        sender(where)(HIT)
    assert 3 == len({nonce_of(packet) for packet in net.packets})
    assert [FOUR.text, FOUR.text, SIX.text] == [text for text, _, _ in net.sent]


def test_the_verb(net: Net, path: str) -> None:
    """What the plan asks for is in the packet."""
    sender, _, _ = open_it(Signed(47811, path, "T\u00fcr", verb=CLOSE))
    sender(FOUR)(HIT)
    assert Verb.CLOSE == net.read(net.packets[0], door="T\u00fcr").verb


def test_the_address_of_the_route(net: Net, path: str, capfd: pytest.CaptureFixture[str]) -> None:
    """With auto the packet is bound to the address that it leaves from, which is said once."""
    sender, _, _ = open_it(Signed(47811, path, "ssh", bind="auto"))
    net.own = "198.51.100.7"
    for _ in range(2):
        sender(FOUR)(HIT)
    found = net.read(net.packets[1])
    assert (1, pack_bound(bytes((198, 51, 100, 7)))) == (found.bound, found.address)
    assert [None, None] == [source for _, _, source in net.sent]
    expected = "knock: the packet counts only where home.example sees it come from 198.51.100.7"
    assert expected == capfd.readouterr().err.partition(",")[0].strip()


@pytest.mark.parametrize(
    ("own", "where", "warned"),
    [
        ("192.168.1.5", Destination(4, "9.9.9.9", 0, "9.9.9.9"), True),
        ("192.168.1.5", Destination(4, "192.168.7.1", 0, "192.168.7.1"), False),
        ("9.9.9.10", Destination(4, "9.9.9.9", 0, "9.9.9.9"), False),
        ("fd00::7", Destination(6, "2620:fe::9", 0, "2620:fe::9"), True),
        ("2620:fe::10", Destination(6, "2620:fe::9", 0, "2620:fe::9"), False),
    ],
)
def test_a_private_address(
    net: Net, path: str, own: str, where: Destination, warned: bool, capfd: pytest.CaptureFixture[str]
) -> None:
    """Where the server's address is public and ours is not, it is said what a router with NAT does to it."""
    sender, _, _ = open_it(Signed(47811, path, "ssh", bind="auto"))
    net.own = own
    sender(where)(HIT)
    hint = ", a private address: behind a router with NAT knock with --bind none"
    text = f"knock: the packet counts only where home.example sees it come from {own}"
    assert f"{text}{hint if warned else ''}\n" == capfd.readouterr().err


def test_an_address_of_one_s_own(net: Net, path: str) -> None:
    """It is bound, and it is asked to be what the packet leaves from."""
    sender, _, _ = open_it(Signed(47811, path, "ssh", bind="2001:db8::7"))
    sender(SIX)(HIT)
    assert [(SIX.text, 47811, "2001:db8::7")] == net.sent
    assert bytes.fromhex("20010db8000000000000000000000007") == net.read(net.packets[0]).address


@pytest.mark.parametrize(
    ("bind", "where", "expected"),
    [
        ("192.0.2.7", SIX, "expected an address of IPv6 with --bind, as 2001:db8::1 is one, got 192.0.2.7"),
        (
            "2001:db8::7",
            FOUR,
            "expected an address of IPv4 with --bind, as 203.0.113.1 is one, got 2001:db8::7",
        ),
    ],
)
def test_an_address_of_the_other_kind(
    net: Net, path: str, bind: str, where: Destination, expected: str
) -> None:
    """It is refused before anything is sent."""
    sender, _, _ = open_it(Signed(47811, path, "ssh", bind=bind))
    with pytest.raises(Refused) as caught:
        sender(where)
    assert (USAGE, expected, []) == (caught.value.status, str(caught.value), net.sent)


def test_signing_that_takes_too_long(net: Net, path: str, capfd: pytest.CaptureFixture[str]) -> None:
    """A packet that was not ready within a minute is made anew, once."""
    sender, _, _ = open_it(Signed(47811, path, "ssh"))
    net.took = 61.0
    with pytest.raises(Refused, match="within a minute, got none 2 times; nothing was sent") as caught:
        sender(FOUR)(HIT)
    assert (TEMPORARY, []) == (caught.value.status, net.sent)
    text = "knock: signing took longer than a minute, and the server would refuse the packet as too old\n"
    assert text * 2 == capfd.readouterr().err
    net.took, net.now = 60.0, NOW
    sender(FOUR)(HIT)
    assert net.read(net.packets[0], MINUTE)


def test_the_second_signature_is_of_its_own_minute(net: Net, path: str) -> None:
    """What is made anew has another minute and another nonce."""
    sender, _, _ = open_it(Signed(47811, path, "ssh"))
    took = iter([61.0, 0.0])
    sign = net._sign

    def slow(message: bytes) -> Signature:
        net.took = next(took)
        return sign(message)

    net._sign = slow  # type: ignore[method-assign]
    sender, _, _ = open_it(Signed(47811, path, "ssh"))
    sender(FOUR)(HIT)
    assert net.read(net.packets[0], MINUTE + 1)


@pytest.mark.parametrize(
    ("text", "mode", "status", "message"),
    [
        ("AAAA\n", 0o600, CONFIG, "line 1: expected 32 bytes, got 3"),
        ("", 0o600, CONFIG, "expected a line with the knock secret, got none"),
        (format_secret(SECRET), 0o640, CONFIG, "expected mode 0600, got 0640; others than you may use it"),
        (format_secret(SECRET), None, NO_INPUT, "No such file or directory"),
    ],
)
def test_a_secret_that_is_none(
    net: Net, path: str, text: str, mode: int | None, status: int, message: str
) -> None:
    """The file is named, no part of it is shown, and no key is asked for."""
    Path(path).write_text(text)
    if mode is None:
        os.unlink(path)
    else:
        os.chmod(path, mode)
    with pytest.raises(Refused) as caught:
        open_it(Signed(47811, path, "ssh"))
    assert (status, []) == (caught.value.status, net.identities)
    assert str(caught.value).startswith(f"knock secret {path}: {message}")


@pytest.mark.parametrize("bind", ["none", "auto"])
def test_what_may_be_wrong(net: Net, path: str, bind: str) -> None:
    """Two sentences: what it is where the server's log has a reason, and what where it has none."""
    _, _, (refused, silent) = open_it(Signed(47811, path, "ssh", bind=bind))
    assert f"{NAME} may not be authorized there, or not for a door 'ssh' at port 47811" in refused
    assert ("the address is bound" in refused) == (bind == "auto")
    for cause in ("packets to UDP port 47811", f"{path} may be the secret of another server", "clock"):
        assert cause in silent
    assert [] == net.sent
