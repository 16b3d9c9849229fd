"""Whatever an ssh-agent sends is keys and a signature in their bounds, or a refusal or failure of one line.

The input is what the agent sends on a connection, in answer to both requests.
"""

from __future__ import annotations

from io import BytesIO

from knockd.client.agent import Agent, AgentFailed, read_answer
from knockd.client.agent_protocol import MAX_COMMENT, Declined
from knockd_conf.ssh_keys import PublicKey, parse_blob
from tests.support.samples.signed_vectors import KEYS

PLAIN, TOKEN = (PublicKey(KEYS[name].public, KEYS[name].application) for name in ("alice", "token"))


def check(data: bytes) -> None:
    """Asks for the keys, and for a signature of two of them."""
    _list(data)
    for key in (PLAIN, TOKEN):
        _sign(data, key)


def _list(data: bytes) -> None:
    try:
        held = _agent(data).list_keys()
    except AgentFailed as failed:
        _check_line(str(failed))
        return
    assert len({one.key for one in held.keys}) == len(held.keys)
    for one in held.keys:
        assert one.key.blob in data
        assert parse_blob(one.key.blob) == one.key
        assert one.comment.isprintable()
        assert len(one.comment) <= MAX_COMMENT + len("...")
    assert all(kind.isprintable() and kind.encode() in data for kind in held.others)


def _sign(data: bytes, key: PublicKey) -> None:
    try:
        signature = _agent(data).sign(key, b"data")
    except Declined:
        return
    except AgentFailed as failed:
        _check_line(str(failed))
        return
    assert len(signature.raw) == 64
    assert signature.raw in data
    assert 0 <= signature.flags <= 0xFF
    assert 0 <= signature.counter <= 0xFFFFFFFF
    assert key.application is not None or (signature.flags, signature.counter) == (0, 0)


def _agent(data: bytes) -> Agent:
    return Agent(lambda _request: read_answer(BytesIO(data).read), "agent")


def _check_line(text: str) -> None:
    assert text.startswith("agent: ")
    assert text.isprintable()
    assert len(text) < 300
