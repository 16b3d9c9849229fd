"""Who signs a knock: a key of the ssh-agent, or the file of a key by way of ``ssh-keygen``.

World: standard streams.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from typing import Final

from knockd.client.agent import AgentFailed, NoAgent, open_agent
from knockd.client.agent_protocol import Declined, Held, HeldKey, name_key
from knockd.client.choices import FINGERPRINT
from knockd.client.key_files import MAKE_ONE, KeyFile, read_key
from knockd.client.output import tell
from knockd.client.signature import PRESENT, Signature
from knockd.client.status import CONFIG, NO_PERMISSION, UNAVAILABLE, USAGE, Refused
from knockd_conf.classes import NamedTuple
from knockd_conf.signed_packet import blob_of
from knockd_conf.ssh_keys import PublicKey
from knockd_conf.text import printable

USUAL: Final = ("~/.ssh/id_ed25519", "~/.ssh/id_ed25519_sk")
"""Files that ssh-keygen makes when it is not told where (ssh(1))."""

WAITING: Final = "waiting for the ssh-agent: it may ask you to confirm, or want a key to be touched"
NO_KEY: Final = (
    "name a key's file with -k, or give one to an agent (ssh-add); 'ssh-keygen -t ed25519' makes one"
)
REFUSED: Final = (
    "{} does not sign with {}: that was not confirmed, the key was not touched, or the agent is locked "
    "(ssh-add -X) or holds the key for certain hosts alone (ssh-add -h)"
)


class Signer(NamedTuple):
    """A key, and what makes its signature of a message; that raises Refused."""

    key: PublicKey
    comment: str
    sign: Callable[[bytes], Signature]

    @property
    def name(self) -> str:
        """How messages call it."""
        return name_key(self.key, self.comment)


def open_signer(identity: str | None) -> Signer:
    """The signer of an identity. Raises Refused.

    It is the path of a key's file, a fingerprint of a key in the agent, or None: the only key in the
    agent, and where that has none the file that ssh would take.
    """
    if identity is not None and not identity.startswith(FINGERPRINT):
        return _sign_by_file(read_key(identity), identity)
    place, held = _list_agent()
    if held is not None and identity is not None:
        return _sign_by_agent(find_key(held, identity, place))
    if held is not None and held.keys:
        return _sign_by_agent(choose_key(held, place))
    usual = next((path for path in map(os.path.expanduser, USUAL) if os.path.exists(path)), None)
    if identity is None and usual is not None:
        return _sign_by_file(read_key(usual), usual)
    if held is None:
        raise Refused(
            UNAVAILABLE, f"expected an ssh-agent with a key that can sign, got none: {place}; {NO_KEY}"
        )
    raise Refused(UNAVAILABLE, _describe_lack(held, place))


def find_key(held: Held, fingerprint: str, place: str) -> HeldKey:
    """The agent's key of a fingerprint. Raises Refused."""
    for one in held.keys:
        if one.key.fingerprint == fingerprint:
            return one
    if not held.keys:
        raise Refused(UNAVAILABLE, _describe_lack(held, place))
    wanted = f"{place}: expected it to hold the key {printable(fingerprint)}, got others:"
    raise Refused(CONFIG, wanted, *(one.name for one in held.keys))


def choose_key(held: Held, place: str) -> HeldKey:
    """The only key that can sign, or the one that is chosen at the terminal. Raises Refused."""
    keys = held.keys
    if len(keys) == 1:
        return keys[0]
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        many = f"expected -k (or identity in the profile), as {place} holds {len(keys)} keys that can sign:"
        raise Refused(USAGE, many, *(one.name for one in keys))
    return _ask(keys, place)


def _ask(keys: Sequence[HeldKey], place: str) -> HeldKey:
    tell(f"{place} holds {len(keys)} keys that can sign:")
    for number, one in enumerate(keys, 1):
        tell(f"{number}: {one.name}")
    tell(f"which one? Type its number, 1 to {len(keys)}, and press Enter")
    answer = sys.stdin.readline(64).strip()
    if not (answer.isascii() and answer.isdecimal() and len(answer) < 9 and 1 <= int(answer) <= len(keys)):
        raise Refused(USAGE, f"expected a number from 1 to {len(keys)}, got {answer!r}")
    chosen = keys[int(answer) - 1]
    tell(f"not to be asked again: -k {chosen.key.fingerprint}, or identity = ... in the profile")
    return chosen


def _describe_lack(held: Held, place: str) -> str:
    expected = f"{place}: expected an Ed25519 key, got"
    if held.others:
        kinds = ", ".join(dict.fromkeys(held.others))
        return f"{expected} only {kinds}; {MAKE_ONE}"
    return f"{expected} none: it is empty (ssh-add FILE), or locked (ssh-add -X); {NO_KEY}"


def _list_agent() -> tuple[str, Held | None]:
    """What messages call the agent, and what it holds; or why there is none, and None."""
    try:
        with open_agent(_tell_waiting) as agent:
            return agent.place, agent.list_keys()
    except (NoAgent, AgentFailed) as error:
        return str(error), None


def _sign_by_file(file: KeyFile, path: str) -> Signer:
    """The agent signs where it holds the key, so that nobody is asked for a passphrase."""
    place, held = _list_agent()
    mine = [one for one in held.keys if one.key == file.key] if held is not None else []
    if mine:
        return _sign_by_agent(HeldKey(file.key, mine[0].comment or file.comment))
    private = file.private
    if private is None:
        where = f"{place} does not hold it" if held is not None else place
        expected = "expected its private key in a file beside it or in the ssh-agent, got neither"
        raise Refused(CONFIG, f"key {printable(path)}: {expected}: {where}")

    def sign(message: bytes) -> Signature:
        from knockd.client.ssh_keygen import sign_with_file

        _ask_for_touch(file.key, name)
        return _touched(sign_with_file(private, file.key, message), file.key, name)

    name = name_key(file.key, file.comment)
    return Signer(file.key, file.comment, sign)


def _sign_by_agent(held: HeldKey) -> Signer:
    def sign(message: bytes) -> Signature:
        _ask_for_touch(held.key, held.name)
        try:
            with open_agent(_tell_waiting) as agent:
                return _touched(agent.sign(held.key, blob_of(message)), held.key, held.name)
        except Declined:
            raise Refused(NO_PERMISSION, REFUSED.format(agent.place, held.name)) from None
        except (NoAgent, AgentFailed) as error:
            raise Refused(UNAVAILABLE, str(error)) from None

    return Signer(held.key, held.comment, sign)


def _ask_for_touch(key: PublicKey, name: str) -> None:
    if key.application is not None:
        tell(f"touch your key {name}")


def _touched(signature: Signature, key: PublicKey, name: str) -> Signature:
    """The signature, if the server can take it: one of a hardware key says that it was touched."""
    if key.application is not None and not signature.flags & PRESENT:
        again = "make another one, without -O no-touch-required"
        raise Refused(NO_PERMISSION, f"key {name}: expected a touch, it signed without; {again}")
    return signature


def _tell_waiting() -> None:
    tell(WAITING)
