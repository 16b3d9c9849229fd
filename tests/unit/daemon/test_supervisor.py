"""The packet process: started, heard, replaced, killed; with links whose other end the test holds."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from unittest.mock import patch

import pytest

from knockd.edge.children import fork_child
from knockd.edge.link import MAX_MESSAGE, Kind, Message, View
from knockd.engine.limits import BURST
from knockd.keeper.supervisor import ANSWER, BACK_OFF, STEADY
from tests.support.house import NOBODY, PONG, READY, STAGE, House
from tests.support.played import ALICE, steps


@pytest.fixture
def house() -> Iterator[House]:
    """A supervisor whose first packet process has been started."""
    made = House()
    made.supervisor.replace()
    yield made
    made.supervisor.stop()
    for end in made.ends:
        end.close()


def test_starting(house: House) -> None:
    """Until a packet process says that it captures it does not count."""
    assert (house.supervisor.current, house.supervisor.changing) == (None, True)


def test_ready(house: House) -> None:
    """As soon as it captures it counts."""
    house.says(0, READY)
    assert (house.told, house.supervisor.current, house.supervisor.changing) == (
        ["ready 0"],
        house.workers[0],
        False,
    )


def test_heard(house: House) -> None:
    """What it says then is passed on, in order."""
    house.says(0, READY, STAGE, Message(Kind.HELD_BACK, count=1))
    assert house.told == ["ready 0", "heard 0 STAGE", "heard 0 HELD_BACK"]


def test_replace(house: House) -> None:
    """The old packet process goes on until the new one captures; then it is let go."""
    house.says(0, READY)
    house.supervisor.replace()
    house.says(0, STAGE)
    both = house.running()
    house.says(1, READY)
    assert (both, house.running(), house.alive(0), house.told[1:]) == (
        [0, 1],
        [1],
        False,
        ["heard 0 STAGE", "ready 1"],
    )


def test_nothing_is_lost_in_a_replacement(house: House) -> None:
    """What the old packet process had said before the new one took over is heard first."""
    house.says(0, READY)
    house.supervisor.replace()
    house.ends[0].send(STAGE.encode())
    house.loop.readers.pop(house.workers[0].link.fileno())
    house.says(1, READY)
    assert house.told[1:] == ["heard 0 STAGE", "ready 1"]


def test_replaced_while_starting(house: House) -> None:
    """A packet process that is still starting is let go when another one is asked for."""
    house.supervisor.replace()
    assert (house.running(), house.alive(0)) == ([1], False)


def test_failed(house: House) -> None:
    """A packet process that cannot capture says why; another one is started after a while."""
    house.says(0, Message(Kind.FAILED, stage=69, text="eth9: there is no such interface"))
    house.dies(0)
    assert (house.told, house.loop.waiting) == (
        ["failed 69 eth9: there is no such interface", "lost eth9: there is no such interface 0.5"],
        [0.5],
    )


def test_death(house: House) -> None:
    """When the packet process dies there is none until another one captures."""
    house.says(0, READY)
    house.dies(0)
    without = house.supervisor.current
    house.loop.fire()
    house.says(1, READY)
    assert (without, house.told) == (None, ["ready 0", "lost it was killed 0.5", "ready 1"])


def test_reset_link(house: House) -> None:
    """A link that is reset means the same as one that is closed."""
    house.says(0, READY)
    house.supervisor.tell(house.workers[0], View())
    house.dies(0)
    assert house.told == ["ready 0", "lost it was killed 0.5"]


def test_back_off(house: House) -> None:
    """Each death makes the pause longer, up to ten seconds."""
    pauses = []
    for number in range(7):
        house.says(number, READY)
        house.dies(number)
        pauses += house.loop.waiting
        house.loop.fire()
    assert pauses == [*BACK_OFF, 10.0, 10.0]


@pytest.mark.parametrize(("seconds", "pause"), [(STEADY - 1, 1.0), (STEADY + 1, 0.5)])
def test_back_off_starts_anew(
    house: House, monkeypatch: pytest.MonkeyPatch, seconds: float, pause: float
) -> None:
    """After a minute of health the pause is short again."""
    house.dies(0)
    house.loop.fire()
    house.says(1, READY)
    now = time.monotonic()
    monkeypatch.setattr(time, "monotonic", lambda: now + seconds)
    house.dies(1)
    assert house.loop.waiting == [pause]


def test_death_of_the_old_one_while_the_new_one_starts(house: House) -> None:
    """When the old packet process dies while the new one starts, the new one is enough."""
    house.says(0, READY)
    house.supervisor.replace()
    house.dies(0)
    house.says(1, READY)
    assert (house.supervisor.current, house.loop.waiting) == (house.workers[1], [])


def test_death_of_the_new_one(house: House) -> None:
    """When the new packet process dies the old one goes on, and it is tried again."""
    house.says(0, READY)
    house.supervisor.replace()
    house.dies(1)
    house.says(0, STAGE)
    house.loop.fire()
    house.says(2, READY)
    assert (house.told[1:], house.running()) == (["lost it was killed 0.5", "heard 0 STAGE", "ready 2"], [2])


@pytest.mark.parametrize(
    "message", [b"", b"\xff" * 48, STAGE.encode()[:-1]], ids=["empty", "unknown", "short"]
)
def test_malformed(house: House, message: bytes) -> None:
    """A message that nobody can mean ends the packet process (an empty one means that it is gone)."""
    house.says(0, READY)
    house.says(0, message)
    assert (house.running(), house.supervisor.current, house.loop.waiting) == ([], None, [0.5])


@pytest.mark.parametrize(
    ("before", "message"),
    [([READY], READY), ([], STAGE), ([], Message(Kind.HELD_BACK))],
    ids=["READY again", "event before READY", "count before READY"],
)
def test_out_of_turn(house: House, before: list[Message], message: Message) -> None:
    """A message at the wrong time is malformed too."""
    house.says(0, *before)
    house.says(0, message)
    assert house.told[len(before) :] == [
        f"malformed {message.kind.name} out of turn",
        "lost malformed message 0.5",
    ]


@pytest.mark.parametrize("early", [True, False], ids=["before READY", "after READY"])
def test_a_lost_capture(house: House, early: bool) -> None:
    """A capture that fails is passed on, and the packet process goes on with the others."""
    said = [Message(Kind.LOST, text="eth0: The interface went down"), READY]
    house.says(0, *said if early else reversed(said))
    assert ({*house.told}, house.workers[0].listening, house.running()) == (
        {"ready 0", "heard 0 LOST"},
        (),
        [0],
    )


def test_a_capture_that_is_lost_twice(house: House) -> None:
    """An interface cannot be lost twice: who says so is not to be trusted."""
    house.says(0, READY, Message(Kind.LOST), Message(Kind.LOST))
    assert house.told == ["ready 0", "heard 0 LOST", "malformed LOST twice", "lost malformed message 0.5"]


def test_nothing_to_listen_on(house: House) -> None:
    """When there is nothing to listen on, what the packet process had said is heard and then none runs."""
    house.says(0, READY)
    house.ends[0].send(STAGE.encode())
    house.nothing_there = True
    house.supervisor.replace()
    assert (house.told, house.running(), house.supervisor.latest) == (["ready 0", "heard 0 STAGE"], [], None)
    house.nothing_there = False
    house.supervisor.replace()
    house.says(1, READY)
    assert (house.told[2:], house.running()) == (["ready 1"], [1])


def test_tell_all(house: House) -> None:
    """A view goes to the packet process that counts and to the one that is starting."""
    house.says(0, READY)
    house.supervisor.replace()
    view = View({"eth0": frozenset({ALICE})})
    house.supervisor.tell_all(view)
    assert [View.decode(end.recv(MAX_MESSAGE)) for end in house.ends] == [view, view]


def _wait() -> int:
    signal.pause()
    return 0


def test_malformed_is_killed(house: House) -> None:
    """Who sends a malformed message is killed, not asked."""
    house.pid = fork_child(_wait, ())
    house.supervisor.replace()
    house.says(1, b"\xff" * 48)
    assert os.waitstatus_to_exitcode(os.waitpid(house.pid, 0)[1]) == -signal.SIGKILL


def test_let_go_is_ended(house: House) -> None:
    """Nor may one stay that is let go: what took it over would go on seeing packets."""
    house.pid = pid = fork_child(_wait, ())
    house.supervisor.replace()
    house.says(1, READY)
    house.pid = NOBODY
    house.supervisor.replace()
    house.says(2, READY)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == -signal.SIGKILL


def test_the_number_of_one_that_was_collected(house: House) -> None:
    """Who has been collected is not killed: another process may have its number by now."""
    house.pid = pid = fork_child(lambda: 0, ())
    house.supervisor.replace()
    os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
    house.supervisor.reap()
    killed: list[int] = []
    with patch("os.kill", lambda pid, _: killed.append(pid)):
        house.says(1, b"\xff" * 48)
    assert killed == []


def test_more_than_it_may_tell(house: House) -> None:
    """A packet process that does not hold back what strangers cause would fill the log: it is killed."""
    with patch("time.monotonic", lambda: 1.0):
        house.says(0, READY)
        for _ in range(10 * BURST + 1):
            house.says(0, STAGE)
    assert house.told[-2:] == [
        "malformed more than it may tell",
        "lost malformed message 0.5",
    ]


def test_events_behind_a_malformed_message(house: House) -> None:
    """Nothing that comes behind a malformed message is heard."""
    house.says(0, READY, b"\xff" * 48, STAGE)
    assert [line for line in house.told if line.startswith("heard")] == []


def test_tell(house: House) -> None:
    """A view arrives as it was sent."""
    house.says(0, READY)
    view = View({"eth0": frozenset({ALICE})}, {0: steps("7 8")})
    house.supervisor.tell(house.workers[0], view)
    assert View.decode(house.ends[0].recv(MAX_MESSAGE)) == view


def test_tell_the_dead(house: House) -> None:
    """Telling a packet process that has just died is no error; its end is heard from its link."""
    house.says(0, READY)
    house.ends[0].close()
    house.supervisor.tell(house.workers[0], View())
    house.loop.deliver()
    assert house.told == ["ready 0", "lost it was killed 0.5"]


def test_tell_the_deaf(house: House) -> None:
    """A packet process that does not read its link is replaced."""
    house.says(0, READY)
    while house.running():
        house.supervisor.tell(house.workers[0], View({"eth0": frozenset({ALICE})}))
    assert house.told == ["ready 0", "lost does not read its link 0.5"]


def test_deaf_while_it_is_heard(house: House) -> None:
    """A packet process that turns out to be deaf while it is heard is replaced, and no longer read."""
    house.says(0, READY)

    def tell() -> None:
        while house.running():
            house.supervisor.tell(house.workers[0], View({"eth0": frozenset({ALICE})}))

    house.on_heard = tell
    house.says(0, STAGE, STAGE)
    assert house.told == ["ready 0", "heard 0 STAGE", "lost does not read its link 0.5"]


def test_replaced_while_taking_over(house: House) -> None:
    """When the old one's last words call for yet another packet process, that one takes over."""
    house.says(0, READY)
    house.supervisor.replace()
    house.ends[0].send(STAGE.encode())
    house.loop.readers.pop(house.workers[0].link.fileno())
    house.on_heard = house.supervisor.replace
    house.says(1, READY)
    house.says(2, READY)
    assert (house.told[1:], house.running()) == (["heard 0 STAGE", "ready 2"], [2])


