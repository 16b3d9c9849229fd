"""A container: the image of conf/container built and run by podman, with NET_RAW and NET_ADMIN alone.

``make container``, as root. No registry is asked: mmdebstrap makes the base image.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support.daemons.doors import CLIENT_ADDRESSES, SERVER, SERVER_ADDRESSES, drop_with_nftables
from tests.support.lab import packages
from tests.support.lab.hosts import Host, Lab
from tests.support.lab.processes import children
from tests.support.lab.services import TcpService, can_connect, send_knock, wait_closed, wait_open
from tests.support.lab.waiting import wait_until
from tests.systems.footprint import processor_seconds

ROOT = Path(__file__).resolve().parents[2]
SCRATCH = Path("/var/tmp/knockd-systems/container")
BASE = "localhost/debian:trixie-slim"
STORAGE = ("--root", f"{SCRATCH}/storage", "--runroot", f"{SCRATCH}/run", "--storage-driver", "vfs")
PODMAN = ("podman", *STORAGE, "--cgroup-manager", "cgroupfs")
# Without systemd and the right to raise limits, as in a virtual machine of a build service.
HERE = (
    "--cgroups",
    "disabled",
    "--no-healthcheck",
    "--ulimit",
    "nofile=1024:1024",
    "--ulimit",
    "nproc=1024:1024",
)
TIGHT = (
    "--cap-drop",
    "all",
    "--security-opt",
    "no-new-privileges",
    "--read-only",
    "--tmpfs",
    "/run:rw,mode=755",
)
BOTH = ("NET_RAW", "NET_ADMIN")
MACVLAN = "10.7.0.3"
FIRST_MAPPED = 100_000
"""Who is root in the user namespace."""

CONFIG = """
[options]
	Interface = {interface}
[ssh]
	Sequence        = 31954,20677,48012
	TCPFlags        = syn
	Start_Command   = nft add element inet filter knocked4 {{ %IP% }}; (sleep 0.2; sleep 0.2) & exit 0
	Stop_Command    = nft delete element inet filter knocked4 {{ %IP% }}
	Start_Command_6 =
	Stop_Command_6  =
	Cmd_Timeout     = 600
