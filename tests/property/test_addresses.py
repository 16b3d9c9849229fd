"""%IP% and KNOCKD_IP carry an address as we print it, whatever the packet process or the journal says."""

from __future__ import annotations

import json
import shlex
from binascii import crc32
from dataclasses import replace
from ipaddress import ip_address

from hypothesis import given, settings
from hypothesis import strategies as st

from knockd.keeper.messages import opening
from knockd.leases.commands import environment, expand
from knockd.leases.journal import Journal, Record, State, parse
from knockd.leases.journal_layout import encode
from knockd.leases.values import Knock
from knockd.process import verbs
from knockd.process.link import pair
from knockd.process.verbs import MalformedError, Opening, decode
from knockd_conf.model import Config
from knockd_conf.text import address_text
from tests.support.doubles.linked_workers import CONFIG, worker_process

BUDGET = settings(max_examples=300, deadline=None)
NAMES = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20)
OPENED = 2
"""The number of its verb."""

INTERFACES = ("eth0", "tun0; reboot", "$(reboot)")

HEADS = st.one_of(
    st.binary(max_size=80),
    st.builds(
        lambda version, rest: bytes((OPENED, version, 0, 0)) + rest,
        st.sampled_from([0, 4, 6]),
        st.binary(min_size=8, max_size=60),
    ),
    st.builds(
        lambda source, destination: verbs.encode(Opening(0, source, destination, 1, 0, 0)),
        *[st.binary(min_size=16, max_size=16)] * 2,
    ),
)
RECORD = Record(
    *("run-1", "ssh", 0, "192.0.2.1", "10.0.0.1", "eth0", State.OPEN),
    *(100.0, 0, "close %IP%", 10.0, 60.0, 8),
)
WORDS = st.one_of(
    NAMES,
    st.ip_addresses().map(lambda address: address_text(address.packed)),
    st.sampled_from(["1.2.3.4; reboot", "1.2.3.4\n", " ::1", "::1%eth0", "::1%$(reboot)", "1.2.3.04", "::0"]),
)


def addresses(knock: Knock) -> set[str]:
    """Everything that stands for the knocker or for us in the commands of an opening."""
    command = shlex.split(expand("%IP% '%IP%' %DST%", knock))
    variables = environment(knock, {"KNOCKD_IP": "inherited", "KNOCKD_DST": "inherited"})
    assert len(command) == 3
    assert command[0] == command[1] == variables["KNOCKD_IP"]
    assert command[2] == variables["KNOCKD_DST"]
    return {command[0], command[2]}


def is_address(text: str) -> bool:
    """Whether a text is an address in the one form in which we print it, without a zone."""
    return address_text(ip_address(text).packed) == text and "%" not in text


def config(name: str) -> Config:
    """A configuration whose first door has a name."""
    return replace(CONFIG, doors=(replace(CONFIG.doors[0], name=name), *CONFIG.doors[1:]))


@BUDGET
@given(data=HEADS, name=NAMES)
def test_from_the_packet_process(data: bytes, name: str) -> None:
    """Any bytes on the link are malformed, or no opening, or one whose addresses are addresses."""
    try:
        message = decode(data, len(CONFIG.doors), len(INTERFACES))
    except MalformedError:
        return
    if not isinstance(message, Opening):
        return
    ours, theirs = pair()
    with ours, theirs:
        knock = opening(worker_process(ours, config(name), *INTERFACES), message)
    assert all(is_address(text) for text in addresses(knock))
    assert knock.source == address_text(message.source)


@BUDGET
@given(source=WORDS, destination=WORDS)
def test_from_the_journal(source: str, destination: str) -> None:
    """A record with anything else in the place of an address is damaged, although its checksum is right."""
    _, header, record, end = filter(None, encode(Journal("boot", 1, (RECORD,))).split(b"\n"))
    value = json.loads(record[9:])
    value["source"], value["destination"] = source, destination
    text = json.dumps(value).encode()
    found = parse(b"\n\n".join([header, b"%08x %s" % (crc32(text), text), end])).journal.records
    assert all(is_address(one.source) and is_address(one.destination) for one in found)
    good = [text for text in (source, destination) if _printed(text)]
    assert len(found) == (len(good) == 2)


def _printed(text: str) -> bool:
    try:
        return is_address(text)
    except ValueError:
        return False
