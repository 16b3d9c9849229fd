"""Doors with keys: sequences that rotate, opened by those who have a key, each once a period."""

from __future__ import annotations

import json
import signal
import time
from itertools import product
from pathlib import Path

import pytest

from knockd.sequences.kernel_clock import read_clock
from knockd_conf.timed import Rule
from tests.e2e.conftest import Pair, Start
from tests.support.daemons.daemon import LISTENING, Daemon
from tests.support.daemons.doors import CLIENT, SERVER, config, door
from tests.support.daemons.keyed import (
    ANNE,
    BOB,
    KeyedDoor,
    ask_status,
    find_waiting,
    send_step,
    wait_live,
    with_runtime,
)
from tests.support.lab.tools import lacking
from tests.support.lab.waiting import wait_until

EVE = "10.7.0.66"
OPENED = f"{CLIENT[4]}: ssh: OPEN SESAME"


@pytest.fixture
def keyed(tmp_path: Path) -> KeyedDoor:
    """A door whose sequences last ten seconds."""
    return KeyedDoor(tmp_path)


def begin(
    pair: Pair, start: Start, tmp_path: Path, text: str, *options: str, waiting: tuple[str, ...] = ()
) -> Daemon:
    """A daemon whose doors but those are live."""
    ready = '"event": "starting"' if "json" in text else LISTENING
    daemon = start(pair.server, text, *options, program=with_runtime(tmp_path), ready=ready)
    wait_live(daemon, waiting)
    return daemon


def wait_for_end(keyed: KeyedDoor, period: int) -> None:
    """Waits until a period is over."""
    wait_until(lambda: keyed.period() > period, 15, "the next period")


def test_opens_by_key(pair: Pair, start: Start, tmp_path: Path, keyed: KeyedDoor) -> None:
    """Whoever has a key opens the door with the sequence of now, once; each person has a key of their own."""
    fields: dict[str, object] = {"Stop_Command": "true", "Cmd_Timeout": 60, "Reknock": "repeat"}
    daemon = begin(pair, start, tmp_path, keyed.config(fields=fields))
    period = keyed.wait_for_period()
    keyed.knock(pair.client)
    daemon.wait_for(f"{CLIENT[4]}: ssh: opened with key anne")
    keyed.knock(pair.client, period=period)
    lines = daemon.wait_for("sequence used already, the next sequence in")
    assert sum(OPENED in line for line in lines) == 1
    keyed.knock(pair.client, BOB, period)
    daemon.wait_for(f"{CLIENT[4]}: ssh: opened with key bob")
    both = {"key anne", "key bob"}
    wait_until(lambda: {lease["by"] for lease in ask_status(daemon)["leases"]} == both, 5, "both are in")


def test_next_period(pair: Pair, start: Start, tmp_path: Path, keyed: KeyedDoor) -> None:
    """Who has opened the door opens it again in the next period; what was overheard opens nothing."""
    pair.client.ip(f"addr add {EVE}/24 dev eth0")
    daemon = begin(pair, start, tmp_path, keyed.config())
    period = keyed.wait_for_period()
    keyed.knock(pair.client)
    daemon.wait_for(OPENED)
    for number in (1, 2):
        wait_for_end(keyed, period + number - 1)
        keyed.knock(pair.client, period=period, source=EVE)
        keyed.knock(pair.client)
        daemon.wait_for(OPENED, times=number + 1)
    daemon.wait_for(f"{EVE}: ssh: sequence used already")
    daemon.wait_for(f"{EVE}: ssh: clock of the knocker is")  # the second time it is two periods old
    assert not daemon.count(f"{EVE}: ssh: OPEN SESAME")


def test_used_and_then_the_next(pair: Pair, start: Start, tmp_path: Path, keyed: KeyedDoor) -> None:
    """Who repeats a used sequence opens with the next one all the same, even before its period begins."""
    daemon = begin(pair, start, tmp_path, keyed.config())
    period = keyed.wait_for_period()
    keyed.knock(pair.client)
    daemon.wait_for(OPENED)
    keyed.knock(pair.client, period=period)
    daemon.wait_for("sequence used already, the next sequence in")
    keyed.knock(pair.client, period=period + 1)
    daemon.wait_for(OPENED, times=2)


