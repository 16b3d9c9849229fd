"""Whatever a capture file holds, it is judged and reported in printable lines, or refused as no capture.

The input is the file, as libpcap gets it.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import suppress

from knockd.knocks.kernel_view import shown_linktype
from knockd.replay.as_json import format_json
from knockd.replay.judge import Basis, judge_capture
from knockd.replay.outcome import Outcome
from knockd.replay.report import format_report
from knockd.worker.capture_file import CaptureFile, CaptureFileError, CutCaptureError, Frame
from knockd_conf.model import Config, FlagRule, Options
from tests.support.doubles.played import door
from tests.support.doubles.replays import asked, base_of
from tests.support.doubles.signed_replays import means_of, signed_door

DOORS = (
    door("7000 8000 9000", "ssh", start_command="open %IP%", stop_command="close %IP%"),
    door("", "keyed", start_command="open %IP%", sequence_key="/etc/knockd.key", flags=FlagRule(2, 16)),
    door("1 2u", "mixed", start_command="open %IP% %IFACE%", flags=FlagRule(2, 16), seq_cooldown=1.0),
    signed_door("signed", cmd_timeout=5.0),
)
CONFIG = Config("/etc/knockd.conf", Options(max_leases=2), DOORS, "host", ("/etc/knockd.conf",))
BASE = base_of(*DOORS, guards=["6999 7001", "", "3"])
MEANS = means_of()
ASK = asked({"ann": bytes(range(32))}, *DOORS)


def replay(path: str, vlan: int | None) -> Outcome | None:
    """What comes of a file; None when it is none that can be judged."""
    try:
        capture = CaptureFile(path)
    except CaptureFileError:
        return None
    if shown_linktype(capture.linktype) is None:
        return None

    basis = Basis(CONFIG, BASE, ASK, None, vlan, signed=MEANS)
    return judge_capture(basis, capture.linktype, _whole(capture))


def _whole(capture: CaptureFile) -> Iterator[Frame]:
    with suppress(CutCaptureError):
        yield from capture.read_frames()


def check(data: bytes) -> None:
    """Replay the file at its interface and, where it ends with an odd byte, in VLAN 100."""
    descriptor = os.memfd_create("capture")
    try:
        os.write(descriptor, data)
        outcome = replay(f"/proc/self/fd/{descriptor}", 100 if data[-1:] and data[-1] & 1 else None)
    finally:
        os.close(descriptor)
    if outcome is None:
        return
    counts = outcome.counts
    assert counts.packets <= counts.passed <= counts.frames
    assert outcome.timeline.opened <= counts.packets * len(DOORS)
    for line in format_report(outcome):
        assert line.isprintable()
    assert json.loads(format_json(outcome))["packets"]["all"] == counts.frames
