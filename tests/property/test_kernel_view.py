"""Whatever the link, a frame of a file gets the verdict that the kernel's program for that link gives it."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from knockd.knocks.kernel_view import show_frame
from knockd.replay.kinds import find_payload_ports, kind_of
from knockd_bpf.build import WatchedPorts, build_term
from knockd_bpf.layout import ETHERNET, layout_for
from knockd_bpf.program import assemble_term
from knockd_bpf.vm import run_program
from knockd_bpf.wire import DLT_EN10MB, DLT_LINUX_SLL, DLT_RAW
from tests.support.samples.prefilters import ADDRESSES, Wire, watches, wires

BUDGET = settings(max_examples=150, deadline=None)
locals_ = st.frozensets(st.sampled_from(ADDRESSES), max_size=5)
doors = st.lists(watches, max_size=5)


@BUDGET
@given(doors, locals_, st.booleans(), st.lists(wires, min_size=1, max_size=40))
def test_one_program_for_every_link(
    wanted: list[WatchedPorts], local: frozenset[bytes], ipv6: bool, frames: list[Wire]
) -> None:
    """The program for Ethernet says of what is shown what the link's own program says of the frame."""
    term = build_term(wanted, local, ipv6=ipv6)
    ours = assemble_term(term, ETHERNET)
    for linktype in (DLT_EN10MB, DLT_RAW, DLT_LINUX_SLL):
        layout = layout_for(linktype)
        theirs = assemble_term(term, layout)
        for frame in (wire.framed(linktype) for wire in frames):
            shown = show_frame(linktype, frame)
            if shown.vlan:
                continue  # the kernel has taken the tag off before its program runs
            expected = run_program(theirs.instructions, *layout.view(frame)).verdict > 0
            assert expected == (run_program(ours.instructions, shown.filtered).verdict > 0)


@BUDGET
@given(doors, locals_, st.lists(wires, min_size=2, max_size=40))
def test_one_verdict_for_a_kind(
    wanted: list[WatchedPorts], local: frozenset[bytes], frames: list[Wire]
) -> None:
    """The filter has one verdict for all frames of one kind that come from one source."""
    term = build_term(wanted, local)
    program, ports = assemble_term(term, ETHERNET).instructions, find_payload_ports(term)
    verdicts: dict[object, bool] = {}
    for frame in (wire.framed(DLT_EN10MB) for wire in frames):
        kind = kind_of(frame, ports)
        verdict = run_program(program, frame).verdict > 0
        source = frame[26:30] if frame[12:14] == b"\x08\x00" else frame[22:38]
        if kind is not None:
            assert verdict == verdicts.setdefault((kind, source), verdict)
