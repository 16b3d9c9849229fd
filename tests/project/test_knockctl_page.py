"""docs/knockctl.md shows what knockctl prints."""

from __future__ import annotations

from knockd.ctl.keygen import advise
from tests.support.oracles.take_status_picture import PAGE, PLACE, show_screen
from tests.support.samples.statuses import BUSY, STUCK

PROMPTS = 1
"""Lines of a terminal for what was typed."""


def test_the_screen() -> None:
    """The screen of a usual day is that of today's knockctl, 80 columns and 24 lines at most."""
    shown = PLACE.search(PAGE.read_text())
    assert shown is not None
    assert show_screen(BUSY) == shown[0]
    for screen in (show_screen(BUSY), show_screen(STUCK)):
        assert max(map(len, screen.splitlines())) <= 80
        assert len(screen.splitlines()) + PROMPTS <= 24


def test_a_new_key() -> None:
    """What keygen says of the first key of a file is what today's knockctl says."""
    said = "\n".join(advise("/etc/knockd/ssh.keys", "alice", None))
    assert f"# knockctl keygen alice --file /etc/knockd/ssh.keys\n{said}\n```\n" in PAGE.read_text()
