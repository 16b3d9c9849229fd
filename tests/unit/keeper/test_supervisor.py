"""The supervisor does what the packet process's life asks, with links whose other ends the test holds."""

from __future__ import annotations

import errno
import os
import signal
from collections.abc import Iterator
from dataclasses import replace
from unittest.mock import patch

import pytest

from knockd.keeper import supervisor
from knockd.keeper.back_off import STEADY
from knockd.keeper.figures import Figures
from knockd.keeper.settings import Loaded, Settings
from knockd.keeper.worker_life import BACK_OFF
from knockd.keeper.worker_record import ANSWER
from knockd.keeper.worker_setup import setup_of
from knockd.knocks.events import Discarded, Spoiled, Why
from knockd.process.figures import Counted, Totals
from knockd.process.fork import fork_child
from knockd.process.privileges import User
from knockd.process.verbs import Failed, HeldBack, Lost, Message, Opening, Signed, encode
from knockd.process.view import View
from knockd.token_bucket import BURST
from tests.support.doubles.fake_kernel import ETH0, TUN0
from tests.support.doubles.linked_workers import CONFIG, NO_PID, PONG, READY, STAGE, LinkedWorkers
from tests.support.doubles.played import ALICE

OPENING = Opening(0, ALICE, bytes(4), 2, 0, 1_790_000_000_000_000)
SPOILED = Spoiled(0, ALICE, 1)
UP = ["starting eth0", "up", "alive"]
AGAIN = ["listening eth0", "up", "alive"]


@pytest.fixture
def workers() -> Iterator[LinkedWorkers]:
    """A supervisor whose first packet process has been forked."""
    made = LinkedWorkers()
    made.supervisor.begin()
    yield made
    made.close()


@pytest.fixture
def up(workers: LinkedWorkers) -> LinkedWorkers:
    """A supervisor whose first packet process captures."""
    workers.say(0, READY)
    assert workers.said == UP
    workers.said.clear()
    return workers


def test_what_it_is_forked_with(workers: LinkedWorkers) -> None:
    """A packet process gets the configuration, the interfaces that are there and their addresses."""
    (started,) = workers.started
    assert started["setup"] == setup_of(Loaded(CONFIG, None), Settings("/etc/knockd.conf"))
    assert started["interfaces"] == ("eth0",)
    assert started["view"].addresses == {"eth0": frozenset({b"\x0a\0\0\1"})}
    assert [watch.steps for watch in started["view"].watches] == [CONFIG.doors[0].steps]
    assert started["before"] is None


def test_interfaces(workers: LinkedWorkers) -> None:
    """Interfaces are listened on as soon as a packet process captures on them."""
    before = workers.supervisor.interfaces
    workers.say(0, READY)
    assert before == ()
    assert workers.supervisor.interfaces == ("eth0",)
    assert workers.supervisor.waiting == ()


def test_packet_processes(workers: LinkedWorkers) -> None:
    """Those that have not been collected yet are known by their numbers: none of them is a client."""
    assert {NO_PID} == set(workers.supervisor.pids)


def test_heard(up: LinkedWorkers) -> None:
    """What it says is acted on, in order."""
    up.say(0, STAGE, HeldBack(1), OPENING)
    assert up.said == ["stage", "held-back", "stage", "open", "open 192.0.2.1"]


def test_who_the_packet_process_becomes(up: LinkedWorkers) -> None:
    """A packet process becomes the user that was found when its configuration was read."""
    eve = User("eve", 103, 203)
    up.supervisor.adopt(Loaded(CONFIG, eve))
    assert [started["setup"].user for started in up.started] == [None, eve]


def test_other_interfaces(up: LinkedWorkers) -> None:
    """A configuration's interfaces are the ones that are listened on."""
    up.kernel.there = (ETH0, TUN0)
    other = replace(CONFIG, options=replace(CONFIG.options, interface=("tun0",)))
    up.supervisor.adopt(Loaded(other, None))
    assert up.started[1]["interfaces"] == ("tun0",)