def test_a_talkative_process_leaves_time_for_others(house: House) -> None:
    """However much a packet process says, reading it comes to an end and goes on later."""
    house.says(0, READY)

    def talk() -> None:
        house.ends[0].send(STAGE.encode())

    house.on_heard = talk
    talk()
    house.loop.deliver()
    first = len(house.told)
    house.loop.deliver()
    assert len(house.told) > first


def test_stop(house: House) -> None:
    """At the end every packet process is let go and no timer is left."""
    house.says(0, READY)
    house.supervisor.replace()
    house.dies(0)
    house.supervisor.stop()
    assert (house.running(), house.loop.waiting, house.loop.readers) == ([], [], {})


def test_reap(house: House) -> None:
    """Ended packet processes are collected, those that run are left."""
    house.pid = fork_child(lambda: 0, ())
    house.supervisor.replace()
    os.waitid(os.P_PID, house.pid, os.WEXITED | os.WNOWAIT)
    house.supervisor.reap()
    with pytest.raises(ChildProcessError):
        os.waitpid(house.pid, os.WNOHANG)


def test_ask(house: House) -> None:
    """Asked for a sign of life, the packet process has to give one within the time set."""
    house.says(0, READY)
    asked = house.supervisor.ask(5.0)
    question = View.decode(house.ends[0].recv(MAX_MESSAGE))
    due = house.loop.waiting
    house.says(0, PONG)
    assert (asked, question, due, house.told, house.loop.waiting) == (
        True,
        View(),
        [2.5],
        ["ready 0", "answered"],
        [],
    )


