"""OpenWrt's packages: what is in them, and that opkg's steps install and remove them on a root of busybox."""

from __future__ import annotations

import gzip
import io
import subprocess
import tarfile
from pathlib import Path

import pytest

from knockd import __version__
from knockd_packages.file_list import ROOT, System, files_of, programs, python_files
from knockd_packages.ipk import LIBRARY, SITE, build_all
from knockd_packages.recipe import RecipeError, read_recipe
from tests.support.lab.openwrt_python import PYTHON, SPLIT, install_python, package_of
from tests.support.lab.openwrt_shell import FUNCTIONS, OPKG, PROCD, RC_COMMON, SUPERVISE
from tests.support.lab.tools import need

Files = dict[str, tuple[bytes, int]]
RECIPES = {"knockd": "Makefile", "python3-structlog": "python-structlog/Makefile"}


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


@pytest.mark.parametrize("name", RECIPES)
def test_recipe(tmp_path: Path, name: str) -> None:
    """make reads a recipe, with the SDK played, and comes to its package with name and version."""
    for folder in ("include", "feeds/packages/lang/python"):
        (tmp_path / folder).mkdir(parents=True)
    played = "define BuildPackage\n$(info package $(1) $(PKG_VERSION))\nendef\n"
    for empty in ("rules.mk", "feeds/packages/lang/python/pypi.mk", "include/package.mk"):
        (tmp_path / empty).touch()
    (tmp_path / "feeds/packages/lang/python/python3-package.mk").write_text(f"{played}all:;\n")
    recipe = str((ROOT / "conf/openwrt" / RECIPES[name]).parent)
    variables = (f"TOPDIR={tmp_path}", f"INCLUDE_DIR={tmp_path}/include")
    done = subprocess.run(
        [need("make"), "-C", recipe, *variables], capture_output=True, text=True, check=True
    )
    version = {"knockd": __version__, "python3-structlog": "26.1.0"}[name]
    assert f"package {name} {version}\n" in done.stdout
    assert done.stderr == ""


def test_recipe_lacks() -> None:
    """A recipe without what a package needs is refused with the line that it lacks."""
    with pytest.raises(RecipeError, match="the recipe has no line 'define Package/other'"):
        read_recipe((ROOT / "conf/openwrt/Makefile").read_text(), "other")


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