def test_log_failures(up: LinkedWorkers) -> None:
    """A configuration says at once whether failures are logged."""
    quiet = replace(CONFIG, options=replace(CONFIG.options, log_failures=False))
    up.say(0, SPOILED)
    up.supervisor.adopt(Loaded(quiet, None))
    up.say(0, SPOILED)
    assert up.said.count("spoiled") == 1


def test_status(workers: LinkedWorkers) -> None:
    """Whatever is logged of packet processes and interfaces may change the line of status."""
    before = workers.changes
    workers.say(0, READY)
    assert workers.changes > before


def test_replace(up: LinkedWorkers) -> None:
    """The old packet process goes on until the new one captures; then it is let go."""
    up.change_captures()
    up.say(0, STAGE)
    both = up.running()
    up.take_over(1)
    assert both == [0, 1]
    assert up.running() == [1]
    assert up.said == ["stage", *AGAIN]


def test_the_old_one_is_told(up: LinkedWorkers) -> None:
    """The end of its link tells the old one to hand over; the new one is told when all of it was heard."""
    up.change_captures()
    up.say(1, READY)
    assert up.ends[0].recv(1) == b""
    assert up.views(1) == []
    up.end(0)
    assert up.views(1) == [View(begin=True)]


def test_nothing_is_lost_in_a_replacement(up: LinkedWorkers) -> None:
    """What the old packet process had said before the new one took over is heard first."""
    up.change_captures()
    up.say(1, READY)
    up.ends[0].send(encode(STAGE))
    up.end(0)
    assert up.said == ["stage", *AGAIN]


def test_counted(up: LinkedWorkers) -> None:
    """A replacement is a start; one that ends unasked is a loss, too."""
    up.change_captures()
    up.take_over(1)
    assert up.supervisor.starts == 2
    assert up.supervisor.losses == 0
    up.end(1)
    assert up.supervisor.losses == 1


def test_an_opening_is_heard_once(up: LinkedWorkers) -> None:
    """An opening that both packet processes have seen opens the door once."""
    up.change_captures()
    up.say(0, OPENING)
    up.take_over(1)
    up.say(1, OPENING)
    assert up.said == ["stage", "open", "open 192.0.2.1", *AGAIN]


def test_replaced_while_taking_over(up: LinkedWorkers) -> None:
    """When the old one's last words call for yet another packet process, that one takes over."""
    up.change_captures()
    up.say(1, READY)
    up.on_stage = up.change_captures
    up.say(0, STAGE)
    before = up.running()
    up.end(0)
    between = up.running()
    up.say(1, PONG)
    up.take_over(2)
    assert [before, between, up.running()] == [[0, 1], [1, 2], [2]]
    assert [one["before"] for one in up.started] == [None, up.afters[0], up.afters[1]]
    assert up.said == ["stage", "alive", *AGAIN]


def test_end(up: LinkedWorkers) -> None:
    """A packet process that ends is followed by another one after a pause."""
    up.end(0)
    pause = up.loop.waiting
    up.loop.fire()
    up.say(1, READY)
    assert pause == [BACK_OFF[0]]
    assert up.said == ["worker-lost it was killed 0.5", "up", *AGAIN]


def test_reset_link(up: LinkedWorkers) -> None:
    """A link that is reset means the same as one that is closed."""
    up.supervisor.ask(5.0)
    up.end(0)
    assert up.said == ["worker-lost it was killed 0.5", "up"]


@pytest.mark.parametrize(("seconds", "pause"), [(STEADY, BACK_OFF[1]), (STEADY + 1, BACK_OFF[0])])
def test_steady(up: LinkedWorkers, seconds: float, pause: float) -> None:
    """The loop's clock says how long a packet process was well."""
    up.end(0)
    up.loop.fire()
    up.say(1, READY)
    up.loop.now += seconds
    up.end(1)
    assert up.loop.waiting == [pause]


