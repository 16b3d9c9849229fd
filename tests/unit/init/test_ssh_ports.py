"""Where SSH servers listen, read from a /proc of the test's own, and from what sshd prints."""

from __future__ import annotations

from pathlib import Path

import pytest

from knockd.init import ssh_ports as module
from knockd.init.ssh_ports import ask_sshd, find_ssh_ports, read_ports
from knockd.net.programs import UnreadableError

HEAD = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n"
ANY, HERE, ANY6, HERE6 = "00000000", "0100007F", "0" * 32, "0" * 24 + "01000000"


def row(address: str, port: int, inode: int, state: int = 0x0A) -> str:
    """A line of /proc/net/tcp."""
    far = "0" * len(address)
    return (
        f"   0: {address}:{port:04X} {far}:0000 {state:02X} 00000000:00000000 00:00000000 0 0 0 {inode} 1\n"
    )


@pytest.fixture
def proc(tmp_path: Path) -> Path:
    """A /proc with no process and no socket."""
    (tmp_path / "self" / "net").mkdir(parents=True)
    (tmp_path / "self" / "net" / "tcp").write_text(HEAD)
    return tmp_path


def listen(proc: Path, *rows: str, name: str = "tcp") -> None:
    """Puts sockets into a table."""
    (proc / "self" / "net" / name).write_text(HEAD + "".join(rows))


def run(proc: Path, pid: int, name: str, *inodes: int, parent: int = 1) -> None:
    """Starts a process with sockets."""
    folder = proc / str(pid)
    (folder / "fd").mkdir(parents=True)
    (folder / "stat").write_text(f"{pid} ({name}) S {parent} 1 1 0 -1\n")
    (folder / "fd" / "0").symlink_to("/dev/null")
    for number, inode in enumerate(inodes, 3):
        (folder / "fd" / str(number)).symlink_to(f"socket:[{inode}]")


def test_a_server_of_both_versions(proc: Path) -> None:
    """Both sockets of a server are one port; those of other programs do not count."""
    listen(proc, row(ANY, 2222, 11), row(ANY, 80, 12))
    listen(proc, row(ANY6, 2222, 13), name="tcp6")
    run(proc, 100, "sshd", 11, 13)
    run(proc, 101, "nginx", 12)
    assert (2222,) == find_ssh_ports(str(proc))


def test_two_servers(proc: Path) -> None:
    """The ports of all servers are told, lowest first."""
    listen(proc, row(ANY, 2222, 11), row(ANY, 22, 12))
    run(proc, 100, "sshd", 11)
    run(proc, 101, "dropbear", 12)
    assert (22, 2222) == find_ssh_ports(str(proc))


def test_ports_that_are_no_doors(proc: Path) -> None:
    """Connections, ports of this host alone, and ports that a session forwards are left out."""
    listen(proc, row(ANY, 22, 11), row(ANY, 22, 12, state=1), row(HERE, 6010, 13), row(ANY, 9000, 14))
    listen(proc, row(HERE6, 6010, 15), name="tcp6")
    run(proc, 100, "sshd", 11, 15)
    run(proc, 101, "sshd", 12, 13, 14, parent=100)
    assert (22,) == find_ssh_ports(str(proc))


def test_a_process_that_ends(proc: Path) -> None:
    """One that is gone before it is looked at does no harm."""
    listen(proc, row(ANY, 22, 11))
    run(proc, 100, "sshd", 11)
    (proc / "101").mkdir()
    (proc / "102").mkdir()
    (proc / "102" / "stat").write_text("102 (sshd) S 1 1 1 0 -1\n")
    assert (22,) == find_ssh_ports(str(proc))


def test_a_name_with_brackets(proc: Path) -> None:
    """A process whose name holds brackets and spaces is read as what it is."""
    listen(proc, row(ANY, 22, 11))
    run(proc, 100, "x) S 1 (sshd", 11)
    assert () == find_ssh_ports(str(proc))


def test_what_sshd_prints(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where nobody is found, sshd says where it would listen; only what is in use counts."""
    monkeypatch.setattr(module, "find_program", lambda name: name)
    monkeypatch.setattr(module, "run_program", lambda *_: "port 2222\nport 22\naddressfamily any\n")
    assert (2222,) == ask_sshd([80, 2222])
    assert [2222, 22] == list(read_ports("port 2222\nport 22\nports 7\nport x\n"))


def test_no_sshd(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without sshd, or where it says nothing, there is no port."""

    def refuse(*_: object) -> str:
        raise UnreadableError("sshd: no hostkeys available")

    monkeypatch.setattr(module, "find_program", lambda _: None)
    assert () == ask_sshd([22])
    monkeypatch.setattr(module, "find_program", lambda name: name)
    monkeypatch.setattr(module, "run_program", refuse)
    assert () == ask_sshd([22])
