"""Whether packets can be read as the configuration asks for."""

from __future__ import annotations

import sys

import pytest

from knockd.checks.reader import find_missing_reader
from knockd_conf.extras import explain_missing
from knockd_conf.model import Config, Options, Reader
from tests.support.lab.tools import need_pcapy


def config(reader: Reader) -> Config:
    """A configuration that asks for a reader."""
    return Config("/etc/knockd.conf", Options(capture=reader), (), "host", ("/etc/knockd.conf",))


@pytest.mark.parametrize("reader", [Reader.AUTO, Reader.SOCKET])
def test_without_libpcap(reader: Reader, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who does not ask for libpcap misses nothing."""
    monkeypatch.setitem(sys.modules, "pcapy", None)
    assert find_missing_reader(config(reader)) is None


def test_there() -> None:
    """It is there."""
    need_pcapy()
    assert find_missing_reader(config(Reader.PCAPY)) is None


def test_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is asked for and not there."""
    monkeypatch.setitem(sys.modules, "pcapy", None)
    said = explain_missing("pcapy", "import of pcapy halted; None in sys.modules")
    assert str(find_missing_reader(config(Reader.PCAPY))) == f"/etc/knockd.conf: {said}, or leave Capture out"
