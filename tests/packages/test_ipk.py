"""OpenWrt's packages: what is in them, and that opkg's steps install and remove them on a root of busybox."""

from __future__ import annotations

import gzip
import io
import subprocess
import tarfile
from pathlib import Path

import pytest

from knockd import __version__
from knockd_packages import ipk
from knockd_packages.distributions import build
from knockd_packages.file_list import ROOT, System, files_of, programs, python_files
from knockd_packages.ipk import LIBRARY, RELEASED, SITE, build_all
from knockd_packages.recipe import RecipeError, read_recipe
from tests.support.lab.openwrt_python import PYTHON, SPLIT, install_python, package_of
from tests.support.lab.openwrt_shell import FUNCTIONS, OPKG, PROCD, RC_COMMON, SUPERVISE
from tests.support.lab.tools import need, without_make

Files = dict[str, tuple[bytes, int]]
RECIPES = {"knockd": "Makefile", "python3-structlog": "python-structlog/Makefile"}
PLAYED = """
CP:=cp -fpR
INSTALL_DIR:=install -d -m0755
INSTALL_BIN:=install -m0755
INSTALL_CONF:=install -m0600
INSTALL_DATA:=install -m0644

define BuildPackage
$(info package $(1) $(PKG_VERSION))
endef

all:;
prepare:
\t$(Build/Prepare)
install:
\t$(call Py3Package/knockd/install,$(INTO))
"""
"""What a recipe takes from the SDK: commands of rules.mk, and rules that run what it defines."""


