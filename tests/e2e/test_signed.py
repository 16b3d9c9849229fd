"""Signed knocks: a packet of a key opens, renews and closes a door; one that is wrong anywhere does not."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from knockd.control.client import Control
from knockd_conf.signed_packet import UNBOUND, MinuteKeys, Request, Verb, derive_minute, select_door
from tests.e2e.conftest import Pair, Start
from tests.support.daemons.daemon import LISTENING, Daemon
from tests.support.daemons.doors import CLIENT, SERVER, config, door
from tests.support.daemons.keyed import ask_status, with_runtime
from tests.support.daemons.signed import PORT, SignedHost, wait_signed
from tests.support.lab.services import send_knock
from tests.support.lab.waiting import PATIENCE, wait_until
from tests.support.oracles.signed_cases import KEYS
from tests.support.oracles.signed_model import Knock, sign_otherwise
from tests.support.samples.signed_vectors import KEYS as PUBLISHED

EVE = "10.7.0.66"
OPENED = f"{CLIENT[4]}: ssh: OPEN SESAME"
ALICE = PUBLISHED["alice"].fingerprint
BY_ALICE = f"ssh: opened by alice@laptop ({ALICE})"


@pytest.fixture
def signed(tmp_path: Path) -> SignedHost:
    """A server's secret, and the keys of alice, bob and a hardware key."""
    return SignedHost(tmp_path)


def begin(pair: Pair, start: Start, tmp_path: Path, text: str, **given: Any) -> Daemon:
    """A daemon whose doors signed knocks open."""
    ready = '"event": "starting"' if "json" in text else LISTENING
    daemon = start(pair.server, text, program=with_runtime(tmp_path), ready=ready, **given)
    wait_signed(daemon)
    return daemon


def note(path: Path, word: str) -> str:
    """A command that notes who has opened the door, and by which key."""
    return f'echo "{word} $KNOCKD_IP $KNOCKD_DOOR ${{KNOCKD_KEY-none}}" >> {path}'


def held(pair: Pair, start: Start, tmp_path: Path, signed: SignedHost, **fields: object) -> Daemon:
    """A daemon with a door that is open for long, and whose commands are noted in ``tmp_path / "noted"``."""
    noted = tmp_path / "noted"
    commands: dict[str, object] = {"Start_Command": note(noted, "open"), "Stop_Command": note(noted, "close")}
    section = signed.section("ssh", **{**commands, "Cmd_Timeout": 60, **fields})
    return begin(pair, start, tmp_path, signed.config(section))


@pytest.mark.parametrize("version", [4, 6])
def test_opens_and_closes(pair: Pair, start: Start, tmp_path: Path, signed: SignedHost, version: int) -> None:
    """The door opens and closes when its time is over; the log and both commands say by whose key."""
    daemon = held(pair, start, tmp_path, signed, Cmd_Timeout=1)
    signed.knock(pair.client, to=SERVER[version])
    ip = CLIENT[version]
    lines = daemon.wait_for(f"{ip}: ssh: command timeout")
    daemon.wait_for("ssh: running command", times=2)
    at = lines.index(f"{ip}: ssh: OPEN SESAME")
    assert lines[at + 1] == BY_ALICE
    noted = tmp_path / "noted"
    wait_until(lambda: noted.read_text().count("\n") == 2, 5, "both commands")
    assert noted.read_text() == f"open {ip} ssh {ALICE}\nclose {ip} ssh {ALICE}\n"


@pytest.mark.parametrize("key", ["alice", "bob", "token"])
def test_keys(pair: Pair, start: Start, tmp_path: Path, signed: SignedHost, key: str) -> None:
    """Each key of the file opens, also one of hardware; JSON says which it was."""
    daemon = begin(pair, start, tmp_path, signed.config(LogFormat="json"))
    signed.knock(pair.client, key)
    lines = daemon.wait_for('"event": "signed-opened"')
    (found,) = (json.loads(line) for line in lines if '"signed-opened"' in line)
    assert (found["ip"], found["door"]) == (CLIENT[4], "ssh")
    assert found["fingerprint"] == PUBLISHED[key].fingerprint
    assert found["key"] == KEYS[key].comment


