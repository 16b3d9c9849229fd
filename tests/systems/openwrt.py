"""OpenWrt: the .ipk from its installation to its removal, on a router of busybox, nft and OpenWrt's Python.

``make openwrt``, as root. It prints what docs/platforms.md shows.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from knockd_packages.file_list import ROOT
from knockd_packages.ipk import SITE, build_all, build_package, knockd_entries
from knockd_packages.recipe import read_recipe
from tests.support.daemons.doors import CLIENT, CLIENT_ADDRESSES, SERVER, SERVER_ADDRESSES
from tests.support.lab import packages
from tests.support.lab.hosts import Host, Lab
from tests.support.lab.openwrt_root import Router, flash, make_root
from tests.support.lab.services import TcpService, can_connect, send_knock, wait_closed, wait_open
from tests.support.lab.waiting import wait_until
from tests.support.samples.printed import example, set_up
from tests.systems.footprint import processor_seconds

STEPS = ("31954", "20677", "48012")
CLOSED = ("31955", "20678", "48013")
SECOND = f"""
[closed-at-the-end]
	Sequence      = {",".join(CLOSED)}
	TCPFlags      = syn
	Start_Command = /usr/sbin/nft insert rule inet fw4 input_wan ip saddr %IP% tcp dport 80 accept
	Stop_Command  = /usr/sbin/nft flush chain inet fw4 input_wan
	Cmd_Timeout   = 600
	Start_Command_6 =
	Stop_Command_6  =
"""
"""A door whose stop command shuts all at the end: what TERM has to run."""


def python_packages() -> list[str]:
    """What of OpenWrt's Python our recipe names, besides python3-light."""
    depends = read_recipe((ROOT / "conf/openwrt/Makefile").read_text(), "knockd").depends
    return [name for name in depends if name not in ("python3-light", "python3-structlog")]


def everything(root: Path) -> set[str]:
    """All files of a folder."""
    return {str(path.relative_to(root)) for path in root.rglob("*") if not path.is_dir() or path.is_symlink()}


def pss(router: Router) -> dict[int, int]:
    """KB of memory of each process of knockd, by its number."""
    sizes = {}
    for pid in router.processes():
        found = re.search(
            r"^Pss: +(\d+) kB", Path(f"/proc/{pid}/smaps_rollup").read_text(), flags=re.MULTILINE
        )
        assert found is not None
        sizes[pid] = int(found[1])
    return sizes


@contextmanager
def said(what: str) -> Iterator[None]:
    """Print what is tried, and how long it took."""
    begun = time.monotonic()
    yield
    print(f"  {what}: {time.monotonic() - begun:.1f} s", flush=True)


def listening(router: Router, times: int = 1) -> None:
    """Wait until knockd has said so many times that it listens."""
    wait_until(lambda: router.log().count("listening on") >= times, 60, "knockd listens")


def ended(router: Router) -> None:
    """Wait until nothing of knockd runs."""
    wait_until(lambda: not router.processes(), 40, "knockd has ended")


def start_seconds(router: Router) -> tuple[float, float]:
    """Seconds from ``start`` until knockd says that it listens, and of processor time (medians of five)."""
    taken, busy = [], []
    for _ in range(5):
        router.attempt("/etc/init.d/knockd", "stop")
        ended(router)
        before = router.log().count("listening on")
        begun = time.monotonic()
        router.run("/etc/init.d/knockd", "start")
        wait_until(lambda: router.log().count("listening on") > before, 60, "knockd listens")  # noqa: B023
        taken.append(time.monotonic() - begun)
        busy.append(processor_seconds(router.processes()))
    return sorted(taken)[2], sorted(busy)[2]


