"""The architecture, read from the source: who may import whom, and who alone touches an outside thing.

The tables are those of docs/architecture.md: what is written there is what holds.
"""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "architecture.md"
PACKAGES = {"knockd": ROOT, "knockd_bpf": ROOT / "bpf", "knockd_conf": ROOT / "conf"}
DEPENDENCIES = {"pcapy", "impacket", "structlog", "jinja2", "nacl", "segno", "valkey"}

SAFE = frozenset(
    {
        *("__future__", "array", "ast", "binascii", "bisect", "collections", "dataclasses", "enum", "errno"),
        *(
            "fractions",
            "functools",
            "gc",
            "ipaddress",
            "itertools",
            "json",
            "math",
            "operator",
            "re",
            "shlex",
            "stat",
            "struct",
        ),
        *("typing", "string", "unicodedata", "contextlib", "configparser", "getopt", "hmac", "hashlib"),
        *("_sha2", "_sha256", "_sha512"),
        *("base64", "pickle", "copy", "textwrap", "difflib", "fnmatch", "heapq", "posixpath", "types"),
    }
)
"""Standard modules that only compute."""

ASKS = frozenset({"open", "print", "input", "exec", "eval", "breakpoint"})
"""Builtins through which code meets the world."""

MARK = re.compile(r"(?:^|\s)(?P<mark>Pure|Loop|World: [^.]+)\.\Z")

WORKER_REACHES = (
    "conf.classes",
    "conf.model",
    "conf.errors",
    "conf.protocol",
    "conf.text",
    "conf.access",
    "bpf",
    "knocks",
    "process",
    "worker",
    "token_bucket",
    "conf.hashes",
    "conf.signed_packet",
    "conf.signed_sizes",
)


@dataclass(frozen=True)
class Module:
    """One source file: its dotted name in short (``conf.model``), syntax tree and what it imports."""

    name: str
    tree: ast.Module
    imports: frozenset[str]

    @property
    def mark(self) -> str | None:
        """``Pure``, ``Loop`` or ``World: thing``, the last sentence of its docstring; None: it has none."""
        found = MARK.search((ast.get_docstring(self.tree) or "").strip())
        return found["mark"] if found else None


def short(name: str) -> str:
    """A dotted name of ours as the page writes it: without ``knockd.``, ``conf`` for ``knockd_conf``."""
    top, _, rest = name.partition(".")
    return rest if top == "knockd" else f"{top.removeprefix('knockd_')}.{rest}".rstrip(".")


def sources() -> Iterator[tuple[str, Path]]:
    """Dotted name and path of every source file of the three packages."""
    for package, folder in PACKAGES.items():
        for path in sorted((folder / package).rglob("*.py")):
            yield ".".join(path.relative_to(folder).with_suffix("").parts), path


FILES = dict(sources())


def imported(tree: ast.Module) -> Iterator[str]:
    """What a file imports, at its top or inside a function: ours in short, others by their full name."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (short(alias.name) if alias.name in FILES else alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"line {node.lineno}: a relative import"
            for alias in node.names:
                inner = f"{node.module}.{alias.name}"
                ours = inner if inner in FILES else str(node.module)
                yield short(ours) if ours in FILES else ours


def read(name: str, path: Path) -> Module:
    """One source file."""
    tree = ast.parse(path.read_text())
    return Module(short(name), tree, frozenset(imported(tree)))


MODULES = {module.name: module for module in (read(*one) for one in FILES.items())}
PLAIN = tuple(module for module in MODULES.values() if not module.name.endswith("__init__"))
every_module = pytest.mark.parametrize("module", PLAIN, ids=lambda module: module.name)


def rows(table: str) -> list[list[str]]:
    """The cells of a table of the page, by the name of the comment in front of it, without its head."""
    found = re.search(rf"<!-- {table} -->\n(.*?)\n<!-- end -->", PAGE.read_text(), re.DOTALL)
    assert found, f"{PAGE}: no table {table}"
    lines = found[1].splitlines()[2:]
    return [[cell.strip().replace("\\", "") for cell in line.strip("|").split("|")] for line in lines]


def items(cell: str) -> frozenset[str]:
    """What a cell lists."""
    return frozenset(item.strip() for item in cell.split(",") if item.strip())


WALLS = {folder: items(may) for folders, may in rows("walls") for folder in items(folders)}
WORLD = {
    thing: (frozenset(re.findall(r"[\w.]+", how)) - {"imports", "calls"}, items(files))
    for thing, how, files in rows("world")
}


def folder_of(name: str) -> str:
    """The row that a module is in: its folder, or itself."""
    return name.partition(".")[0]


def within(name: str, allowed: frozenset[str] | tuple[str, ...]) -> bool:
    """Whether a module is one of, or inside one of, those that are allowed."""
    return any(name == one or name.startswith(f"{one}.") for one in allowed)


@every_module
def test_imports_what_its_folder_may(module: Module) -> None:
    """A module imports its own folder's files and what the page allows its folder; no row, no import."""
    folder = folder_of(module.name)
    assert folder in WALLS, f"{module.name}: docs/architecture.md has no row for {folder}"
    ours = {name for name in module.imports if name in MODULES}
    assert set() == {name for name in ours if folder_of(name) != folder and not within(name, WALLS[folder])}


