"""The architecture, read from the source: who may import whom, and who alone touches an outside thing."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
LAYERS = (
    "knockd_conf",
    "knockd_bpf",
    "knockd.engine",
    "knockd.edge",
    "knockd.worker",
    "knockd.keeper",
)
"""From the lowest up; whatever else is in knockd (command lines, the client) is above them."""

TOP = len(LAYERS)
DEPENDENCIES = {"pcapy", "impacket", "structlog"}
WORLD = {
    *(
        "asyncio",
        "concurrent",
        "ctypes",
        "fcntl",
        "io",
        "logging",
        "mmap",
        "multiprocessing",
        "os",
        "pathlib",
    ),
    *(
        "pwd",
        "grp",
        "random",
        "secrets",
        "select",
        "selectors",
        "shutil",
        "signal",
        "socket",
        "ssl",
        "sqlite3",
    ),
    *("subprocess", "sys", "syslog", "tempfile", "threading", "time", "datetime", "urllib", "http"),
}
"""Standard modules through which code meets the world; the pure layers have no use for them."""

STARTS = {"system", "popen", "posix_spawn", "posix_spawnp", "execl", "execle", "execlp", "execlpe"}
STARTS |= {"execv", "execve", "execvp", "execvpe", "spawnl", "spawnle", "spawnv", "spawnve", "startfile"}

CHANGES = {"setuid", "seteuid", "setreuid", "setresuid", "setgid", "setegid", "setregid", "setresgid"}
CHANGES |= {"setgroups", "initgroups"}


@dataclass(frozen=True)
class Module:
    """One source file: its dotted name, syntax tree and the names it imports, dotted and absolute."""

    name: str
    tree: ast.Module
    imports: frozenset[str]

    @property
    def layer(self) -> int:
        """Rank of the layer the module is in, 0 the lowest."""
        return rank(self.name)


def rank(name: str) -> int:
    """Rank of a dotted name of this project."""
    for number, prefix in enumerate(LAYERS):
        if name == prefix or name.startswith(f"{prefix}."):
            return number
    return TOP


def ours(name: str) -> bool:
    """Whether a dotted name is in this project; the bare package ``knockd`` holds only the version."""
    return name.split(".", maxsplit=1)[0] in {"knockd_conf", "knockd_bpf", "knockd"} and name != "knockd"


def read_modules(names: frozenset[str] = frozenset()) -> Iterator[Module]:
    """Every source file of the three packages; ``names`` tells submodules from things in a module."""
    for package in ("knockd", "bpf/knockd_bpf", "conf/knockd_conf"):
        folder = ROOT / package
        for path in sorted(folder.rglob("*.py")):
            parts = path.relative_to(folder.parent).with_suffix("").parts
            name = ".".join(part for part in parts if part != "__init__")
            tree = ast.parse(path.read_text())
            yield Module(name, tree, frozenset(imported(tree, names)))


def imported(tree: ast.Module, names: frozenset[str]) -> Iterator[str]:
    """What a file imports, at its top or inside a function."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"line {node.lineno}: a relative import"
            for alias in node.names:
                inner = f"{node.module}.{alias.name}"
                yield inner if inner in names else str(node.module)


NAMES = frozenset(module.name for module in read_modules())
MODULES = tuple(read_modules(NAMES))


@pytest.mark.parametrize("module", MODULES, ids=lambda module: module.name)
def test_imports_go_down_only(module: Module) -> None:
    """A module imports from its own layer or from lower ones, never from a higher one."""
    assert [] == [name for name in module.imports if ours(name) and rank(name) > module.layer]


@pytest.mark.parametrize("module", MODULES, ids=lambda module: module.name)
def test_edges_do_not_import_each_other(module: Module) -> None:
    """An edge is one outside thing and knows no other edge."""
    if module.layer != LAYERS.index("knockd.edge"):
        return
    assert [] == [name for name in module.imports if name.startswith("knockd.edge.") and name != module.name]


@pytest.mark.parametrize("module", MODULES, ids=lambda module: module.name)
def test_dependencies_are_the_three_declared(module: Module) -> None:
    """Only the standard library, this project and its three dependencies are imported."""
    allowed = sys.stdlib_module_names | DEPENDENCIES | {"knockd", "knockd_bpf", "knockd_conf"}
    assert [] == [name for name in module.imports if name.split(".")[0] not in allowed]


@pytest.mark.parametrize("package", ["knockd_conf", "knockd_bpf", "knockd.engine"])
def test_lower_layers_use_the_standard_library_alone(package: str) -> None:
    """Config, filter and engine work without any dependency installed."""
    found = {top(name) for module in inside(package) for name in module.imports} & DEPENDENCIES
    assert set() == found


