"""Frames out of a capture file, pcap or pcapng, through libpcap.

From standard input libpcap reads what is on descriptor 0: a file can be opened before rights are given up,
and parsed after.

World: libpcap.
"""

from __future__ import annotations

from collections.abc import Iterator

from knockd_conf.classes import NamedTuple

_UNSIGNED = 0xFFFFFFFF
_EMPTY, _NOTHING = "only got 0", "an empty file"
"""What libpcap says of a file without a byte, and what we do."""


class CaptureFileError(Exception):
    """The file is no capture that libpcap reads."""


class CutCaptureError(CaptureFileError):
    """The file ends or breaks within a record; all frames before it have been read."""


class Frame(NamedTuple):
    """A frame of the file: its stamp in microseconds since the epoch, the bytes that were captured,
    and how many there were on the wire."""

    stamp: int
    data: bytes
    length: int


class CaptureFile:
    """A capture; ``linktype`` is that of all its frames."""

    def __init__(self, path: str = "-") -> None:
        """Reads the head of the file (``-``: standard input, once in a process). Raises CaptureFileError."""
        import pcapy  # where it is asked for: --explain of live packets needs none

        try:
            self._reader = pcapy.open_offline(path)
        except pcapy.PcapError as error:
            raise CaptureFileError(_NOTHING if _EMPTY in str(error) else str(error)) from error
        self.linktype: int = self._reader.datalink()

    def read_frames(self) -> Iterator[Frame]:
        """Yields every frame. Raises CutCaptureError where the file breaks off."""
        import pcapy

        # One by one: a batch that runs into the break would be lost whole.
        read = self._reader.next
        while True:
            try:
                head, data = read()
            except pcapy.PcapError as error:
                raise CutCaptureError(str(error)) from error
            if head is None:
                return
            seconds, microseconds = head.getts()
            # The binding gives unsigned numbers of 32 bits a sign.
            stamp = (seconds & _UNSIGNED) * 1_000_000 + (microseconds & _UNSIGNED)
            yield Frame(stamp, data, head.getlen())
