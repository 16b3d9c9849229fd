"""``knockd --replay FILE`` from the command line to the exit status.

The file is opened first; then all rights are given up, and only then is its first byte parsed.

World: the capture file, the process's rights and streams.
"""

from __future__ import annotations

import os
import signal
import stat
import sys
from collections.abc import Callable, Iterator

from knockd.arguments import Replay
from knockd.checks.notes import current_guards, current_sequences, current_taken
from knockd.keeper.settings import Settings
from knockd.knocks.kernel_view import shown_linktype
from knockd.process.privileges import give_up, packet_user
from knockd.replay.as_json import format_json
from knockd.replay.judge import Basis, MakeObserver, judge_capture
from knockd.replay.keys import Keys
from knockd.replay.links import LINK_NAMES
from knockd.replay.outcome import Outcome
from knockd.replay.report import format_report
from knockd.replay.rotating import Base, make_base
from knockd.replay.signed_means import SignedMeans
from knockd.worker.capture_file import CaptureFile, CaptureFileError, CutCaptureError, Frame
from knockd.worker.libpcap import find_import_error
from knockd_conf.extras import explain_missing
from knockd_conf.model import Config
from knockd_conf.text import printable

DESCRIPTORS = 64
"""More are not opened while a capture is read."""


COMPRESSED = (".gz", ".bz2", ".xz", ".zst", ".lz4")
"""How names of files end that libpcap cannot read before they are decompressed."""


class UnusableFileError(Exception):
    """The file cannot be read or is no capture; ``status`` is the exit status for it."""

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.status = status


def replay(settings: Settings, asked: Replay, *, as_json: bool) -> int:
    """Prints the report and returns the exit status.

    Raises ConfigError, and OSError when it cannot be printed.
    """

    def report(outcome: Outcome) -> None:
        print(format_json(outcome) if as_json else "\n".join(format_report(outcome)))

    return play_file(settings, asked, report)


def play_file(
    settings: Settings,
    asked: Replay,
    report: Callable[[Outcome], None],
    make_observer: MakeObserver | None = None,
) -> int:
    """Judges a capture, hands ``report`` what came of it and returns the exit status. Raises ConfigError."""
    config, base = load_base(settings)
    with Keys(config, say) as keys, SignedMeans(config, say) as signed:
        by = Basis(config, base, keys.ask, asked.local, asked.vlan, settings.ipv6, signed.means)
        return _play(by, asked, report, make_observer)


def _play(
    by: Basis, asked: Replay, report: Callable[[Outcome], None], make_observer: MakeObserver | None
) -> int:
    if (missing := find_import_error()) is not None:  # now, for later it opens no file
        say(f"to read a capture file: {explain_missing('pcapy', missing)}")
        return os.EX_UNAVAILABLE
    try:
        _open_as_input(asked.path)
        _give_up_rights(by.config)
        source = _Source(printable(asked.path))
    except UnusableFileError as error:
        say(str(error))
        return error.status
    outcome = judge_capture(by, source.linktype, source.frames(), make_observer)
    outcome = outcome._replace(name=asked.path, broken=source.broken)
    report(outcome)
    if outcome.broken:
        say(f"{printable(asked.path)}: breaks off after packet {outcome.counts.frames}: {outcome.broken}")
        return os.EX_DATAERR
    return os.EX_OK


def load_base(settings: Settings) -> tuple[Config, Base]:
    """The configuration and what its doors watch for here and now, but for keys. Raises ConfigError."""
    config = settings.load_config()
    live, notes = current_sequences(config)
    taken, unsure = current_taken(config)
    for note in (*notes, *unsure):
        say(str(note))
    return config, make_base(config, live, current_guards(config, live, taken), taken)


def _open_as_input(path: str) -> None:
    """Puts the file on descriptor 0, where libpcap reads it. Raises UnusableFileError."""
    name = printable(path)
    try:
        if path != "-":
            if stat.S_ISFIFO(os.stat(path).st_mode):
                say(f"{name}: a pipe, read until whoever writes to it ends")
            descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
            os.dup2(descriptor, 0)
            os.close(descriptor)
        mode = os.fstat(0).st_mode
    except OSError as error:
        # A shell's <(command) is a descriptor, and a child has none but the standard three.
        hint = "; pipe it: command | knockd --replay -" if path.startswith("/dev/fd/") else ""
        raise UnusableFileError(
            f"{name}: expected a capture file, got: {error.strerror}{hint}", os.EX_NOINPUT
        ) from None
    if stat.S_ISDIR(mode):
        raise UnusableFileError(f"{name}: expected a capture file, got a directory", os.EX_NOINPUT)
    if path == "-" and os.isatty(0):
        raise UnusableFileError(
            "-: expected a capture on standard input, got a terminal: tcpdump -w - ... | knockd --replay -",
            os.EX_NOINPUT,
        )
    if stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode):
        # Ctrl-C reaches both ends of a pipe: whoever writes flushes what it has and ends, and then we report.
        signal.signal(signal.SIGINT, signal.SIG_IGN)


def _give_up_rights(config: Config) -> None:
    kept = give_up(packet_user(config.options.user), DESCRIPTORS, may_write=True)
    if kept.identity and os.geteuid() == 0:
        say(f"reads the capture as root, which cannot be given up here: {', '.join(kept.identity)}")


class _Source:
    """The frames of the capture; ``broken`` says where it breaks off, once it has."""

    def __init__(self, name: str) -> None:
        self.broken = ""
        try:
            self._file = CaptureFile()
        except CaptureFileError as error:
            message = f"{name}: expected a capture (pcap or pcapng), got: {error}"
            if name.endswith(COMPRESSED):
                message += f"; decompress it first, as with zcat {name} | knockd --replay -"
            raise UnusableFileError(message, os.EX_DATAERR) from None
        self.linktype = self._file.linktype
        if shown_linktype(self.linktype) is None:
            known = ", ".join(f"{number} {link}" for number, link in sorted(LINK_NAMES.items()))
            raise UnusableFileError(
                f"{name}: link type {self.linktype} is none that knockd can read; expected one of {known}",
                os.EX_DATAERR,
            )

    def frames(self) -> Iterator[Frame]:
        """All frames up to where it breaks off."""
        try:
            yield from self._file.read_frames()
        except CutCaptureError as error:
            self.broken = str(error)


def say(line: str) -> None:
    """Writes ``knockd: ...`` to standard error."""
    print(f"knockd: {line}", file=sys.stderr, flush=True)