@pytest.mark.parametrize("name", [name for name in MODULES if name.endswith("__init__")])
def test_a_folder_s_face_imports_nothing(name: str) -> None:
    """What a folder's ``__init__`` imports everybody would import who wants one of its files."""
    assert set() == MODULES[name].imports - {"__future__"}


def reached(start: str) -> set[str]:
    """Every module of ours that is imported when the modules of a folder are."""
    todo = [module.name for module in PLAIN if folder_of(module.name) == start]
    assert todo
    found = set(todo)
    while todo:
        for name in MODULES[todo.pop()].imports:
            if name in MODULES and name not in found:
                found.add(name)
                todo.append(name)
    return found


def test_what_the_packet_process_reaches() -> None:
    """Following imports, the packet process cannot name a command runner, a journal or a key."""
    assert set() == {name for name in reached("worker") if not within(name, WORKER_REACHES)}


def test_what_the_client_reaches() -> None:
    """Following imports, the client is its own and conf's, and needs the standard library alone at start."""
    names = reached("client")
    assert set() == {name for name in names if not within(name, ("client", "conf"))}
    assert set() == {
        (n, d) for n in names for d in at_top(MODULES[n].tree) if d.partition(".")[0] in DEPENDENCIES
    }


@every_module
def test_dependencies_are_those_declared(module: Module) -> None:
    """Only the standard library, this project and its dependencies are imported."""
    allowed = sys.stdlib_module_names | DEPENDENCIES | {"_sha2"}  # since 3.12
    assert set() == {
        n for n in module.imports if n not in MODULES and n.partition(".")[0] not in allowed | {"knockd"}
    }


@every_module
def test_mark(module: Module) -> None:
    """A module's docstring ends with its mark, and what is not of the world touches nothing of it."""
    assert module.mark is not None, f"{module.name}: its docstring ends with no Pure., Loop. or World: thing."
    if module.mark.startswith("World"):
        return
    others = {name.partition(".")[0] for name in module.imports if name not in MODULES}
    assert set() == others - SAFE - {"knockd"}
    assert set() == ASKS & set(calls(module.tree))
    loop = "process.loop" in module.imports
    assert module.mark == ("Loop" if loop else "Pure")


@pytest.mark.parametrize("thing", WORLD)
def test_an_outside_thing_has_its_files(thing: str) -> None:
    """Who touches an outside thing is who the page says."""
    signs, files = WORLD[thing]
    assert files == {module.name for module in PLAIN if signs & touched(module)}


@pytest.mark.parametrize("package", ["impacket", "jinja2", "nacl", "segno"])
def test_what_few_need_is_imported_when_it_is_used(package: str) -> None:
    """Nobody pays for these at start-up: they are imported inside the functions that need them."""
    assert set() == {
        module.name for module in PLAIN if package in {n.partition(".")[0] for n in at_top(module.tree)}
    }


def touched(module: Module) -> set[str]:
    """What a file imports of others, by its top name, and what it calls."""
    found = {name.partition(".")[0] for name in module.imports if name not in MODULES}
    return found | set(calls(module.tree))


def at_top(tree: ast.Module) -> Iterator[str]:
    """What a file imports when it is imported itself."""
    for node in tree.body:
        if isinstance(node, ast.Import | ast.ImportFrom):
            yield from imported(ast.Module(body=[node], type_ignores=[]))


def calls(tree: ast.Module) -> Iterator[str]:
    """Every call in a file, dotted; a function that was imported by its name counts under its module too."""
    homes = {
        alias.asname or alias.name: f"{node.module}.{alias.name}"
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    yield from homes.values()
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            yield ast.unparse(node.func)
        elif isinstance(node, ast.Attribute):
            yield ast.unparse(node)
