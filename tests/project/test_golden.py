"""Each folder of bpf/golden is a config with the filter, the frames and the verdicts that it must give.

After a wanted change: make golden, and read the diff.
"""

from __future__ import annotations

import pytest

from tests.support.oracles import golden
from tests.support.oracles.kernel import Judge, loads
from tests.support.oracles.make_golden import frames

every_case = pytest.mark.parametrize("name", golden.names())


def test_there_are_cases() -> None:
    """The golden folder holds cases, and each has all of its files."""
    files = {"knockd.conf", "filter.txt", "program.txt", "frames.pcap", "verdicts.txt"}
    assert len(golden.names()) > 22
    assert dict.fromkeys(golden.names(), files) == {
        name: {path.name for path in (golden.FOLDER / name).iterdir()} for name in golden.names()
    }


@every_case
def test_filter(name: str) -> None:
    """The filter text is as written down."""
    case = golden.read(name)
    assert (case.folder / "filter.txt").read_text() == case.text


@every_case
def test_program(name: str) -> None:
    """The program is as written down, instruction for instruction."""
    case = golden.read(name)
    assert (case.folder / "program.txt").read_text() == case.listing


@every_case
def test_verdicts(name: str) -> None:
    """The program's verdict on every saved frame is as written down."""
    case = golden.read(name)
    saved = golden.read_pcap(case.folder / "frames.pcap")
    written = [line[:4] for line in (case.folder / "verdicts.txt").read_text().splitlines()]
    assert written == ["pass" if case.verdict(frame) else "drop" for frame in saved]


@every_case
def test_libpcap_agrees(name: str) -> None:
    """libpcap's compile of the text gives the same verdict on every saved frame."""
    case = golden.read(name)
    referee = case.referee()
    saved = golden.read_pcap(case.folder / "frames.pcap")
    assert [referee.passes(frame) for frame in saved] == [case.verdict(frame) for frame in saved]


@every_case
def test_the_kernel_loads_it(name: str) -> None:
    """The kernel's checker takes the program."""
    assert loads(golden.read(name).fitted.program)


@pytest.mark.parametrize("name", [name for name in golden.names() if not name.startswith("cooked")])
def test_the_kernel_agrees(name: str) -> None:
    """The running kernel gives the same verdict on every saved frame.

    Not asked on cooked links: a socket pair has no EtherType aside of the frame.
    """
    case = golden.read(name)
    saved = [frame for frame in golden.read_pcap(case.folder / "frames.pcap") if frame]
    with Judge(case.fitted.program) as judge:
        assert [case.verdict(frame) for frame in saved] == [judge.passes(frame) for frame in saved]


@every_case
def test_names_fit_the_frames(name: str) -> None:
    """The frames are those that their names in the verdicts speak of."""
    case = golden.read(name)
    named = [line[6:] for line in (case.folder / "verdicts.txt").read_text().splitlines()]
    saved = golden.read_pcap(case.folder / "frames.pcap")
    assert list(frames(case)) == list(zip(named, saved, strict=True))
