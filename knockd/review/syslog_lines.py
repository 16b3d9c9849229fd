"""What stands in front of a message in a system log: stamp, host and program, of syslog, journal and logread.

Pure.
"""

from __future__ import annotations

import re
from typing import Final

from knockd.review.stamps import Stamps

_PROGRAM = "knockd"
_TAG = re.compile(rf"(?:\S+ ){{0,2}}{_PROGRAM}(?:\[[0-9]+\])?")
"""``HOST PROGRAM[PID]``; busybox's syslogd has ``daemon.notice`` between them, logread only that."""

_DATA = re.compile(r"(?:\[(?:[^\]\\]|\\.)*\])+ ?")
"""Structured data of RFC 5424, section 6.3."""

_PRIORITY = re.compile(r"<[0-9]{1,3}>")
_FULL = re.compile(r"[A-Z][a-z]{2} (\d{4}-\d\d-\d\d \d\d:\d\d):(\d\d)(?:\.\d{1,6})? [-+A-Za-z0-9]{1,6} (.*)")
_LOGREAD = re.compile(r"[A-Z][a-z]{2} ([A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d) (\d{4}) (.*)")
_BYTE_ORDER_MARK = "\ufeff"
_TAGS = 1_024
"""Hosts and programs that are remembered; then it begins anew."""


SyslogLine = tuple[str, float, float, str]
"""A line of knockd's in a system log: name of its format, time, precision in seconds, and message."""

OTHER: Final[SyslogLine] = ("", 0.0, 0.0, "")
"""A line of another program."""


class SyslogLines:
    """Reads the lines of one system log."""

    def __init__(self, stamps: Stamps) -> None:
        self._stamps = stamps
        self._tags: dict[str, bool] = {}
        self._began = False

    def read(self, text: str) -> SyslogLine | None:
        """What a line says, OTHER, or None where it is no line of a system log."""
        if text[:1] == "<" and (priority := _PRIORITY.match(text)):
            text = text[priority.end() :]
        time: float | None
        precision = 1.0
        if text[3:4] == " " and text[6:7] == " ":
            form, time = "syslog", self._stamps.read_syslog(text[:15])
            rest = text[16:] if text[15:16] == " " else text[15:].partition(" ")[2]
        elif text[10:11] == "T":
            stamp, _, rest = text.partition(" ")
            form, time = "iso", self._stamps.read_absolute(stamp)
            precision = 0.001 if "." in stamp else 1.0
        elif text.startswith("1 "):
            return self._read_rfc5424(text)
        elif found := _FULL.fullmatch(text):
            form, time = "journal", self._stamps.read_second(found[1], float(found[2]))
            rest = found[3]
        elif found := _LOGREAD.fullmatch(text):
            form, time = "logread", self._stamps.read_syslog(found[1], int(found[2]))
            rest = found[3]
        elif text.startswith("-- ") or (self._began and text[:1].isspace()):
            return OTHER  # journalctl says where a boot begins, and goes on in a line of its own
        else:
            return None
        if time is None:
            return None
        self._began = True
        tag, _, message = rest.partition(": ")
        ours = self._tags.get(tag)
        if ours is None:
            ours = self._read_tag(tag)
        return (form, time, precision, message) if ours else OTHER

    def _read_rfc5424(self, text: str) -> SyslogLine | None:
        """A line ``1 STAMP HOST PROGRAM PID ID DATA MESSAGE`` (RFC 5424, section 6)."""
        parts = text.split(" ", 6)
        if len(parts) != 7:
            return None
        _, stamp, _, program, _, _, rest = parts
        if rest[:1] == "-":
            message = rest[2:]
        elif data := _DATA.match(rest):
            message = rest[data.end() :]
        else:
            return None
        time = self._stamps.read_absolute(stamp)
        if time is None:
            return None
        self._began = True
        # rsyslog keeps the space behind the tag of RFC 3164.
        message = message.removeprefix(_BYTE_ORDER_MARK).removeprefix(" ")
        return ("rfc5424", time, 0.001 if "." in stamp else 1.0, message) if program == _PROGRAM else OTHER

    def _read_tag(self, tag: str) -> bool:
        """Whether it names knockd, remembered."""
        ours = _TAG.fullmatch(tag.removesuffix(":")) is not None
        if len(self._tags) >= _TAGS:
            self._tags.clear()
        if len(tag) <= 256:
            self._tags[tag] = ours
        return ours
