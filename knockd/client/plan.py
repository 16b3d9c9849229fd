"""What a command line and a profile ask for together: the plan of one knock, or what is wrong with it.

Pure.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from knockd.client.choices import BIND_AUTO, BIND_NONE, OF_A_KEY, OF_SIGNED, WAYS, Choices
from knockd.client.options import Options, UsageError
from knockd.client.profile_file import Profile
from knockd_conf.classes import NamedTuple
from knockd_conf.timed import Rule

TRIES: Final = 3
"""How often is knocked at most, where --verify says when it is enough."""

KEYED_DELAY: Final = 200
"""Milliseconds between packets of a rotating sequence (its specification, section 6)."""


OPEN, RENEW, CLOSE = "open", "renew", "close"
"""What a signed knock asks for."""

_BELONGS: Final = {"key": ("door", *OF_A_KEY), "sequence_file": (), "signed": ("door", *OF_SIGNED)}
"""What each of WAYS takes besides."""


class Keyed(NamedTuple):
    """A rotating sequence: the key's file, whose key in it (None: there is one), door and rule."""

    path: str
    name: str | None
    door: str
    rule: Rule


class Signed(NamedTuple):
    """A signed knock: UDP port, the file of the server's knock secret, the door, and who signs.

    ``identity`` is the path of a key's file or a fingerprint, None: the agent's only key. ``bind`` is
    BIND_NONE, BIND_AUTO or an address, ``verb`` OPEN, RENEW or CLOSE.
    """

    port: int
    secret: str
    door: str
    identity: str | None = None
    bind: str = BIND_NONE
    verb: str = OPEN


class Plan(NamedTuple):
    """One knock: ``ports`` as they were written, or another of the ways, whichever there is.

    ``delay`` is in milliseconds, ``verify`` the TCP port that has to answer.
    """

    host: str
    ports: tuple[str, ...] = ()
    keyed: Keyed | None = None
    sequence_file: str | None = None
    delay: int = 0
    verify: int | None = None
    tries: int = 1
    both: bool = False
    signed: Signed | None = None

    @property
    def verb(self) -> str:
        """What the knock asks for; only a signed one can ask for something else than to open."""
        return OPEN if self.signed is None else self.signed.verb

    @property
    def glances(self) -> bool:
        """Whether the port may be looked at before the knock.

        A sequence that may hold the port itself would be spoilt by that (its specification, section 5).
        """
        if self.verify is None:
            return False
        return self.keyed is None or not self.keyed.rule.low <= self.verify <= self.keyed.rule.high


def make_plan(options: Options, profile: Profile | None, others: str) -> Plan:
    """The plan. ``others`` says which profiles there are. Raises UsageError.

    A profile is what the host stands for where it is given without ports. The command line wins; a way to
    knock that is chosen there stands in place of the profile's, whatever that is.
    """
    choices, ports, host = options.choices, options.ports, options.host
    if profile is not None:
        ways = [way for way in WAYS if getattr(choices, way) is not None]
        choices, host = choices.over(_that_fits(profile.choices, ways)), profile.host
        ports = ports if ways else profile.sequence
    found = [*(["ports"] if ports else []), *(f"--{one}" for one in choices.chosen(*WAYS))]
    if not found:
        raise UsageError(
            f"expected ports behind the host, or the name of a profile, got only {host!r}; {others}"
        )
    if len(found) > 1:
        hint = "; the key of a signed knock is --identity" if {"--key", "--signed"} <= set(found) else ""
        raise UsageError(f"expected one sequence, got {' and '.join(found)}{hint}")
    _check_belongings(options, choices)
    keyed, signed = _keyed(choices), _signed(options, choices)
    usual = 0 if keyed is None else KEYED_DELAY
    plan = Plan(
        host,
        ports,
        keyed,
        choices.sequence_file,
        usual if choices.delay is None else choices.delay,
        choices.verify,
        1 if choices.verify is None else choices.tries or TRIES,
        bool(choices.both),
        signed,
    )
    _check(options, choices, plan)
    return plan


def _that_fits(theirs: Choices, ways: Sequence[str]) -> Choices:
    """What a profile says, without what belongs to other ways to knock than those that were chosen."""
    if not ways:
        return theirs
    kept = {name for way in ways for name in (way, *_BELONGS[way])}
    others = {name for way in WAYS for name in (way, *_BELONGS[way])} - kept
    nothing: dict[str, Any] = dict.fromkeys(others)
    return theirs._replace(**nothing)


def _check_belongings(options: Options, choices: Choices) -> None:
    """What says something with another way to knock only. Raises UsageError."""
    of_a_key = (*choices.chosen(*OF_A_KEY), *(["wait"] if options.wait else []))
    if choices.key is None and of_a_key:
        raise UsageError(f"expected --{of_a_key[0]} only with a rotating sequence (--key), got it without")
    verbs = [verb for verb, given in ((RENEW, options.renew), (CLOSE, options.close)) if given]
    of_signed = (*choices.chosen(*OF_SIGNED), *verbs)
    if choices.signed is None and of_signed:
        raise UsageError(f"expected --{of_signed[0]} only with a signed knock (--signed), got it without")
    if choices.key is None and choices.signed is None and choices.door is not None:
        raise UsageError("expected --door only with --key or --signed, got it without")
    if len(verbs) > 1:
        raise UsageError(f"expected one of --{RENEW} and --{CLOSE}, got both")


def _signed(options: Options, choices: Choices) -> Signed | None:
    if choices.signed is None:
        return None
    if choices.secret is None:
        raise UsageError("expected --secret with --signed (a file with the server's knock secret), got none")
    if choices.door is None:
        raise UsageError(
            "expected --door with --signed (the name that the door has in knockd.conf), got none"
        )
    verb = RENEW if options.renew else CLOSE if options.close else OPEN
    bind = choices.bind or BIND_NONE
    return Signed(choices.signed, choices.secret, choices.door, choices.identity, bind, verb)


def _keyed(choices: Choices) -> Keyed | None:
    if choices.key is None:
        return None
    if choices.door is None:
        raise UsageError("expected --door with --key (the name that the door has in knockd.conf), got none")
    rule = choices.rule()
    return Keyed(choices.key, choices.name, choices.door, rule)


def _check(options: Options, choices: Choices, plan: Plan) -> None:
    """Options that mean nothing without another one, or not with its value."""
    if plan.keyed is not None:
        rule = plan.keyed.rule
        if rule.steps * plan.delay >= rule.period * 1000:
            raise UsageError(
                f"expected a --delay with which {rule.steps} packets take less than the period, "
                f"{rule.period} s, got {plan.delay} ms"
            )
        if options.if_needed and plan.verify is not None and not plan.glances:
            ports = f"{rule.low}-{rule.high}"
            raise UsageError(
                f"expected a --verify port outside of {ports} with --if-needed, got {plan.verify}: "
                "it may be one of the sequence, and must not be touched before the knock"
            )
    if plan.signed is not None:
        if plan.both and plan.signed.bind not in (BIND_NONE, BIND_AUTO):
            raise UsageError(
                f"expected --bind {BIND_AUTO} with --both, as each IP version has its own address, "
                f"got {plan.signed.bind}"
            )
        if options.if_needed and plan.signed.verb == RENEW:
            raise UsageError("expected --if-needed with a knock that opens or closes, got it with --renew")
    if choices.verify is None:
        for name, given in (("tries", choices.tries is not None), ("if-needed", options.if_needed)):
            if given:
                raise UsageError(f"expected --verify with --{name}, got none")
    if options.mark and choices.sequence_file is None:
        raise UsageError("expected --sequence-file with --mark, got none")
