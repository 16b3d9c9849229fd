"""CPython for another C library or processor, built from the sources that Debian has.

The sources are as they were released, without Debian's patches. Built is what the product imports and the
tests need; there is no OpenSSL, readline, SQLite or Tk. A build takes minutes, and is kept: what is written
last says that it is whole, so one that was interrupted is done again.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from tests.support.lab.packages import find, provide
from tests.systems.debian_archive import fetch_source

FOLDER = Path("/var/tmp/knockd-systems")
"""Where builds are kept: gigabytes that outlive a clean checkout."""

SERIES = f"python3.{sys.version_info.minor}"
"""A cross build is led by a Python of the same series: the one that runs this."""

LIBRARIES = ("zlib", "libffi")
STANDARD = (
    *("--disable-shared", "--disable-test-modules", "--without-doc-strings", "--without-ensurepip"),
    "--with-system-ffi",
)
LACKING = {"_ssl": "built without OpenSSL", "ssl": "built without OpenSSL", "_bz2": "built without bzip2"}
"""What our Python lacks that tests import, and why."""

CACHED = (
    "ac_cv_file__dev_ptmx=no",
    "ac_cv_file__dev_ptc=no",
    "ac_cv_buggy_getaddrinfo=no",
    "ac_cv_working_tzset=yes",
)
"""What configure would find out by running a program, or by looking at the host."""


class Target(NamedTuple):
    """What CPython is built for: a name, GNU triplets of it and of here, its compiler, archiver and readelf.

    CPython takes the name of the C library from the second triplet.
    """

    name: str
    triplet: str
    here: str
    compiler: str
    archiver: str
    readelf: str
    packages: tuple[str, ...]
    """Debian's, that the build and the tests need beside make and gcc."""
    linker: str = ""
    """Options for programs."""

    @property
    def folder(self) -> Path:
        """Where all of it is kept."""
        return FOLDER / self.name

    @property
    def root(self) -> Path:
        """What is installed: interpreter, libraries, packages."""
        return self.folder / "root"

    @property
    def python(self) -> Path:
        """The interpreter, once it is built."""
        return self.root / "bin" / SERIES


@contextmanager
def only_trial(target: Target) -> Iterator[None]:
    """In the block, no other trial builds or uses ``target``. Raises SystemExit where one does."""
    target.folder.mkdir(parents=True, exist_ok=True)
    with (target.folder / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise SystemExit(f"another make {target.name} is running: it holds {lock.name}") from None
        yield


def build_python(target: Target) -> Path:
    """The interpreter for ``target``, built unless it is whole, by this recipe. Raises CalledProcessError."""
    whole, recipe = target.root / "built", f"{target}\n"
    if whole.exists() and whole.read_text() == recipe:
        return target.python
    if None in (find(target.compiler), find("make")) and provide([*target.packages, "make"]):
        raise SystemExit(1)
    whole.unlink(missing_ok=True)  # first: the rest may be half gone when it is interrupted
    shutil.rmtree(target.root, ignore_errors=True)
    target.folder.mkdir(parents=True, exist_ok=True)
    log = target.folder / "build.log"
    log.unlink(missing_ok=True)
    print(f"building {SERIES} for {target.triplet}: minutes; {log} has what is printed", flush=True)
    _build(target, log)
    whole.write_text(recipe)
    return target.python


def _build(target: Target, log: Path) -> None:
    """Builds and installs the libraries, then CPython."""
    sources = {name: _unpack(name, target.folder) for name in (*LIBRARIES, SERIES)}
    root = target.root
    tools = {"CC": target.compiler, "AR": target.archiver, "CFLAGS": "-O2 -fPIC"}
    cross = (f"--build={target.here}", f"--host={target.triplet}", f"--prefix={root}")
    _make(sources["zlib"], ("./configure", "--static", f"--prefix={root}"), tools, log)
    static = ("--disable-shared", "--disable-docs", "--disable-multi-os-directory")
    _make(sources["libffi"], ("./configure", *cross, *static), tools, log)
    found = {
        "CC": target.compiler,
        "AR": target.archiver,
        "READELF": target.readelf,
        "CPPFLAGS": f"-I{root}/include",
        "LDFLAGS": f"-L{root}/lib -s {target.linker}",
        "PKG_CONFIG_LIBDIR": f"{root}/lib/pkgconfig",
    }
    leader = f"--with-build-python={Path(sys.base_prefix, 'bin', SERIES)}"
    _make(sources[SERIES], ("./configure", *cross, leader, *STANDARD, *CACHED), found, log)


def _make(folder: Path, configure: Sequence[str], tools: Mapping[str, str], log: Path) -> None:
    """Configures, builds and installs the sources of a folder, without haste."""
    environment = {**os.environ, **tools}
    with log.open("a") as output:
        for command in (configure, ("make", "-j2"), ("make", "install")):
            subprocess.run(
                ("nice", *command), cwd=folder, env=environment, stdout=output, stderr=output, check=True
            )


def _unpack(name: str, folder: Path) -> Path:
    """The unpacked release of a Debian source package, fetched once for all targets."""
    fetched = FOLDER / "sources" / name
    if not fetched.exists():
        fetching = fetched.with_name(f"{name}.new")
        shutil.rmtree(fetching, ignore_errors=True)
        fetching.mkdir(parents=True)
        fetch_source(fetching, name)
        fetching.rename(fetched)
    [archive] = fetched.glob(f"{name}_*.orig.tar.*[!c]")  # not the signature, .asc
    unpacked = folder / name
    shutil.rmtree(unpacked, ignore_errors=True)
    unpacked.mkdir()
    subprocess.run(("tar", "xf", archive, "--strip-components=1", "-C", unpacked), check=True)
    return unpacked