def test_renew(pair: Pair, start: Start, tmp_path: Path, signed: SignedHost) -> None:
    """What is open gets its time anew, whoever has opened it; a renewal opens nothing."""
    daemon = held(pair, start, tmp_path, signed, Reknock="extend")
    signed.knock(pair.client, verb="renew")
    daemon.wait_for(f"{CLIENT[4]}: ssh: signed knock refused: nothing is open that it may renew or close")
    signed.knock(pair.client, "bob")
    daemon.wait_for("ssh: opened by bob")
    wait_until(lambda: only_lease(daemon)["state"] == "open", 5, "its command is done")
    left = only_lease(daemon)["seconds_left"]
    wait_until(lambda: only_lease(daemon)["seconds_left"] < left - 1, 5, "time passes")
    signed.knock(pair.client, verb="renew")
    daemon.wait_for(f"{CLIENT[4]}: ssh: renewed by alice@laptop ({ALICE})")
    wait_until(lambda: (only_lease(daemon)["seconds_left"] or 0) > left - 1, 5, "its time begins anew")
    assert daemon.count("OPEN SESAME") == daemon.count("running command") == 1


def test_renew_runs_the_commands_again(pair: Pair, start: Start, tmp_path: Path, signed: SignedHost) -> None:
    """Where a knock would close and open, a renewal does."""
    daemon = held(pair, start, tmp_path, signed)
    signed.knock(pair.client, "bob")
    daemon.wait_for("running command")
    wait_until(lambda: only_lease(daemon)["state"] == "open", 5, "it is open")
    signed.knock(pair.client, verb="renew")
    daemon.wait_for("running command", times=3)
    bob = PUBLISHED["bob"].fingerprint
    noted = tmp_path / "noted"
    wait_until(lambda: noted.read_text().count("\n") == 3, 5, "three commands")
    assert [line.split()[0::3] for line in noted.read_text().splitlines()] == [
        ["open", bob],
        ["close", bob],
        ["open", ALICE],
    ]
    assert only_lease(daemon)["by"] == f"key alice@laptop ({ALICE})"


def test_close(pair: Pair, start: Start, tmp_path: Path, signed: SignedHost) -> None:
    """A key closes what it has opened, from whatever address, and nothing of others."""
    pair.client.ip(f"addr add {EVE}/24 dev eth0")
    daemon = held(pair, start, tmp_path, signed)
    signed.knock(pair.client)
    signed.knock(pair.client, source=EVE)
    daemon.wait_for("opened by alice", times=2)
    signed.knock(pair.client, "bob", verb="close")
    daemon.wait_for("signed knock refused: nothing is open that it may renew or close")
    signed.knock(pair.client, verb="close")
    daemon.wait_for(f"{CLIENT[4]}: ssh: closed by alice@laptop ({ALICE})")
    daemon.wait_for("running command", times=4)
    noted = tmp_path / "noted"
    wait_until(lambda: noted.read_text().count("close") == 2, 5, "both are closed")
    assert {line.split()[1] for line in noted.read_text().splitlines()[2:]} == {CLIENT[4], EVE}
    wait_until(lambda: ask_status(daemon)["leases"] == [], 5, "nothing is open")


def only_lease(daemon: Daemon) -> dict[str, Any]:
    """What is open."""
    (lease,) = ask_status(daemon)["leases"]
    return dict(lease)


def forged(signed: SignedHost, **changed: object) -> bytes:
    """A packet of alice that her key has signed for something else: of ``changed``."""
    minute, nonce = signed.minute(), os.urandom(16)
    signature = sign_otherwise(Knock(signed.secret, KEYS["alice"], minute, nonce, "ssh"), **changed)
    request = Request(Verb.OPEN, 0, select_door("ssh"), 0, 0, 0, UNBOUND, signature)
    keys = MinuteKeys(minute, derive_minute(signed.secret, minute))
    return keys.seal(PUBLISHED["alice"].public, nonce, request)


def restricted(name: str, options: str) -> str:
    """A line of authorized_keys."""
    return f"{options} {PUBLISHED[name].line}"


