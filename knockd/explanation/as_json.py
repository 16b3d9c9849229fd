"""Accounts and the sentence as JSON: one object a line, described in knockd(8).

World: the time of day.
"""

from __future__ import annotations

import json
from typing import Any

from knockd.explanation.accounts import Account
from knockd.explanation.signed_accounts import SignedAccount
from knockd.explanation.words import Doors, describe, format_flags, until_stamp
from knockd.knocks.verdicts import Kind, Verdict
from knockd.log.stamps import utc_time
from knockd_bpf.wire import TCP
from knockd_conf.protocol import Protocol
from knockd_conf.text import address_text, printable

_IGNORED = (Kind.GUARD, Kind.GUARD_AGAIN, Kind.IGNORED, Kind.COOLDOWN)


def account_json(account: Account, doors: Doors) -> str:
    """The line of one packet."""
    sighting, tcp = account.sighting, account.protocol == TCP and not account.why
    return json.dumps(
        {
            "event": "packet",
            "time": utc_time(sighting.stamp),
            "since": round(account.since, 6),
            "interface": printable(account.place.name) or None,
            "ip": address_text(doors.source),
            "destination": None if account.destination is None else address_text(account.destination),
            "protocol": str(Protocol(account.protocol)),
            "port": account.port,
            "flags": format_flags(account.flags) if tcp else None,
            "passes_filter": sighting.passes,
            "cause": account.cause or None,
            "reason": account.why or None,
            "doors": [
                *(_verdict(verdict, account, doors) for verdict in account.verdicts),
                *([] if account.signed is None else [_signed(account.signed)]),
            ],
        }
    )


def _verdict(verdict: Verdict, account: Account, doors: Doors) -> dict[str, Any]:
    ignored = verdict.kind in _IGNORED
    return {
        "door": doors.name(verdict),
        "verdict": verdict.kind.value,
        "stage": verdict.stage,
        "steps": len(doors.watches[verdict.watch].steps),
        "late": round(verdict.late, 6) if verdict.expired else None,
        "key": account.key_of(verdict).name or None,
        "ignored_until": utc_time(until_stamp(verdict, account)) if ignored else None,
        "text": describe(verdict, account, doors),
    }


def _signed(signed: SignedAccount) -> dict[str, Any]:
    return {
        "door": signed.door or None,
        "verdict": f"signed-{signed.word}",
        "stage": 0,
        "steps": 0,
        "late": None,
        "key": signed.key or None,
        "ignored_until": None,
        "text": signed.text,
    }


def advice_json(text: str, packets: int, other_ports: dict[str, int], doors: Doors) -> str:
    """The last line."""
    return json.dumps(
        {
            "event": "advice",
            "ip": address_text(doors.source),
            "packets": packets,
            "other_ports": other_ports,
            "advice": text,
        }
    )
