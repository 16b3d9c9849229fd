"""The Debian package: built twice, what is in it, and what Debian's own checkers say of it."""

from __future__ import annotations

import gzip
import hashlib
import io
import os
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from knockd.log.render import render
from knockd.log.stamps import file_stamp
from knockd_conf.model import LogFormat
from knockd_packages.debian_files import FOLDERS, LAUNCHER, PRIVATE
from knockd_packages.file_list import LOCAL_PROGRAMS, ROOT, System, files_of, programs, python_files
from knockd_packages.version import read_version
from tests.support.lab.tools import lacking, need

BUILDERS = ("dpkg-buildpackage", "dh", "dh_python3", "dh_apparmor", "pyproject-build")
DEBIANS_OWN = {
    "usr/share/doc/knockd/README.Debian",
    "usr/share/doc/knockd/changelog.Debian.gz",
    "usr/share/doc/knockd/changelog.gz",
    "usr/share/doc/knockd/copyright",
    "usr/share/lintian/overrides/knockd",
    "usr/share/python3/runtime.d/knockd.rtupdate",
}
"""Files that debhelper makes or installs by itself."""

MAINTAINER = {"DEBFULLNAME": "Ann Example", "DEBEMAIL": "ann@knockd.invalid"}
SCRIPTS = ("preinst", "postinst", "prerm", "postrm")


class Built(NamedTuple):
    """The package."""

    deb: Path
    changes: Path
    control: Path
    """The unpacked folder of its control files."""
    files: dict[str, tuple[bytes, int]]
    """Content and mode by path."""


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Built:
    """The package, built as ``make deb`` does."""
    for tool in BUILDERS:
        need(tool)
    folder = tmp_path_factory.mktemp("deb")
    build(folder)
    (deb,) = folder.glob("*.deb")
    (changes,) = folder.glob("*.changes")
    control = folder / "control"
    run("dpkg-deb", "-e", str(deb), str(control))
    return Built(deb, changes, control, dict(unpack(deb)))


def build(folder: Path, umask: int = 0o022, zone: str = "UTC") -> None:
    """Run the builder; whatever it says of a failure is in the error."""
    command = [sys.executable, "-m", "knockd_packages.deb", "--without-pcapy", "--out", str(folder)]
    paths = os.pathsep.join((str(ROOT), str(ROOT / "conf")))
    environment = {**os.environ, "PYTHONPATH": paths, "TZ": zone, **MAINTAINER}
    done = subprocess.run(
        command, env=environment, umask=umask, capture_output=True, text=True, check=False, cwd=folder
    )
    assert done.returncode == 0, done.stdout + done.stderr


def run(*command: str, **more: str) -> str:
    """What a program prints; it must end well. ``more`` goes into its environment."""
    environment = {**os.environ, "LC_ALL": "C.UTF-8", **more}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{' '.join(command)}: {done.returncode}\n{done.stdout}{done.stderr}"
    return done.stdout


def unpack(deb: Path) -> Iterator[tuple[str, tuple[bytes, int]]]:
    """Each file of a package; all must be root's."""
    data = subprocess.run(["dpkg-deb", "--fsys-tarfile", str(deb)], capture_output=True, check=True).stdout
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        for member in archive:
            assert (member.uid, member.gid) == (0, 0), member.name
            assert member.isdir() or member.isreg(), member.name
            file = archive.extractfile(member)
            if file is not None:
                yield member.name.removeprefix("./"), (file.read(), member.mode)


def field(built: Built, name: str) -> str:
    """A field of the package's description."""
    return run("dpkg-deb", "-f", str(built.deb), name).strip()


def test_has_the_files_of_the_list(built: Built) -> None:
    """What is in the package is the list's files, the Python packages, the programs and what Debian adds."""
    listed = {one.destination for one in files_of(System.DEBIAN)}
    modules = {f"{PRIVATE[1:]}/{place}" for place in python_files().values()}
    started = {f"{FOLDERS[name][1:]}/{name}" for name in programs()}
    there = {path.removesuffix(".gz") if path not in DEBIANS_OWN else path for path in built.files}
    assert there == listed | modules | started | DEBIANS_OWN


