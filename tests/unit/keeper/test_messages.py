"""What becomes of each message of the packet process."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from structlog import get_logger
from structlog.testing import capture_logs

from knockd.keeper.key_setup import KeySetup
from knockd.keeper.live_doors import LiveDoors
from knockd.keeper.messages import Messages, log_message
from knockd.keeper.worker_process import WorkerProcess
from knockd.knocks.events import Discarded, Expired, Guarded, Ignored, Spoiled, Stage, Why
from knockd.knocks.taken import Taken
from knockd.leases.values import Knock
from knockd.log.logger import Logger
from knockd.process.link import pair
from knockd.process.verbs import Dropped, HeldBack, Message, Opening, Packet, Signed, SmallRing, Widened
from knockd.sequences.live_periods import find_period
from knockd.signed.values import Granted
from knockd_conf.model import Config, FlagRule, Step
from knockd_conf.signed_packet import Verb
from tests.support.doubles.fleet import ToldFleet
from tests.support.doubles.keyed import NOON as KEYED_NOON
from tests.support.doubles.keyed import KeyedHost
from tests.support.doubles.linked_workers import CONFIG, NullLogger, no_keys, worker_process
from tests.support.doubles.manual_loop import ManualLoop
from tests.support.doubles.played import ALICE, door, steps
from tests.support.doubles.signed import (
    FINGERPRINT,
    LAPTOP,
    PORT,
    ToldDoors,
    ToldSetup,
    no_signed,
    signed_door,
)


def said(message: Message, *, failures: bool = True, config: Config = CONFIG) -> list[dict[str, object]]:
    """The log entries of one message."""
    ours, theirs = pair()
    with ours, theirs, capture_logs() as log:
        worker = worker_process(ours, config, "eth0", "tun0")
        log_message(Logger(get_logger()), worker, message, failures=failures)
    return [dict(entry) for entry in log]


DOOR = CONFIG.doors[0].name
WHO = {"ip": "192.0.2.1", "door": DOOR, "stage": 1, "steps": len(CONFIG.doors[0].steps)}
LINES = {
    Stage: {"event": "stage", "log_level": "info", **WHO},
    Expired: {"event": "expired", "log_level": "info", **WHO},
    Spoiled: {"event": "spoiled", "log_level": "info", **WHO},
    Guarded: {"event": "guarded", "log_level": "info", "seconds": 25.0, **WHO},
}


@pytest.mark.parametrize("kind", [Stage, Expired, Spoiled, Guarded])
def test_about_a_source(kind: type[Stage | Expired | Spoiled | Guarded]) -> None:
    """Lines about a source name it, the door and the stage of how many."""
    port = (6 << 16 | 7001,) if kind is Guarded else ()
    assert said(kind(0, ALICE, 1, *port)) == [LINES[kind]]


@pytest.mark.parametrize(
    ("opened", "reason"), [(True, "opened a moment ago, Seq_Cooldown"), (False, "guard port touched")]
)
def test_ignored_knock(*, opened: bool, reason: str) -> None:
    """A line about a knock that is ignored says for how long yet, and why."""
    line = {"event": "ignored", "log_level": "info", "ip": "192.0.2.1", "door": DOOR}
    assert said(Ignored(0, ALICE, opened, 7)) == [{**line, "seconds": 7.0, "reason": reason}]


def test_steps_of_a_sequence_that_is_over() -> None:
    """A door whose one-time sequences have run out has no steps: there were as many as had been done."""
    config = replace(CONFIG, doors=(door("", name=DOOR),))
    (entry,) = said(Spoiled(0, ALICE, 2), config=config)
    assert entry["steps"] == 2


def test_without_failures() -> None:
    """Without Log_Failures spoiled attempts, guard hits and ignored knocks are left out; timeouts stay."""
    messages: list[Message] = [
        Stage(0, ALICE, 1),
        Expired(0, ALICE, 1),
        Spoiled(0, ALICE, 1),
        Guarded(0, ALICE, 1, 6 << 16 | 7001),
        Ignored(0, ALICE, opened=False, left=7),
    ]
    assert [entry["event"] for message in messages for entry in said(message, failures=False)] == [
        "stage",
        "expired",
    ]


@pytest.mark.parametrize(
    ("sequence", "flags", "lines"),
    [
        ("1000u 2000", FlagRule(0x12, 0), ["expired", "flags-unfit"]),
        ("1000u 2000u 3000", FlagRule(0x12, 0), ["expired"]),
        ("1000u 2000", FlagRule(0x02, 0x10), ["expired"]),
        ("", FlagRule(0x12, 0), ["expired"]),
    ],
    ids=["unfit", "udp", "fit", "one-time"],
)
def test_flags_that_no_client_sends(sequence: str, flags: FlagRule, lines: list[str]) -> None:
    """When a knock waited in vain for such a packet, a line behind its timeout says so."""
    config = replace(CONFIG, doors=(door(sequence, name=DOOR, flags=flags),))
    assert lines == [entry["event"] for entry in said(Expired(0, ALICE, 1), config=config)]
    assert ["expired"] == [
        entry["event"] for entry in said(Expired(0, ALICE, 1), config=config, failures=False)
    ]


FIGURES = {
    "held back": (HeldBack(7), [("held-back", {"count": 7})]),
    "dropped": (
        Dropped(1, 9),
        [("dropped", {"interface": "tun0", "count": 9})],
    ),
    "ring": (SmallRing(0, 64), [("small-ring", {"interface": "eth0", "kib": 64})]),
    "widened": (Widened(0, 250_000, pooled=False), [("widened", {"interface": "eth0", "share": 0.25})]),
    "addresses too": (
        Widened(0, 0, pooled=True),
        [("widened", {"interface": "eth0", "share": 0.0}), ("addresses-widened", {"interface": "eth0"})],
    ),
}


@pytest.mark.parametrize(("message", "expected"), FIGURES.values(), ids=FIGURES)
def test_figures(message: Message, expected: list[tuple[str, dict[str, object]]]) -> None:
    """Counts are warnings with their figure, those of an interface with its name."""
    assert said(message) == [{"event": event, "log_level": "warning", **fields} for event, fields in expected]


def messages_of(
    config: Config,
    logger: Logger,
    open_lease: Callable[[Knock], None],
    show: Callable[[str], None] | None = None,
    keyed: KeySetup | None = None,
) -> Messages:
    """Messages for a daemon without signed knocks."""

    def grant(knock: Knock, granted: Callable[[], None]) -> None:
        granted()
        open_lease(knock)

    leases = cast(Any, SimpleNamespace(open=grant))
    return Messages(config, logger, leases, show, keyed or no_keys(), no_signed(logger.log), ToldFleet())


NOON = 1_790_000_000_000_000
HEARD = Opening(0, ALICE, bytes((10, 0, 0, 1)), 2, 0, NOON)


@pytest.fixture
def link() -> Iterator[socket.socket]:
    """The keeper's end of a link."""
    ours, theirs = pair()
    with ours, theirs:
        yield ours