BAD: dict[str, Callable[[SignedHost], bytes]] = {
    "no such door at this port": lambda host: host.packet(door="nope"),
    "ssh: its key may not use this door": lambda host: host.packet("bob"),
    "ssh: its key has expired": lambda host: host.packet("token"),
    "ssh: its key may not be used from this address": lambda host: host.packet("office"),
    "of no key that may knock here, or changed on the way": lambda host: host.packet("mallory"),
    "ssh: bound to another address": lambda host: host.packet(address=EVE),
    "inner: this address may not knock at this door": lambda host: host.packet(door="inner"),
    "old: the door has expired": lambda host: host.packet(door="old"),
    "ssh: nothing is open that it may renew or close": lambda host: host.packet(verb="close"),
}
"""A packet that is wrong in one way, by what the log says of it."""

FORGED: dict[str, Mapping[str, Any]] = {
    "another host": {"secret": bytes(32)},
    "another minute": {"minute": 7},
    "another door": {"door": "web"},
    "another verb": {"verb": 3},
    "another nonce": {"nonce": bytes(16)},
    "another key": {"signer": KEYS["bob"]},
}
"""What the signature of a packet is for that is right in all else."""


def test_refused(pair: Pair, start: Start, tmp_path: Path, signed: SignedHost) -> None:
    """Each packet that is wrong in one way does nothing, and the log says which way; a good one opens."""
    signed.write_keys(
        PUBLISHED["alice"].line,
        restricted("bob", 'knock-doors="web"'),
        restricted("token", 'expiry-time="20200101"'),
        restricted("office", 'from="192.0.2.0/24"'),
    )
    sections = (
        signed.section(),
        signed.section("web"),
        signed.section("inner", Allow="192.0.2.0/24"),
        signed.section("old", Expires="2020-01-01"),
    )
    daemon = begin(pair, start, tmp_path, signed.config(*sections))
    for text, make in BAD.items():
        at, _, reason = text.rpartition(": ")
        signed.send(pair.client, make(signed))
        daemon.wait_for(f"{CLIENT[4]}: {at}{': ' if at else ''}signed knock refused: {reason}")
        wait_until(clock_after(0.25), 2, "its source may send another one")
    changed = bytearray(signed.packet())
    changed[50] ^= 1
    signed.send(pair.client, bytes(changed))
    daemon.wait_for("of no key that may knock here, or changed on the way", times=2)
    assert not daemon.count("OPEN SESAME")
    signed.knock(pair.client)
    daemon.wait_for(BY_ALICE)


def test_wrong_signatures(pair: Pair, start: Start, tmp_path: Path, signed: SignedHost) -> None:
    """What a key has signed for another server, minute, door, verb or packet opens nothing."""
    daemon = begin(pair, start, tmp_path, signed.config(signed.section(), signed.section("web")))
    for number, changed in enumerate(FORGED.values(), start=1):
        signed.send(pair.client, forged(signed, **changed))
        daemon.wait_for(f"{CLIENT[4]}: ssh: signed knock refused: wrong signature", times=number)
        wait_until(clock_after(0.25), 2, "its source may send another one")
    assert not daemon.count("OPEN SESAME")
    signed.knock(pair.client)
    daemon.wait_for(BY_ALICE)


def clock_after(seconds: float) -> Callable[[], bool]:
    """Whether so many seconds have passed since this call."""
    end = time.monotonic() + seconds
    return lambda: time.monotonic() >= end


def test_silent(pair: Pair, start: Start, tmp_path: Path, signed: SignedHost) -> None:
    """What is of another length, minute or secret is never seen: the log has nothing of it."""
    daemon = begin(pair, start, tmp_path, signed.config())
    packet, minute = signed.packet(), signed.minute()
    signed.send(
        pair.client,
        *(packet[:-1], packet + b"x", b"", bytes(len(packet))),
        *(signed.packet(minute=minute + away) for away in (-3, 3)),
        signed.packet(secret=bytes(32)),
    )
    signed.send(pair.client, packet, port=PORT + 1)
    signed.knock(pair.client)
    lines = daemon.wait_for(BY_ALICE)
    assert not [line for line in lines if "refused" in line]


