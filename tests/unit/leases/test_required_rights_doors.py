"""Warnings about commands that cannot work with the rights that we have."""

from __future__ import annotations

import structlog
from structlog.testing import capture_logs

from knockd.leases.required_rights import RequiredRights
from knockd.log.logger import Logger
from knockd.process.capabilities import Rights
from tests.support.doubles.played import door

WEAK = Rights(root=False, capabilities=frozenset())
NFT = {
    "event": "command-rights",
    "log_level": "warning",
    "door": "ssh",
    "command": "nft",
    "rights": "CAP_NET_ADMIN",
}


def rights(have: Rights = WEAK) -> RequiredRights:
    """Against these rights."""
    return RequiredRights(Logger(structlog.get_logger()).log, have)


def test_a_tool_is_warned_of_once_for_a_door() -> None:
    """However many commands of the door it is in; what knockd does not know it says nothing about."""
    ssh = door(
        "1 2", name="ssh", start_command="nft a; /opt/open", stop_command="nft b", start_command_6="nft c"
    )
    web = door("3 4", name="web", start_command="/opt/open")
    with capture_logs() as log:
        rights().check_doors([ssh, web])
    assert log == [NFT]


def test_doors_that_can_work_are_not_mentioned() -> None:
    """With the right there is nothing to say."""
    with capture_logs() as log:
        rights(Rights(root=False, capabilities=frozenset({"CAP_NET_ADMIN"}))).check_doors(
            [door("1 2", start_command="nft a")]
        )
    assert log == []


def test_a_failed_command_is_explained() -> None:
    """Where a right is missing that is the likely reason."""
    with capture_logs() as log:
        rights().explain_failure("ssh", "nft add element inet filter knocked { 192.0.2.1 }")
        rights().explain_failure("ssh", "/opt/open 192.0.2.1")
    assert log == [NFT]