def test_opening(link: socket.socket) -> None:
    """An opening is logged and passed on with its addresses printed."""
    opened: list[Knock] = []
    messages = messages_of(CONFIG, Logger(get_logger()), opened.append, None, no_keys())
    with capture_logs() as log:
        assert messages.hear(worker_process(link), HEARD, changing=False) is False
    assert [(entry["event"], entry["ip"]) for entry in log] == [("stage", "192.0.2.1"), ("open", "192.0.2.1")]
    assert (log[0]["stage"], log[0]["steps"]) == (2, 2)
    assert [(one.source, one.destination, one.interface) for one in opened] == [
        ("192.0.2.1", "10.0.0.1", "eth0")
    ]


@pytest.mark.parametrize(("changing", "times"), [(True, 1), (False, 2)])
def test_two_packet_processes(link: socket.socket, *, changing: bool, times: int) -> None:
    """What was heard while the next packet process was starting is not heard of it again."""
    opened: list[Knock] = []
    messages = messages_of(CONFIG, NullLogger(), opened.append, None, no_keys())
    messages.hear(worker_process(link), HEARD, changing=changing)
    messages.take_over()
    messages.hear(worker_process(link), HEARD._replace(stamp=NOON + 7), changing=False)
    assert len(opened) == times


def test_packets(link: socket.socket) -> None:
    """A line about a packet is shown as printable characters, with -D alone."""
    shown: list[str] = []
    for show in (shown.append, None):
        messages = messages_of(CONFIG, NullLogger(), lambda _: None, show, no_keys())
        messages.hear(worker_process(link), Packet("eth0: \x1b[2J"), changing=False)
    assert shown == ["eth0: \\x1b[2J"]