@pytest.mark.parametrize(("periods", "words"), [(-2, "s behind"), (2, "s ahead"), (-3, "s behind")])
def test_wrong_clock(
    pair: Pair, start: Start, tmp_path: Path, keyed: KeyedDoor, periods: int, words: str
) -> None:
    """A whole knock of another time opens nothing, and the log says how wrong the clock is, and whose."""
    text = keyed.config(LogFormat="json")
    daemon = begin(pair, start, tmp_path, text)
    period = keyed.wait_for_period()
    keyed.knock(pair.client, BOB, period + periods)
    name = "key-behind" if "behind" in words else "key-ahead"
    lines = daemon.wait_for(f'"event": "{name}"')
    (event,) = (json.loads(line) for line in lines if name in line)
    assert (event["ip"], event["door"], event["key"]) == (CLIENT[4], "ssh", "bob")
    assert abs(event["seconds"] - 10 * abs(periods)) <= 6
    assert not [line for line in lines if '"open"' in line]


def test_ahead_and_sent_again(pair: Pair, start: Start, tmp_path: Path, keyed: KeyedDoor) -> None:
    """Who has heard the knock of a clock that is ahead does not open the door when its time has come."""
    pair.client.ip(f"addr add {EVE}/24 dev eth0")
    daemon = begin(pair, start, tmp_path, keyed.config())
    period = keyed.wait_for_period()
    keyed.knock(pair.client, period=period + 2)
    daemon.wait_for("s ahead")
    wait_for_end(keyed, period)
    keyed.wait_for_period()
    keyed.knock(pair.client, period=period + 2, source=EVE)
    keyed.knock(pair.client, BOB)
    lines = daemon.wait_for("opened with key bob")
    assert not [line for line in lines if f"{EVE}: ssh: OPEN SESAME" in line]
    assert [line for line in lines if f"{EVE}: ssh: sequence used already" in line]


def test_json(pair: Pair, start: Start, tmp_path: Path, keyed: KeyedDoor) -> None:
    """The key that has opened is a field."""
    event = {"key": "anne", "event": "key-opened", "door": "ssh", "ip": CLIENT[4]}
    daemon = begin(pair, start, tmp_path, keyed.config(LogFormat="json"))
    keyed.wait_for_period()
    keyed.knock(pair.client)
    lines = daemon.wait_for('"event": "key-opened"')
    (found,) = (json.loads(line) for line in lines if '"key-opened"' in line)
    assert event.items() <= found.items()


@pytest.mark.parametrize("hup", [False, True], ids=["next period", "HUP"])
def test_struck_out(pair: Pair, start: Start, tmp_path: Path, keyed: KeyedDoor, *, hup: bool) -> None:
    """Who is struck out of the file opens nothing from the next period on, or at once after a reload."""
    daemon = begin(pair, start, tmp_path, keyed.config())
    period = keyed.wait_for_period(left=5)
    keyed.write(BOB)
    if hup:
        daemon.signal(signal.SIGHUP)
        daemon.wait_for("listening on eth0", times=2)
    else:
        keyed.knock(pair.client)
        daemon.wait_for("opened with key anne")
        wait_for_end(keyed, period)
    wait_until(lambda: "anne" not in str(ask_status(daemon)["doors"]), 5, "the file is read")
    ask_status(daemon)
    before = daemon.count("key anne")
    keyed.knock(pair.client)

    def opened() -> int:
        keyed.knock(pair.client, BOB)  # on a slow machine a period may end meanwhile
        return daemon.count("opened with key bob")

    wait_until(opened, 30, "bob opens")
    assert daemon.count("key anne") == before


def test_from_plain_to_keyed_and_back(pair: Pair, start: Start, tmp_path: Path, keyed: KeyedDoor) -> None:
    """A reload brings the first door with a key, and another takes it away; the plain door goes on."""
    plain = door("plain", "700,800", start_command="echo plain > /dev/null")
    daemon = begin(pair, start, tmp_path, config(plain, Clock="trust"))
    daemon.write_config(keyed.config(plain))
    daemon.signal(signal.SIGHUP)
    daemon.wait_for("listening on eth0", times=2)
    wait_live(daemon)
    keyed.wait_for_period()
    keyed.knock(pair.client)
    daemon.wait_for("opened with key anne")
    daemon.write_config(config(plain, Clock="trust"))
    daemon.signal(signal.SIGHUP)
    daemon.wait_for("listening on eth0", times=3)
    assert [one["name"] for one in ask_status(daemon)["doors"]] == ["plain"]
    pair.knock_until(daemon, ("700", "800"), "plain: OPEN SESAME")


@pytest.mark.parametrize("version", [4, 6])
@pytest.mark.parametrize("protocol", ["udp", "mixed"])
def test_protocols(pair: Pair, start: Start, tmp_path: Path, version: int, protocol: str) -> None:
    """Steps may be UDP, or either, over both IP versions; there may be more of them."""
    keyed = KeyedDoor(tmp_path, rule=Rule(6, 10, 30_000, 40_000, protocol))
    daemon = begin(pair, start, tmp_path, keyed.config())
    keyed.wait_for_period()
    keyed.knock(pair.client, address=SERVER[version])
    daemon.wait_for(f"{CLIENT[version]}: ssh: OPEN SESAME")