def test_first_start_fails(workers: LinkedWorkers) -> None:
    """The daemon gives up when the first packet process says that it cannot capture."""
    workers.say(0, Failed(69, "eth0: no permission"))
    assert workers.said == ["worker-failed eth0: no permission", "give up 69 eth0: no permission"]


def test_first_start_dies(workers: LinkedWorkers) -> None:
    """The daemon gives up with EX_SOFTWARE when the first packet process just ends."""
    workers.end(0)
    reason = "the packet process ended before it could listen (it was killed)"
    assert workers.said == [f"worker-failed {reason}", f"give up {os.EX_SOFTWARE} {reason}"]


NO_PROCESS = BlockingIOError(errno.EAGAIN, os.strerror(errno.EAGAIN))
NO_START = f"no packet process can be started: {NO_PROCESS}"


def test_no_process_to_be_had(up: LinkedWorkers) -> None:
    """A fork that fails is tried again; the packet process that captures goes on."""
    up.error = NO_PROCESS
    up.change_captures()
    up.error = None
    before = up.running()
    up.loop.fire()
    up.take_over(1)
    assert before == [0]
    assert up.running() == [1]
    assert up.said == [f"worker-lost {NO_START} 0.5", "up", *AGAIN]


def test_no_answer_from_the_kernel(up: LinkedWorkers) -> None:
    """Without an answer about the interfaces no packet process is forked; that is tried again."""
    up.kernel.broken = True
    up.change_captures()
    up.kernel.broken = False
    assert up.said[0].startswith("worker-lost no packet process can be started: [Errno 105]")
    assert up.running() == [0]


def test_nothing_to_listen_on(up: LinkedWorkers) -> None:
    """When there is nothing to listen on, what the packet process had said is heard and then none runs."""
    up.ends[0].send(encode(STAGE))
    up.kernel.there = ()
    up.change_captures()
    assert up.said == ["waiting eth0", "up", "stage"]
    assert up.running() == []
    assert up.supervisor.waiting == ("eth0",)


def test_interface_comes(up: LinkedWorkers) -> None:
    """The kernel's messages about interfaces reach the packet processes."""
    up.kernel.there = ()
    up.kernel.tell(overflow=True)
    up.loop.deliver()
    up.loop.fire()
    assert up.running() == []


@pytest.mark.parametrize(
    "message", [b"", b"\xff" * 48, encode(STAGE)[:-1]], ids=["empty", "unknown", "short"]
)
def test_malformed(up: LinkedWorkers, message: bytes) -> None:
    """A message that nobody can mean ends the packet process (an empty one means that it is gone)."""
    up.say(0, message)
    assert up.running() == []
    assert up.loop.waiting == [BACK_OFF[0]]


@pytest.mark.parametrize(
    "message",
    [
        Signed(ALICE, bytes(4), 0, 1, 17 << 16 | 47811, bytes(124)),
        Discarded(ALICE, 17 << 16 | 47811, Why.REPEATED),
    ],
)
def test_signed_knock_where_there_are_none(up: LinkedWorkers, message: Message) -> None:
    """A packet process that watches no port of signed knocks can have heard none."""
    up.say(0, message)
    assert up.said[0] == "worker-malformed a signed knock, where there are none"
    assert up.running() == []


def test_events_behind_a_malformed_message(up: LinkedWorkers) -> None:
    """Nothing that comes behind a malformed message is heard."""
    up.say(0, b"\xff" * 48, OPENING)
    assert not [line for line in up.said if line.startswith("open")]