def test_content_and_modes(built: Built) -> None:
    """Each file is that of the checkout, but that units and scripts name the programs where they are here."""
    for one in files_of(System.DEBIAN):
        packed = built.files.get(f"{one.destination}.gz")
        data, mode = built.files[one.destination] if packed is None else packed
        data = data if packed is None else gzip.decompress(data)
        if one.destination.startswith(("etc/", "usr/lib/")):
            assert LOCAL_PROGRAMS.encode() not in data, one.destination
        if LOCAL_PROGRAMS.encode() not in (ROOT / one.source).read_bytes():
            assert data == (ROOT / one.source).read_bytes(), one.destination
        assert mode == one.mode, one.destination


def test_unit_starts_what_is_installed(built: Built) -> None:
    """The unit names the programs of the package."""
    unit = built.files["usr/lib/systemd/system/knockd.service"][0].decode()
    assert "ExecStart=/usr/sbin/knockd $KNOCKD_OPTS\n" in unit
    assert "/usr/bin/knockctl reload" in unit
    assert "EnvironmentFile=-/etc/default/knockd\n" in unit


@pytest.mark.parametrize("name", programs())
def test_programs_run(built: Built, name: str, tmp_path: Path) -> None:
    """Each program runs under Debian's own Python with the package's files alone."""
    python = need("/usr/bin/python3", "python3")
    for path, (data, _) in built.files.items():
        if path.startswith(PRIVATE[1:]):
            place = tmp_path / path
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(data)
    text, mode = built.files[f"{FOLDERS[name][1:]}/{name}"]
    module, _, function = programs()[name].partition(":")
    assert text.decode() == LAUNCHER.format(private=PRIVATE, module=module, function=function)
    assert mode == 0o755
    program = tmp_path / name
    program.write_bytes(text.replace(PRIVATE.encode(), str(tmp_path / PRIVATE[1:]).encode()))
    assert read_version(ROOT) in run(python, "-I", str(program), "--version")


def test_same_bytes_again(built: Built, tmp_path: Path) -> None:
    """A second build, beside an older one, with another umask and time zone, leaves the same bytes alone."""
    for older in ("knockd_0.9_all.deb", "python3-pcapy-ng_2.0_amd64.deb"):
        (tmp_path / older).touch()
    build(tmp_path, umask=0o077, zone="Asia/Tokyo")
    (again,) = tmp_path.glob("*.deb")
    assert hashlib.sha256(again.read_bytes()).digest() == hashlib.sha256(built.deb.read_bytes()).digest()


def test_description(built: Built) -> None:
    """Name, version, architecture and what it needs: Python and structlog, all else is recommended."""
    assert field(built, "Package") == "knockd"
    assert field(built, "Version") == read_version(ROOT)
    assert field(built, "Architecture") == "all"
    assert field(built, "Maintainer") == "Ann Example <ann@knockd.invalid>"
    needed = {one.strip() for one in field(built, "Depends").split(",")}
    users = "systemd | systemd-standalone-sysusers | systemd-sysusers"
    assert needed == {"python3 (>= 3.11)", "python3:any", "python3-structlog", users}
    recommended = {one.strip() for one in field(built, "Recommends").split(",")}
    assert recommended == {"logrotate", "python3-jinja2", "python3-nacl", "python3-pcapy-ng"}
    assert "python3-impacket" in field(built, "Suggests")


def test_version_replaces_debians() -> None:
    """apt takes our version for an upgrade of Debian's 0.8."""
    need("dpkg-buildpackage")
    run("dpkg", "--compare-versions", read_version(ROOT), "gt", "0.8-2+b6")


def test_no_question_after_0_8(built: Built) -> None:
    """dpkg asks nothing after 0.8: knockd.conf is not in the package, the defaults are those of 0.8."""
    conffiles = set((built.control / "conffiles").read_text().split())
    assert conffiles == {f"/{path}" for path in built.files if path.startswith("etc/")}
    assert "/etc/knockd.conf" not in conffiles
    assert hashlib.md5(built.files["etc/default/knockd"][0]).hexdigest() == "3906d229acd3d23833fda0c7aacbb480"


@pytest.mark.parametrize("name", SCRIPTS)
def test_scripts_of_the_package(built: Built, name: str) -> None:
    """dash can read each maintainer script, and shellcheck finds nothing but what dh_apparmor wrote."""
    script = str(built.control / name)
    run(need("dash"), "-n", script)
    run(need("shellcheck"), "--shell=dash", "--exclude=SC2046,SC2006", script)


