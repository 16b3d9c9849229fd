"""Whatever packet processes say, in whatever order, nothing fails, and nothing is heard of one let go.

The input is eight bytes a turn: what happens, and the fields of a message where one is sent.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from unittest.mock import patch

from knockd.keeper.messages import Messages
from knockd.keeper.settings import Loaded
from knockd.keeper.worker_process import WorkerProcess
from knockd.process.verbs import FIELDS, VERBS, Message, encode
from tests.support.doubles.fake_kernel import ETH0
from tests.support.doubles.linked_workers import CONFIG, READY, LinkedWorkers

MAX_TURNS = 64
REPLACE, ASK, TIME, RAW = range(16, 20)
ODD_VERSION = 224


def check(data: bytes) -> None:
    """Let packet processes speak to a supervisor."""
    workers = LinkedWorkers()
    hear = Messages.hear

    def hear_one_that_counts(
        messages: Messages, worker: WorkerProcess, message: Message, *, changing: bool
    ) -> bool:
        assert worker.link.fileno() >= 0, "heard of one that was let go"
        return hear(messages, worker, message, changing=changing)

    try:
        with patch.object(Messages, "hear", hear_one_that_counts):
            workers.supervisor.begin()
            workers.say(0, READY)
            for at in range(0, min(len(data) - 7, 8 * MAX_TURNS), 8):
                _turn(workers, data[at : at + 8])
                assert len(workers.running()) <= 2
    finally:
        workers.close()


def _turn(workers: LinkedWorkers, turn: bytes) -> None:
    what, version, speaker = turn[0] % 20, turn[4], turn[5]
    if what == REPLACE:
        workers.supervisor.adopt(Loaded(CONFIG, None))
    elif what == ASK:
        workers.supervisor.ask(1.0)
        workers.kernel.there = (replace(ETH0, addresses=frozenset({turn[1:5]})),)
        workers.kernel.tell(overflow=True)
    elif what == TIME:
        for timer in [timer for timer in workers.loop.timers if not timer.cancelled][:1]:
            timer.cancel()
            timer.callback()
    else:
        message = bytearray(turn if what == RAW else encode(_message(turn)))
        if version >= ODD_VERSION:
            message[1] = version % 8
        with suppress(BrokenPipeError, BlockingIOError):
            workers.ends[speaker % len(workers.ends)].send(message)
    workers.loop.deliver()


def _message(turn: bytes) -> Message:
    """A message of the verb that the first byte chooses; some of its fields are out of bounds."""
    what, door, stage, interface, _, speaker, *rest = turn
    verb = VERBS[what % len(VERBS)]
    chosen = {"door": door % 4, "stage": stage % 40, "interface": interface % 4}
    forms = {"address": bytes(rest).ljust(4, b"\0"), "text": "x" * stage, "?": bool(stage % 2), "B": speaker}
    forms[FIELDS["packet"].code] = bytes(rest)  # the rest is zeros
    values = [chosen.get(name, forms.get(FIELDS[name].code, speaker)) for name in verb.message._fields]
    message: Message = verb.message._make(values)
    return message