@pytest.mark.parametrize("message", [SPOILED, HeldBack(1)])
def test_more_than_it_may_tell(up: LinkedWorkers, message: Message) -> None:
    """A packet process that does not hold back what strangers cause would fill the log: it is killed.

    So is one that says again and again how much it held back.
    """
    for _ in range(10 * BURST + 1):
        up.say(0, message)
    assert up.running() == []
    assert up.said[-3:] == [
        "worker-malformed more than it may tell",
        "worker-lost malformed message 0.5",
        "up",
    ]


def test_a_talkative_process_leaves_time_for_others(up: LinkedWorkers) -> None:
    """However much a packet process says, reading it comes to an end and goes on later."""

    def talk() -> None:
        up.ends[0].send(encode(STAGE))

    up.on_stage = talk
    talk()
    up.loop.deliver()
    first = len(up.said)
    up.loop.deliver()
    assert first == supervisor.MOST_AT_ONCE
    assert len(up.said) == 2 * first


def test_lost_captures(up: LinkedWorkers) -> None:
    """An interface whose capture has failed is not listened on."""
    up.say(0, Lost(0, False, "eth0: The interface went down"))
    assert up.supervisor.interfaces == ()


# Processes that are killed.


def _wait() -> int:
    signal.pause()
    return 0


def killed(pid: int) -> bool:
    """Whether a child of ours ends by SIGKILL."""
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == -signal.SIGKILL


def test_malformed_is_killed() -> None:
    """Who sends a malformed message is killed, not asked."""
    workers = LinkedWorkers()
    workers.pid = fork_child(_wait, ())
    workers.supervisor.begin()
    workers.say(0, b"\xff" * 48)
    assert killed(workers.pid)
    workers.close()


def test_let_go_is_ended() -> None:
    """Nor may one stay that is let go: what took it over would go on seeing packets."""
    workers = LinkedWorkers()
    workers.pid = pid = fork_child(_wait, ())
    workers.supervisor.begin()
    workers.say(0, READY)
    workers.pid = NO_PID
    workers.change_captures()
    workers.take_over(1)
    assert killed(pid)
    workers.close()


def test_the_number_of_one_that_was_collected() -> None:
    """Who has been collected is not killed: another process may have its number by now."""
    workers = LinkedWorkers()
    workers.pid = pid = fork_child(lambda: 0, ())
    workers.supervisor.begin()
    os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
    workers.supervisor.reap()
    with patch("os.kill") as kill:
        workers.say(0, b"\xff" * 48)
    assert not kill.called
    workers.close()


def test_reap() -> None:
    """Ended packet processes are collected, those that run are left."""
    workers = LinkedWorkers()
    workers.pid = ends = fork_child(lambda: 0, ())
    workers.supervisor.begin()
    workers.say(0, READY)
    workers.pid = runs = fork_child(_wait, ())
    workers.change_captures()
    os.waitid(os.P_PID, ends, os.WEXITED | os.WNOWAIT)
    workers.supervisor.reap()
    with pytest.raises(ChildProcessError):
        os.waitpid(ends, os.WNOHANG)
    workers.close()
    assert killed(runs)


# Views and answers.


def test_ask(up: LinkedWorkers) -> None:
    """Asked for a sign of life, the packet process has to give one within the time set."""
    asked = up.supervisor.ask(5.0)
    due = up.loop.waiting
    up.say(0, PONG)
    assert asked
    assert up.views(0) == [View()]
    assert due == [2.5]
    assert up.said == ["alive"]
    assert up.loop.waiting == []


def test_ask_nobody(workers: LinkedWorkers) -> None:
    """While there is no packet process nobody can be asked; one that is starting need not be."""
    starting = workers.supervisor.ask(5.0)
    workers.say(0, READY)
    workers.end(0)
    assert starting
    assert not workers.supervisor.ask(5.0)


def test_one_answer_of_two(up: LinkedWorkers) -> None:
    """A timer takes the place of the one for the answer before."""
    up.supervisor.ask(5.0)
    up.supervisor.ask(6.0)
    up.say(0, PONG)
    assert up.loop.waiting == [3.0]


