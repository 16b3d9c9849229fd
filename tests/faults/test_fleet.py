"""The store of a fleet killed, silent, cut off, empty, full, slow or lying: what each gateway makes of it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest

from knockd.keeper.fleet import BUDGET
from tests.support.daemons.doors import door
from tests.support.daemons.faked_clock import FakedClock
from tests.support.daemons.fleet import (
    LOST,
    OPENED,
    OPENED_TOO,
    REACHED,
    STEPS,
    STORE,
    FleetLab,
    Gateway,
    measure_openings,
    noting,
    ssh,
    wait_joined,
    wait_let_in,
    wait_shut_out,
)
from tests.support.daemons.signed import SignedHost, wait_signed
from tests.support.lab.services import send_knock
from tests.support.lab.store import Detour, Liar
from tests.support.lab.waiting import wait_until

UNANSWERED = "signed: not opened: the store of the fleet does not answer"
USED = "signed: not opened: it was used at another gateway"
LIES = {
    "silence": b"",
    "garbage": b"\xff\x00\r\n" * 1000,
    "yes to all": b"+OK\r\n",
    "a line without end": b"+" + b"a" * 60_000,
    "a list without end": b"*1000000000\r\n" + b"*1\r\n" * 10_000,
}


class Both:
    """Two gateways with a shared door and one that signed packets open; a client."""

    def __init__(self, fleet: FleetLab, directory: Path, **options: object) -> None:
        self.fleet, self.signed = fleet, SignedHost(directory)
        fields = {"Signed_Port": self.signed.port, "Authorized_Keys": self.signed.keys_path}
        section = self.signed.section("signed", Fleet_Share="no", **fields)
        self.sections = (ssh(cmd_timeout=90), section)
        self.options = {"Knock_Secret": self.signed.secret_path, "Clock": "trust", **options}
        self.first, self.second = self.gateways = [fleet.add_gateway() for _ in range(2)]
        self.client, self.address = fleet.add_client()

    def start(self) -> None:
        """Starts both."""
        for gateway in self.gateways:
            gateway.start(*self.sections, **self.options)
            wait_signed(gateway.daemon)

    def send(self, packet: bytes, gateway: Gateway) -> None:
        """Sends a packet."""
        self.signed.send(self.client, packet, to=gateway.address)

    def wait_opened(self, gateway: Gateway, times: int = 1) -> None:
        """Waits until signed packets have opened so often."""
        gateway.daemon.wait_for(f"{self.address}: signed: {OPENED}", times=times)

    def wait_unanswered(self, gateway: Gateway) -> None:
        """Waits until one was refused."""
        gateway.daemon.wait_for(f"{self.address}: {UNANSWERED}")


@contextmanager
def killed(both: Both) -> Iterator[None]:
    """It is dead, and then there is another one that knows nothing."""
    both.fleet.store.kill()
    yield
    both.fleet.store.start()


@contextmanager
def stopped(both: Both) -> Iterator[None]:
    """It is there, and answers nothing."""
    with both.fleet.store.paused():
        yield


@contextmanager
def cut_off(both: Both) -> Iterator[None]:
    """Nobody gets to it."""
    with both.first.cut_off(), both.second.cut_off():
        yield


@pytest.mark.parametrize("fault", [killed, stopped, cut_off])
def test_the_store_goes_and_comes(
    fleet: FleetLab, tmp_path: Path, fault: Callable[[Both], AbstractContextManager[None]]
) -> None:
    """Each gateway goes on alone, and then they know all again; what was used opens nothing afterwards.

    That holds too where the store has lost what it knew: gateways note what they have used once more.
    """
    fleet.store.start()
    both = Both(fleet, tmp_path)
    both.start()
    wait_joined(both.gateways)
    used = both.signed.packet(door="signed")
    both.send(used, both.first)
    both.wait_opened(both.first)
    with fault(both):
        for gateway in both.gateways:
            gateway.daemon.wait_for(LOST, timeout=30)
        both.send(both.signed.packet(door="signed"), both.second)
        both.wait_unanswered(both.second)
        send_knock(both.client, both.first.address, *STEPS)
        wait_let_in([both.first], both.address)
        assert not both.second.lets_in(both.address)
    for gateway in both.gateways:
        gateway.daemon.wait_for(REACHED, timeout=30, times=2)
    wait_let_in(both.gateways, both.address)
    time.sleep(1)  # until the first has noted again what it has used
    both.send(used, both.second)
    both.second.daemon.wait_for(f"{both.address}: {USED}")
    both.send(both.signed.packet(door="signed"), both.second)
    both.wait_opened(both.second)


def test_the_store_is_full(fleet: FleetLab, tmp_path: Path) -> None:
    """With a store that takes no more keys no door opens that asks it; openings are shared all the same."""
    fleet.store.start()
    both = Both(fleet, tmp_path)
    both.start()
    wait_joined(both.gateways)
    fleet.store.tell("CONFIG", "SET", "maxmemory-policy", "noeviction")
    fleet.store.tell("CONFIG", "SET", "maxmemory", "1")
    both.send(both.signed.packet(door="signed"), both.first)
    both.wait_unanswered(both.first)
    send_knock(both.client, both.first.address, *STEPS)
    wait_let_in(both.gateways, both.address)
    fleet.store.tell("CONFIG", "SET", "maxmemory", "0")
    both.send(both.signed.packet(door="signed"), both.first)
    both.wait_opened(both.first)


def test_the_store_is_slow(fleet: FleetLab, tmp_path: Path) -> None:
    """Half a second away, it is too late for what asks it; what opens is shared, half a second later."""
    fleet.store.start()
    with Detour(fleet.lan, STORE, 6390, 6379, 0.25):
        both = Both(fleet, tmp_path, Fleet=f"valkey://{STORE}:6390")
        both.start()
        wait_joined(both.gateways)
        both.send(both.signed.packet(door="signed"), both.first)
        both.wait_unanswered(both.first)
        send_knock(both.client, both.first.address, *STEPS)
        wait_let_in(both.gateways, both.address)
        both.second.call("Close", door="ssh", address=both.address)
        wait_shut_out(both.gateways, both.address)


def test_a_wrong_password(fleet: FleetLab, tmp_path: Path) -> None:
    """The log says that it is the password; what asks the store opens nothing."""
    fleet.store.start()
    fleet.store.tell("CONFIG", "SET", "requirepass", "right-password")
    password = tmp_path / "password"
    password.touch(0o600)
    password.write_text("wrong-password\n")
    both = Both(fleet, tmp_path, Fleet_Password=password)
    both.start()
    lines = both.first.daemon.wait_for(LOST)
    assert [line for line in lines if LOST in line and "password" in line]
    assert "wrong-password" not in "".join(lines)
    both.send(both.signed.packet(door="signed"), both.first)
    both.wait_unanswered(both.first)


def test_clocks_apart(fleet: FleetLab, tmp_path: Path) -> None:
    """With a clock that is 40 seconds ahead, the time of a door is the same, and a packet opens once."""
    fleet.store.start()
    both = Both(fleet, tmp_path)
    both.sections = (ssh(cmd_timeout=15), *both.sections[1:])
    clock = FakedClock(both.second.directory, 40)
    both.second.program = clock.program
    both.start()
    wait_joined(both.gateways)
    begun = time.monotonic()
    send_knock(both.client, both.first.address, *STEPS)
    wait_let_in(both.gateways, both.address)
    packet = both.signed.packet(door="signed")
    for gateway in both.gateways:
        both.send(packet, gateway)
    wait_until(
        lambda: sum(one.daemon.count(f"{both.address}: {USED}") for one in both.gateways) == 1,
        10,
        "one of them refuses it",
    )
    assert sum(one.daemon.count(f"{both.address}: signed: {OPENED}") for one in both.gateways) == 1
    wait_shut_out([both.second], both.address, 40)
    assert time.monotonic() - begun > 14
    wait_shut_out([both.first], both.address, 5)


@pytest.mark.parametrize("lie", LIES)
def test_a_liar_delays_no_plain_door(fleet: FleetLab, tmp_path: Path, lie: str) -> None:
    """Whatever a server says in the place of the store, plain doors open at once; the log says it is away."""
    noted = tmp_path / "noted"
    plain = door("plain", ",".join(STEPS), start_command=noting(noted))
    with Liar(fleet.lan, STORE, LIES[lie]) as liar:
        gateway = fleet.add_gateway().start(plain)
        client, _ = fleet.add_client()
        wait_until(lambda: liar.connections, 10, "it is asked")
        delays = measure_openings(gateway, client, noted)
        said = ("does not answer", "the fleet has ended")
        wait_until(
            lambda: any(word in line for line in gateway.daemon.log_lines() for word in said),
            60,
            "it is said",
        )
        delays += measure_openings(gateway, client, noted)
    assert min(delays) < BUDGET  # on a busy machine some take longer than that by themselves
    assert gateway.daemon.count(OPENED) == 20
    assert gateway.daemon.count(OPENED_TOO) == 0