def test_replayed(pair: Pair, start: Start, tmp_path: Path, signed: SignedHost) -> None:
    """What was overheard opens nothing, however often it is sent and from where; others open meanwhile."""
    pair.client.ip(f"addr add {EVE}/24 dev eth0")
    daemon = begin(pair, start, tmp_path, signed.config())
    packet = signed.knock(pair.client)
    daemon.wait_for(BY_ALICE)
    for source in (EVE, CLIENT[4]):
        signed.send(pair.client, *[packet] * 50, source=source)
        signed.knock(pair.client, "bob")
        daemon.wait_for(f"{source}: signed knock refused: came before")
    daemon.wait_for("opened by bob", times=2)
    assert daemon.count("OPEN SESAME") == 3


def test_beside_a_sequence(pair: Pair, start: Start, tmp_path: Path, signed: SignedHost) -> None:
    """A door with both opens by each, in the middle of a sequence too; its sequence names no key."""
    noted = tmp_path / "noted"
    both = door("ssh", "700,800,900", start_command=note(noted, "open"), stop_command="true", cmd_timeout=60)
    other = door("other", "701,801", start_command="true")
    daemon = begin(pair, start, tmp_path, signed.config(both, other))
    send_knock(pair.client, SERVER[4], "700", "800")
    daemon.wait_for(f"{CLIENT[4]}: ssh: Stage 2")
    signed.knock(pair.client, "bob", "other")
    daemon.wait_for("other: opened by bob")
    send_knock(pair.client, SERVER[4], "900")
    daemon.wait_for(OPENED)
    wait_until(lambda: ask_status(daemon)["leases"][0]["state"] == "open", 5, "it is open")
    signed.knock(pair.client)
    daemon.wait_for(BY_ALICE)
    wait_until(lambda: noted.read_text().count("\n") == 2, 5, "both openings")
    assert [line.split()[-1] for line in noted.read_text().splitlines()] == ["none", ALICE]


@pytest.mark.parametrize("interface", ["any", "two"])
def test_interfaces(pair: Pair, start: Start, tmp_path: Path, signed: SignedHost, interface: str) -> None:
    """A packet opens once at the interface where it comes in, of several or of all that there are."""
    pair.lab.link(pair.server, "eth1", pair.client, "eth1", ("10.8.0.1/24",), ("10.8.0.2/24",))
    names = "any" if interface == "any" else "eth0,eth1"
    path = tmp_path / "noted"
    section = signed.section(Start_Command=f"echo $KNOCKD_IFACE $KNOCKD_DST >> {path}")
    daemon = begin(pair, start, tmp_path, signed.config(section, Interface=names), interface=None)
    signed.knock(pair.client)
    daemon.wait_for(BY_ALICE)
    signed.knock(pair.client, to="10.8.0.1")
    daemon.wait_for(BY_ALICE, times=2)
    wait_until(lambda: path.read_text().count("\n") == 2, 5, "both commands")
    first, second = path.read_text().splitlines()
    assert first.split()[1:] == [SERVER[4]]
    assert second.split()[1:] == ["10.8.0.1"]
    if interface == "two":
        assert (first.split()[0], second.split()[0]) == ("eth0", "eth1")
    assert not daemon.count("refused")


def test_reload(pair: Pair, start: Start, tmp_path: Path, signed: SignedHost) -> None:
    """Who is struck out opens nothing after a reload, and who is added opens."""
    signed.write_keys(PUBLISHED["alice"].line)
    daemon = begin(pair, start, tmp_path, signed.config())
    signed.knock(pair.client)
    daemon.wait_for(BY_ALICE)
    signed.write_keys(PUBLISHED["bob"].line)
    daemon.signal(signal.SIGHUP)
    daemon.wait_for("listening on eth0", times=2)
    wait_until(lambda: comments(daemon) == ["bob"], 10, "the file is read")
    wait_signed(daemon)
    signed.knock(pair.client)
    signed.knock(pair.client, "bob")
    daemon.wait_for("opened by bob")
    daemon.wait_for("signed knock refused: of no key that may knock here")
    assert daemon.count(BY_ALICE) == 1


def comments(daemon: Daemon) -> list[str]:
    """The comments of the keys that the daemon knows."""
    with Control(str(daemon.control_path), timeout=10.0 * PATIENCE) as control:
        return [one["comment"] for one in control.call("Keys")["keys"]]


