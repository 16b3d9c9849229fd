"""What commands of ours may do, read from the process's status."""

from __future__ import annotations

import os

import pytest

from knockd.process.capabilities import Rights, rights_of_commands


@pytest.mark.parametrize(
    ("uid", "status", "expected"),
    [
        (0, "CapPrm:\t0\nCapBnd:\t3000\nCapAmb:\t0\n", {"CAP_NET_ADMIN", "CAP_NET_RAW"}),
        (0, "CapPrm:\t2000\nCapBnd:\t3000\nNoNewPrivs:\t1\n", {"CAP_NET_RAW"}),
        (0, "CapPrm:\t2000\nCapBnd:\t3000\nNoNewPrivs:\t0\n", {"CAP_NET_ADMIN", "CAP_NET_RAW"}),
        (1_000, "CapPrm:\t3000\nCapBnd:\t1ffffffffff\nCapAmb:\t1000\n", {"CAP_NET_ADMIN"}),
        (1_000, "Groups:\t\nCapPrm:\t3000\nCapBnd:\t1ffffffffff\nCapAmb:\t0\n", set()),
    ],
)
def test_commands_get_what_execve_leaves(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: os.PathLike[str],
    uid: int,
    status: str,
    expected: set[str],
) -> None:
    """Root the bounding set, under no_new_privs nothing new; others the ambient set."""
    file = os.path.join(tmp_path, "status")
    with open(file, "w", encoding="ascii") as made:
        made.write(status)
    monkeypatch.setattr(os, "geteuid", lambda: uid)
    assert Rights(uid == 0, frozenset(expected)) == rights_of_commands(file)
