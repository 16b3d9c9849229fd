"""What a packet process is started with under a configuration."""

from __future__ import annotations

import sys
from dataclasses import replace
from typing import Any

import pytest

from knockd.keeper.settings import Loaded, Settings
from knockd.keeper.worker_setup import explain_own_reader, setup_of
from knockd.process.privileges import User
from knockd.worker.setup import Setup
from knockd_conf.model import Config, Options, Reader
from tests.support.doubles.played import door
from tests.support.doubles.signed import signed_door
from tests.support.lab.tools import need_pcapy

BOB = User("bob", 103, 203)


def config(**options: Any) -> Config:
    """A configuration with these options."""
    return Config("/etc/knockd.conf", replace(Options(), **options), (door("7 9"),), "host", ())


def test_setup() -> None:
    """A packet process's setup says how to capture and which user to become, and has no path or command."""
    loaded = Loaded(
        config(
            latency=5, buffer=64, max_attempts=9, user="bob", capture=Reader.SOCKET, log_file="/var/log/k"
        ),
        BOB,
    )
    settings = Settings("/etc/knockd.conf", ipv6=False, debug=True)
    assert setup_of(loaded, settings) == Setup(
        5, 64, 9, BOB, user_required=True, ipv6=False, debug=True, reader=Reader.SOCKET
    )


def test_a_user_by_default() -> None:
    """A user whom nobody asked for by name is no reason to end."""
    assert setup_of(Loaded(config(), BOB), Settings("/etc/knockd.conf")).user_required is False


def test_signed() -> None:
    """A packet process has the code of signed knocks when a door is opened by them."""
    plain = config()
    signed = replace(plain, doors=(*plain.doors, signed_door()))
    settings = Settings("/etc/knockd.conf")
    assert not setup_of(Loaded(plain, None), settings).signed
    assert setup_of(Loaded(signed, None), settings).signed


def test_why_libpcap_does_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is said why, if it does not."""
    assert explain_own_reader(Options(capture=Reader.SOCKET)) == "Capture = socket"
    monkeypatch.setitem(sys.modules, "pcapy", None)
    assert explain_own_reader(Options()) == (
        "pcapy-ng cannot be imported (import of pcapy halted; None in sys.modules)"
    )


def test_libpcap_reads() -> None:
    """Where libpcap reads there is nothing to say."""
    need_pcapy()
    assert explain_own_reader(Options()) is None