@pytest.mark.parametrize("package", ["knockd_bpf", "knockd.engine"])
def test_pure_layers_never_meet_the_world(package: str) -> None:
    """Filter and engine have no sockets, clock, files, processes or logging: bytes and times come in."""
    found = {(module.name, top(name)) for module in inside(package) for name in module.imports}
    assert set() == {(module, name) for module, name in found if name in WORLD}


def test_pure_layers_open_no_files() -> None:
    """Neither filter nor engine calls open(), print() or input()."""
    pure = [*inside("knockd_bpf"), *inside("knockd.engine")]
    found = [
        (m.name, c) for m in pure for c in calls(m.tree) if c in {"open", "print", "input", "exec", "eval"}
    ]
    assert [] == found


def test_only_capture_imports_pcapy() -> None:
    """libpcap is behind one file."""
    assert {"knockd.edge.capture"} == who_imports("pcapy")


def test_only_the_runner_starts_processes() -> None:
    """Programs are started in one file; nobody else has subprocess or a relative of exec."""
    found = who_imports("subprocess") | {m.name for m in MODULES if STARTS & os_calls(m.tree)}
    assert {"knockd.edge.runner"} == found


def test_only_children_forks() -> None:
    """Forks of this program itself are in one file too."""
    assert {"knockd.edge.children"} == {m.name for m in MODULES if {"fork", "forkpty"} & os_calls(m.tree)}


def test_only_privileges_changes_rights() -> None:
    """Who the process is and what it may do is decided in one file, and seccomp's program put in in one."""
    assert {"knockd.edge.privileges"} == who_imports("resource")
    assert {"knockd.edge.privileges"} == {m.name for m in MODULES if CHANGES & os_calls(m.tree)}
    assert {"knockd.edge.privileges", "knockd.edge.seccomp"} == who_imports("ctypes")


def test_only_logs_configures_structlog() -> None:
    """How log lines look and where they go is decided in one file."""
    configuring = {"structlog.configure", "structlog.configure_once", "structlog.reset_defaults"}
    assert {"knockd.edge.logs"} == {m.name for m in MODULES if configuring & set(calls(m.tree))}


def test_nobody_logs_by_other_means() -> None:
    """libc's syslog loses lines in silence and waits for a syslogd that hangs; logging is large."""
    assert set() == who_imports("syslog") | who_imports("logging")


def test_only_the_store_replaces_files() -> None:
    """What has to survive a power cut is replaced whole, in one file."""
    replacing = {"rename", "renames", "replace"}
    assert {"knockd.edge.store"} == {m.name for m in MODULES if replacing & os_calls(m.tree)}


def test_leases_know_no_time_of_day() -> None:
    """The time of day, which anybody may set, is for the log and for the kernel's stamps alone."""
    asking = {"time.time", "time.time_ns"}
    users = {m.name for m in MODULES if asking & set(calls(m.tree))}
    assert {"knockd.edge.logs", "knockd.worker.worker"} == users


def test_impacket_stays_out_of_the_packets_way() -> None:
    """impacket, slow and large, is only for printing packets and for building those of ``knock --flags``."""
    users = who_imports("impacket")
    assert users
    assert set() == users - {"knockd.edge.debug", "knockd.client.raw"}


def test_impacket_is_imported_when_it_is_used() -> None:
    """Nobody pays for impacket at start-up: it is imported inside the functions that need it."""
    at_top = [
        m.name for m in MODULES for node in m.tree.body if "impacket" in ast.dump(node) and is_import(node)
    ]
    assert [] == at_top


def inside(package: str) -> list[Module]:
    """The modules of one layer; an empty layer would prove nothing."""
    found = [module for module in MODULES if module.name == package or module.name.startswith(f"{package}.")]
    assert found
    return found


def who_imports(dependency: str) -> set[str]:
    """Names of the modules that import a package."""
    return {module.name for module in MODULES for name in module.imports if top(name) == dependency}


def top(name: str) -> str:
    """First part of a dotted name."""
    return name.split(".", maxsplit=1)[0]


def is_import(node: ast.stmt) -> bool:
    """Whether a statement is an import."""
    return isinstance(node, ast.Import | ast.ImportFrom)


def calls(tree: ast.Module) -> list[str]:
    """Every call in a file, as it is written before the parenthesis."""
    return [ast.unparse(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)]


def os_calls(tree: ast.Module) -> set[str]:
    """Functions of ``os`` that a file calls or imports by name."""
    called = {call.removeprefix("os.") for call in calls(tree) if call.startswith("os.")}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module == "os":
            called |= {alias.name for alias in node.names}
    return called