@pytest.fixture
def once(tmp_path: Path) -> Config:
    """A door with two one-time sequences."""
    path = tmp_path / "once"
    path.write_text(" 7,8\n 9,10\n")
    path.chmod(0o600)
    return replace(CONFIG, doors=(replace(CONFIG.doors[0], one_time_file=str(path)),))


def live(doors: LiveDoors) -> tuple[Step, ...]:
    """The steps of the only door."""
    (watch,) = doors.watches()
    return watch.steps


def hear_once(link: socket.socket, config: Config) -> tuple[Messages, WorkerProcess]:
    """Messages, and a packet process that knows the live sequence."""
    messages = messages_of(config, NullLogger(), lambda _: None, None, no_keys())
    return messages, replace(worker_process(link, config), doors=messages.doors)


def test_one_time_sequence(link: socket.socket, once: Config) -> None:
    """A used sequence is struck out, and the packet process is to use the next one."""
    messages, worker = hear_once(link, once)
    assert messages.hear(worker, HEARD, changing=False)
    assert live(messages.doors) == steps("9 10")


def heard_once(worker: WorkerProcess, messages: Messages, serial: int = 0) -> list[str]:
    """The events of a whole knock; ``serial``: how many sequences were live before its."""
    with capture_logs() as log:
        assert messages.hear(worker, HEARD._replace(serial=serial), changing=False)
    return [entry["event"] for entry in log]


def test_the_last_one_time_sequence(link: socket.socket, once: Config) -> None:
    """That a file is used up follows the opening, as 0.8 says it."""
    opened: list[Knock] = []
    messages = messages_of(once, Logger(get_logger()), opened.append)
    worker = replace(worker_process(link, once), doors=messages.doors)
    assert ["stage", "open"] == heard_once(worker, messages)
    assert ["stage", "open", "one-time-exhausted"] == heard_once(worker, messages, 1)
    assert 2 == len(opened)


def test_one_time_sequence_that_is_not_live_any_more(link: socket.socket, once: Config) -> None:
    """It was live when its last packet came, and is used elsewhere by now: the next one stays live."""
    messages = messages_of(once, Logger(get_logger()), lambda _: None)
    worker = replace(worker_process(link, once), doors=messages.doors)
    (name,) = (name for _, name in messages.doors.name_one_time())
    assert messages.strike(once.doors[0].name, name, ())
    assert ["stage", "refused"] == heard_once(worker, messages)
    assert live(messages.doors) == steps("9 10")


def test_one_time_sequence_that_is_struck_out_already(link: socket.socket, once: Config) -> None:
    """It opens nothing, and is no opening in the log; nobody can knock until the file is read again."""
    opened: list[Knock] = []
    messages = messages_of(once, Logger(get_logger()), opened.append)
    worker = replace(worker_process(link, once), doors=messages.doors)
    Path(once.doors[0].one_time_file or "").write_text("#7,8\n 9,10\n")
    assert ["stage", "refused", "one-time-problem"] == heard_once(worker, messages)
    assert [] == opened
    assert () == live(messages.doors)


def test_one_time_sequence_is_never_a_duplicate(link: socket.socket, once: Config) -> None:
    """Two packet processes cannot know the same live sequence: the second opening is another knock."""
    messages, worker = hear_once(link, once)
    messages.hear(worker, HEARD, changing=True)
    messages.take_over()
    assert messages.hear(worker, HEARD._replace(serial=1), changing=False)
    assert live(worker.doors) == ()


def test_one_time_sequence_of_the_old_configuration(link: socket.socket, once: Config) -> None:
    """The next packet process is forked with what the file says after the old one's sequence was used."""
    messages, worker = hear_once(link, once)
    assert not messages.adopt(once, same_process=False)
    before = live(messages.doors)
    messages.hear(worker, HEARD, changing=True)
    assert before == steps("7 8")
    assert messages.doors is not worker.doors
    assert live(messages.doors) == steps("9 10")