@pytest.fixture(scope="module")
def packages(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Both packages."""
    return build_all(tmp_path_factory.mktemp("ipk"), 1_700_000_000)


def unpack(data: bytes) -> Files:
    """The files of a .tar.gz: bytes and mode, by path from its top."""
    found = {}
    with tarfile.open(fileobj=io.BytesIO(data), mode="r:gz") as tar:
        for info in tar:
            assert (info.uid, info.gid, info.mtime, info.uname) == (0, 0, 1_700_000_000, "")
            if info.isreg():
                content = tar.extractfile(info)
                assert content is not None
                found[info.name.removeprefix("./")] = (content.read(), info.mode)
    return found


def part(package: Path, name: str) -> Files:
    """The files of data.tar.gz or control.tar.gz of an .ipk."""
    return unpack(unpack(package.read_bytes())[name][0])


def control(package: Path) -> dict[str, str]:
    """The fields of a control file, without further lines of the description."""
    text = part(package, "control.tar.gz")["control"][0].decode()
    return dict(line.split(": ", 1) for line in text.splitlines() if not line.startswith(" "))


def test_form(packages: list[Path]) -> None:
    """An .ipk is a tar of three parts in this order, and each part a tar of paths that begin with ./"""
    for package in packages:
        assert ["debian-binary", "data.tar.gz", "control.tar.gz"] == [*unpack(package.read_bytes())]
        with tarfile.open(package) as tar:
            assert [f"./{name}" for name in unpack(package.read_bytes())] == tar.getnames()


def test_reproducible(packages: list[Path], tmp_path: Path) -> None:
    """Two builds give the same bytes."""
    again = build_all(tmp_path, 1_700_000_000)
    assert [one.read_bytes() for one in packages] == [one.read_bytes() for one in again]


def test_files(packages: list[Path]) -> None:
    """The package has what the list of files names, each module as .pyc, the programs, and nothing else."""
    sources = [place for place in python_files().values() if not place.endswith("py.typed")]
    wanted = {f"{SITE}/{place}c" if place.endswith(".py") else f"{SITE}/{place}" for place in sources}
    wanted |= {one.destination for one in files_of(System.OPENWRT)} | {
        f"usr/bin/{name}" for name in programs()
    }
    assert wanted | {"lib/upgrade/keep.d/knockd"} == set(part(packages[0], "data.tar.gz"))


def test_modes(packages: list[Path]) -> None:
    """Programs and scripts can be run, the configuration is root's alone."""
    files = part(packages[0], "data.tar.gz")
    special = {path: mode for path, (_, mode) in files.items() if mode != 0o644}
    wanted = {f"usr/bin/{name}": 0o755 for name in programs()}
    assert wanted | {"etc/init.d/knockd": 0o755, "etc/knockd.conf": 0o600} == special
    scripts = part(packages[0], "control.tar.gz")
    assert (scripts["postinst"][1], scripts["prerm"][1]) == (0o755, 0o755)


def test_control(packages: list[Path]) -> None:
    """The control file names version, packages of Python and the user of the packet process."""
    fields = control(packages[0])
    assert ("knockd", f"{__version__}-r1", "all") == (
        fields["Package"],
        fields["Version"],
        fields["Architecture"],
    )
    assert "knockd:knockd" == fields["Require-User"]
    depends = fields["Depends"].split(", ")
    assert {"libc", LIBRARY, "python3-light", "python3-structlog"} <= set(depends)
    assert {one for one in depends if one.startswith("python3-")} <= {
        *SPLIT,
        "python3-light",
        "python3-structlog",
    }
    data = gzip.decompress(unpack(packages[0].read_bytes())["data.tar.gz"][0])
    assert len(data) == int(fields["Installed-Size"])


def test_conffiles(packages: list[Path]) -> None:
    """opkg keeps the configuration; an upgrade of the system also keys and options, which are made later."""
    assert part(packages[0], "control.tar.gz")["conffiles"][0] == b"/etc/knockd.conf\n"
    kept = part(packages[0], "data.tar.gz")["lib/upgrade/keep.d/knockd"][0]
    assert kept == b"/etc/default/knockd\n/etc/knockd/\n"


@pytest.fixture
def sdk(tmp_path: Path) -> Path:
    """A folder that plays OpenWrt's SDK."""
    folder = tmp_path / "sdk"
    for place in ("include", "feeds/packages/lang/python"):
        (folder / place).mkdir(parents=True)
    for empty in ("rules.mk", "feeds/packages/lang/python/pypi.mk", "include/package.mk"):
        (folder / empty).touch()
    (folder / "feeds/packages/lang/python/python3-package.mk").write_text(PLAYED)
    return folder


def run_recipe(sdk: Path, name: str, target: str, **variables: Path) -> str:
    """Let make read the recipe of a package and do what ``target`` names; what it printed."""
    recipe = str((ROOT / "conf/openwrt" / RECIPES[name]).parent)
    given = {"TOPDIR": sdk, "INCLUDE_DIR": sdk / "include", **variables}
    command = [need("make"), "-C", recipe, target, *(f"{key}={value}" for key, value in given.items())]
    done = subprocess.run(command, env=without_make(), capture_output=True, text=True, check=False)
    assert (0, "") == (done.returncode, done.stderr)
    return done.stdout


@pytest.mark.parametrize("name", RECIPES)
def test_recipe(sdk: Path, name: str) -> None:
    """make reads a recipe, with the SDK played, and comes to its package with name and version."""
    version = {"knockd": __version__, "python3-structlog": "26.1.0"}[name]
    assert f"package {name} {version}\n" in run_recipe(sdk, name, "all")


def test_recipe_prepares(sdk: Path, tmp_path: Path, wheel: Path) -> None:
    """What the recipe copies out of the checkout is all that the wheel is built of."""
    source = tmp_path / "source"
    run_recipe(sdk, "knockd", "prepare", PKG_BUILD_DIR=source)
    assert wheel.read_bytes() == build("wheel", tmp_path / "wheel", source).read_bytes()


def test_recipe_installs(sdk: Path, tmp_path: Path) -> None:
    """The recipe installs the programs and what the list of files names, each with its mode."""
    built, into = tmp_path / "built", tmp_path / "into"
    (built / "usr/bin").mkdir(parents=True)
    for name in programs():
        (built / "usr/bin" / name).write_text(name)
    run_recipe(sdk, "knockd", "install", PKG_INSTALL_DIR=built, INTO=into)
    wanted = {f"usr/bin/{name}": (name.encode(), 0o755) for name in programs()}
    wanted |= {
        one.destination: ((ROOT / one.source).read_bytes(), one.mode) for one in files_of(System.OPENWRT)
    }
    found = {path for path in into.rglob("*") if path.is_file()}
    assert wanted == {
        str(path.relative_to(into)): (path.read_bytes(), path.stat().st_mode & 0o7777) for path in found
    }


def test_recipe_lacks() -> None:
    """A recipe without what a package needs is refused with the line that it lacks."""
    with pytest.raises(RecipeError, match="the recipe has no line 'define Package/other'"):
        read_recipe((ROOT / "conf/openwrt/Makefile").read_text(), "other")


def test_python_of_the_releases() -> None:
    """Python 3.11 builds what opkg installs; another one is told what to do."""
    assert ipk.find_mismatch(RELEASED) is None
    assert ipk.find_mismatch("3.13") == (
        "expected Python 3.11, as OpenWrt 23.05 and 24.10 have it, got 3.13: opkg installs these packages"
        " only where libpython3-3.13 is. Remove .venv and run make ipk PYTHON=python3.11"
    )


def test_another_python_warns(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """``make ipk`` under another Python builds, for whoever has an OpenWrt with it, and warns."""
    monkeypatch.setattr(ipk, "VERSION", "3.13")
    monkeypatch.setattr(ipk, "build_all", lambda *_: [])
    monkeypatch.setattr("sys.argv", ["ipk"])
    assert 0 == ipk.main()
    assert capsys.readouterr().err.startswith("ipk: warning: expected Python 3.11, ")


@pytest.mark.parametrize(
    ("name", "package"),
    [
        ("os.py", "python3-base"),
        ("argparse.py", "python3-light"),
        ("_ctypes.cpython-311-x86_64-linux-gnu.so", "python3-ctypes"),
        ("_socket.cpython-311-mips-linux-gnu.so", "python3-light"),
        ("logging", "python3-logging"),
        ("_testcapi.cpython-311-x86_64-linux-gnu.so", None),
        ("idlelib", None),
    ],
)
def test_split(name: str, package: str | None) -> None:
    """Which package of OpenWrt's Python has a file."""
    assert package == package_of(name)


def test_scripts_are_shell() -> None:
    """ash reads what plays OpenWrt's scripts."""
    for text in (FUNCTIONS, OPKG, PROCD, RC_COMMON, SUPERVISE):
        done = subprocess.run(
            [need("busybox"), "ash", "-n"], input=text, capture_output=True, text=True, check=False
        )
        assert ("", 0) == (done.stderr, done.returncode)


def test_programs_run(packages: list[Path], tmp_path: Path) -> None:
    """Each program runs with the packages of Python that are named, and nothing else of Python."""
    depends = [name for name in control(packages[0])["Depends"].split(", ") if name in SPLIT]
    install_python(tmp_path, depends)
    for package in packages:
        for path, (data, mode) in part(package, "data.tar.gz").items():
            (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / path).write_bytes(data)
            (tmp_path / path).chmod(mode)
    for name in programs():
        assert (0, "") == run_program(tmp_path, name, "-V")
    wanted = f"{tmp_path}/etc/knockd.conf: expected at least one door, got none\n"
    assert (78, wanted) == run_program(tmp_path, "knockd", "--dry-run", "-c", f"{tmp_path}/etc/knockd.conf")


def run_program(root: Path, name: str, *options: str) -> tuple[int, str]:
    """Run a program of ``root`` with the Python that is there; status and standard error."""
    command = [str(root / "usr/bin" / PYTHON), "-I", str(root / "usr/bin" / name), *options]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.returncode, done.stderr
