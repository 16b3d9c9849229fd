"""docs/knockctl.md shows what knockctl prints."""

from __future__ import annotations

from datetime import UTC

from knockd.ctl.fleet_reply import read_fleet
from knockd.ctl.fleet_screen import format_fleet
from knockd.ctl.key_lines import describe_key
from knockd.ctl.key_table import format_keys, join_keys, read_known
from knockd.ctl.keygen import advise
from knockd.ctl.signers import SignerFile
from knockd.review.clock import Clock
from knockd_conf.access import network_of
from knockd_conf.authorized_keys import AuthorizedKey
from knockd_conf.expiry_time import Moment, utc_seconds
from tests.support.oracles.take_status_picture import PAGE, PLACE, show_screen
from tests.support.samples.fleets import fleet
from tests.support.samples.signer_files import LAPTOP, PHONE
from tests.support.samples.statuses import BUSY, NOW, STUCK, known_key

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


def test_the_fleet() -> None:
    """The screen of a fleet is that of today's knockctl."""
    screen = "\n".join(format_fleet(read_fleet(fleet())))
    assert f"<!-- fleet -->\n```\n{screen}\n```\n" in PAGE.read_text()


def test_a_new_key() -> None:
    """What keygen says of the first key of a file is what today's knockctl says."""
    said = "\n".join(advise("/etc/knockd/ssh.keys", "alice", None))
    assert f"# knockctl keygen alice --file /etc/knockd/ssh.keys\n{said}\n```\n" in PAGE.read_text()


def test_whose_keys() -> None:
    """What authorize shows of a key, and the list of keys, are those of today's knockctl."""
    expires = utc_seconds(Moment(2026, 12, 31, 23, 59, 59))
    laptop = AuthorizedKey(
        LAPTOP.key.public, "me@laptop", LAPTOP.key.fingerprint, None, (), (), expires, ("ssh",)
    )
    network = network_of(bytes((192, 0, 2, 0)), 24)
    phone = AuthorizedKey(PHONE.key.public, "phone", PHONE.key.fingerprint, allow=(network,))
    file = SignerFile("/etc/knockd/authorized_keys", ("ssh", "web"), (laptop, phone))
    shown = [
        f"{title:<6} {text}" for title, text in describe_key(laptop, file.find_doors(laptop), Clock(UTC))
    ]
    assert "\n".join([*shown, f"file   {file.path}", "Let this key knock? [y/N] y\n"]) in PAGE.read_text()
    known = [
        read_known(known_key(file.path, LAPTOP.key.fingerprint, knocked=NOW - 60, address="203.0.113.7")),
        read_known(known_key(file.path, PHONE.key.fingerprint)),
    ]
    table = format_keys(join_keys([file], known), NOW, 80, "…", Clock(UTC))
    assert "\n".join(["# knockctl keys", *table, "What a client needs: "]) in PAGE.read_text()