def test_from_plain_to_signed_and_back(pair: Pair, start: Start, tmp_path: Path, signed: SignedHost) -> None:
    """A reload brings the first door of signed knocks, and another takes it away; the plain door goes on."""
    plain = door("plain", "700,800", start_command="true")
    daemon = start(pair.server, config(plain, Clock="trust"), program=with_runtime(tmp_path))
    daemon.write_config(signed.config(signed.section(), plain))
    daemon.signal(signal.SIGHUP)
    daemon.wait_for("listening on eth0", times=2)
    wait_signed(daemon)
    packet = signed.knock(pair.client)
    daemon.wait_for(BY_ALICE)
    pair.knock_until(daemon, ("700", "800"), "plain: OPEN SESAME")
    daemon.write_config(config(plain, Clock="trust"))
    daemon.signal(signal.SIGHUP)
    daemon.wait_for("listening on eth0", times=3)
    signed.send(pair.client, packet)
    signed.knock(pair.client)
    pair.knock_until(daemon, ("700", "800"), "plain: OPEN SESAME", times=2)
    assert daemon.count(BY_ALICE) == 1
    assert not daemon.count("refused")


def test_boundary_of_a_minute(pair: Pair, start: Start, tmp_path: Path, signed: SignedHost) -> None:
    """Knocks before, at and after the boundary all open, also those of a clock that is 50 seconds off."""
    daemon = begin(pair, start, tmp_path, signed.config(signed.section(Reknock="repeat")))
    first = signed.minute()
    wait_until(lambda: time.time() % 60 >= 52 or signed.minute() > first, 62, "the minute ends soon")
    ends, knocks = (signed.minute() + 1) * 60, 0
    while time.time() < ends + 8:
        minute = int((time.time() + (-50, 0, 50)[knocks % 3]) // 60)
        knocks += 1
        signed.send(pair.client, signed.packet(minute=minute))
        daemon.wait_for(BY_ALICE, times=knocks)
        wait_until(clock_after(0.5), 2, "half a second")
    assert not daemon.count("refused")
    assert knocks > 3


def test_take_over(pair: Pair, start: Start, tmp_path: Path, signed: SignedHost) -> None:
    """While one packet process takes over from another every knock opens, each once, and none came before."""
    text = signed.config(signed.section(Reknock="repeat"))
    daemon = begin(pair, start, tmp_path, text)
    sent = 0
    for latency in (11, 12, 13):
        daemon.write_config(signed.config(signed.section(Reknock="repeat"), Latency=latency))
        before = daemon.count("listening on eth0")
        daemon.signal(signal.SIGHUP)
        while daemon.count("listening on eth0") == before:
            signed.knock(pair.client, ("alice", "bob", "token")[sent % 3])
            sent += 1
            wait_until(clock_after(0.25), 2, "a moment")
    daemon.wait_for("OPEN SESAME", times=sent)
    assert daemon.count("OPEN SESAME") == sent
    assert not daemon.count("refused")


def test_status(pair: Pair, start: Start, tmp_path: Path, signed: SignedHost) -> None:
    """Port, keys, and who knocked last from where are told; and what keeps a door waiting."""
    daemon = begin(pair, start, tmp_path, signed.config())
    (shown,) = ask_status(daemon)["doors"]
    assert shown["signed"] == {"port": PORT, "keys_total": 3, "waiting": None}
    before = time.time()
    signed.knock(pair.client)
    daemon.wait_for(BY_ALICE)
    with Control(str(daemon.control_path), timeout=10.0 * PATIENCE) as control:
        alice, bob, token = control.call("Keys")["keys"]
        counts = control.call("Counters")["counts"]
    assert (alice["fingerprint"], alice["address"], alice["doors"]) == (ALICE, CLIENT[4], ["ssh"])
    assert before - 1 <= alice["knocked"] <= time.time() + 1
    assert (bob["knocked"], bob["address"]) == (None, None)
    assert token["hardware"]
    assert {"name": "signed_openings", "door": "ssh", "value": 1.0} in counts
    signed.secret_path.chmod(0o644)
    daemon.signal(signal.SIGHUP)
    path = str(signed.secret_path)
    wait_until(lambda: path in str(ask_status(daemon)["doors"][0]["waiting"]), 10, "the secret is refused")
    (shown,) = ask_status(daemon)["doors"]
    assert path in shown["signed"]["waiting"]
    assert shown["disabled"]
