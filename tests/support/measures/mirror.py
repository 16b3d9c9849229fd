"""Which unit tests are whose: ``tests/unit/FOLDER/test_MODULE.py`` or ``test_MODULE_ASPECT.py``."""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
UNIT = ROOT / "tests" / "unit"
PROPERTY = ROOT / "tests" / "property"
SOURCES = {"": ROOT / "knockd", "bpf": ROOT / "bpf" / "knockd_bpf", "conf": ROOT / "conf" / "knockd_conf"}


def modules() -> dict[str, Path]:
    """Every module as ``folder/name``, or ``name`` when it is at the top of knockd, and its file."""
    return {
        str(Path(top) / path.relative_to(folder).with_suffix("")): path
        for top, folder in SOURCES.items()
        for path in sorted(folder.rglob("*.py"))
        if path.stem not in {"__init__", "__main__"}
    }


def owner(path: Path) -> str | None:
    """The module that ``test_NAME.py`` or ``test_NAME_aspect.py`` is about, None when there is none."""
    about = path.relative_to(UNIT).with_name(path.stem.removeprefix("test_"))
    words = about.name.split("_")
    known = modules()
    names = (str(about.with_name("_".join(words[:count]))) for count in range(len(words), 0, -1))
    return next((name for name in names if name in known), None)


def unit_tests() -> dict[str, list[Path]]:
    """The files of unit tests of every module that has some."""
    found: dict[str, list[Path]] = {}
    for path in sorted(UNIT.rglob("test_*.py")):
        name = owner(path)
        if name is not None:
            found.setdefault(name, []).append(path)
    return found


def property_tests(name: str) -> list[Path]:
    """The files of property tests that have a module's name."""
    stem = Path(name).name
    return sorted({*PROPERTY.glob(f"test_{stem}.py"), *PROPERTY.glob(f"test_{name.replace('/', '_')}*.py")})