def test_doors_of_the_same_packet_process(link: socket.socket, once: Config) -> None:
    """A reload that needs no other packet process leaves it its doors, with the sequence that is live."""
    messages, worker = hear_once(link, once)
    messages.hear(worker, HEARD, changing=False)
    assert messages.adopt(once, same_process=True)
    assert messages.doors is worker.doors
    assert live(messages.doors) == steps("9 10")


def test_touch_that_does_not_count(link: socket.socket) -> None:
    """A touch of a port that has turned out to be in use is no line; one of another guard is."""
    messages = messages_of(CONFIG, Logger(get_logger()), lambda _: None, None, no_keys())
    worker = replace(worker_process(link), doors=messages.doors)
    messages.doors.set_taken(Taken().with_sockets(steps("3")))
    with capture_logs() as log:
        for port in (3, 4):
            messages.hear(worker, Guarded(0, ALICE, 1, 6 << 16 | port), changing=False)
    assert ["guarded"] == [entry["event"] for entry in log]


def test_opening_by_key(link: socket.socket, tmp_path: Path) -> None:
    """It is logged with the key, and passed on as opened by it; the same sequence opens nothing more."""
    host = KeyedHost(tmp_path)
    host.begin()
    opened: list[Knock] = []
    messages = messages_of(host.config, Logger(get_logger()), opened.append, None, host.setup())
    worker = replace(worker_process(link, host.config, keyed=host.setup()), doors=messages.doors)
    serial = host.doors.serial_of(host.config.doors[0], "anne", find_period(KEYED_NOON, 30))
    message = HEARD._replace(stage=4, serial=serial)
    with capture_logs() as log:
        for _ in range(2):
            assert not messages.hear(worker, message, changing=False)
    assert ["stage", "open", "key-opened"] == [entry["event"] for entry in log]
    assert ["key anne"] == [knock.by for knock in opened]
    assert host.said == ["key-used 192.0.2.1 ssh anne 30.0"]


def test_two_packet_processes_and_a_key(link: socket.socket, tmp_path: Path) -> None:
    """What both have seen is one opening, and not a sequence that was used already."""
    host = KeyedHost(tmp_path)
    host.begin()
    opened: list[Knock] = []
    messages = messages_of(host.config, NullLogger(), opened.append, None, host.setup())
    worker = replace(worker_process(link, host.config, keyed=host.setup()), doors=messages.doors)
    serial = host.doors.serial_of(host.config.doors[0], "anne", find_period(KEYED_NOON, 30))
    messages.hear(worker, HEARD._replace(serial=serial), changing=True)
    messages.take_over()
    messages.hear(worker, HEARD._replace(serial=serial, stamp=HEARD.stamp + 7), changing=False)
    assert (len(opened), host.said) == (1, [])


def test_attempt_at_a_door_with_a_key(tmp_path: Path) -> None:
    """Lines have the number of its steps, and for how long a guard has it ignored: beyond its sequence."""
    config = KeyedHost(tmp_path).config
    (stage,) = said(Stage(0, ALICE, 1), config=config)
    (guarded,) = said(Guarded(0, ALICE, 1, 6 << 16 | 7_001), config=config)
    assert (stage["steps"], guarded["seconds"]) == (4, 120.0)


def test_refused_opening(link: socket.socket) -> None:
    """What the leases refuse is no opening in the log."""
    leases = cast(Any, SimpleNamespace(open=lambda _, **__: None))
    logger = Logger(get_logger())
    messages = Messages(CONFIG, logger, leases, None, no_keys(), no_signed(logger.log), ToldFleet())
    with capture_logs() as log:
        messages.hear(worker_process(link), HEARD, changing=False)
    assert ["stage"] == [entry["event"] for entry in log]