def test_lintian(built: Built) -> None:
    """lintian has nothing to say, not even pedantically; what is overridden has its reason there."""
    said = run(
        need("lintian"), "--allow-root", "--display-info", "--pedantic", "--fail-on=error", str(built.changes)
    )
    assert said == ""


def test_apparmor_profile(built: Built, tmp_path: Path) -> None:
    """AppArmor's parser takes the profile, which only complains."""
    parser = need("apparmor_parser")
    profile = tmp_path / "profile"
    profile.write_bytes(built.files["etc/apparmor.d/usr.sbin.knockd"][0])
    run(parser, "--skip-kernel-load", "--skip-cache", "--skip-read-cache", str(profile))
    assert "flags=(attach_disconnected, complain)" in profile.read_text()


GUARDED: dict[str, object] = {"ip": "198.51.100.7", "door": "ssh", "seconds": 5, "stage": 1, "steps": 3}
OTHERS: tuple[tuple[str, dict[str, object]], ...] = (
    ("spoiled", {"ip": "198.51.100.7", "door": "ssh", "stage": 1, "steps": 3}),
    ("open", {"ip": "198.51.100.7", "door": "ssh"}),
    (
        "command-output",
        {
            "ip": "192.0.2.1",
            "door": "ssh",
            "verb": "start",
            "line": "198.51.100.7: ssh: guard port, ignored for 5 seconds",
        },
    ),
)


def lines(log_format: LogFormat, way: str) -> list[str]:
    """A guard hit of IPv4 and one of IPv6, then lines of other events, as a log or syslog has them."""
    events: list[tuple[str, dict[str, object]]]
    events = [("guarded", GUARDED), ("guarded", {**GUARDED, "ip": "2001:db8::7"}), *OTHERS]
    texts = [render(log_format, event, **fields) for event, fields in events]
    if way == "file":
        return [(file_stamp() if log_format is LogFormat.CLASSIC else "") + one for one in texts]
    return [f"Nov  2 20:13:05 web1 knockd[123]: {one}" for one in texts]


@pytest.mark.parametrize("way", ["file", "syslog"])
@pytest.mark.parametrize("log_format", LogFormat, ids=lambda one: str(one.value))
def test_fail2ban_filter(built: Built, tmp_path: Path, log_format: LogFormat, way: str) -> None:
    """fail2ban's filter finds guard hits in logs and syslog, classic and JSON, and nothing else."""
    program = need("fail2ban-regex")
    log = tmp_path / "knockd.log"
    log.write_text("".join(f"{one}\n" for one in lines(log_format, way)))
    rules = tmp_path / "knockd.conf"
    rules.write_bytes(built.files["etc/fail2ban/filter.d/knockd.conf"][0])
    said = run(program, str(log), str(rules), "--out=ip")
    assert said.split() == ["198.51.100.7", "2001:db8::7"]


def test_fail2ban_jail(built: Built, tmp_path: Path) -> None:
    """fail2ban loads the jail, which is off until it is turned on."""
    client = need("fail2ban-client")
    config = tmp_path / "fail2ban"
    if not Path("/etc/fail2ban/jail.conf").exists():
        lacking("/etc/fail2ban is missing: apt-get install fail2ban")
    shutil.copytree("/etc/fail2ban", config)
    for path, (data, _) in built.files.items():
        if path.startswith("etc/fail2ban/"):
            (config / path.removeprefix("etc/fail2ban/")).write_bytes(data)
    (config / "jail.d/defaults-debian.conf").unlink(missing_ok=True)  # sshd's, whose log is elsewhere
    assert "knockd" not in run(client, "-c", str(config), "--dp")
    log = tmp_path / "knockd.log"
    log.touch()
    (config / "jail.d/knockd.local").write_text(f"[knockd]\nenabled = true\nlogpath = {log}\n")
    run(client, "-c", str(config), "-t")
    dump = run(client, "-c", str(config), "--dp")
    assert "['add', 'knockd', 'auto']" in dump
    assert "guard port, ignored for" in dump


def test_logrotate(built: Built, tmp_path: Path) -> None:
    """logrotate takes the rule."""
    program = need("logrotate")
    rule = tmp_path / "knockd"
    rule.write_bytes(built.files["etc/logrotate.d/knockd"][0])
    done = subprocess.run(
        [program, "-d", "-s", str(tmp_path / "state"), str(rule)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "error" not in done.stderr
