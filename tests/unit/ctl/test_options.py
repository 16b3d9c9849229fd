"""The command line of what asks the daemon."""

from __future__ import annotations

import pytest

from knockd.control.client import DEFAULT_SOCKET
from knockd.ctl.options import (
    Asking,
    add_target,
    make_parser,
    read_address,
    read_asking,
    read_seconds,
    read_target,
)
from knockd.ctl.parser import UsageError
from knockd.ctl.targets import Target


def asking(*arguments: str) -> Asking:
    """How the daemon is asked."""
    return read_asking("x", make_parser("x", "", "").parse_args(list(arguments)))


def test_socket(monkeypatch: pytest.MonkeyPatch) -> None:
    """The option counts, else the variable, else the default."""
    monkeypatch.delenv("KNOCKD_SOCKET", raising=False)
    assert Asking("x", DEFAULT_SOCKET, False) == asking()
    monkeypatch.setenv("KNOCKD_SOCKET", "")
    assert asking().socket == DEFAULT_SOCKET
    monkeypatch.setenv("KNOCKD_SOCKET", "/a")
    assert asking().socket == "/a"
    assert asking("--socket", "/b", "--json") == Asking("x", "/b", True)
    with pytest.raises(UsageError, match="--socket: expected a path, got ''"):
        asking("--socket", "")


def test_target() -> None:
    """Words and options name one target."""
    parser = make_parser("x", "", "")
    add_target(parser, "DOOR|IP")
    assert Target("all") == read_target(parser.parse_args(["all"]))
    assert Target(all=True) == read_target(parser.parse_args(["all"]), may_be_all=True)
    with pytest.raises(UsageError, match="expected one door"):
        read_target(parser.parse_args(["a", "b"]))
    with pytest.raises(UsageError, match="expected an address"):
        read_target(parser.parse_args(["--ip", "a"]))


def test_values() -> None:
    """A mistake names the argument."""
    assert read_address("IP", "::1") == "::1"
    assert read_seconds("--for", "2h") == 7_200.0
    with pytest.raises(UsageError, match="IP: expected an address"):
        read_address("IP", "a")
    with pytest.raises(UsageError, match="--for: expected a time"):
        read_seconds("--for", "a")