def test_silent(up: LinkedWorkers) -> None:
    """A packet process that does not answer in time is killed and replaced."""
    up.supervisor.ask(5.0)
    for _ in ("half of the time", "the other half", "the pause"):
        up.loop.fire()
    assert up.said == ["worker-silent 5.0", "worker-lost does not answer 0.5", "up"]
    assert up.running() == [1]


def test_held_up(up: LinkedWorkers) -> None:
    """A keeper that was held up until half of the time was over still hears the answer."""
    up.supervisor.ask(5.0)
    up.ends[0].send(encode(PONG))
    up.loop.fire()
    up.loop.deliver()
    assert up.said == ["alive"]
    assert up.loop.waiting == []


def test_the_dead(up: LinkedWorkers) -> None:
    """Asking a packet process that has just died is no error; its end is read from its link."""
    up.ends[0].close()
    up.supervisor.ask(5.0)
    up.loop.deliver()
    assert up.said == ["worker-lost it was killed 0.5", "up"]


def test_the_deaf(up: LinkedWorkers) -> None:
    """A packet process that does not read its link is replaced."""
    while up.running():
        up.supervisor.ask(5.0)
    assert up.said == ["worker-lost does not read its link 0.5", "up"]


def test_deaf_while_it_is_heard(up: LinkedWorkers) -> None:
    """A packet process that turns out to be deaf while it is heard is replaced, and no longer read."""

    def ask() -> None:
        while up.running():
            up.supervisor.ask(5.0)

    up.on_stage = ask
    up.say(0, STAGE, STAGE)
    assert up.said == ["stage", "worker-lost does not read its link 0.5", "up"]


def test_a_view_too_long_for_the_link(up: LinkedWorkers) -> None:
    """When a view is too long another packet process is forked with it; the old one goes on until then."""
    many = frozenset(number.to_bytes(16, "big") for number in range(30_000))
    up.kernel.there = (replace(ETH0, addresses=many),)
    up.kernel.tell(overflow=True)
    up.loop.deliver()
    up.loop.fire()
    both, due = up.running(), up.loop.waiting
    up.take_over(1)
    assert both == [0, 1]
    assert due == [ANSWER / 2]
    assert up.started[1]["view"].addresses == {"eth0": many}
    assert up.running() == [1]


def test_stop() -> None:
    """At the end every packet process is let go, and no timer and no reader is left."""
    workers = LinkedWorkers()
    workers.supervisor.begin()
    workers.say(0, READY)
    workers.change_captures()
    workers.end(0)
    workers.supervisor.stop()
    assert workers.running() == []
    assert workers.loop.waiting == []
    assert workers.loop.readers == {}
    for end in workers.ends:
        end.close()


def test_figures(up: LinkedWorkers) -> None:
    """The packet process is asked for whoever asks, and what it says is added up."""
    answers: list[Figures] = []
    up.supervisor.desk.ask(answers.append)
    assert up.views(0) == [View(figures=True)]
    up.say(0, Counted(0, 1, 9, 2, 40, 12), Totals(3, 4, 0, 0, 0, 0), PONG)
    up.loop.turn()
    assert answers == [Figures({"eth0": Counted(0, 1, 9, 2, 40, 12)}, (), 3)]
    assert up.supervisor.desk.book.received == {"eth0": 9}


def test_figures_of_nobody(workers: LinkedWorkers) -> None:
    """Where no packet process captures there are none."""
    answers: list[Figures] = []
    workers.supervisor.desk.ask(answers.append)
    workers.loop.turn()
    assert answers == [Figures()]


def test_who_listens(up: LinkedWorkers) -> None:
    """The packet process that captures is known by its pid, and all are counted."""
    assert up.supervisor.pid == NO_PID
    up.change_captures()
    assert up.supervisor.starts == 2
    up.take_over(1)
    up.end(1)
    assert up.supervisor.pid is None
