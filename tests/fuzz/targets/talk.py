"""Whatever packet processes say, in whatever order, nothing fails, and nothing is heard of one let go.

The input is eight bytes a turn: what happens, and the fields of a message where one is sent.
"""

from __future__ import annotations

from contextlib import suppress
from struct import Struct

from knockd.edge.link import View
from tests.support.house import House

MESSAGE = Struct("=BBHHHQ16s16s")
MAX_TURNS = 64
REPLACE, ASK, TIME, RAW, TEXT = range(16, 21)


def check(data: bytes) -> None:
    """Let packet processes speak to a supervisor."""
    house = House()

    def heard() -> None:
        number = int(house.told[-1].split()[1])
        assert number in house.running(), "heard of one that was let go"

    house.on_heard = heard
    try:
        house.supervisor.replace()
        for at in range(0, min(len(data) - 7, 8 * MAX_TURNS), 8):
            _turn(house, data[at : at + 8])
            assert len(house.running()) <= 2
            assert house.supervisor.current is None or house.supervisor.current.link.fileno() >= 0
    finally:
        house.supervisor.stop()
        for end in house.ends:
            end.close()
    assert house.loop.readers == {}


def _turn(house: House, turn: bytes) -> None:
    what, door, stage, interface, version, speaker, *rest = turn
    what %= 21
    if what == REPLACE:
        house.supervisor.replace()
    elif what == ASK:
        house.supervisor.ask(1.0)
        house.supervisor.tell_all(View())
    elif what == TIME:
        for timer in [timer for timer in house.loop.timers if not timer.cancelled][:1]:
            timer.cancel()
            timer.callback()
    else:
        fields = (what, version % 8, door % 4, stage % 40, interface % 4, speaker, bytes(rest), b"")
        message = turn if what == RAW else MESSAGE.pack(*fields)
        message += turn * (door % 4) if what == TEXT else b""
        with suppress(BrokenPipeError, BlockingIOError):
            house.ends[speaker % len(house.ends)].send(message)
    house.loop.deliver()