def test_not_synchronised(pair: Pair, start: Start, tmp_path: Path, keyed: KeyedDoor) -> None:
    """Where the kernel says that the clock is not synchronised the door waits, and says so; others open."""
    if not read_clock().loose:
        lacking("this machine's clock is synchronised")
    text = keyed.config(door("plain", "700,800"), Clock="synchronised")
    daemon = begin(pair, start, tmp_path, text, waiting=("ssh",))
    daemon.wait_for("doors with keys wait: the clock is not synchronised")
    keyed.wait_for_period()
    keyed.knock(pair.client)
    pair.knock_until(daemon, ("700", "800"), "plain: OPEN SESAME")
    assert not daemon.count("ssh: ")
    (waiting,) = (one["waiting"] for one in ask_status(daemon)["doors"] if one["name"] == "ssh")
    assert waiting.startswith("the clock is not synchronised (the kernel says STA_UNSYNC)")
    daemon.write_config(keyed.config(door("plain", "700,800")))
    daemon.signal(signal.SIGHUP)
    daemon.wait_for("doors with keys can be opened, the clock is good")
    wait_live(daemon)
    keyed.wait_for_period()
    keyed.knock(pair.client)
    daemon.wait_for(OPENED)


def test_file_that_cannot_be_used(pair: Pair, start: Start, tmp_path: Path, keyed: KeyedDoor) -> None:
    """The door is disabled, says why, and opens again when the file is mended; others go on."""
    keyed.path.chmod(0o644)
    text = keyed.config(door("plain", "700,800"))
    daemon = begin(pair, start, tmp_path, text, waiting=("ssh",))
    daemon.wait_for(f"ssh: key file {keyed.path}: ")
    daemon.wait_for(f"run chmod 600 {keyed.path} --> disabling the door")
    pair.knock_until(daemon, ("700", "800"), "plain: OPEN SESAME")
    keyed.path.chmod(0o600)
    wait_live(daemon)
    keyed.wait_for_period()
    keyed.knock(pair.client)
    daemon.wait_for(OPENED)
    assert daemon.count("disabling the door") == 1


def test_over_a_boundary(pair: Pair, start: Start, tmp_path: Path) -> None:
    """A knock that begins in one period and ends in the next opens, wherever the boundary falls in it.

    A hundred people with keys of two doors knock so, each from an address of their own. The ring has room
    for them all on a busy machine.
    """
    many = 17
    keys = [ANNE._replace(name=f"key{n:02}", key=bytes([n]) * 32) for n in range(many)]
    doors = [KeyedDoor(tmp_path, name) for name in ("ssh", "web")]
    for one in doors:
        one.write(*keys)
    for number in range(2 * many):
        pair.client.ip(f"addr add 10.7.0.{100 + number}/24 dev eth0")
    daemon = begin(pair, start, tmp_path, doors[0].config(doors[1].section(), Buffer=16_384))
    length = doors[0].rule.period
    for turn in (1, 2, 3):
        wait_until(lambda: time.time() % length > length - 1.5, 15, "the end of a period")
        boundary = (doors[0].period() + 1) * length
        packets = []
        for number, (one, key) in enumerate(product(doors, keys)):
            # The boundary falls behind the first, the second or the third step.
            pause = 0.02 * (number // 2 + 1)
            first = boundary - pause * (number % 3 + 0.5)
            for at, step in enumerate(one.steps(key, boundary // length - 1)):
                packets.append((first + at * pause, step, f"10.7.0.{100 + number}"))
        for when, step, source in sorted(packets):
            time.sleep(max(0.0, when - time.time()))
            send_step(pair.client, SERVER[4], step, source)
        daemon.wait_for("OPEN SESAME", times=2 * many * turn)
    assert not [line for line in daemon.log_lines() if "behind" in line or "ahead" in line]


def test_status(pair: Pair, start: Start, tmp_path: Path, keyed: KeyedDoor) -> None:
    """Status has the names of the keys and the period, and never a port."""
    daemon = begin(pair, start, tmp_path, keyed.config())
    (found,) = ask_status(daemon)["doors"]
    rotation = found["rotation"]
    assert (rotation["keys"], rotation["keys_total"], rotation["period"]) == (["anne", "bob"], 2, 10)
    assert 0 <= rotation["seconds_left"] <= 10
    assert found.get("waiting") is None
    text = json.dumps(ask_status(daemon))
    ports = {step.partition(":")[0] for n in range(-3, 4) for step in keyed.steps(period=keyed.period() + n)}
    assert not [port for port in ports if port in text]
    assert find_waiting(daemon) == []
