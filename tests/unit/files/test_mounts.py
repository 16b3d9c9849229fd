"""What the table of mounts says of a path."""

from __future__ import annotations

from pathlib import Path

import pytest

from knockd.files import mounts
from knockd.files.mounts import Disks, find_kind, may_be_emptied

TABLE = rb"""21 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda1 rw
22 21 0:5 / /run rw,nosuid - tmpfs tmpfs rw,size=1g
23 22 0:6 / /run/user/0 rw - tmpfs tmpfs rw
24 21 254:1 / /mnt/two\040words rw - btrfs /dev/vdb rw
25 21 0:7 / /var rw - tmpfs tmpfs rw
26 25 254:2 / /var rw - xfs /dev/vdc rw
garbage
27 21 0:8
"""


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        (b"/", "ext4"),
        (b"/etc/knockd", "ext4"),
        (b"/running", "ext4"),
        (b"/run", "tmpfs"),
        (b"/run/knockd", "tmpfs"),
        (b"/mnt/two words/state", "btrfs"),
        (b"/var/lib/knockd", "xfs"),
        (b"/lost", "ext4"),
    ],
)
def test_kind(path: bytes, kind: str) -> None:
    """The mount that is nearest above a path; of those on one place the last."""
    assert kind == find_kind(TABLE, path)


ROUTER = rb"""14 1 31:5 / /rom ro,relatime - squashfs /dev/root ro
16 1 0:9 / /tmp rw - tmpfs tmpfs rw
17 1 31:6 / /overlay rw,noatime - jffs2 /dev/mtdblock6 rw
18 1 0:14 / / rw,noatime - overlay overlayfs rw,lowerdir=/,upperdir=/overlay/upper,workdir=/w
19 1 0:15 / /live rw - overlay overlay rw,lowerdir=/rom,upperdir=/tmp/upper,workdir=/tmp/work
"""
CONTAINER = rb"""600 500 0:50 / / rw - overlay overlay rw,lowerdir=/a,upperdir=/var/lib/docker/c,workdir=/w
601 600 254:1 /volumes/state /var/lib/knockd rw - ext4 /dev/vda1 rw
602 600 0:51 / /odd rw - overlay overlay rw
"""


@pytest.mark.parametrize(
    ("table", "path", "kind"),
    [
        (ROUTER, b"/etc/knockd", "jffs2"),
        (ROUTER, b"/live/etc", "tmpfs"),
        (CONTAINER, b"/etc/knockd", "overlay"),
        (CONTAINER, b"/var/lib/knockd", "ext4"),
        (CONTAINER, b"/odd/one", "overlay"),
    ],
)
def test_overlay(table: bytes, path: bytes, kind: str) -> None:
    """It is as lasting as what it writes to: flash on a router, memory in a live system, or unknown."""
    assert kind == find_kind(table, path)


def test_unknown() -> None:
    """Without a mount that fits, nothing is known."""
    assert find_kind(b"", b"/x") is None


def test_a_path_that_is_not_there() -> None:
    """It would be on what its place is on: /proc is no disk, and no memory that is emptied."""
    assert not may_be_emptied("/proc/nothing/there")


def test_memory(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """What is in memory may be gone; so may be what nobody knows of."""
    table = tmp_path / "mountinfo"
    table.write_bytes(b"1 1 0:1 / / rw - tmpfs tmpfs rw\n")
    monkeypatch.setattr(mounts, "_TABLE", str(table))
    assert may_be_emptied("/anywhere")
    table.unlink()
    assert may_be_emptied("/anywhere")


@pytest.mark.parametrize(("path", "disk"), [(b"/etc", b"254:0"), (b"/var/x", b"254:2"), (b"/run/y", b"0:5")])
def test_disk(path: bytes, disk: bytes) -> None:
    """Each mount has the number of its device."""
    assert Disks(TABLE).find(path) == disk


def test_no_disk() -> None:
    """An empty table knows none."""
    assert Disks(b"").find(b"/etc") is None


LINKS = {
    b"/opt": b"/var/opt",
    b"/etc/near": b"../usr/./near",
    b"/etc/far": b"../mnt/two words/tool",
    b"/etc/round": b"round",
}


@pytest.mark.parametrize(
    ("path", "stays"),
    [
        (b"/etc/tool", True),
        (b"/etc/near", True),
        (b"/etc/far", False),
        (b"/etc/round", False),
        (b"/opt/tool", False),
        (b"/var/tool", False),
        (b"/run/../etc/tool", False),
    ],
)
def test_stays_on(path: bytes, stays: bool) -> None:
    """Every folder and link on the way counts; of what is elsewhere nothing is asked."""
    asked: list[bytes] = []

    def read_link(place: bytes) -> bytes:
        asked.append(place)
        if place not in LINKS:
            raise OSError(place)
        return LINKS[place]

    assert Disks(TABLE).stays_on(path, {b"254:0"}, read_link) is stays
    assert all(Disks(TABLE).find(one) == b"254:0" for one in asked)
