"""What becomes of the packets of docs/spec/signed-knock-vectors.json: by the slow model and by the keeper."""

from __future__ import annotations

import re
from ipaddress import ip_address, ip_network

import pytest

from knockd.knocks.payloads import find_payload
from knockd.signed.values import Granted, Reason, Refused
from knockd_bpf.wire import DLT_RAW, UDP
from knockd_conf.access import Networks, make_networks, settle_access
from knockd_conf.model import Door
from tests.support.doubles.judged_packets import PATH, WORDS, JudgedServer
from tests.support.oracles.signed_cases import CASES, Judged
from tests.support.samples.headers import ipv4, udp
from tests.support.samples.signed_vectors import KEYS, PAGE, VERDICTS, Verdict, read_page

TEXT = (PAGE.parent / "signed-knock.md").read_text()
_WORDS = re.findall(r"^\| `([a-z-]+)` \| [a-z]", TEXT, re.M)
"""Those of the table of section 9."""


def test_what_verdicts_there_are() -> None:
    """Each word of section 9 has a packet that is refused for it, but the one that is no verdict."""
    assert len(_WORDS) == 16
    assert {*_WORDS} - {one.refused for one in VERDICTS} == {"nothing-open"}
    assert {one.refused for one in VERDICTS} - {*_WORDS} == {None}
    assert f"with {len(VERDICTS)} others" in TEXT
    assert len({one.name for one in VERDICTS}) == len(VERDICTS)
    assert {"open", "renew", "close"} <= {one.counts["verb"] for one in VERDICTS if one.counts}


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_the_verdicts_are_those_that_were_meant(case: Judged) -> None:
    """The slow model refuses each packet for the reason that it was made for."""
    one = next(one for one in VERDICTS if one.name == case.name)
    assert case.expected == (one.refused or "counts")
    assert case.packet == one.packet


def make_server() -> JudgedServer:
    """The server of the file, as the keeper judges."""
    server = read_page()["server"]
    doors = [
        Door(
            one["name"],
            "knockd.conf",
            1,
            (),
            target=tuple(map(ip_address, one.get("targets", []))),
            signed_port=one["port"],
            authorized_keys=PATH,
            access=settle_access(_networks(one.get("allow", [])), _networks(one.get("deny", [])), (), ()),
            expires="2020-01-01" if one.get("expired") else "",
        )
        for one in server["doors"]
    ]
    return JudgedServer(bytes.fromhex(server["secret"]), doors, {PATH: server["authorized_keys"]})


def _networks(texts: list[str]) -> Networks:
    return make_networks(map(ip_network, texts))


@pytest.mark.parametrize("one", VERDICTS, ids=lambda one: one.name)
def test_the_product_comes_to_the_verdicts(one: Verdict) -> None:
    """The keeper's judgement, with real signatures, refuses for the same reason or does the same."""
    server = make_server()
    assert server.keys.troubles == ()
    source, destination = (ip_address(text).packed for text in (one.source, one.destination))
    for packet in one.before:
        assert isinstance(server.judge(one.seconds, packet, source, destination, one.port), Granted)
    if one.refused == "length":  # never comes that far
        frame = ipv4(udp(one.port, one.packet), UDP)
        assert find_payload(DLT_RAW, frame, 0, len(frame)) is None
        return
    found = server.judge(one.seconds, one.packet, source, destination, one.port)
    if isinstance(found, Refused):
        assert one.refused == WORDS[found.reason]
    else:
        names = {key.fingerprint: key.name for key in KEYS.values()}
        told = {
            "verb": found.verb.name.lower(),
            "door": found.door.name,
            "key": names[found.key.fingerprint],
        }
        assert one.counts == told


def test_every_reason_has_a_word() -> None:
    """What else the log has are reasons of this host's own, of which a packet knows nothing."""
    others = {Reason.CLOCK, Reason.BEFORE_START, Reason.TOO_MANY}
    assert {*Reason} - others == {*WORDS}
    assert {*WORDS.values()} == {*_WORDS} - {"length"}