def test_silent(house: House) -> None:
    """A packet process that does not answer in time is killed and replaced."""
    house.says(0, READY)
    house.supervisor.ask(5.0)
    for _ in ("half of the time", "the other half", "the pause"):
        house.loop.fire()
    assert (house.told, house.running()) == (["ready 0", "silent 5", "lost does not answer 0.5"], [1])


def test_held_up(house: House) -> None:
    """A keeper that was held up until the time was over still waits for a while."""
    house.says(0, READY)
    house.supervisor.ask(5.0)
    house.ends[0].send(PONG.encode())
    house.loop.fire()
    house.loop.deliver()
    assert (house.told, house.loop.waiting) == (["ready 0", "answered"], [])


def test_silent_view(house: House) -> None:
    """A view that is not put into effect in time shows the same."""
    house.says(0, READY)
    house.supervisor.tell(house.workers[0], View({"eth0": frozenset({ALICE})}))
    assert house.loop.waiting == [ANSWER / 2]


def test_silent_start(house: House) -> None:
    """A packet process that hangs before it captures is replaced too."""
    house.loop.fire()
    house.loop.fire()
    assert house.told == ["silent 10", "lost does not answer 0.5"]


def test_one_answer_of_two(house: House) -> None:
    """As long as one more answer is due it is waited for."""
    house.says(0, READY)
    house.supervisor.ask(5.0)
    house.supervisor.ask(6.0)
    house.says(0, PONG)
    assert house.loop.waiting == [3.0]


