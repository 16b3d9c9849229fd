"""Outputs of commands: read as long as somebody may write, but no faster than a bound.

Nothing that a command has started is killed by a closed pipe, and what is written for ever costs us next
to nothing.

World: outputs of commands.
"""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import field

from knockd.process.loop import Loop, Timer
from knockd_conf.classes import dataclass

MAX_OUTPUT_BYTES = 1_024
"""Bytes of a command's output that are kept for the log."""

MAX_OPEN_OUTPUTS = 64
"""Outputs kept open for processes that outlive their command."""

_CHUNK = 65_536
"""Bytes read at once: all that a pipe holds."""

_PAUSE, _PAUSE_OPEN = 0.01, 1.0
"""Seconds between two reads of a command's output, and of one that a process it has left behind holds open:
some 6 MB and 64 KiB a second at most."""


@dataclass(slots=True, eq=False)
class Output:
    """The output of one command. ``kept`` is how it begins."""

    descriptor: int | None
    """Where it is read, as long as somebody may write."""
    kept: bytearray = field(default_factory=bytearray)
    pause: Timer | None = None
    """Until it is read on."""


class Outputs:
    """Reads the outputs of all commands."""

    def __init__(self, loop: Loop) -> None:
        self._loop = loop
        self._open_outputs: dict[int, Output] = {}
        """Outputs of commands that have ended, by descriptor."""

    def read_output(self, descriptor: int) -> Output:
        """Reads a descriptor that does not block until nobody writes any more, and closes it then."""
        output = Output(descriptor)
        self._read_on(output)
        return output

    def read_rest(self, output: Output) -> None:
        """Reads what an ended command said last; who outlives it may write on, up to a bound."""
        more = self._take(output) and self._take(output)  # all that a pipe holds, and its end
        if output.descriptor is None:
            return
        self._open_outputs[output.descriptor] = output
        if more:
            self._rest(output)
        if len(self._open_outputs) > MAX_OPEN_OUTPUTS:
            self._close(next(iter(self._open_outputs.values())))

    def _read(self, output: Output) -> None:
        """Reads what a command or what it left behind has said, and then pauses."""
        if self._take(output):
            self._rest(output)

    def _take(self, output: Output) -> bool:
        """Reads some output; returns False when there is none now, or never again."""
        if output.descriptor is None:
            return False
        try:
            data = os.read(output.descriptor, _CHUNK)
        except BlockingIOError:
            return False
        output.kept += data[: MAX_OUTPUT_BYTES - len(output.kept)]
        if not data:
            self._close(output)
        return bool(data)

    def _rest(self, output: Output) -> None:
        assert output.descriptor is not None
        if output.pause is not None:
            output.pause.cancel()
        self._loop.remove_reader(output.descriptor)
        seconds = _PAUSE_OPEN if output.descriptor in self._open_outputs else _PAUSE
        output.pause = self._loop.call_later(seconds, self._read_on, output)

    def _read_on(self, output: Output) -> None:
        assert output.descriptor is not None
        output.pause = None
        with suppress(OSError):  # the kernel watches no more descriptors: the rest is read at the end
            self._loop.add_reader(output.descriptor, self._read, output)

    def _close(self, output: Output) -> None:
        assert output.descriptor is not None
        if output.pause is not None:
            output.pause.cancel()
            output.pause = None
        self._open_outputs.pop(output.descriptor, None)
        self._loop.remove_reader(output.descriptor)
        os.close(output.descriptor)
        output.descriptor = None
