"""Which addresses are watched, and what else a capture is judged by."""

from __future__ import annotations

from ipaddress import ip_address

import pytest

from knockd.replay import judge
from knockd_conf.model import Options
from tests.support.doubles.played import door
from tests.support.doubles.replays import ALICE, frame, replayed, told

SSH = door("1 2", "ssh", start_command="open %IFACE%")


def test_most_knocked() -> None:
    """Without names the most knocked addresses are watched."""
    outcome = replayed([frame(n, n, to="10.9.9.9") for n in (1, 2)], SSH, local=None)
    assert [("10.9.9.9", 2)] == [(str(ip_address(one)), count) for one, count in outcome.watched]
    assert 1 == outcome.timeline.opened


def test_named() -> None:
    """What is named is watched, and nothing else."""
    outcome = replayed([frame(n, n, to="10.9.9.9") for n in (1, 2)], SSH, local=["10.0.0.1"])
    assert (0, [None]) == (outcome.timeline.opened, [one.knocks for one in outcome.watched])


def test_most_knocked_of_a_vlan() -> None:
    """With a VLAN the most knocked addresses are those of the VLAN."""
    tagged = [frame(n, n, vlan=7, to="10.7.7.7") for n in (1, 2)]
    outcome = replayed([frame(0, 1), *tagged], SSH, local=None, vlan=7)
    assert ["10.7.7.7"] == [str(ip_address(one.address)) for one in outcome.watched]


def test_what_is_held(monkeypatch: pytest.MonkeyPatch) -> None:
    """Addresses are chosen by the first frames, as many as memory allows, and all frames are judged."""
    monkeypatch.setattr(judge, "MOST_HELD", 2 * judge.FRAME_COST)
    frames = [frame(0, 1), frame(0, 2), *[frame(0, 1, to="10.9.9.9")] * 9]
    outcome = replayed(frames, SSH, local=None)
    assert (1, 11) == (outcome.timeline.opened, outcome.counts.frames)
    assert ["10.0.0.1"] == [str(ip_address(one.address)) for one in outcome.watched]


def test_doors_with_a_target() -> None:
    """A door with a Target is watched there, whoever is knocked."""
    routed = door("1", "dmz", target=(ip_address("10.5.5.5"),), start_command="a")
    assert f"0 open dmz {ALICE} 10.5.5.5" == told(replayed([frame(0, 1, to="10.5.5.5")], routed, local=[]))[0]


@pytest.mark.parametrize(
    ("names", "said"),
    [(("eth0",), "eth0"), (("eth0", "eth1"), "%IFACE%"), (("auto",), "%IFACE%"), ((), "%IFACE%")],
)
def test_interface(names: tuple[str, ...], said: str) -> None:
    """%IFACE% is the one interface that is named, else it stays."""
    outcome = replayed([frame(0, 1), frame(0, 2)], SSH, options=Options(interface=names))
    assert f"open {said}" == outcome.timeline.lines[1].text
