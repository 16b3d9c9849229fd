"""Which reader captures, and what one asks of either."""

from __future__ import annotations

import sys
from ipaddress import ip_address

import pytest

from knockd.knocks.prefilter import SNAPLEN
from knockd.worker import capture_packet
from knockd.worker.capture import MANY, CaptureError, attach_source, find_reader, open_capture
from knockd_bpf.instruction import pack
from knockd_bpf.layout import RAW
from knockd_bpf.source import source_program
from knockd_bpf.wire import DLT_RAW
from knockd_conf.model import Reader
from tests.support.doubles.captures import FakeCapture
from tests.support.lab.tools import need_pcapy


@pytest.fixture
def no_pcapy(monkeypatch: pytest.MonkeyPatch) -> None:
    """pcapy-ng is not installed."""
    monkeypatch.setitem(sys.modules, "pcapy", None)


def test_libpcap_is_the_default() -> None:
    """Where pcapy-ng can be imported it reads."""
    need_pcapy()
    assert find_reader(Reader.AUTO) is Reader.PCAPY


@pytest.mark.usefixtures("no_pcapy")
def test_own_reader() -> None:
    """Where it cannot be imported knockd reads by itself."""
    assert find_reader(Reader.AUTO) is Reader.SOCKET


def test_many_interfaces() -> None:
    """Of many interfaces libpcap reads only where it is asked for."""
    need_pcapy()
    assert [find_reader(Reader.AUTO, many) for many in (MANY, MANY + 1)] == [Reader.PCAPY, Reader.SOCKET]
    assert find_reader(Reader.PCAPY, MANY + 1) is Reader.PCAPY


@pytest.mark.parametrize("reader", [Reader.PCAPY, Reader.SOCKET])
def test_chosen_reader(reader: Reader) -> None:
    """Who is named reads."""
    assert find_reader(reader) is reader


def test_open_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """The own reader gets the name, the timer and the size."""
    asked: list[tuple[str, dict[str, int]]] = []
    monkeypatch.setattr(
        capture_packet, "PacketCapture", lambda interface, **rest: asked.append((interface, rest))
    )
    open_capture("eth0", latency=10, buffer=1 << 20, reader=Reader.SOCKET)
    assert asked == [("eth0", {"latency": 10, "buffer": 1 << 20})]


def test_source() -> None:
    """A capture of one source has the program for it, as its link type asks for it."""
    capture, address = FakeCapture("tun0"), ip_address("192.0.2.7").packed
    capture.linktype = DLT_RAW
    attach_source(capture, address)
    assert capture.filters == [pack(source_program(address, RAW, SNAPLEN))]
    capture.close()


def test_source_on_an_unknown_link() -> None:
    """What cannot be read cannot be filtered."""
    capture = FakeCapture("wlan0mon")
    capture.linktype = 105
    with pytest.raises(CaptureError, match="wlan0mon: link type: expected one of"):
        attach_source(capture, bytes(4))
    capture.close()