"""
STEPS = ("31954", "20677", "48012")


def podman(*argv: str, check: bool = True) -> str:
    """Run podman; what it printed, on both streams. Raises AssertionError."""
    done = subprocess.run([*PODMAN, *argv], capture_output=True, text=True, check=False)
    assert not check or done.returncode == 0, f"podman {' '.join(argv)}: {done.stdout}{done.stderr}"
    return done.stdout + done.stderr


@contextmanager
def said(what: str) -> Iterator[None]:
    """Print what is tried, and how long it took."""
    begun = time.monotonic()
    yield
    print(f"  {what}: {time.monotonic() - begun:.1f} s", flush=True)


def build() -> None:
    """Make the base image, unless it is there, and the image of this checkout."""
    SCRATCH.mkdir(parents=True, exist_ok=True)
    base = SCRATCH / "base.tar"
    if not base.exists():
        with said("mmdebstrap makes the base"):
            unfinished = base.with_suffix(".new.tar")  # the suffix says what mmdebstrap makes
            subprocess.run(["mmdebstrap", "--variant=minbase", "trixie", str(unfinished)], check=True)
            unfinished.rename(base)
    if subprocess.run([*PODMAN, "image", "exists", BASE], check=False).returncode:
        podman("import", str(base), BASE)
    with said("the image is built"):
        file = str(ROOT / "conf/container/Containerfile")
        options = (
            "--isolation",
            "chroot",
            "--pull-never",
            "--format",
            "docker",
            "--build-arg",
            f"BASE={BASE}",
        )
        podman("build", *options, "-t", "localhost/knockd", "-f", file, str(ROOT))
    sizes = [
        int(podman("image", "inspect", one, "--format", "{{.Size}}")) for one in ("localhost/knockd", BASE)
    ]
    print(f"image: {sizes[0]} bytes, of which Debian {sizes[1]}")


def start(network: str, rights: tuple[str, ...] = BOTH, *options: str, interface: str = "eth0") -> str:
    """Start a container in a network namespace; its name."""
    name = f"knockd-{os.getpid()}-{time.monotonic_ns()}"
    config = SCRATCH / "knockd.conf"
    config.write_text(CONFIG.format(interface=interface))
    mapped = "--uidmap" in options
    config.chmod(0o600)
    owner = FIRST_MAPPED if mapped else 0  # root there: nobody else may own what runs commands as root
    os.chown(config, owner, owner)
    state = "knockd-mapped" if mapped else "knockd-state"
    files = ("-v", f"{config}:/etc/knockd.conf:ro", "-v", f"{state}:/var/lib/knockd")
    added = [word for right in rights for word in ("--cap-add", right)]
    podman(
        "run",
        "-d",
        "--name",
        name,
        *HERE,
        *TIGHT,
        *added,
        "--network",
        network,
        *files,
        *options,
        "localhost/knockd",
        "-v",
    )
    return name


def logged(name: str, text: str, times: int = 1) -> str:
    """Wait until the log of a container has a text; the log."""
    wait_until(lambda: podman("logs", name, check=False).count(text) >= times, 20, f"{name} says {text!r}")
    return podman("logs", name)


def remove(name: str, status: int | None = 0) -> None:
    """Stop a container, which ends with ``status``, and remove it."""
    podman("stop", "-t", "30", name, check=False)
    ended = int(podman("inspect", name, "--format", "{{.State.ExitCode}}"))
    podman("rm", name)
    assert status in (None, ended), f"ended with {ended}"


def pid_of(name: str) -> int:
    """The first process of a container, by the number that it has out here."""
    return int(podman("inspect", name, "--format", "{{.State.Pid}}"))


def processes(name: str) -> dict[int, str]:
    """Name and state of each process of a container, by the number that it has out here."""
    found, ahead = {}, [pid_of(name)]
    while ahead:
        pid = ahead.pop()
        try:
            found[pid] = Path(f"/proc/{pid}/stat").read_text().partition("(")[2]
            ahead += children(pid)
        except OSError:
            continue
    return found


def pss(name: str) -> list[int]:
    """KB of memory of each process of a container."""
    texts = (Path(f"/proc/{pid}/smaps_rollup").read_text() for pid in processes(name))
    return [int(found[1]) for text in texts if (found := re.search(r"^Pss: +(\d+) kB", text, re.MULTILINE))]


def zombies(name: str) -> list[str]:
    """Processes of a container that have ended and that nobody has collected."""
    return [one for one in processes(name).values() if ") Z " in one]


def use(host: Host, client: Host, address: str) -> None:
    """Doors open and close; orphans, rights, status and a kill."""
    name = start(f"ns:/run/netns/{host.namespace}")
    log = logged(name, "listening on")
    print("  " + "\n  ".join(line for line in log.splitlines() if "rights" in line or "libpcap" in line))
    print(f"  processor time of the start: {processor_seconds(processes(name)):.2f} s")
    time.sleep(2)  # what read the configuration has ended
    sizes = pss(name)
    print(f"  PSS: {sum(sizes)} KB in {len(sizes)} processes: {sorted(sizes)}")
    with said("a knock opens"):
        assert not can_connect(client, address, 22)
        send_knock(client, address, *STEPS)
        wait_open(client, address, 22)
    assert "ssh" in podman("exec", name, "knockctl", "status"), "what the health check runs"
    first = pid_of(name)
    wait_until(lambda: not zombies(name), 10, "orphans of commands are collected")
    rights = dict(
        re.findall(r"^(Cap\w+|Seccomp|NoNewPrivs):\s+(\S+)$", Path(f"/proc/{first}/status").read_text(), re.M)
    )
    assert (rights["CapBnd"], rights["NoNewPrivs"]) == ("0000000000003000", "1")
    packets = next(pid for pid, one in processes(name).items() if one.startswith("knock-packets"))
    text = Path(f"/proc/{packets}/status").read_text()
    inner = dict(re.findall(r"^(CapEff|Seccomp_filters):\s+(\S+)$", text, re.M))
    print(f"  packet process: {inner}; daemon: {rights}")
    assert (inner["CapEff"], int(inner["Seccomp_filters"]) > 1) == ("0" * 16, True)
    with said("killed and started again, it knows who is in"):
        podman("kill", name)
        podman("start", name)
        logged(name, "listening on", 2)
        assert can_connect(client, address, 22)
        assert re.search(r"ssh +10\.7\.0\.2", podman("exec", name, "knockctl", "status"))
    with said("TERM closes the door"):
        remove(name)
        wait_closed(client, address, 22)


def lacking(host: Host, client: Host) -> None:
    """Without one of the two rights it says what is missing."""
    name = start(f"ns:/run/netns/{host.namespace}", ("NET_RAW",))
    logged(name, "listening on")
    send_knock(client, SERVER[4], *STEPS)
    print("  without NET_ADMIN: " + logged(name, "Operation not permitted").splitlines()[-1])
    remove(name, None)
    name = start(f"ns:/run/netns/{host.namespace}", ("NET_ADMIN",))
    wait_until(
        lambda: podman("inspect", name, "--format", "{{.State.Status}}").strip() == "exited", 20, "it ends"
    )
    print(
        "  without NET_RAW: "
        + next(line for line in podman("logs", name).splitlines() if "CAP_NET_RAW" in line)
    )
    remove(name, None)


def mapped() -> None:
    """In a user namespace with a network namespace of its own, both rights are enough too."""
    options = ("--uidmap", f"0:{FIRST_MAPPED}:65536", "--gidmap", f"0:{FIRST_MAPPED}:65536")
    name = start("none", BOTH, *options, interface="lo")
    logged(name, "listening on")
    ruleset = "add table inet filter; add set inet filter knocked4 { type ipv4_addr; }"
    podman("exec", name, "nft", ruleset)
    podman("exec", name, "knock", "127.0.0.1", *STEPS)
    logged(name, "OPEN SESAME")
    wait_until(lambda: "127.0.0.1" in podman("exec", name, "nft", "list", "ruleset"), 10, "the door is open")
    remove(name)
    print("  in a user namespace: a knock opens")


def main() -> int:
    """Builds the image and runs it by podman, in networks of its own; prints figures. As root."""
    argparse.ArgumentParser(prog="python -m tests.systems.container", description=main.__doc__).parse_args()
    if packages.main("container"):
        return 1
    if "KNOCKD_PRIVATE" not in os.environ:  # a view of control groups that crun understands, for us alone
        view = 'umount -R /sys/fs/cgroup; mount -t cgroup2 none /sys/fs/cgroup; exec "$@"'
        again = (sys.executable, "-m", "tests.systems.container")
        environment = {**os.environ, "KNOCKD_PRIVATE": "1"}
        unshare = ("unshare", "--mount", "--propagation", "slave", "sh", "-c", view, "sh", *again)
        return subprocess.run(unshare, env=environment, check=False).returncode
    build()
    with Lab() as lab:
        host, client = lab.host("host"), lab.host("client")
        lab.link(host, "eth0", client, "eth0", SERVER_ADDRESSES, CLIENT_ADDRESSES)
        drop_with_nftables(host)
        with TcpService(host, 22):
            print("the host's network:")
            use(host, client, SERVER[4])
            lacking(host, client)
        inner = lab.host("macvlan")
        host.ip(
            "link add mac0 link eth0 type macvlan mode bridge",
            f"link set mac0 netns {inner.namespace} name eth0",
        )
        inner.ip(f"addr add {MACVLAN}/24 dev eth0", "link set eth0 up")
        drop_with_nftables(inner)
        with TcpService(inner, 22):
            print("a macvlan interface:")
            use(inner, client, MACVLAN)
        mapped()
    podman("volume", "rm", "--all", "--force")
    return 0


if __name__ == "__main__":
    sys.exit(main())