class SignedMessages:
    """Messages of a daemon with a door that signed knocks alone open, and what its packet process says."""

    def __init__(self, link: socket.socket, *, failures: bool = True) -> None:
        self.doors, self.opened, self.log = ToldDoors(), list[Knock](), list[dict[str, Any]]()
        self.door = signed_door()
        options = replace(CONFIG.options, log_failures=failures)
        config = replace(CONFIG, doors=(self.door,), options=options)
        logger = Logger(get_logger())
        setup = ToldSetup(ManualLoop().loop, logger.log, self.doors)
        setup.adopt(config)
        leases = cast(Any, SimpleNamespace(open=self.open))
        self.messages = Messages(config, logger, leases, None, no_keys(), setup, ToldFleet())
        self.worker = worker_process(link, config, "eth0", "tun0", signed=setup)

    def open(self, knock: Knock, granted: Callable[[], None]) -> None:
        """A knock opens."""
        granted()
        self.opened.append(knock)

    def say(self, message: Message, *, changing: bool = False) -> list[str]:
        """The events that are logged for a message."""
        with capture_logs() as log:
            assert self.messages.hear(self.worker, message, changing=changing) is False
        self.log = [dict(entry) for entry in log]
        return [str(entry["event"]) for entry in log]


PACKET = Signed(ALICE, bytes((10, 0, 0, 1)), 1, NOON, 17 << 16 | PORT, bytes(range(124)))


def test_signed_knock(link: socket.socket) -> None:
    """One that counts opens its door by its key, at the interface where it came in."""
    scene = SignedMessages(link)
    scene.doors.verdict = Granted(scene.door, Verb.OPEN, LAPTOP)
    assert scene.say(PACKET) == ["open", "signed-opened"]
    (knock,) = scene.opened
    assert (knock.source, knock.destination, knock.interface) == ("192.0.2.1", "10.0.0.1", "tun0")
    assert knock.by == f"key laptop ({FINGERPRINT})"


def test_refused_signed_knock(link: socket.socket) -> None:
    """One that does not count is a line, also what was discarded; none with Log_Failures = no."""
    scene = SignedMessages(link)
    assert scene.say(PACKET) == ["signed-unread"]
    assert scene.say(Discarded(ALICE, 17 << 16 | PORT, Why.REPEATED)) == ["signed-unread"]
    quiet = SignedMessages(link, failures=False)
    assert quiet.say(PACKET) == []
    assert quiet.say(Discarded(ALICE, 17 << 16 | PORT, Why.REPEATED)) == []
    assert scene.opened == quiet.opened == []


def test_signed_knock_that_two_packet_processes_have_seen(link: socket.socket) -> None:
    """It is judged once."""
    scene = SignedMessages(link)
    scene.doors.verdict = Granted(scene.door, Verb.OPEN, LAPTOP)
    scene.say(PACKET, changing=True)
    scene.messages.take_over()
    assert scene.say(PACKET._replace(stamp=NOON + 7)) == []
    assert len(scene.doors.arrivals) == len(scene.opened) == 1


def test_opening_of_a_door_without_a_sequence(link: socket.socket) -> None:
    """A packet process that says a sequence has opened a door of signed knocks alone opens nothing."""
    scene = SignedMessages(link)
    assert scene.say(HEARD) == ["refused"]
    assert (scene.log[0]["door"], scene.log[0]["reason"]) == ("ssh", "it has no sequence")
    for _ in range(300):
        scene.say(HEARD)
    assert scene.say(HEARD) == []
    assert scene.opened == []


def test_signed_knock_at_a_one_time_door(link: socket.socket, once: Config) -> None:
    """It opens the door and leaves its sequences as they are."""
    scene = SignedMessages(link)
    at = replace(once.doors[0], signed_port=PORT)
    scene.messages.adopt(replace(once, doors=(at,)), same_process=False)
    scene.doors.verdict = Granted(at, Verb.OPEN, LAPTOP)
    assert scene.say(PACKET) == ["open", "signed-opened"]
    assert [one.door for one in scene.opened] == [at]
    assert live(scene.messages.doors) == steps("7 8")


def test_sequence_of_a_door_with_signed_knocks(link: socket.socket) -> None:
    """Where a door has both, its sequence opens it as before."""
    both = replace(CONFIG.doors[0], signed_port=PORT)
    config = replace(CONFIG, doors=(both,))
    opened: list[Knock] = []
    messages = messages_of(config, NullLogger(), opened.append)
    messages.hear(worker_process(link, config), HEARD, changing=False)
    assert [one.by for one in opened] == [""]