def use(router: Router, host: Host, client: Host) -> None:
    """What its owner does with it: doors, mistakes, tools, start, reload and stop."""
    wait_until(
        lambda: "expected at least one door" in router.log(), 20, "nothing is opened by what is installed"
    )
    wait_until(lambda: router.attempt("pidof", "supervise").returncode, 60, "procd gives it up")
    router.path("/etc/knockd.conf").write_text(example("openwrt") + SECOND)
    router.run("knockd", "-t")
    router.run("/etc/init.d/knockd", "reload")
    listening(router)
    assert "2 doors" in router.run("knockctl", "status")
    for version in (4, 6):
        with said(f"a knock by IPv{version} opens, in the rules of fw4"):
            assert not can_connect(client, SERVER[version], 22)
            send_knock(client, SERVER[version], *STEPS)
            wait_open(client, SERVER[version], 22)
    doctor = router.attempt("knockctl", "doctor")
    assert "Traceback" not in doctor.stdout + doctor.stderr, doctor
    assert "OPEN SESAME" in router.run("knockctl", "log", "/var/log/messages", "--list")
    router.path("/etc/knockd.conf").write_text("[ssh]\nSequence = none of these\n")
    assert router.attempt("/etc/init.d/knockd", "reload").returncode != 0, "a bad file is refused"
    router.path("/etc/knockd.conf").write_text(example("openwrt") + SECOND)
    with said("TERM of procd's script closes doors"):
        send_knock(client, SERVER[4], *CLOSED)
        wait_open(client, SERVER[4], 80)
        router.run("/etc/init.d/knockd", "stop")
        ended(router)
        wait_closed(client, SERVER[4], 80)
    set_up(host, "openwrt")


def upgrade(router: Router, folder: Path) -> None:
    """Install a newer version over it: the changed configuration stays, the new one is beside it."""
    recipe = read_recipe((ROOT / "conf/openwrt/Makefile").read_text(), "knockd")
    entries = [
        entry._replace(data=entry.data + b"# newer\n") if entry.path == "etc/knockd.conf" else entry
        for entry in knockd_entries()
        if not entry.path.endswith("signed/judge.pyc")
    ]
    newer = build_package(recipe, "99-r1", entries, 0)
    router.path("/tmp/newer.ipk").write_bytes(newer)
    router.run("opkg", "install", "/tmp/newer.ipk")
    assert router.path("/etc/knockd.conf").read_text() == example("openwrt") + SECOND
    assert router.path("/etc/knockd.conf-opkg").read_text().endswith("# newer\n")
    assert router.attempt("ls", f"/{SITE}/knockd/signed/judge.pyc").returncode, "what it has no more is gone"
    assert "99-r1" in (folder / "usr/lib/opkg/info/knockd.control").read_text()


def main() -> int:
    """Tries the .ipk from installation to removal, on a router in namespaces; prints figures. As root."""
    argparse.ArgumentParser(prog="python -m tests.systems.openwrt", description=main.__doc__).parse_args()
    if packages.main("openwrt"):
        return 1
    with tempfile.TemporaryDirectory(prefix="knockd-openwrt-") as scratch, Lab() as lab:
        built = build_all(Path(scratch, "ipk"), 0)
        for path in built:
            print(f"{path.name}: {path.stat().st_size} bytes")
        root = Path(scratch, "flash")
        root.mkdir()
        make_root(root, python_packages())
        before, used = everything(root), flash(root)
        router, client = lab.host("router"), lab.host("client")
        lab.link(router, "eth0", client, "eth0", SERVER_ADDRESSES, CLIENT_ADDRESSES)
        router.route("default", CLIENT[4])
        set_up(router, "openwrt")
        with TcpService(router, 22), TcpService(router, 80):
            with Router(router, root) as booted:
                for path in reversed(built):
                    booted.path(f"/tmp/{path.name}").write_bytes(path.read_bytes())
                    with said(f"opkg install {path.name}"):
                        booted.run("opkg", "install", f"/tmp/{path.name}")
                print(f"flash, not compressed: {flash(root) - used} bytes")
                use(booted, router, client)
                took, busy = start_seconds(booted)
                print(f"start to listening: {took * 1000:.0f} ms, {busy:.2f} s of processor time")
                sizes = pss(booted)
                print(f"PSS: {sum(sizes.values())} KB in {len(sizes)} processes: {sorted(sizes.values())}")
            with said("boot"), Router(router, root) as booted:
                listening(booted)
            with Router(router, root) as booted:
                listening(booted)
                send_knock(client, SERVER[4], *STEPS)
                wait_open(client, SERVER[4], 22)
                with said("upgrade"):
                    upgrade(booted, root)
                listening(booted, 2)
                with said("opkg remove knockd python3-structlog"):
                    booted.run("opkg", "remove", "knockd", "python3-structlog")
                    ended(booted)
        left = sorted(everything(root) - before)
        print(f"left behind: {left}")
        assert left == ["etc/knockd.conf", "etc/knockd.conf-opkg", "run"], "its owner's file, and /run"
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except subprocess.CalledProcessError as error:
        sys.exit(f"{error}\n{error.stderr or ''}")