def test_answer_to_nothing(house: House) -> None:
    """An answer that nobody asked for is malformed."""
    house.says(0, READY, PONG)
    assert house.told[1:] == ["malformed PONG that nobody asked for", "lost malformed message 0.5"]


def test_ask_nobody(house: House) -> None:
    """While there is no packet process nobody can be asked; one that is starting need not be."""
    starting = house.supervisor.ask(5.0)
    house.dies(0)
    assert (starting, house.supervisor.ask(5.0), house.loop.waiting) == (True, False, [0.5])


LONG = View({"eth0": frozenset(number.to_bytes(16, "big") for number in range(30_000))})
"""More than a link takes."""


def test_a_view_too_long_for_the_link(house: House) -> None:
    """When a view is too long another packet process is forked with it; the old one goes on until then."""
    house.says(0, READY)
    house.supervisor.tell_all(LONG)
    both = house.running()
    house.says(1, READY)
    assert ([0, 1], [1], ["ready 0", "ready 1"]) == (both, house.running(), house.told)


def test_a_view_too_long_while_another_starts(house: House) -> None:
    """The one that starts is replaced too, once: it does not know the view either."""
    house.says(0, READY)
    house.supervisor.replace()
    house.supervisor.tell_all(LONG)
    assert ([0, 2], 3) == (house.running(), len(house.workers))


def test_no_answer_to_a_view_that_was_not_sent(house: House) -> None:
    """The old packet process owes no answer to what it could not be told."""
    house.says(0, READY)
    house.supervisor.tell_all(LONG)
    house.says(0, PONG)
    assert ["ready 0", "malformed PONG that nobody asked for"] == house.told[:2]
